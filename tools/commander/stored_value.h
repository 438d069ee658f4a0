// stored_value.h: states and rows of stores, decoded by the schemas that are stored with the log.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "crypto/associated_data.h"
#include "tools/commander/context.h"
#include "tools/commander/data.h"
#include "tools/commander/personal.h"
#include "tools/commander/row.h"

namespace commander::cli {

// A struct as a store holds it.
struct StoredValue {
  crypto::PlaceKind kind;  // state or row
  std::string_view owner;  // the group, the projection with its version
  std::string_view key;
  std::uint64_t schema = 0;
  std::span<const std::uint64_t> words;  // empty: there is none
  bool sealed = false;
};

// Appends type and data of a stored struct, and what is known of its personal fields.
//   kNotFound: its schema is missing.
//   kDataLoss: it is not what its schema says.
//   Errors of Personal::Stored().
absl::Status AppendStored(Data& data, Personal& personal, const StoredValue& value,
                          const Context& context, Row* row);

// The same, but where it fails data is null, `undecoded` says why, and so does the standard error.
absl::Status AppendStoredOrSay(Data& data, Personal& personal, const StoredValue& value,
                               Context& context, Row* row);

}  // namespace commander::cli
