#include "commander/group.h"

#include "absl/strings/str_cat.h"

namespace commander::internal {

GroupBase::GroupBase(std::string name, GroupOptions options, const FoldType* state)
    : name_(std::move(name)), options_(std::move(options)), state_(state) {
  if (options_.command_topic.empty()) options_.command_topic = name_ + "-commands";
  if (options_.event_topic.empty()) options_.event_topic = name_ + "-events";
}

void GroupBase::AddHandler(CommandHandler handler) {
  if (opened_) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat("group ", name_, ": OnCommand for ", handler.type->name,
                     " came after Engine::Open; register all handlers before")));
    return;
  }
  handlers_.push_back(std::move(handler));
}

}  // namespace commander::internal
