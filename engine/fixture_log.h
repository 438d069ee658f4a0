// fixture_log.h: a log in memory, for tests that an application writes (commander/testing.h).
//
// What is appended or committed is durable with the next Step().  It never fails, but may be told
// to abort a commit, so that the same commands are decided again.  Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commander/environment.h"
#include "engine/log/dense.h"
#include "engine/log/log.h"

namespace commander::internal {

// What such a log holds.  A copy is another log with the same history; cheap, since records are
// shared.
struct FixtureHistory {
  using Records = std::vector<std::vector<log::Word>>;
  struct Stored {
    std::shared_ptr<const std::vector<log::Word>> words;
    std::int64_t time_ns = 0;
  };
  std::vector<log::TopicInfo> topics;  // number 1 first
  std::map<std::uint64_t, log::Schema> schemas;
  std::map<log::TopicPartition, std::vector<Stored>> records;
  std::vector<Records> aborted;  // what was not committed, by batch

  void Append(log::TopicPartition partition, std::span<const log::Word> words,
              std::int64_t time_ns);
};

class FixtureLog final : public log::Log {
 public:
  struct Options {
    std::size_t abort_commits = 0;   // so many are aborted first
    bool one_record_a_poll = false;  // whoever polls gets a single record
  };
  // `history` and `clock` outlive this.
  FixtureLog(FixtureHistory& history, Clock& clock, Options options)
      : history_(history), clock_(clock), options_(options) {}

  log::LogId id() const override { return {'f', 'i', 'x', 't', 'u', 'r', 'e'}; }
  absl::StatusOr<std::vector<log::TopicInfo>> Topics() override { return history_.topics; }
  absl::StatusOr<std::vector<log::Schema>> Schemas() override;
  absl::StatusOr<Offset> Begin(log::TopicPartition) override { return Offset{}; }
  absl::StatusOr<Offset> End(log::TopicPartition partition) override {
    return Offset{history_.records[partition].size()};
  }
  absl::StatusOr<Offset> Poll(log::TopicPartition partition, Offset from, std::size_t max_bytes,
                              std::vector<log::Record>* out) override;
  absl::StatusOr<log::Record> Read(log::TopicPartition partition, Offset offset) override;
  absl::StatusOr<std::optional<log::Record>> ReadLast(log::TopicPartition partition) override {
    return log::ReadLastOfDense(*this, partition);
  }
  absl::StatusOr<std::uint16_t> OpenTopic(const log::TopicSettings& settings) override;
  absl::Status StoreSchema(const log::Schema& schema) override;
  absl::Status Acquire(std::string_view, std::uint16_t, std::uint16_t) override {
    return absl::OkStatus();
  }
  absl::Status Append(log::TopicPartition commands, std::span<const log::Word> message,
                      std::shared_ptr<log::Ticket> ticket, bool wake) override;
  std::vector<std::shared_ptr<log::Ticket>> TakeTickets(log::TopicPartition) override { return {}; }
  void Commit(log::CommitBatch batch) override { batches_.push_back(std::move(batch)); }
  bool Step(bool try_only) override;
  void WaitForWork() override {}
  void Wake() override {}
  void SetListener(log::TopicPartition, std::function<void()>) override {}
  void SetBarrier(std::function<absl::Status()>) override {}  // nothing here is durable
  absl::Status health() const override { return absl::OkStatus(); }
  absl::Status Close() override;

 private:
  using Place = std::pair<log::TopicPartition, std::uint64_t>;

  FixtureHistory& history_;
  Clock& clock_;
  Options options_;
  std::map<Place, std::shared_ptr<log::Ticket>> tickets_;
  std::deque<Place> appended_;  // since the last Step()
  std::deque<log::CommitBatch> batches_;
};

}  // namespace commander::internal
