#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace commander::test {
namespace {

namespace fs = std::filesystem;

TEST(TempDirTest, IsNewAndGoesWithAllItHolds) {
  fs::path path;
  {
    const TempDir one;
    const TempDir two(TempDir::kMemory);
    EXPECT_NE(one.path(), two.path());
    EXPECT_TRUE(fs::is_empty(two.path()));
    EXPECT_TRUE(fs::is_empty(one.path()));
    path = one.path();
    fs::create_directories(one / "a/b");
    std::ofstream(one / "a/b/file") << "x";
    fs::permissions(one / "a/b", fs::perms::none);
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace commander::test
