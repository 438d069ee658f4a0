#include "tests/process/report.h"

#include <unistd.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::test {
namespace {

using ::commander::internal::ToAbsl;

constexpr char kNoCode[] = "-";

}  // namespace

std::string SentLine(const Sent& sent) {
  return absl::StrCat("sent ", sent.tag, " ", sent.client, " ", sent.key, " ", sent.id.ToString(),
                      " ", sent.type);
}

std::string DurableLine(std::string_view tag) { return absl::StrCat("durable ", ToAbsl(tag)); }

std::string OutcomeLine(std::string_view tag, const Outcome& outcome) {
  const std::string& code = outcome.rejection().code;
  return absl::StrCat("outcome ", ToAbsl(tag), " ", static_cast<int>(KindOf(outcome.kind())), " ",
                      outcome.repeat() ? 1 : 0, " ", outcome.version(), " ",
                      code.empty() ? kNoCode : code, " ", outcome.position().partition, " ",
                      outcome.position().offset.value);
}

std::string ErrorLine(std::string_view tag, const absl::Status& status) {
  return absl::StrCat("error ", ToAbsl(tag), " ", status.ToString());
}

void WriteLine(const std::string& line) {
  const std::string bytes = line + "\n";
  if (write(STDOUT_FILENO, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    _exit(3);
  }
}

Sent* Reports::Find(const std::string& tag) {
  const auto at = by_tag_.find(tag);
  return at == by_tag_.end() ? nullptr : &sent_[at->second];
}

absl::Status Reports::Add(const std::string& line) {
  std::istringstream words(line);
  std::string what, tag;
  words >> what >> tag;
  const auto invalid = [&] { return absl::InvalidArgumentError("no client says: " + line); };
  if (what == "sent") {
    Sent sent;
    std::string id;
    words >> sent.client >> sent.key >> id >> sent.type;
    const auto parsed = MessageId::Parse(id);
    if (!words || !parsed.has_value()) return invalid();
    sent.tag = tag;
    sent.id = *parsed;
    if (!by_tag_.emplace(tag, sent_.size()).second) return invalid();
    sent_.push_back(std::move(sent));
    return absl::OkStatus();
  }
  if (what == "error") return absl::InternalError(line);
  if (what != "durable" && what != "outcome") return absl::OkStatus();
  Sent* const sent = Find(tag);
  if (sent == nullptr) return invalid();
  sent->acknowledged = true;
  if (what == "durable") {
    ++told_["durable"];
    return absl::OkStatus();
  }
  if (sent->told.has_value()) return absl::InternalError("answered twice: " + line);
  Told told;
  int kind = 0;
  words >> kind >> told.repeat >> told.version >> told.code >> told.partition >> told.last.value;
  if (!words) return invalid();
  told.kind = static_cast<RecordKind>(kind);
  if (told.code == kNoCode) told.code.clear();
  ++told_[told.repeat ? "repeat" : std::string(NameOf(told.kind))];
  if (!told.code.empty()) ++told_[told.code];
  sent->told = std::move(told);
  return absl::OkStatus();
}

}  // namespace commander::test
