#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "store/rocks_store.h"
#include "tests/store/store_conformance.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/temp_dir.h"

namespace commander::test {
namespace {

namespace fs = std::filesystem;

// A crash leaves the files as they are at that moment: they are copied while the stores are open,
// and the copy is opened from then on.
class RocksHarness : public StoreHarness {
 public:
  RocksHarness() { OpenFactory(); }

  store::StoreFactory& factory() override { return *factory_; }
  void Crash(std::uint64_t) override {
    const fs::path before = Directory();
    ++lives_;
    // RocksDB may be deleting files that it no longer needs: then once more.
    std::error_code error;
    do {
      fs::remove_all(Directory());
      fs::copy(before, Directory(), fs::copy_options::recursive, error);
    } while (error == std::errc::no_such_file_or_directory);
    ASSERT_FALSE(error) << error.message();
    OpenFactory();
  }

 private:
  fs::path Directory() const { return dir_ / absl::StrCat("life-", lives_); }
  void OpenFactory() {
    factory_ = store::NewRocksStoreFactory({.data_directory = Directory(), .clock = &clock_});
  }

  const TempDir dir_;
  FixedClock clock_;
  int lives_ = 0;
  std::unique_ptr<store::StoreFactory> factory_;
};

INSTANTIATE_TEST_SUITE_P(Rocks, StoreConformanceTest, ::testing::Values([] {
                           return std::unique_ptr<StoreHarness>(new RocksHarness);
                         }));

}  // namespace
}  // namespace commander::test
