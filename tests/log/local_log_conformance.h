// local_log_conformance.h: what an implementation of log::Log must do besides (log_conformance.h)
// where one process has the log for itself, and its times are those of that process's clock.
//
//     struct MyWorld { …; FakeClock& clock(); };
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, LocalLogConformance, MyWorld);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/log/log_conformance.h"
#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"

namespace commander::test {

template <typename World>
class LocalLogConformance : public LogConformance<World> {};

TYPED_TEST_SUITE_P(LocalLogConformance);

TYPED_TEST_P(LocalLogConformance, IsOpenedOnceAtATime) {
  EXPECT_THAT(this->world_.Open(), StatusIs(absl::StatusCode::kUnavailable));
  this->Append(0, Message(1));
  this->StepAll();
  EXPECT_EQ(this->End(this->Commands(0)), 1u);
  EXPECT_THAT(this->world_.Open(), StatusIs(absl::StatusCode::kUnavailable));
}

TYPED_TEST_P(LocalLogConformance, TimesNeverDecreaseWhateverTheClockDoes) {
  FakeClock& clock = this->world_.clock();
  const std::int64_t start = FakeClock::kStart;
  std::vector<std::int64_t> seen;
  const auto append_at = [&](std::int64_t now) {
    clock.Set(now);
    const Offset offset = this->Append(0, Message(1));
    const auto record = this->log_->Read(this->Commands(0), offset);
    ASSERT_THAT(record, IsOk());
    seen.push_back(record->time_ns);
  };
  append_at(start + 100);
  EXPECT_EQ(seen.back(), start + 100);
  append_at(start + 50);
  EXPECT_EQ(seen.back(), start + 100);
  clock.Set(start + 10);
  this->StepAll();
  append_at(start + 20);
  this->StepAll();
  this->KillAndReopen();
  append_at(start + 30);
  this->StepAll();
  append_at(start + 500);
  EXPECT_EQ(seen.back(), start + 500);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  this->StepAll();
  this->KillAndReopen();
  const auto records = this->Poll(this->Commands(0), 0);
  ASSERT_EQ(records.size(), seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_GE(records[i].time_ns, seen[i]) << "the time of a frame is not before its entries'";
    EXPECT_GE(records[i].time_ns, records[i == 0 ? 0 : i - 1].time_ns);
  }
}

REGISTER_TYPED_TEST_SUITE_P(LocalLogConformance, IsOpenedOnceAtATime,
                            TimesNeverDecreaseWhateverTheClockDoes);

}  // namespace commander::test
