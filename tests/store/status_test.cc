#include "store/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace commander::store {
namespace {

using ::commander::test::IsOk;
using ::commander::test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Code = absl::StatusCode;
using Rocks = rocksdb::Status;

struct Case {
  const char* name;
  Rocks status;
  Code code;
  bool damage;
};

// So that a failure names its case.
void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

class StatusTest : public ::testing::TestWithParam<Case> {};

TEST_P(StatusTest, HasTheCodeAndKeepsTheText) {
  const auto& [name, status, code, damage] = GetParam();
  const absl::Status converted = ToAbslStatus(status, "store accounts, family p0: cannot read");
  EXPECT_THAT(converted,
              StatusIs(code, AllOf(StartsWith("store accounts, family p0: cannot read: "),
                                   HasSubstr(status.ToString()))));
  EXPECT_EQ(IsDamage(status), damage);
}

INSTANTIATE_TEST_SUITE_P(
    Rocks, StatusTest,
    ::testing::Values(
        Case{"NotFound", Rocks::NotFound("a"), Code::kNotFound, false},
        Case{"Corruption", Rocks::Corruption("000007.sst"), Code::kDataLoss, true},
        Case{"PathNotFound", Rocks::PathNotFound("000007.sst"), Code::kDataLoss, true},
        Case{"NotSupported", Rocks::NotSupported("a"), Code::kUnimplemented, true},
        Case{"InvalidArgument", Rocks::InvalidArgument("a"), Code::kInternal, false},
        Case{"IOError", Rocks::IOError("a"), Code::kInternal, false},
        Case{"PermissionDenied",
             Rocks::IOError("while open a file: /data/LOCK", "Permission denied"),
             Code::kPermissionDenied, false},
        Case{"NotPermitted", Rocks::IOError("/data/LOCK", "Operation not permitted"),
             Code::kPermissionDenied, false},
        Case{"ReadOnly", Rocks::IOError("/data/LOCK", "Read-only file system"),
             Code::kPermissionDenied, false},
        Case{"NoSpace", Rocks::NoSpace("a"), Code::kResourceExhausted, false},
        Case{"SpaceLimit", Rocks::SpaceLimit("a"), Code::kResourceExhausted, false},
        Case{"MemoryLimit", Rocks::MemoryLimit("a"), Code::kResourceExhausted, false},
        Case{"MergeInProgress", Rocks::MergeInProgress("a"), Code::kInternal, false},
        Case{"Incomplete", Rocks::Incomplete("a"), Code::kUnavailable, false},
        Case{"ShutdownInProgress", Rocks::ShutdownInProgress("a"), Code::kUnavailable, false},
        Case{"TimedOut", Rocks::TimedOut("a"), Code::kDeadlineExceeded, false},
        Case{"Aborted", Rocks::Aborted("a"), Code::kAborted, false},
        Case{"Busy", Rocks::Busy("a"), Code::kAborted, false},
        Case{"Deadlock", Rocks::Busy(Rocks::kDeadlock), Code::kAborted, false},
        Case{"TryAgain", Rocks::TryAgain("a"), Code::kAborted, false},
        Case{"Expired", Rocks::Expired("a"), Code::kInternal, false},
        Case{"CompactionTooLarge", Rocks::CompactionTooLarge("a"), Code::kInternal, false},
        Case{"ColumnFamilyDropped", Rocks::ColumnFamilyDropped("a"), Code::kInternal, false}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(StatusTest, OkIsOkAndNoDamage) {
  EXPECT_THAT(ToAbslStatus(Rocks::OK(), "anything"), IsOk());
  EXPECT_FALSE(IsDamage(Rocks::OK()));
}

}  // namespace
}  // namespace commander::store
