// files.h: reading small files, and what the file system says when it does not work.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::store {

// "<what> <path>: <why>", as kNotFound, kPermissionDenied, kResourceExhausted (no space) or
// kInternal.
absl::Status FileError(std::string_view what, const std::filesystem::path& path,
                       const std::error_code& error);

// The whole file.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

}  // namespace commander::store
