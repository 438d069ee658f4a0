#include "crypto/kek_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/crypto/key_store_fixture.h"

namespace commander::crypto {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::commander::test::TempDir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Code = absl::StatusCode;

const StoreId kStore = {0xab, 2, 3};

class KekFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<KekProvider> New(std::optional<std::filesystem::path> path) {
    return NewKekFile({.path = std::move(path),
                       .data_directory = dir_ / "data",
                       .sink = [this](const LogLine& line) { lines_ += line.message + "\n"; }});
  }

  const TempDir dir_{TempDir::kMemory};
  std::string lines_;
  std::array<std::uint8_t, kKekBytes> kek_{1, 2, 3};
};

TEST_F(KekFileTest, IsMadeOnceAndReadBack) {
  const auto file = New(dir_ / "a/b/kek");
  std::array<std::uint8_t, kKekBytes> read{};
  EXPECT_THAT(file->Load(kStore, read), StatusIs(Code::kNotFound, HasSubstr("KEK_MISSING: ")));
  ASSERT_THAT(file->Create(kStore, kek_), IsOk());
  ASSERT_THAT(file->Load(kStore, read), IsOk());
  EXPECT_EQ(read, kek_);
  EXPECT_THAT(lines_, HasSubstr("keep a copy"));
  const std::array<std::uint8_t, kKekBytes> other{9};
  EXPECT_THAT(file->Create(kStore, other), StatusIs(Code::kAlreadyExists));
  ASSERT_THAT(file->Load(kStore, read), IsOk());
  EXPECT_EQ(read, kek_) << "what is there is never replaced";
}

TEST_F(KekFileTest, LiesInTheConfigurationByDefault) {
  const char* const before = std::getenv("XDG_CONFIG_HOME");
  const std::string kept = before == nullptr ? "" : before;
  setenv("XDG_CONFIG_HOME", (dir_ / "config").c_str(), 1);
  EXPECT_EQ(New(std::nullopt)->Where(kStore),
            (dir_ / "config/commander/ab020300000000000000000000000000.kek").string());
  unsetenv("XDG_CONFIG_HOME");
  EXPECT_THAT(New(std::nullopt)->Where(kStore), HasSubstr("/.config/commander/ab02"));
  if (before != nullptr) setenv("XDG_CONFIG_HOME", kept.c_str(), 1);
}

TEST_F(KekFileTest, WarnsWhereItIsBesideTheDataOrOpenToOthers) {
  const auto beside = New(dir_ / "data/kek");
  ASSERT_THAT(beside->Create(kStore, kek_), IsOk());
  EXPECT_THAT(lines_, HasSubstr("lies below the data directory"));
  lines_.clear();
  ASSERT_THAT(beside->Load(kStore, kek_), IsOk());
  EXPECT_THAT(lines_, HasSubstr("lies below the data directory"));

  const auto apart = New(dir_ / "data-not/kek");
  ASSERT_THAT(apart->Create(kStore, kek_), IsOk());
  lines_.clear();
  ASSERT_THAT(apart->Load(kStore, kek_), IsOk());
  EXPECT_THAT(lines_, IsEmpty());
  std::filesystem::permissions(dir_ / "data-not/kek", std::filesystem::perms(0640));
  ASSERT_THAT(apart->Load(kStore, kek_), IsOk());
  EXPECT_THAT(lines_, HasSubstr("mode 0600"));
}

}  // namespace
}  // namespace commander::crypto
