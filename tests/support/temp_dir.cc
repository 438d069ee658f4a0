#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace commander::test {

namespace fs = std::filesystem;

namespace {

constexpr char kMemoryFiles[] = "/dev/shm";
constexpr std::uintmax_t kRoomBytes = std::uintmax_t{512} << 20;

fs::path Above(TempDir::Where where) {
  std::error_code error;
  const bool memory = where == TempDir::kMemory && access(kMemoryFiles, W_OK | X_OK) == 0 &&
                      fs::space(kMemoryFiles, error).available >= kRoomBytes && !error;
  return memory ? fs::path(kMemoryFiles) : fs::temp_directory_path();
}

}  // namespace

TempDir::TempDir(Where where) {
  std::string name = (Above(where) / "commander-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    std::perror(name.c_str());
    std::abort();
  }
  path_ = name;
}

TempDir::~TempDir() {
  // A test about permissions may have left directories that even their owner cannot empty.
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(path_, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) {
      fs::permissions(entry->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
    }
  }
  fs::remove_all(path_, error);
  if (error) ADD_FAILURE() << "cannot remove " << path_ << ": " << error.message();
}

}  // namespace commander::test
