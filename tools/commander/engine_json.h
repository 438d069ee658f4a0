// engine_json.h: payloads that are the engine's own, as JSON.
#pragma once

#include <capnp/any.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/envelope.h"

namespace commander::cli {

// A refusal, or why a command is parked; without `message` it is masked.
std::string RejectionJson(std::string_view code, std::optional<std::string_view> message);
// The same of a payload of that kind.  Throws what Cap'n Proto throws.
std::string RejectionJson(internal::MessageKind kind, capnp::AnyPointer::Reader payload,
                          bool masked);

// A record of the ledger of erasures.  Nothing is verified: `store verify` does that.
//   kDataLoss, kUnimplemented: it is none.
absl::StatusOr<std::string> LedgerJson(std::span<const std::uint8_t> bytes);

}  // namespace commander::cli
