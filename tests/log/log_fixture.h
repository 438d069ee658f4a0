// log_fixture.h: an embedded log on a file system in memory, small enough to be looked at.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/embedded_log.h"
#include "engine/log/format.h"
#include "engine/log/verify.h"
#include "tests/log/log_conformance.h"
#include "tests/support/fake_environment.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"

namespace commander::test {

class LogFixture : public ::testing::Test {
 protected:
  static constexpr log::TopicPartition kCommands = {1, 0};
  static constexpr log::TopicPartition kEvents = {2, 0};

  log::EmbeddedLogOptions Options() {
    log::EmbeddedLogOptions options;
    options.directory = "/data/log";
    options.segment_bytes = segment_bytes_;
    options.read_cache_bytes = 0;  // what is read comes from files
    options.zero_ahead_bytes = zero_ahead_bytes_;
    options.clock = &clock_;
    options.random = &random_;
    options.files = &files_;
    options.sink = [this](const LogLine& line) { said_.push_back(line.message); };
    return options;
  }
  log::EmbeddedLogReaderOptions ReaderOptions() { return {"/data/log", 0, &files_}; }

  absl::Status TryOpen() {
    said_.clear();
    auto opened = log::OpenEmbeddedLog(Options());
    if (opened.ok()) log_ = *std::move(opened);
    return opened.status();
  }
  void Open() {
    ASSERT_THAT(TryOpen(), IsOk());
    ASSERT_THAT(log_->OpenTopic({"c", log::TopicKind::kCommands, 1}), IsOkAndHolds(1));
    ASSERT_THAT(log_->OpenTopic({"e", log::TopicKind::kEvents, 1}), IsOkAndHolds(2));
  }
  void Close() {
    ASSERT_THAT(log_->Close(), IsOk());
    log_.reset();
  }
  // The process ends without a word.
  void Kill() {
    files_.Restart(Loss::kKill);
    log_.reset();
  }

  void Append(std::size_t words = 3, std::shared_ptr<log::Ticket> ticket = nullptr) {
    EXPECT_THAT(log_->Append(kCommands, Message(appended_, words), std::move(ticket), true),
                IsOk());
    ++appended_;
  }
  void Commit(std::uint64_t consumed, log::CommitResult* result = nullptr) {
    log::CommitBatch batch;
    batch.commands = kCommands;
    batch.events = kEvents;
    batch.consumed = {consumed};
    batch.entries.Append(Message(1'000'000 + consumed));
    batch.done = [result](const log::CommitResult& r) {
      if (result != nullptr) *result = r;
    };
    log_->Commit(std::move(batch));
  }
  // One frame a command, until there are `segments` and the last holds `frames`.
  void Fill(std::size_t segments, std::size_t frames = 2) {
    std::size_t in_last = 0;
    while (Segments().size() < segments || in_last < frames) {
      const std::size_t before = Segments().size();
      Append();
      ASSERT_TRUE(log_->Step());
      in_last = Segments().size() == before ? in_last + 1 : 1;
    }
  }
  std::vector<std::string> Segments() const {
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : files_.Snapshot("/data/log")) {
      if (path.ends_with(".log")) paths.push_back(path);
    }
    return paths;
  }

  // Where the frames of a segment begin, and behind them their end.
  std::vector<std::uint64_t> FramePlaces(const std::string& path) const {
    const std::string bytes = files_.Contents(path);
    std::vector<std::uint64_t> places = {sizeof(log::SegmentHeader)};
    while (places.back() + sizeof(log::FrameHeader) <= bytes.size()) {
      std::uint32_t length = 0;
      std::memcpy(&length, bytes.data() + places.back() + 8, 4);
      if (length == 0) break;
      places.push_back(places.back() + length);
    }
    return places;
  }
  void FlipByte(const std::string& path, std::uint64_t at) {
    std::string bytes = files_.Contents(path);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    files_.SetContents(path, bytes);
  }
  // Changes the header of a segment and signs it again.
  template <typename Change>
  void ChangeHeader(const std::string& path, Change change) {
    std::string bytes = files_.Contents(path);
    log::SegmentHeader header;
    std::memcpy(static_cast<void*>(&header), bytes.data(), sizeof header);
    change(&header);
    header.checksum = header.ComputeChecksum();
    std::memcpy(bytes.data(), &header, sizeof header);
    files_.SetContents(path, bytes);
  }

  // Everything below the log but the hint and the indexes, which any opening may make.
  std::map<std::string, std::string> Precious() const {
    auto snapshot = files_.Snapshot("/data/log");
    std::erase_if(snapshot, [](const auto& file) {
      return file.first.ends_with("/LOCK") || file.first.ends_with(".idx");
    });
    return snapshot;
  }

  // All commands, in order, as they were appended.
  void ExpectCommands(log::LogReader& log, std::uint64_t count) {
    std::vector<log::Record> records;
    while (records.size() < count) {
      const std::size_t before = records.size();
      ASSERT_THAT(log.Poll(kCommands, {before}, 500, &records), IsOk());
      ASSERT_GT(records.size(), before);
    }
    EXPECT_THAT(log.End(kCommands), IsOkAndHolds(Offset{count}));
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(std::vector<log::Word>(records[i].message.begin(), records[i].message.end()),
                Message(i, records[i].message.size()));
    }
  }

  FaultyFileSystem files_{1};
  FakeClock clock_;
  FakeRandom random_;
  std::uint64_t segment_bytes_ = 500;
  std::size_t zero_ahead_bytes_ = 256;
  std::vector<std::string> said_;
  std::uint64_t appended_ = 0;
  std::unique_ptr<log::Log> log_;  // the first to go: it uses the others
};

}  // namespace commander::test
