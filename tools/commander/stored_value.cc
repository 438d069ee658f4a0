#include "tools/commander/stored_value.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/plan.h"
#include "engine/envelope.h"
#include "tools/commander/dynamic.h"
#include "tools/commander/keys.h"

namespace commander::cli {

namespace {

absl::StatusOr<std::string> JsonOf(std::span<const std::uint64_t> words,
                                   const internal::StoredType& type, BytesAs bytes,
                                   Masking masking) {
  std::string json;
  absl::Status decoded;
  COMMANDER_RETURN_IF_ERROR(
      internal::ReadStruct(words, type.name(), [&](capnp::AnyPointer::Reader stored) {
        decoded = AppendJson(stored, type.schema(), bytes, &json, masking);
      }));
  COMMANDER_RETURN_IF_ERROR(decoded);
  return json;
}

}  // namespace

absl::Status AppendStored(Data& data, Personal& personal, const StoredValue& value,
                          const Context& context, Row* row) {
  COMMANDER_ASSIGN_OR_RETURN(const internal::StoredType* const type, data.FindType(value.schema));
  if (type == nullptr) return absl::NotFoundError(NoSchema(value.schema));
  if (value.words.empty()) {
    row->Text("type", type->name()).Json("data", "null");
    return absl::OkStatus();
  }
  if (!value.sealed) {
    // Of a type with personal fields: the subject was erased before it had a key.
    const bool erased = crypto::IsPersonal(type->schema());
    COMMANDER_ASSIGN_OR_RETURN(
        std::string json,
        JsonOf(value.words, *type, context.bytes, erased ? Masking::kMarked : Masking::kNone));
    row->Text("type", type->name()).Json("data", std::move(json));
    if (erased) AppendPersonal("erased", nullptr, row);
    return absl::OkStatus();
  }
  COMMANDER_ASSIGN_OR_RETURN(
      const Disclosed disclosed,
      personal.Stored(value.kind, value.owner, value.key, value.schema, value.words));
  COMMANDER_ASSIGN_OR_RETURN(std::string json, JsonOf(disclosed.words(), *type, context.bytes,
                                                      MaskingOf(disclosed, type->schema())));
  row->Text("type", type->name()).Json("data", std::move(json));
  disclosed.AppendTo(row);
  return absl::OkStatus();
}

absl::Status AppendStoredOrSay(Data& data, Personal& personal, const StoredValue& value,
                               Context& context, Row* row) {
  Row decoded;
  const absl::Status status = AppendStored(data, personal, value, context, &decoded);
  if (status.ok()) {
    row->Append(decoded);
    const absl::Status ledger = personal.TakeLedgerError();
    if (!ledger.ok()) context.diagnostics.Say(ErasuresUnknown(ledger));
    return ledger;
  }
  row->Null("type").Null("data").Text("undecoded", internal::ToStd(status.message()));
  context.diagnostics.Say(
      absl::StrCat(PrintKey(value.key), " is shown without its data: ", status.message()));
  return status;
}

}  // namespace commander::cli
