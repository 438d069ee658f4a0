#include "tools/commander/stored_value.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/envelope.h"
#include "tools/commander/dynamic.h"
#include "tools/commander/keys.h"

namespace commander::cli {

absl::Status AppendStored(Data& data, std::uint64_t schema, std::span<const std::uint64_t> words,
                          const Context& context, Row* row) {
  COMMANDER_ASSIGN_OR_RETURN(const internal::StoredType* const type, data.FindType(schema));
  if (type == nullptr) return absl::NotFoundError(NoSchema(schema));
  std::string json;
  if (words.empty()) {
    json = "null";
  } else {
    absl::Status decoded;
    COMMANDER_RETURN_IF_ERROR(
        internal::ReadStruct(words, type->name(), [&](capnp::AnyPointer::Reader stored) {
          decoded = AppendJson(stored, type->schema(), context.bytes, &json);
        }));
    COMMANDER_RETURN_IF_ERROR(decoded);
  }
  row->Text("type", type->name()).Json("data", std::move(json));
  return absl::OkStatus();
}

absl::Status AppendStoredOrSay(Data& data, std::uint64_t schema,
                               std::span<const std::uint64_t> words, std::string_view key,
                               Context& context, Row* row) {
  const absl::Status status = AppendStored(data, schema, words, context, row);
  if (status.ok()) return status;
  row->Null("type").Null("data").Text("undecoded", internal::ToStd(status.message()));
  context.diagnostics.Say(
      absl::StrCat(PrintKey(key), " is shown without its data: ", status.message()));
  return status;
}

}  // namespace commander::cli
