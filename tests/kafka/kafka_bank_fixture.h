// kafka_bank_fixture.h: the bank of bank_fixture.h on the shared broker, with topics of its own.
#pragma once

#include <string>

#include "absl/status/statusor.h"
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
  absl::StatusOr<std::string> Hash() {
    Close();
    return HashOfBankStores(data(), group_name_);
  }
};

}  // namespace commander::test
