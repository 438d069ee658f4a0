#include "tests/demo/made_up.h"

#include <gtest/gtest.h>

#include <zlib.h>

#include "absl/strings/str_cat.h"

namespace commander::demo {

void WriteChangelog(const std::filesystem::path& path, const std::vector<MadeUpRelease>& releases) {
  std::string text;
  for (std::size_t i = 0; i < releases.size(); ++i) {
    const auto& [source, version, trailer] = releases[i];
    absl::StrAppend(&text, source, " (", version, ") unstable; urgency=low\n\n  * Closes: #", i + 1,
                    "\n\n");
    if (trailer.empty()) continue;
    absl::StrAppend(&text, " -- ", trailer, "  Sat, ", 28 - i, " Jan 2023 11:32:01 +0100\n\n");
  }
  std::filesystem::create_directories(path.parent_path());
  const gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr) << path;
  EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
            static_cast<int>(text.size()));
  EXPECT_EQ(gzclose(file), Z_OK);
}

void WriteMadeUpChangelogs(const std::filesystem::path& documentation) {
  const std::vector<MadeUpRelease> apple = {{"apple", "1-4", kAda},
                                            {"apple", "1-3", kNobody},
                                            {"apple", "1-2", kAda},
                                            {"apple", "1-1", kBen}};
  WriteChangelog(documentation / "apple/changelog.gz", apple);
  WriteChangelog(documentation / "apple-doc/changelog.gz", {apple[0], apple[2]});
  WriteChangelog(documentation / "pear/changelog.gz",
                 {{"pear", "2-3", kAda}, {"pear", "2-2", ""}, {"pear", "2-1", kAda}});
}

}  // namespace commander::demo
