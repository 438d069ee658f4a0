#include "store/names.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"
#include "store/files.h"

namespace commander::store {
namespace {

namespace fs = std::filesystem;

// Persistent: the directories that hold stores.
constexpr std::string_view kKinds[] = {"projections", "store"};

bool IsPart(std::string_view part) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@';
  };
  return !part.empty() && part[0] != '.' && std::all_of(part.begin(), part.end(), allowed) &&
         part.find(kDamagedMark) == std::string_view::npos;
}

}  // namespace

bool IsStoreName(std::string_view name) {
  for (const std::string_view kind : kKinds) {
    if (name.starts_with(kind) && name.substr(kind.size()).starts_with('/')) {
      return IsPart(name.substr(kind.size() + 1));
    }
  }
  return false;
}

std::string StoreNameOf(const fs::path& directory) {
  return absl::StrCat(directory.parent_path().filename().string(), "/",
                      directory.filename().string());
}

absl::StatusOr<std::vector<std::string>> RocksStoreNames(const fs::path& data_directory) {
  std::vector<std::string> names;
  for (const std::string_view kind : kKinds) {
    const fs::path directory = data_directory / kind;
    std::error_code error;
    fs::directory_iterator entry(directory, error);
    if (error == std::errc::no_such_file_or_directory) continue;
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
      std::string name =
          absl::StrCat(internal::ToAbsl(kind), "/", entry->path().filename().string());
      std::error_code ignored;
      if (IsStoreName(name) && fs::exists(entry->path() / "CURRENT", ignored)) {
        names.push_back(std::move(name));
      }
    }
    if (error) return FileError("cannot list", directory, error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace commander::store
