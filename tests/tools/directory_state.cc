#include "tests/tools/directory_state.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

std::string StateOfOne(const fs::path& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return "gone";
  std::string state =
      absl::StrCat(info.st_mode, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                   info.st_mtim.tv_nsec, " ", info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec, " ");
  if (S_ISREG(info.st_mode)) {
    std::ifstream file(path, std::ios::binary);
    state.append(std::istreambuf_iterator<char>(file), {});
  }
  return state;
}

}  // namespace

std::map<std::string, std::string> StateOf(const fs::path& directory) {
  std::map<std::string, std::string> state;
  state["."] = StateOfOne(directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    state[entry.path().lexically_relative(directory).string()] = StateOfOne(entry.path());
  }
  return state;
}

}  // namespace commander::test
