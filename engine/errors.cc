#include "engine/errors.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "commander/engine.h"
#include "commander/internal/strings.h"

namespace commander {
namespace {

constexpr char kCodeUrl[] = "commander/code";
constexpr char kCommandUrl[] = "commander/command-id";

}  // namespace

namespace internal {

absl::Status WithCode(absl::Status status, std::string_view code) {
  status.SetPayload(kCodeUrl, absl::Cord(ToAbsl(code)));
  return status;
}

absl::Status WithCommand(absl::Status status, const MessageId& id) {
  status.SetPayload(kCommandUrl, absl::Cord(id.ToString()));
  return status;
}

}  // namespace internal

std::optional<MessageId> CommandIdOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kCommandUrl);
  if (!payload.has_value()) return std::nullopt;
  return MessageId::Parse(std::string(*payload));
}

std::string ErrorCodeOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kCodeUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace commander
