#include "tools/commander/dynamic.h"

#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "crypto/marks.h"
#include "engine/envelope.h"

namespace commander::cli {
namespace {

std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

class JsonWriter {
 public:
  JsonWriter(BytesAs bytes, Masking masking, std::string* out)
      : bytes_(bytes), masking_(masking), out_(*out) {}

  void Struct(capnp::DynamicStruct::Reader value) {
    out_.push_back('{');
    const auto set = value.which();
    const bool all_masked = Masked(value.getSchema().getProto().getAnnotations());
    for (const capnp::StructSchema::Field field : value.getSchema().getFields()) {
      const auto proto = field.getProto();
      const bool in_union = proto.getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT;
      if (in_union) {
        KJ_IF_MAYBE (member, set) {
          if (*member != field) continue;
        } else {
          continue;
        }
      }
      if (all_masked || Masked(proto.getAnnotations())) {
        AppendJsonName(View(proto.getName()), &out_);
        out_.append("null");
        continue;
      }
      // A member of a union is shown because it is the one that is set, even where it is null.
      const bool there = value.has(field);
      if (!there && IsPointer(field.getType()) && !in_union) continue;
      AppendJsonName(View(proto.getName()), &out_);
      if (!there && IsPointer(field.getType())) {
        out_.append("null");
      } else {
        Value(value.get(field), field.getType());
      }
    }
    out_.push_back('}');
  }

 private:
  bool Masked(crypto::Annotations annotations) const {
    return masking_ == Masking::kMarked &&
           crypto::HasMark(annotations, crypto::kPersonalAnnotation);
  }

  static bool IsPointer(capnp::Type type) {
    switch (type.which()) {
      case capnp::schema::Type::TEXT:
      case capnp::schema::Type::DATA:
      case capnp::schema::Type::LIST:
      case capnp::schema::Type::ANY_POINTER:
      case capnp::schema::Type::INTERFACE:
        return true;
      case capnp::schema::Type::STRUCT:
        return !type.asStruct().getProto().getStruct().getIsGroup();
      default:
        return false;
    }
  }

  void Value(const capnp::DynamicValue::Reader& value, capnp::Type type) {
    using Kind = capnp::DynamicValue;
    switch (value.getType()) {
      case Kind::BOOL:
        out_.append(value.as<bool>() ? "true" : "false");
        return;
      case Kind::INT:
        if (type.isInt64()) return AppendJsonWide(value.as<std::int64_t>(), &out_);
        absl::StrAppend(&out_, value.as<std::int64_t>());
        return;
      case Kind::UINT:
        if (type.isUInt64()) return AppendJsonWide(value.as<std::uint64_t>(), &out_);
        absl::StrAppend(&out_, value.as<std::uint64_t>());
        return;
      case Kind::FLOAT:
        if (type.isFloat32()) return AppendJsonFloat(value.as<float>(), &out_);
        return AppendJsonFloat(value.as<double>(), &out_);
      case Kind::TEXT:
        return AppendJsonText(View(value.as<capnp::Text>()), &out_);
      case Kind::DATA: {
        const capnp::Data::Reader data = value.as<capnp::Data>();
        return AppendJsonBytes({reinterpret_cast<const char*>(data.begin()), data.size()}, bytes_,
                               &out_);
      }
      case Kind::LIST:
        return List(value.as<capnp::DynamicList>());
      case Kind::ENUM:
        return Enum(value.as<capnp::DynamicEnum>());
      case Kind::STRUCT:
        return Struct(value.as<capnp::DynamicStruct>());
      case Kind::ANY_POINTER:
        return Any(value.as<capnp::AnyPointer>());
      case Kind::CAPABILITY:
        out_.append("{\"anyPointer\":\"capability\"}");
        return;
      case Kind::VOID:
      case Kind::UNKNOWN:
        out_.append("null");
        return;
    }
  }

  void List(capnp::DynamicList::Reader list) {
    const capnp::Type type = list.getSchema().getElementType();
    out_.push_back('[');
    for (const capnp::DynamicValue::Reader& element : list) {
      AppendComma(&out_);
      Value(element, type);
    }
    out_.push_back(']');
  }

  void Enum(capnp::DynamicEnum value) {
    KJ_IF_MAYBE (enumerant, value.getEnumerant()) {
      AppendJsonText(View(enumerant->getProto().getName()), &out_);
    } else {
      absl::StrAppend(&out_, value.getRaw());
    }
  }

  // Without a schema only its kind can be told.
  void Any(capnp::AnyPointer::Reader any) {
    if (any.isNull()) {
      out_.append("null");
    } else {
      out_.append(any.isStruct() ? "{\"anyPointer\":\"struct\"}" : "{\"anyPointer\":\"list\"}");
    }
  }

  const BytesAs bytes_;
  const Masking masking_;
  std::string& out_;
};

absl::Status Append(const std::function<capnp::DynamicStruct::Reader()>& read, BytesAs bytes,
                    Masking masking, std::string* out) {
  const std::size_t before = out->size();
  const absl::Status status = internal::GuardKj(
      "a value of its schema", [&] { JsonWriter(bytes, masking, out).Struct(read()); });
  if (!status.ok()) out->resize(before);
  return status;
}

}  // namespace

absl::Status AppendJson(capnp::DynamicStruct::Reader value, BytesAs bytes, std::string* out) {
  return Append([&] { return value; }, bytes, Masking::kNone, out);
}

absl::Status AppendJson(capnp::AnyPointer::Reader payload, capnp::StructSchema schema,
                        BytesAs bytes, std::string* out, Masking masking) {
  if (payload.isNull() || masking == Masking::kAll) {
    out->append("null");
    return absl::OkStatus();
  }
  return Append([&] { return payload.getAs<capnp::DynamicStruct>(schema); }, bytes, masking, out);
}

}  // namespace commander::cli
