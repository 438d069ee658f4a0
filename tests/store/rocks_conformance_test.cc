#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

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
    // RocksDB has threads of its own: what they changed during a copy makes it none of one moment.
    std::error_code error;
    Files there;
    do {
      there = FilesIn(before);
      fs::remove_all(Directory());
      fs::copy(before, Directory(), fs::copy_options::recursive, error);
    } while (error == std::errc::no_such_file_or_directory || FilesIn(before) != there);
    ASSERT_FALSE(error) << error.message();
    OpenFactory();
  }

 private:
  using Files = std::map<fs::path, std::pair<std::uintmax_t, fs::file_time_type>>;
  static Files FilesIn(const fs::path& directory) {
    Files files;
    for (const auto& each : fs::recursive_directory_iterator(directory)) {
      std::error_code gone;
      if (!each.is_regular_file(gone)) continue;
      files[each.path()] = {each.file_size(gone), each.last_write_time(gone)};
    }
    return files;
  }
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
