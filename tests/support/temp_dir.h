// temp_dir.h: a directory that lives as long as the object.
//
//     const TempDir dir;
//     COMMANDER_ASSERT_OK_AND_ASSIGN(auto log, EmbeddedLog::Open({.directory = dir.path()}));
//
// A test that is not about a device uses TempDir::kMemory: where the machine keeps files in memory
// syncs cost nothing.
#pragma once

#include <filesystem>
#include <string_view>

namespace commander::test {

// New and empty, below $TMPDIR or /tmp, or, with kMemory, below /dev/shm if there is room for
// tests; with a name of its own; ends the process where it cannot be made.  The destructor removes
// it with all it holds, and fails the running test where it cannot.
class TempDir {
 public:
  enum Where { kDisk, kMemory };
  explicit TempDir(Where where = kDisk);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // path()/name; creates nothing.
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace commander::test
