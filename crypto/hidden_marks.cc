#include "crypto/hidden_marks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/marks.h"

namespace commander::crypto {
namespace {

using internal::ToAbsl;

// Generics can hold themselves with ever larger parameters.
constexpr int kDeepest = 100;

// "bank.capnp:Account.Owner" parted at the colon.
struct DisplayName {
  explicit DisplayName(capnp::Schema schema) {
    const auto text = schema.getProto().getDisplayName();
    const std::string_view whole(text.cStr(), text.size());
    const std::size_t colon = whole.rfind(':');
    if (colon != std::string_view::npos) file = whole.substr(0, colon);
    name = colon == std::string_view::npos ? whole : whole.substr(colon + 1);
  }
  std::string_view file;
  std::string_view name;
};

}  // namespace

struct HiddenMarks::Walk {
  std::string_view path;
  bool sealed = false;
  std::vector<capnp::StructSchema> seen;
  int depth = 0;
};

HiddenMarks::HiddenMarks(std::string_view name, capnp::StructSchema schema, bool refuse_any_pointer)
    : refuse_any_pointer_(refuse_any_pointer) {
  const DisplayName display(schema);
  file_ = display.file;
  if (name.ends_with(display.name)) prefix_ = name.substr(0, name.size() - display.name.size());
}

absl::Status HiddenMarks::Check(capnp::Type type, std::string_view path, bool sealed) {
  Walk walk{path, sealed, {}, 0};
  return CheckType(type, &walk);
}

absl::Status HiddenMarks::CheckType(capnp::Type type, Walk* walk) const {
  while (type.isList()) type = type.asList().getElementType();
  if (type.isAnyPointer() && refuse_any_pointer_ && !walk->sealed) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(walk->path),
                     " can hold anything, so nobody can see whether that is personal: mark the "
                     "field itself, or give it a type"));
  }
  if (!type.isStruct()) return absl::OkStatus();
  const capnp::StructSchema schema = type.asStruct();
  if (std::find(walk->seen.begin(), walk->seen.end(), schema) != walk->seen.end()) {
    return absl::OkStatus();
  }
  walk->seen.push_back(schema);
  if (++walk->depth > kDeepest) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(walk->path), " holds structs that are nested too deeply"));
  }
  COMMANDER_RETURN_IF_ERROR(CheckStruct(schema, NameOfStruct(schema), walk));
  --walk->depth;
  return absl::OkStatus();
}

absl::Status HiddenMarks::CheckStruct(capnp::StructSchema schema, const std::string& name,
                                      Walk* walk) const {
  if (!walk->sealed && HasMark(schema.getProto().getAnnotations(), kPersonalAnnotation)) {
    return HoldsPersonal(*walk, name);
  }
  for (const auto field : schema.getFields()) {
    COMMANDER_RETURN_IF_ERROR(
        CheckField(field, absl::StrCat(name, ".", ToAbsl(NameOf(field))), walk));
  }
  return absl::OkStatus();
}

absl::Status HiddenMarks::CheckField(const capnp::StructSchema::Field& field,
                                     const std::string& name, Walk* walk) const {
  const auto annotations = field.getProto().getAnnotations();
  if (HasMark(annotations, kSubjectAnnotation)) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(walk->path), " holds ", name,
                     ", which is marked as subject: what is inside a field belongs to the subject "
                     "of the whole struct; use a struct without that mark there"));
  }
  if (!walk->sealed && HasMark(annotations, kPersonalAnnotation)) {
    return HoldsPersonal(*walk, name);
  }
  if (field.getProto().isGroup()) return CheckStruct(field.getType().asStruct(), name, walk);
  return CheckType(field.getType(), walk);
}

absl::Status HiddenMarks::HoldsPersonal(const Walk& walk, const std::string& name) {
  const std::string_view field = walk.path.substr(walk.path.rfind('.') + 1);
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(walk.path), " holds ", name,
                                                 ", which is personal: mark the field ",
                                                 ToAbsl(field), " itself"));
}

std::string HiddenMarks::NameOfStruct(capnp::StructSchema schema) const {
  if (auto name = TextMark(schema.getProto().getAnnotations(), kNameAnnotation)) return *name;
  const DisplayName display(schema);
  return absl::StrCat(display.file == file_ ? prefix_ : std::string(), ToAbsl(display.name));
}

}  // namespace commander::crypto
