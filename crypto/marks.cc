#include "crypto/marks.h"

namespace commander::crypto {

bool HasMark(Annotations annotations, std::uint64_t id) {
  for (const auto annotation : annotations) {
    if (annotation.getId() == id) return true;
  }
  return false;
}

std::optional<std::string> TextMark(Annotations annotations, std::uint64_t id) {
  for (const auto annotation : annotations) {
    if (annotation.getId() != id) continue;
    const auto text = annotation.getValue().getText();
    return std::string(text.begin(), text.end());
  }
  return std::nullopt;
}

std::string_view NameOf(const capnp::StructSchema::Field& field) {
  const auto name = field.getProto().getName();
  return {name.cStr(), name.size()};
}

}  // namespace commander::crypto
