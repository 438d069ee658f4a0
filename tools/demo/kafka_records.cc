#include "tools/demo/kafka_records.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/group.h"
#include "commander/internal/status_macros.h"
#include "engine/ledger_topic.h"
#include "engine/log/kafka_log.h"

namespace commander::demo {
namespace {

namespace fs = std::filesystem;

constexpr char kApplicationFile[] = "kafka-application";
constexpr std::size_t kPollBytes = std::size_t{1} << 20;
constexpr std::chrono::seconds kPatience{30};

// Polls one partition, which has more when the log says so.
class Partition {
 public:
  Partition(log::Log& log, log::TopicPartition place) : log_(log), place_(place) {
    log_.SetListener(place_, [this] {
      const std::lock_guard lock(mutex_);
      more_ = true;
      changed_.notify_all();
    });
  }
  ~Partition() { log_.SetListener(place_, nullptr); }
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  absl::Status ForEach(const std::function<void(const log::Record&)>& use) {
    COMMANDER_ASSIGN_OR_RETURN(Offset at, log_.Begin(place_));
    COMMANDER_ASSIGN_OR_RETURN(const Offset end, log_.End(place_));
    while (at < end) {
      std::vector<log::Record> records;
      COMMANDER_ASSIGN_OR_RETURN(const Offset next, log_.Poll(place_, at, kPollBytes, &records));
      for (const log::Record& record : records) {
        if (record.offset < end) use(record);
      }
      if (next == at) COMMANDER_RETURN_IF_ERROR(Wait());
      at = next;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Wait() {
    std::unique_lock lock(mutex_);
    const bool more = changed_.wait_for(lock, kPatience, [&] { return more_; });
    more_ = false;
    return more ? absl::OkStatus()
                : absl::UnavailableError("a topic's records do not come, though it has some");
  }

  log::Log& log_;
  const log::TopicPartition place_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool more_ = false;
};

}  // namespace

absl::StatusOr<std::string> KafkaApplication(const std::string& data) {
  const fs::path path = fs::path(data) / kApplicationFile;
  std::string name;
  if (std::ifstream file(path); std::getline(file, name)) return name;
  std::random_device random;
  name = absl::StrFormat("commander-demo-%08x", random());
  std::error_code error;
  fs::create_directories(data, error);
  std::ofstream file(path, std::ios::trunc);
  file << name << "\n" << std::flush;
  if (!file) return absl::InternalError(absl::StrCat("cannot write ", path.string()));
  return name;
}

std::string KafkaGroup(const std::string& application) { return application + "-sources"; }

absl::Status ForEachRecord(const KafkaRecords& records, const UseRecord& use) {
  log::KafkaLogOptions options;
  options.brokers = records.brokers;
  options.application = records.application;
  options.instance = "commander-demo-reader";
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<log::Log> log,
                             log::OpenKafkaLog(std::move(options)));
  const std::string group = KafkaGroup(records.application);
  const std::uint16_t partitions = GroupOptions().partitions;
  std::vector<log::TopicSettings> topics = {
      {group + "-commands", log::TopicKind::kCommands, partitions},
      {group + "-events", log::TopicKind::kEvents, partitions}};
  if (records.ledger) topics.push_back({internal::kLedgerTopic, log::TopicKind::kLedger, 1});
  for (const log::TopicSettings& topic : topics) {
    COMMANDER_ASSIGN_OR_RETURN(const std::uint16_t number, log->OpenTopic(topic));
    for (std::uint16_t p = 0; p < topic.partitions; ++p) {
      const std::string name = absl::StrCat(topic.name, "[", p, "]");
      COMMANDER_RETURN_IF_ERROR(
          Partition(*log, {number, p}).ForEach([&](const log::Record& record) {
            use(name, record.offset, record.message);
          }));
    }
  }
  return log->Close();
}

}  // namespace commander::demo
