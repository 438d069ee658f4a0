// dynamic.h: values of Cap'n Proto as JSON, by a schema that is known at run time only.
//
// Integers of 64 bits are strings, so that they stay exact; Void is null; an enumerant is its name,
// or its number where the schema has none; Data is base64 or hexadecimal; of a union the member
// that is set.  A pointer that is not set is left out.  Fields come in the order of the schema's
// source.
#pragma once

#include <capnp/any.h>
#include <capnp/dynamic.h>
#include <capnp/schema.h>

#include <string>

#include "absl/status/status.h"
#include "tools/commander/json.h"

namespace commander::cli {

// Which fields are shown as null, whatever they hold.
enum class Masking {
  kNone,
  kMarked,  // those that are $Commander.personal
  kAll,     // the struct itself is null
};

// Appends `value`.  `out` is as before where this fails.
//   kDataLoss: the bytes are not what the schema says.
absl::Status AppendJson(capnp::DynamicStruct::Reader value, BytesAs bytes, std::string* out);

// The same of the struct in `payload`; null where there is none.
absl::Status AppendJson(capnp::AnyPointer::Reader payload, capnp::StructSchema schema,
                        BytesAs bytes, std::string* out, Masking masking = Masking::kNone);

}  // namespace commander::cli
