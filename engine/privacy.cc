#include "commander/privacy.h"

#include "engine/core.h"

namespace commander {

absl::StatusOr<ErasureReceipt> Privacy::Erase(const Subject& subject, std::string_view reason) {
  return core_.Erase(subject, reason);
}

absl::StatusOr<SubjectStatus> Privacy::Status(const Subject& subject) {
  return core_.StatusOf(subject);
}

}  // namespace commander
