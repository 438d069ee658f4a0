// stored_value.h: states and rows of stores, decoded by the schemas that are stored with the log.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "tools/commander/context.h"
#include "tools/commander/data.h"
#include "tools/commander/row.h"

namespace commander::cli {

// Appends type and data of a stored struct; `words` may be empty: null.
//   kNotFound: its schema is missing.
//   kDataLoss: it is not what its schema says.
absl::Status AppendStored(Data& data, std::uint64_t schema, std::span<const std::uint64_t> words,
                          const Context& context, Row* row);

// The same, but where it fails data is null, `undecoded` says why, and so does the standard error.
absl::Status AppendStoredOrSay(Data& data, std::uint64_t schema,
                               std::span<const std::uint64_t> words, std::string_view key,
                               Context& context, Row* row);

}  // namespace commander::cli
