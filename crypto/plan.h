// plan.h: which fields of a struct are personal, and whom they are about: read off the annotations
// once, when an engine starts.
//
//     ASSIGN_OR_RETURN(const Plan plan, Plan::Make("bank.Opened", schema));
//     if (plan.personal()) …                      // payloads of the type are sealed, never clear
#pragma once

#include <capnp/any.h>
#include <capnp/schema.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/subject.h"

namespace commander::crypto {

struct PlanOptions {
  // Every struct is sealed as a whole, marked or not.
  bool seal_everything = false;
  // An unmarked AnyPointer (or unbound parameter of a generic) is an error, since nobody can see
  // what it holds.  May be false where no type of the application is personal.
  bool refuse_any_pointer = true;
};

// The public fields of one struct, by place.  What is not listed is personal: so data of fields
// that a newer schema added, and what a union's former member left behind, never become public.
struct PublicFields {
  struct Mask {
    std::uint32_t word = 0;  // of the data section
    std::uint64_t bits = 0;
  };
  struct Union;
  std::vector<Mask> masks;  // one a word
  std::vector<std::uint16_t> pointers;
  std::vector<Union> unions;
};
struct PublicFields::Union {
  std::uint32_t discriminant = 0;     // in units of 16 bits; public itself
  std::vector<PublicFields> members;  // by discriminant
};

// Does the struct or one of its own fields carry $Commander.personal?
bool IsPersonal(capnp::StructSchema schema);

// Immutable; may be shared by threads.
class Plan {
 public:
  // `name` is the type's stable name.
  //   kInvalidArgument: marks that cannot be kept; names the field to mark.
  static absl::StatusOr<Plan> Make(std::string_view name, capnp::StructSchema schema,
                                   const PlanOptions& options = {});
  // For structs of the engine's own, which bear no marks: these fields are personal.
  static absl::StatusOr<Plan> ForFields(std::string_view name, capnp::StructSchema schema,
                                        const std::vector<std::string_view>& personal);

  const std::string& name() const { return name_; }
  // Is there anything to seal?
  bool personal() const { return personal_; }
  const PublicFields& public_fields() const { return public_; }

  // Whom a struct is about, where a field is marked `subject`; nothing where none is: then it is
  // the aggregate.
  //   kInvalidArgument: the marked field is empty, or cannot be read.
  absl::StatusOr<std::optional<Subject>> SubjectOf(capnp::AnyStruct::Reader plaintext) const;

 private:
  friend class PlanMaker;
  struct SubjectField {
    std::string path;
    std::string name_space;
    std::uint32_t pointer = 0;
    bool text = true;
  };

  Plan() = default;
  std::string name_;
  bool personal_ = false;
  PublicFields public_;
  std::optional<SubjectField> subject_;
};

}  // namespace commander::crypto
