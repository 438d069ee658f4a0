#include "store/rocks_logger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace commander::store {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(RocksLoggerTest, PassesOnWarningsAndErrorsOnly) {
  std::vector<LogLine> lines;
  const auto logger =
      NewRocksLogger([&](const LogLine& line) { lines.push_back(line); }, "store/accounts");
  rocksdb::Debug(logger, "debug");
  rocksdb::Info(logger, "info");
  rocksdb::Header(logger, "header");
  EXPECT_THAT(lines, SizeIs(0));
  rocksdb::Warn(logger, "slow by %d ms\n", 7);
  rocksdb::Error(logger, "%s", std::string(5000, 'x').c_str());
  rocksdb::Fatal(logger, "fatal");
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0].level, LogLevel::kWarning);
  EXPECT_EQ(lines[0].component, "rocksdb");
  // RocksDB puts file and line of its own in front.
  EXPECT_THAT(lines[0].message, ::testing::EndsWith("slow by 7 ms"));
  EXPECT_THAT(lines[0].fields, ElementsAre(Pair("store", "store/accounts")));
  EXPECT_EQ(lines[1].level, LogLevel::kError);
  EXPECT_THAT(lines[1].message, ::testing::EndsWith(std::string(5000, 'x')));
  EXPECT_EQ(lines[2].level, LogLevel::kError);
}

TEST(RocksLoggerTest, DropsAllWithoutASink) {
  const auto logger = NewRocksLogger(nullptr, "store/accounts");
  rocksdb::Error(logger, "nobody listens");
  EXPECT_EQ(logger->GetInfoLogLevel(), rocksdb::InfoLogLevel::WARN_LEVEL);
}

}  // namespace
}  // namespace commander::store
