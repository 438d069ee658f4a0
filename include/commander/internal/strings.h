// strings.h: between std::string_view, which our signatures take, and absl::string_view, which
// abseil's take.
//
//     return absl::NotFoundError(absl::StrCat("topic ", ToAbsl(topic), " does not exist"));
//
// They are two types that do not convert where abseil was built for C++14 (Debian 12), and one type
// where it was built for C++17.  These calls compile to nothing in both cases.
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace commander::internal {

// A view of the same bytes; valid as long as they are.
constexpr absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
constexpr std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace commander::internal
