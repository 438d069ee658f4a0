// hidden_marks.h: finds marks that lie deeper than a struct's own fields, where sealing cannot
// reach them one by one.
#pragma once

#include <capnp/schema.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace commander::crypto {

class HiddenMarks {
 public:
  // `name` is the stable name of `schema`, the type whose fields are checked.
  HiddenMarks(std::string_view name, capnp::StructSchema schema, bool refuse_any_pointer);

  // Everything that a field of `type` can hold.  A field that is `sealed` as a whole may hold
  // personal fields, but none that name another subject.
  //   kInvalidArgument: says where the mark is, and to mark `path` itself.
  absl::Status Check(capnp::Type type, std::string_view path, bool sealed);

 private:
  struct Walk;
  absl::Status CheckType(capnp::Type type, Walk* walk) const;
  absl::Status CheckStruct(capnp::StructSchema schema, const std::string& name, Walk* walk) const;
  absl::Status CheckField(const capnp::StructSchema::Field& field, const std::string& name,
                          Walk* walk) const;
  static absl::Status HoldsPersonal(const Walk& walk, const std::string& name);
  std::string NameOfStruct(capnp::StructSchema schema) const;

  std::string file_;    // of the schema
  std::string prefix_;  // of the stable names of its structs: "bank."
  bool refuse_any_pointer_;
};

}  // namespace commander::crypto
