// marks.h: the annotations of include/commander/annotations.capnp, as they are found in schemas.
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace commander::crypto {

inline constexpr std::uint64_t kNameAnnotation = 0xb0f3c2d18e6a4795;
inline constexpr std::uint64_t kPersonalAnnotation = 0xe1a96d3b5c704f28;
inline constexpr std::uint64_t kSubjectAnnotation = 0xc87f21e49d0b6a53;

using Annotations = capnp::List<capnp::schema::Annotation>::Reader;

bool HasMark(Annotations annotations, std::uint64_t id);
// The text of the annotation, where it is there.
std::optional<std::string> TextMark(Annotations annotations, std::uint64_t id);
// The namespace that a subject is marked with.
inline std::optional<std::string> SubjectMark(Annotations annotations) {
  return TextMark(annotations, kSubjectAnnotation);
}

// A field's own name; valid as long as the schema.
std::string_view NameOf(const capnp::StructSchema::Field& field);

}  // namespace commander::crypto
