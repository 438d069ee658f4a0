#include "crypto/plan.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/hidden_marks.h"
#include "crypto/kj_guard.h"
#include "crypto/marks.h"

namespace commander::crypto {
namespace {

using internal::ToAbsl;
using Field = capnp::StructSchema::Field;

constexpr unsigned kWordBits = 64;
constexpr unsigned kDiscriminantBits = 16;

// Bits that a value takes in the data section; 0 for void and pointers.
unsigned DataBits(capnp::Type type) {
  using Which = capnp::schema::Type;
  switch (type.which()) {
    case Which::BOOL:
      return 1;
    case Which::INT8:
    case Which::UINT8:
      return 8;
    case Which::INT16:
    case Which::UINT16:
    case Which::ENUM:
      return 16;
    case Which::INT32:
    case Which::UINT32:
    case Which::FLOAT32:
      return 32;
    case Which::INT64:
    case Which::UINT64:
    case Which::FLOAT64:
      return 64;
    default:
      return 0;
  }
}

bool IsPointer(capnp::Type type) { return !type.isVoid() && DataBits(type) == 0; }

// `offset` is in units of `bits`, as in schemas.
void AddBits(std::uint32_t offset, unsigned bits, PublicFields* fields) {
  const std::uint64_t begin = std::uint64_t{offset} * bits;
  const auto word = static_cast<std::uint32_t>(begin / kWordBits);
  const std::uint64_t mask = (~std::uint64_t{0} >> (kWordBits - bits))
                             << static_cast<unsigned>(begin % kWordBits);
  for (PublicFields::Mask& known : fields->masks) {
    if (known.word == word) {
      known.bits |= mask;
      return;
    }
  }
  fields->masks.push_back({word, mask});
}

}  // namespace

// Reads one type's annotations.
class PlanMaker {
 public:
  PlanMaker(std::string_view name, const PlanOptions& options, capnp::StructSchema schema)
      : options_(options), hidden_(name, schema, options.refuse_any_pointer) {
    plan_.name_ = name;
  }

  absl::StatusOr<Plan> Make(capnp::StructSchema schema) {
    const bool marked = HasMark(schema.getProto().getAnnotations(), kPersonalAnnotation);
    plan_.personal_ = marked || options_.seal_everything;
    COMMANDER_RETURN_IF_ERROR(
        AddFields(schema, plan_.name_, marked || options_.seal_everything, &plan_.public_));
    if (options_.seal_everything) plan_.public_ = {};
    return std::move(plan_);
  }

  absl::StatusOr<Plan> ForFields(capnp::StructSchema schema,
                                 const std::vector<std::string_view>& personal) {
    std::size_t found = 0;
    for (const Field field : schema.getFields()) {
      if (std::find(personal.begin(), personal.end(), NameOf(field)) != personal.end()) {
        ++found;
      } else {
        AddSlot(field, &plan_.public_);
      }
    }
    if (found != personal.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(plan_.name_, " lacks a field that was to be personal"));
    }
    plan_.personal_ = true;
    return std::move(plan_);
  }

 private:
  absl::Status AddFields(capnp::StructSchema schema, const std::string& path, bool marked,
                         PublicFields* fields) {
    const auto node = schema.getProto().getStruct();
    const std::size_t own_union = fields->unions.size();  // groups add theirs behind it
    if (node.getDiscriminantCount() > 0) {
      AddBits(node.getDiscriminantOffset(), kDiscriminantBits, fields);
      fields->unions.push_back({node.getDiscriminantOffset(), {}});
      fields->unions.back().members.resize(node.getDiscriminantCount());
    }
    for (const Field field : schema.getFields()) {
      const std::uint16_t discriminant = field.getProto().getDiscriminantValue();
      PublicFields* const target = discriminant == capnp::schema::Field::NO_DISCRIMINANT
                                       ? fields
                                       : &fields->unions[own_union].members[discriminant];
      COMMANDER_RETURN_IF_ERROR(
          AddField(field, absl::StrCat(path, ".", ToAbsl(NameOf(field))), marked, target));
    }
    return absl::OkStatus();
  }

