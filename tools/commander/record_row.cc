#include "tools/commander/record_row.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/answer.h"
#include "crypto/plan.h"
#include "tools/commander/dynamic.h"
#include "tools/commander/engine_json.h"
#include "tools/commander/time_text.h"

namespace commander::cli {
namespace {

using ::commander::internal::EnvelopeReader;
using ::commander::internal::kExpectedMask;
using ::commander::internal::MessageKind;
using ::commander::internal::StoredType;

std::string_view ExpectedName(std::uint8_t flags) {
  switch (flags & kExpectedMask) {
    case 0:
      return "any";
    case 1:
      return "absent";
    case 2:
      return "exactly";
    default:
      return "unknown";
  }
}

std::string HeadersJson(const std::vector<Header>& headers) {
  std::string out = "[";
  for (const Header& header : headers) {
    AppendComma(&out);
    out.push_back('{');
    AppendJsonName("name", &out);
    AppendJsonText(header.name, &out);
    AppendJsonName("value", &out);
    AppendJsonText(header.value, &out);
    out.push_back('}');
  }
  out.push_back(']');
  return out;
}

}  // namespace

absl::StatusOr<std::string> RecordDecoder::TypeOf(const EnvelopeReader& envelope) {
  COMMANDER_ASSIGN_OR_RETURN(const StoredType* const type, data_.FindType(envelope.type()));
  if (type != nullptr) return type->name();
  return absl::StrCat("#", absl::Hex(envelope.type(), absl::kZeroPad16));
}

absl::Status RecordDecoder::AppendMessage(const EnvelopeReader& envelope, Row* row) {
  const bool command = envelope.kind() == MessageKind::kCommand;
  row->Text("kind", internal::MessageKindName(envelope.kind()));
  if (envelope.kind() == MessageKind::kLedger) {
    row->Text("id", envelope.id().ToString()).Text("time", PrintTime(envelope.time_ns()));
    return AppendPayload(envelope, row);
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::string type, TypeOf(envelope));
  row->Text("type", type).Key("key", envelope.key());
  if (command) {
    row->Text("expected", ExpectedName(envelope.flags()));
    if ((envelope.flags() & kExpectedMask) == 2) row->Wide("version", envelope.version());
  } else {
    row->Wide("version", envelope.version());
  }
  row->Text("id", envelope.id().ToString()).Text("time", PrintTime(envelope.time_ns()));
  if (!command) {
    row->Number("index", envelope.index()).Number("count", envelope.count());
    row->Wide("source", envelope.source().value).Text("cause", envelope.cause().ToString());
    row->Text("asked", PrintTime(envelope.asked_ns()));
    if (envelope.repeat()) row->Flag("repeat", true);
  }
  row->Text("correlation", envelope.correlation().ToString());
  if (!envelope.actor().empty()) row->Text("actor", envelope.actor());
  std::vector<Header> headers;
  COMMANDER_RETURN_IF_ERROR(
      internal::GuardKj("the headers", [&] { headers = envelope.headers(); }));
  if (!headers.empty()) row->Json("headers", HeadersJson(headers));
  return AppendPayload(envelope, row);
}

absl::Status RecordDecoder::AppendPayload(const EnvelopeReader& envelope, Row* row) {
  Row payload;
  absl::Status status;
  switch (envelope.kind()) {
    case MessageKind::kNothing:
      payload.Null("data");
      break;
    case MessageKind::kLedger: {
      absl::StatusOr<std::string> json = LedgerJson(envelope.sealed());
      status = json.status();
      if (json.ok()) payload.Json("data", *std::move(json));
      break;
    }
    case MessageKind::kRejection:
    case MessageKind::kParked:
      status = AppendRejection(envelope, &payload);
      break;
    case MessageKind::kCommand:
    case MessageKind::kEvent:
      status = AppendStruct(envelope, &payload);
      break;
  }
  const absl::Status ledger = personal_.TakeLedgerError();
  if (!ledger.ok()) TellUndecoded("erasures", ErasuresUnknown(ledger));
  if (status.ok()) {
    row->Append(payload);
    return absl::OkStatus();
  }
  const std::string reason(status.message());
  row->Null("data").Text("undecoded", reason);
  TellUndecoded("records are shown without their data", reason);
  return absl::OkStatus();
}

absl::Status RecordDecoder::AppendRejection(const EnvelopeReader& envelope, Row* row) {
  std::string json;
  if (envelope.sealed().empty()) {
    COMMANDER_RETURN_IF_ERROR(internal::GuardKj("the rejection", [&] {
      const Rejection rejection = envelope.rejection();
      json = RejectionJson(rejection.code, rejection.message);
    }));
    row->Json("data", std::move(json));
    return absl::OkStatus();
  }
  COMMANDER_ASSIGN_OR_RETURN(const Disclosed disclosed, personal_.Record(envelope));
  COMMANDER_RETURN_IF_ERROR(internal::ReadStruct(
      disclosed.words(), "the rejection", [&](capnp::AnyPointer::Reader payload) {
        json = RejectionJson(envelope.kind(), payload, disclosed.masked());
      }));
  row->Json("data", std::move(json));
  disclosed.AppendTo(row);
  return absl::OkStatus();
}

absl::Status RecordDecoder::AppendStruct(const EnvelopeReader& envelope, Row* row) {
  COMMANDER_ASSIGN_OR_RETURN(const StoredType* const type, data_.FindType(envelope.type()));
  if (type == nullptr) return absl::NotFoundError(NoSchema(envelope.type()));
  std::string json;
  if (envelope.sealed().empty()) {
    // Who put it there may have put personal fields there.
    if (crypto::IsPersonal(type->schema()) && !envelope.payload().isNull()) {
      return crypto::StatusOf(crypto::Answer::kForged,
                              "its type has personal fields, and it is in clear");
    }
    COMMANDER_RETURN_IF_ERROR(
        AppendJson(envelope.payload(), type->schema(), context_.bytes, &json));
    row->Json("data", std::move(json));
    return absl::OkStatus();
  }
  COMMANDER_ASSIGN_OR_RETURN(const Disclosed disclosed, personal_.Record(envelope));
  absl::Status decoded;
  COMMANDER_RETURN_IF_ERROR(
      internal::ReadStruct(disclosed.words(), type->name(), [&](capnp::AnyPointer::Reader payload) {
        decoded = AppendJson(payload, type->schema(), context_.bytes, &json,
                             MaskingOf(disclosed, type->schema()));
      }));
  COMMANDER_RETURN_IF_ERROR(decoded);
  row->Json("data", std::move(json));
  disclosed.AppendTo(row);
  return absl::OkStatus();
}

void RecordDecoder::TellUndecoded(const std::string& where, const std::string& reason) {
  ++undecoded_;
  if (std::find(told_.begin(), told_.end(), reason) != told_.end() || told_.size() >= 100) return;
  told_.push_back(reason);
  context_.diagnostics.Say(absl::StrCat(where, ": ", reason));
}

}  // namespace commander::cli
