// Kafka as a log::Log: the same suite as the others, on a real broker.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/log/kafka_log.h"
#include "tests/kafka/own_broker.h"
#include "tests/log/log_conformance.h"

namespace commander::test {
namespace {

// Every world has topics and a group of its own on the broker that all tests share.
class KafkaLogWorld : public LogWorld {
 public:
  static constexpr std::size_t kMaxRecordBytes = 4096;
  static constexpr std::size_t kMaxPendingBytes = 60000;
  static constexpr bool kDenseEvents = false;
  static constexpr bool kPollsPendingCommands = false;
  static constexpr bool kKnowsItsEnd = false;
  static constexpr std::uint64_t kKills = 4;

  KafkaLogWorld() : name_(UniqueName("conformance")) {}

  absl::StatusOr<std::unique_ptr<log::Log>> Open() {
    COMMANDER_ASSIGN_OR_RETURN(const std::string brokers, SharedBroker());
    log::KafkaLogOptions options;
    options.brokers = brokers;
    options.application = name_;
    options.instance = name_;
    options.max_record_bytes = kMaxRecordBytes;
    options.max_pending_bytes = kMaxPendingBytes;
    return log::OpenKafkaLog(std::move(options));
  }
  // What a process has under way when it is killed is tried with processes (kill_test.cc).
  void Kill(std::unique_ptr<log::Log> log) { log.reset(); }
  std::string Name(const std::string& topic) const { return absl::StrCat(name_, "-", topic); }

  static void Settle(log::Log& log) {
    auto& kafka = static_cast<log::KafkaLog&>(log);
    while (log.Step() || !kafka.idle()) {
      if (!kafka.idle()) log.WaitForWork();
    }
  }

 private:
  const std::string name_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(KafkaLog, LogConformance, KafkaLogWorld);

}  // namespace
}  // namespace commander::test