  absl::Status AddField(const Field& field, const std::string& path, bool marked,
                        PublicFields* fields) {
    const auto proto = field.getProto();
    if (HasMark(proto.getAnnotations(), kPersonalAnnotation)) {
      plan_.personal_ = true;
      marked = true;
    }
    COMMANDER_RETURN_IF_ERROR(AddSubject(field, path));
    if (proto.isGroup()) return AddFields(field.getType().asStruct(), path, marked, fields);
    COMMANDER_RETURN_IF_ERROR(hidden_.Check(field.getType(), path, marked));
    if (!marked) AddSlot(field, fields);
    return absl::OkStatus();
  }

  static void AddSlot(const Field& field, PublicFields* fields) {
    const std::uint32_t offset = field.getProto().getSlot().getOffset();
    const unsigned bits = DataBits(field.getType());
    if (bits > 0) {
      AddBits(offset, bits, fields);
    } else if (IsPointer(field.getType())) {
      fields->pointers.push_back(static_cast<std::uint16_t>(offset));
    }
  }

  absl::Status AddSubject(const Field& field, const std::string& path) {
    const auto proto = field.getProto();
    const std::optional<std::string> name_space = SubjectMark(proto.getAnnotations());
    if (!name_space.has_value()) return absl::OkStatus();
    const auto refuse = [&](absl::string_view why) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is marked as subject, but ", why));
    };
    if (name_space->empty()) return refuse("without a namespace: write $Commander.subject(\"…\")");
    if (proto.isGroup() || (!field.getType().isText() && !field.getType().isData())) {
      return refuse("is neither Text nor Data");
    }
    if (proto.getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT ||
        field.getContainingStruct().getProto().getStruct().getIsGroup()) {
      return refuse("is inside a union or group: mark a field of the struct itself");
    }
    if (proto.getSlot().getHadExplicitDefault()) return refuse("has a default: remove it");
    if (plan_.subject_.has_value()) {
      return refuse(absl::StrCat(plan_.subject_->path, " is, too: a struct has one subject"));
    }
    plan_.subject_ = Plan::SubjectField{path, *name_space, proto.getSlot().getOffset(),
                                        field.getType().isText()};
    return absl::OkStatus();
  }

  const PlanOptions options_;
  Plan plan_;
  HiddenMarks hidden_;
};

bool IsPersonal(capnp::StructSchema schema) {
  if (HasMark(schema.getProto().getAnnotations(), kPersonalAnnotation)) return true;
  for (const Field field : schema.getFields()) {
    if (HasMark(field.getProto().getAnnotations(), kPersonalAnnotation)) return true;
    if (field.getProto().isGroup() && IsPersonal(field.getType().asStruct())) return true;
  }
  return false;
}

absl::StatusOr<Plan> Plan::Make(std::string_view name, capnp::StructSchema schema,
                                const PlanOptions& options) {
  return PlanMaker(name, options, schema).Make(schema);
}

absl::StatusOr<Plan> Plan::ForFields(std::string_view name, capnp::StructSchema schema,
                                     const std::vector<std::string_view>& personal) {
  return PlanMaker(name, {}, schema).ForFields(schema, personal);
}

absl::StatusOr<std::optional<Subject>> Plan::SubjectOf(capnp::AnyStruct::Reader plaintext) const {
  if (!subject_.has_value()) return std::optional<Subject>();
  Subject subject{subject_->name_space, {}};
  const bool sound = KjAccepts([&] {
    const auto pointers = plaintext.getPointerSection();
    if (subject_->pointer >= pointers.size()) return;
    const auto pointer = pointers[subject_->pointer];
    if (subject_->text) {
      const auto text = pointer.getAs<capnp::Text>();
      subject.id.assign(text.begin(), text.end());
    } else {
      const auto data = pointer.getAs<capnp::Data>();
      subject.id.assign(data.begin(), data.end());
    }
  });
  if (!sound) return absl::InvalidArgumentError(absl::StrCat(subject_->path, " cannot be read"));
  if (subject.id.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(subject_->path, " is empty, but says whom the personal fields are about"));
  }
  return std::optional<Subject>(std::move(subject));
}

}  // namespace commander::crypto
