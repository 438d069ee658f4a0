// Commits whose answer does not come: what a client of the broker is told, or not, is not what
// happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/kafka/bank_on_kafka.h"
#include "tests/kafka/own_broker.h"
#include "tests/kafka/tcp_proxy.h"
#include "tests/kafka/topics_check.h"
#include "tests/log/histories.h"
#include "tests/process/report.h"

namespace commander::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kClients = 4;
constexpr int kLeastCalls = 125;  // of each
constexpr std::int64_t kHour = 3600 * std::int64_t{1'000'000'000};

class KafkaDoubtTest : public KafkaBankTest {
 protected:
  void SetUp() override {
    KafkaBankTest::SetUp();
    ASSERT_THAT(broker_.Start(), IsOk());
    proxy_.Start(broker_.proxied_port());
    options_.brokers = absl::StrCat("127.0.0.1:", proxy_.port());
    options_.application = group_name_;
    group_options_.partitions = 3;
  }
  void TearDown() override { Close(); }

  // Each id goes with one key.
  static std::string KeyOf(const std::string& id) { return "acct-" + id.substr(id.size() - 1); }

  // One sending of the deposit of one cent with that id.
  absl::StatusOr<Outcome> Call(const std::string& id, absl::Duration timeout) {
    Sent sent;
    sent.client = absl::StrCat("client-", ++calls_);
    sent.tag = sent.client;
    sent.key = KeyOf(id);
    sent.id = MessageId::FromText(id);
    sent.type = "bank.Deposit";
    Report(SentLine(sent));
    auto answer = Deposit(sent.key, 1, {.id = id, .actor = sent.tag, .timeout = timeout});
    if (answer.ok()) {
      EXPECT_EQ(answer->kind(), OutcomeKind::kEvents);
      Report(OutcomeLine(sent.tag, *answer));
    } else {
      EXPECT_THAT(answer.status().code(),
                  AnyOf(absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kUnavailable));
      EXPECT_THAT(
          answer.status().message(),
          AnyOf(HasSubstr("may still come"), HasSubstr("the commit's result was lost on the way")));
      EXPECT_EQ(CommandIdOf(answer.status()), sent.id);
    }
    return answer;
  }
  void Report(const std::string& line) {
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(reports_.Add(line), IsOk());
  }

  // Sends until it is told to stop.  Every second client waits less than answers are held back.
  void Client(int number, const std::atomic<bool>& stop) {
    for (int n = 0; !stop || n < least_calls_; ++n) {
      const std::string id = absl::StrCat("deposit-", number, "-", n);
      const auto answer = Call(id, absl::Seconds(number % 2 == 0 ? 2 : 60));
      const std::lock_guard lock(mutex_);
      versions_[id] = answer.ok() ? std::optional(answer->version()) : std::nullopt;
    }
  }
  // While clients send, answers of the broker are held back, so many times, for so long.  False: no
  // transaction came that was about to be decided.
  bool HoldWhileClientsSend(int times, absl::Duration hold) {
    bool held = true;
    std::atomic<bool> stop{false};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) clients.emplace_back([&, i] { Client(i, stop); });
    std::mt19937_64 random(17);
    for (int i = 0; i < times && held; ++i) {
      absl::SleepFor(absl::Milliseconds(random() % 500));
      // At any moment, but every second time where a transaction is about to be decided.
      if (i % 2 == 0) {
        proxy_.HoldRepliesAt(kEndTxn);
        held = proxy_.AwaitHold();
      } else {
        proxy_.HoldReplies();
      }
      if (held) absl::SleepFor(hold);
      proxy_.GiveReplies();
    }
    if (!held) least_calls_ = 0;
    stop = true;
    for (std::thread& client : clients) client.join();
    return held;
  }
  // Every id has one outcome, whoever asks: the one that its caller was told, if it was.
  void Settle(const std::string& id, std::optional<std::uint64_t> told) {
    const auto found = engine_->FindOutcome(*accounts_, KeyOf(id), id);
    if (told.has_value()) {
      ASSERT_THAT(found, IsOk()) << id;
      EXPECT_EQ(found->version(), *told) << id;
    }
    const auto answer = Call(id, absl::Minutes(1));
    ASSERT_THAT(answer, IsOk()) << id;
    last_.Merge(answer->position());
    if (found.ok()) {
      EXPECT_TRUE(answer->repeat()) << id;
      EXPECT_EQ(answer->version(), found->version()) << id;
    }
  }

  void Check() {
    std::map<std::string, std::int64_t> cents;
    std::size_t untold = 0;
    for (const auto& [id, told] : versions_) {
      Settle(id, told);
      ++cents[KeyOf(id)];
      if (!told.has_value()) ++untold;
    }
    EXPECT_GT(untold, 0u);
    EXPECT_GE(versions_.size(), std::size_t{kClients} * kLeastCalls);
    // One more of each key, behind which nothing stands.
    for (auto& [key, sum] : cents) {
      const auto last = Call("last-" + key, absl::Minutes(1));
      ASSERT_THAT(last, IsEvents(static_cast<std::uint64_t>(++sum)));
      last_.Merge(last->position());
    }
    for (const auto& [key, sum] : cents) {
      const auto row = engine_->Get(*balances_, key, {.at_least = last_});
      ASSERT_THAT(row, IsOk());
      EXPECT_EQ(row->value().cents, sum) << key;
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const std::string hash, Hash());
    COMMANDER_ASSERT_OK_AND_ASSIGN(
        const std::vector<std::string> violations,
        CheckTopics(broker_.address(), group_name_, data(), reports_.sent(),
                    {.min_window_ns = kHour, .max_window_ns = kHour, .complete = true}));
    EXPECT_THAT(violations, IsEmpty());
    Rebuild();
    EXPECT_THAT(Hash(), IsOkAndHolds(hash));
  }

  TcpProxy proxy_;
  OwnBroker broker_{{.proxy_port = proxy_.port()}};
  std::atomic<int> calls_{0};
  std::atomic<int> least_calls_{kLeastCalls};
  std::mutex mutex_;
  Reports reports_;
  std::map<std::string, std::optional<std::uint64_t>> versions_;  // by id, where it was told
  Position last_;                                                 // of all outcomes
};

// Longer than one call waits, shorter than a transaction lives.
TEST_F(KafkaDoubtTest, HasOneOutcomeWhereAnswersAreHeldBack) {
  options_.kafka_properties.clear();
  Open();
  ASSERT_TRUE(HoldWhileClientsSend(AsWritten() ? 20 : 3, absl::Seconds(AsWritten() ? 8 : 6)));
  Check();
}

TEST_F(KafkaDoubtTest, HasOneOutcomeWhereTransactionAndSessionTimeOutMeanwhile) {
  Open();
  ASSERT_TRUE(HoldWhileClientsSend(AsWritten() ? 20 : 2, absl::Seconds(4)));
  Check();
}

}  // namespace
}  // namespace commander::test
