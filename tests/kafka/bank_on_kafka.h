// bank_on_kafka.h: the bank of tests/engine/bank_fixture.h, on a broker.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/engine/bank_fixture.h"
#include "tests/kafka/own_broker.h"
#include "tests/process/lives.h"

namespace commander::test {

class KafkaBankTest : public BankTest {
 protected:
  KafkaBankTest() { group_name_ = UniqueName("bank"); }
  void SetUp() override {
    COMMANDER_ASSERT_OK_AND_ASSIGN(options_.brokers, SharedBroker());
    // Shorter than by default: an owner that vanished is waited for as long.
    options_.kafka_properties = {{"session.timeout.ms", "3000"},
                                 {"transaction.timeout.ms", "2000"}};
  }

  std::string commands() const { return group_name_ + "-commands"; }
  std::string events() const { return group_name_ + "-events"; }
  // False: not within a while.
  bool AwaitStatus(const std::function<bool(const EngineStatus&)>& is_so) {
    const absl::Time late = absl::Now() + absl::Seconds(30);
    while (!is_so(engine_->Status())) {
      if (absl::Now() > late) return false;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return true;
  }
  absl::StatusOr<std::string> Hash() {
    Close();
    return HashOfBankStores(data(), group_name_);
  }
};

}  // namespace commander::test
