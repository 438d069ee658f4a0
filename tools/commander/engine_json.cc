#include "tools/commander/engine_json.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/erasure_job.h"
#include "crypto/ledger.h"
#include "tools/commander/json.h"
#include "tools/commander/row.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

template <class Payload>
std::string JsonOf(capnp::AnyPointer::Reader payload, bool masked) {
  const auto rejection = payload.getAs<Payload>();
  return RejectionJson(View(rejection.getCode()),
                       masked ? std::optional<std::string_view>() : View(rejection.getMessage()));
}

std::string_view LedgerKindName(crypto::LedgerKind kind) {
  switch (kind) {
    case crypto::LedgerKind::kOpen:
      return "OPEN";
    case crypto::LedgerKind::kErase:
      return "ERASE";
    case crypto::LedgerKind::kComplete:
      return "COMPLETE";
    case crypto::LedgerKind::kReauthorise:
      return "REAUTHORISE";
  }
  return "unknown";
}

}  // namespace

std::string RejectionJson(std::string_view code, std::optional<std::string_view> message) {
  std::string out = "{";
  AppendJsonName("code", &out);
  AppendJsonText(code, &out);
  AppendJsonName("message", &out);
  if (message.has_value()) {
    AppendJsonText(*message, &out);
  } else {
    out.append("null");
  }
  out.push_back('}');
  return out;
}

std::string RejectionJson(internal::MessageKind kind, capnp::AnyPointer::Reader payload,
                          bool masked) {
  return kind == internal::MessageKind::kParked ? JsonOf<wire::Parked>(payload, masked)
                                                : JsonOf<wire::Rejection>(payload, masked);
}

absl::StatusOr<std::string> LedgerJson(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  COMMANDER_ASSIGN_OR_RETURN(const crypto::ParsedLedgerRecord parsed,
                             crypto::ParseLedgerRecord(text));
  const crypto::LedgerRecord& record = parsed.record;
  const bool opens = record.kind == crypto::LedgerKind::kOpen;
  Row row;
  row.Text("kind", LedgerKindName(record.kind));
  if (opens) {
    const std::string_view store(reinterpret_cast<const char*>(parsed.store.data()),
                                 parsed.store.size());
    row.Text("store", absl::BytesToHexString(internal::ToAbsl(store)));
  } else {
    row.Text("erasure", record.erasure.ToString());
  }
  row.Text("time", PrintTime(record.time_ns));
  if (record.kind == crypto::LedgerKind::kErase) {
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<crypto::Kid> kids,
                               crypto::KidsOfEraseBody(record.body));
    std::string list = "[";
    for (const crypto::Kid& kid : kids) {
      AppendComma(&list);
      AppendJsonText(kid.ToString(), &list);
    }
    list.push_back(']');
    row.Json("subjects", std::move(list));
  }
  return row.ToJson();
}

}  // namespace commander::cli
