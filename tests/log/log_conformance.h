// log_conformance.h: what every implementation of log::Log must do.
//
//     struct MyWorld { … };                     // see below
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, LogConformance, MyWorld);
//
// A world holds what survives a process, and opens logs on it:
//     struct MyWorld : LogWorld {
//       static constexpr std::size_t kMaxRecordBytes, kMaxPendingBytes;  // of its logs
//       absl::StatusOr<std::unique_ptr<log::Log>> Open();
//       // The process ends without Close(); the log object is destroyed.
//       void Kill(std::unique_ptr<log::Log> log);
//     };
// and declares anew what is otherwise than LogWorld has it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/log/log.h"
#include "tests/support/status_matchers.h"

namespace commander::test {

// Words that are different for every `tag`, `count` of them.
inline std::vector<log::Word> Message(std::uint64_t tag, std::size_t count = 3) {
  std::vector<log::Word> words(count);
  for (std::size_t i = 0; i < count; ++i) words[i] = tag * 0x9E3779B97F4A7C15u + i;
  return words;
}

// Remembers what it was told.
class TestTicket : public log::Ticket {
 public:
  void OnDurable(Offset offset) override {
    durable_at = offset.value;
    ++durable;
  }
  void OnFailed(const absl::Status&) override { ++failed; }

  std::atomic<int> durable{0};
  std::atomic<int> failed{0};
  std::atomic<std::uint64_t> durable_at{0};
};

struct LogWorld {
  static constexpr bool kDenseEvents = true;           // no gaps between the offsets of events
  static constexpr bool kPollsPendingCommands = true;  // Poll() finds them before they are durable
  // It knows where a partition ends without asking anybody, so that it sees at once what lies
  // behind, and listeners are told before anybody has polled.
  static constexpr bool kKnowsItsEnd = true;
  static constexpr std::uint64_t kKills = 30;
  // Returns when what was appended and committed is durable and everybody has been told.
  static void Settle(log::Log& log) {
    while (log.Step()) {
    }
  }
  // Of a topic or group, where others on the same cluster may have the same.
  static std::string Name(std::string name) { return name; }
};

template <typename World>
class LogConformance : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kPartitions = 3;

  void SetUp() override { Reopen(); }

  void Reopen() {
    auto opened = world_.Open();
    ASSERT_THAT(opened, IsOk());
    log_ = *std::move(opened);
    auto commands =
        log_->OpenTopic({world_.Name("group-commands"), log::TopicKind::kCommands, kPartitions});
    auto events =
        log_->OpenTopic({world_.Name("group-events"), log::TopicKind::kEvents, kPartitions});
    ASSERT_THAT(commands, IsOk());
    ASSERT_THAT(events, IsOk());
    commands_ = *commands;
    events_ = *events;
    appended_.clear();
    ASSERT_THAT(log_->Acquire(world_.Name("group"), commands_, events_), IsOk());
  }
  void CloseAndReopen() {
    ASSERT_THAT(log_->Close(), IsOk());
    log_.reset();
    Reopen();
  }
  void KillAndReopen() {
    world_.Kill(std::move(log_));
    Reopen();
  }
  void StepAll() { world_.Settle(*log_); }

  log::TopicPartition Commands(std::uint16_t partition) { return {commands_, partition}; }
  log::TopicPartition Events(std::uint16_t partition) { return {events_, partition}; }

  // Which offset the command will have: counted from what was in the log when it was opened.
  Offset Append(std::uint16_t partition, const std::vector<log::Word>& message,
                const std::shared_ptr<log::Ticket>& ticket = nullptr) {
    const auto [next, first] = appended_.try_emplace(partition, 0);
    if (first) next->second = End(Commands(partition));
    const absl::Status status = log_->Append(Commands(partition), message, ticket, true);
    EXPECT_THAT(status, IsOk());
    return status.ok() ? Offset{next->second++} : Offset{~std::uint64_t{0}};
  }
  // Where the log says that it stands.
  std::uint64_t AppendAndSettle(log::TopicPartition partition,
                                const std::vector<log::Word>& message) {
    const auto ticket = std::make_shared<TestTicket>();
    EXPECT_THAT(log_->Append(partition, message, ticket, true), IsOk());
    StepAll();
    EXPECT_EQ(ticket->durable, 1);
    return ticket->durable_at;
  }
  // One outcome a tag; the result is there after a Step().
  std::shared_ptr<std::optional<log::CommitResult>> Commit(std::uint16_t partition,
                                                           std::uint64_t consumed,
                                                           const std::vector<std::uint64_t>& tags) {
    log::CommitBatch batch;
    batch.commands = Commands(partition);
    batch.events = Events(partition);
    batch.consumed = {consumed};
    for (const std::uint64_t tag : tags) batch.entries.Append(Message(tag));
    auto result = std::make_shared<std::optional<log::CommitResult>>();
    batch.done = [result](const log::CommitResult& r) {
      EXPECT_FALSE(result->has_value()) << "told twice";
      *result = r;
    };
    log_->Commit(std::move(batch));
    return result;
  }

  std::vector<log::Record> Poll(log::TopicPartition partition, std::uint64_t from,
                                std::size_t max_bytes = 1 << 20) {
    std::vector<log::Record> records;
    PollOn(partition, {from}, max_bytes, &records);
    return records;
  }
  // Where to poll next.  Waits for records that the log has and cannot hand out yet.
  Offset PollOn(log::TopicPartition partition, Offset from, std::size_t max_bytes,
                std::vector<log::Record>* out) {
    for (int tries = 0; tries < 10'000; ++tries) {
      const auto next = log_->Poll(partition, from, max_bytes, out);
      EXPECT_THAT(next, IsOk());
      if (!next.ok() || *next > from || from.value >= End(partition)) {
        return next.ok() ? *next : from;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    ADD_FAILURE() << "a poll of offset " << from.value << ", below the end, never got anywhere";
    return from;
  }
  // What a log learns from elsewhere it does not know at once.
  static bool Eventually(const std::function<bool()>& condition) {
    if (World::kKnowsItsEnd) return condition();
    for (int tries = 0; tries < 10'000; ++tries) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return false;
  }
  // All records from offset 0 on, in as many calls as it takes.
  std::vector<log::Record> PollAll(log::TopicPartition partition, std::size_t max_bytes = 200) {
    std::vector<log::Record> all;
    Offset at;
    for (Offset next = PollOn(partition, at, max_bytes, &all); next > at;
         next = PollOn(partition, at, max_bytes, &all)) {
      at = next;
    }
    EXPECT_GE(at.value, End(partition));
    return all;
  }
  // How many events there are.
  std::uint64_t CountEvents(std::uint16_t partition) {
    const std::uint64_t count = PollAll(Events(partition)).size();
    if (World::kDenseEvents) {
      EXPECT_EQ(End(Events(partition)), count);
    }
    return count;
  }
  std::uint64_t End(log::TopicPartition partition) {
    auto end = log_->End(partition);
    EXPECT_THAT(end, IsOk());
    return end.ok() ? end->value : 0;
  }
  static std::vector<log::Word> Words(const log::Record& record) {
    return {record.message.begin(), record.message.end()};
  }

  World world_;
  std::unique_ptr<log::Log> log_;
  std::uint16_t commands_ = 0;
  std::uint16_t events_ = 0;
  std::map<std::uint16_t, std::uint64_t> appended_;  // by Append(): offset of the next command
};

TYPED_TEST_SUITE_P(LogConformance);

// ---------------------------------------------------------------- identity, topics, schemas

TYPED_TEST_P(LogConformance, KeepsItsIdentity) {
  const log::LogId id = this->log_->id();
  EXPECT_NE(id, log::LogId{});
  this->CloseAndReopen();
  EXPECT_EQ(this->log_->id(), id);
  this->KillAndReopen();
  EXPECT_EQ(this->log_->id(), id);
}

TYPED_TEST_P(LogConformance, ATopicKeepsItsNumberAndSettings) {
  EXPECT_NE(this->commands_, this->events_);
  const std::uint16_t commands = this->commands_;
  EXPECT_THAT(
      this->log_->OpenTopic({this->world_.Name("group-commands"), log::TopicKind::kCommands, 3}),
      IsOkAndHolds(commands));
  EXPECT_THAT(
      this->log_->OpenTopic({this->world_.Name("group-commands"), log::TopicKind::kCommands, 4}),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               ::testing::AllOf(::testing::HasSubstr("group-commands"), ::testing::HasSubstr("3"),
                                ::testing::HasSubstr("4"))));
  EXPECT_THAT(
      this->log_->OpenTopic({this->world_.Name("group-commands"), log::TopicKind::kEvents, 3}),
      StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(this->log_->OpenTopic({"", log::TopicKind::kEvents, 3}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(this->log_->OpenTopic({"none", log::TopicKind::kEvents, 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  this->KillAndReopen();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto topics, this->log_->Topics());
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[0].number, commands);
  EXPECT_EQ(topics[0].settings.name, this->world_.Name("group-commands"));
  EXPECT_EQ(topics[0].settings.kind, log::TopicKind::kCommands);
  EXPECT_EQ(topics[0].settings.partitions, 3);
  EXPECT_EQ(topics[1].settings.name, this->world_.Name("group-events"));
  EXPECT_EQ(topics[1].settings.kind, log::TopicKind::kEvents);
}

TYPED_TEST_P(LogConformance, KeepsSchemasOnceEach) {
  const std::string bytes("nodes\0with\xffzeros", 15);
  EXPECT_THAT(this->log_->StoreSchema({7, "bank.Deposit", "before it was used elsewhere"}), IsOk());
  EXPECT_THAT(this->log_->StoreSchema({7, "bank.Deposit", bytes}), IsOk());
  EXPECT_THAT(this->log_->StoreSchema({~std::uint64_t{0}, "bank.Empty", ""}), IsOk());
  for (int round = 0; round < 2; ++round) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto schemas, this->log_->Schemas());
    ASSERT_EQ(schemas.size(), 2u);
    EXPECT_EQ(schemas[0].fingerprint, 7u);
    EXPECT_EQ(schemas[0].name, "bank.Deposit");
    EXPECT_EQ(schemas[0].bytes, bytes);
    EXPECT_EQ(schemas[1].bytes, "");
    this->KillAndReopen();
  }
}

TYPED_TEST_P(LogConformance, ReturnsMoreSchemasThanOneReadTakes) {
  std::mt19937_64 random(1);  // so that they stay as large as they are
  std::vector<std::string> all;
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::string& bytes = all.emplace_back();
    while (bytes.size() < 20'000) bytes += static_cast<char>(random());
    ASSERT_THAT(this->log_->StoreSchema({i, absl::StrCat("bank.Type", i), bytes}), IsOk());
  }
  for (int round = 0; round < 5; ++round) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto schemas, this->log_->Schemas());
    ASSERT_EQ(schemas.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(schemas[i].bytes, all[i]);
  }
}

// ---------------------------------------------------------------- append and poll

TYPED_TEST_P(LogConformance, CommandsGetDenseOffsetsAPartition) {
  std::vector<std::shared_ptr<TestTicket>> tickets;
  const auto append = [&](std::uint16_t partition, std::uint64_t tag) {
    tickets.push_back(std::make_shared<TestTicket>());
    return this->Append(partition, Message(tag), tickets.back());
  };
  EXPECT_EQ(append(0, 1), Offset{0});
  EXPECT_EQ(append(2, 2), Offset{0});
  EXPECT_EQ(append(0, 3), Offset{1});
  this->StepAll();
  EXPECT_EQ(append(0, 4), Offset{2});
  this->CloseAndReopen();
  EXPECT_EQ(append(0, 5), Offset{3});
  EXPECT_EQ(append(1, 6), Offset{0});
  this->StepAll();
  std::vector<std::uint64_t> told;
  for (const auto& ticket : tickets)
    told.push_back(ticket->durable == 1 ? ticket->durable_at.load() : 99);
  EXPECT_THAT(told, ::testing::ElementsAre(0, 0, 1, 2, 3, 0));
}

TYPED_TEST_P(LogConformance, ACommandIsPolledBeforeItIsDurable) {
  const auto ticket = std::make_shared<TestTicket>();
  this->Append(1, Message(1), ticket);
  if (!TypeParam::kPollsPendingCommands) this->StepAll();
  const auto pending = this->Poll(this->Commands(1), 0);
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_EQ(this->Words(pending[0]), Message(1));
  EXPECT_EQ(pending[0].ticket, ticket);
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto read, this->log_->Read(this->Commands(1), {0}));
  EXPECT_EQ(this->Words(read), Message(1));
  if (TypeParam::kPollsPendingCommands) {
    EXPECT_EQ(this->End(this->Commands(1)), 0u);
    EXPECT_EQ(ticket->durable, 0);
  }

  this->StepAll();
  EXPECT_EQ(ticket->durable, 1);
  EXPECT_EQ(ticket->durable_at, 0u);
  EXPECT_EQ(ticket->failed, 0);
  EXPECT_EQ(this->End(this->Commands(1)), 1u);
  // What was handed out stays good.
  EXPECT_EQ(this->Words(pending[0]), Message(1));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pending[0].message.data()) % 8, 0u);
}

TYPED_TEST_P(LogConformance, ATicketTravelsUntilTheOutcomeOfItsCommandIsCommitted) {
  const auto first = std::make_shared<TestTicket>();
  const auto third = std::make_shared<TestTicket>();
  this->Append(0, Message(1), first);
  this->Append(0, Message(2));
  this->Append(0, Message(3), third);
  this->StepAll();
  auto records = this->Poll(this->Commands(0), 0);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].ticket, first);
  EXPECT_EQ(records[1].ticket, nullptr);
  EXPECT_EQ(records[2].ticket, third);

  this->Commit(0, 2, {10, 11});
  this->StepAll();
  records = this->Poll(this->Commands(0), 0);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].ticket, nullptr);
  EXPECT_EQ(records[2].ticket, third);
  this->KillAndReopen();
  EXPECT_EQ(this->Poll(this->Commands(0), 2).at(0).ticket, nullptr);
}

TYPED_TEST_P(LogConformance, EventsArePolledOnceTheyAreDurable) {
  this->Append(0, Message(1));
  const auto result = this->Commit(0, 1, {10, 11});
  EXPECT_THAT(this->Poll(this->Events(0), 0), ::testing::IsEmpty());
  EXPECT_FALSE(result->has_value());
  this->StepAll();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->outcome, log::CommitOutcome::kCommitted);
  EXPECT_THAT((*result)->status, IsOk());
  EXPECT_EQ((*result)->first, Offset{0});
  const auto events = this->Poll(this->Events(0), 0);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(this->Words(events[1]), Message(11));
  EXPECT_EQ(events[0].offset, (*result)->OffsetOf(0));
  EXPECT_EQ(events[1].offset, (*result)->OffsetOf(1));
  if (TypeParam::kDenseEvents) {
    EXPECT_EQ(events[1].offset, Offset{1});
  }

  const auto second = this->Commit(0, 1, {12});
  this->StepAll();
  ASSERT_TRUE(second->has_value());
  EXPECT_GT((*second)->first, events[1].offset);
  if (TypeParam::kDenseEvents) {
    EXPECT_EQ((*second)->first, Offset{2});
  }
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto third,
                                 this->log_->Read(this->Events(0), (*second)->first));
  EXPECT_EQ(this->Words(third), Message(12));
}

TYPED_TEST_P(LogConformance, PollingOnReachesTheEndAndStaysThere) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    this->Append(0, Message(i));
    this->Commit(0, i + 1, {10 * i, 10 * i + 1, 10 * i + 2});
    this->StepAll();
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& partition : {this->Commands(0), this->Events(0)}) {
      std::vector<log::Record> records;
      Offset at;
      while (at.value < this->End(partition)) {
        const std::size_t before = records.size();
        const Offset next = this->PollOn(partition, at, 0, &records);
        ASSERT_GT(next, at);
        for (std::size_t i = before; i < records.size(); ++i) {
          EXPECT_GE(records[i].offset, at);
          EXPECT_LT(records[i].offset, next);
          EXPECT_TRUE(i == 0 || records[i - 1].offset < records[i].offset);
        }
        if (TypeParam::kDenseEvents) {
          EXPECT_EQ(next, at + 1);
        }
        at = next;
      }
      EXPECT_EQ(at.value, this->End(partition));
      EXPECT_THAT(this->log_->Poll(partition, at, 1000, &records), IsOkAndHolds(at));
      EXPECT_EQ(records.size(), partition == this->Commands(0) ? 4u : 12u);
    }
    this->KillAndReopen();
  }
}

TYPED_TEST_P(LogConformance, TheLastDurableRecordIsFound) {
  for (const auto& partition : {this->Commands(1), this->Events(1)}) {
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto none, this->log_->ReadLast(partition));
    EXPECT_FALSE(none.has_value());
  }
  this->Append(1, Message(1));
  this->Append(1, Message(2));
  this->Commit(1, 2, {10, 11});
  this->StepAll();
  if (TypeParam::kPollsPendingCommands) this->Append(1, Message(3));
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto command, this->log_->ReadLast(this->Commands(1)));
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->offset, Offset{1});
  EXPECT_EQ(this->Words(*command), Message(2));
  this->CloseAndReopen();
  COMMANDER_ASSERT_OK_AND_ASSIGN(const auto event, this->log_->ReadLast(this->Events(1)));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->offset, this->PollAll(this->Events(1)).back().offset);
  EXPECT_EQ(this->Words(*event), Message(11));
  EXPECT_THAT(this->log_->ReadLast({99, 0}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TYPED_TEST_P(LogConformance, WhatAPredecessorCommittedIsThereOnceItIsAcquired) {
  EXPECT_THAT(this->log_->Acquire(this->world_.Name("group"), this->commands_, this->events_),
              IsOk());
  this->Append(0, Message(1));
  this->Commit(0, 1, {10});
  this->StepAll();
  this->KillAndReopen();
  EXPECT_THAT(this->log_->Acquire(this->world_.Name("group"), this->commands_, this->events_),
              IsOk());
  EXPECT_EQ(this->CountEvents(0), 1u);
  const auto result = this->Commit(0, 1, {11});
  this->StepAll();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->outcome, log::CommitOutcome::kCommitted);
}

TYPED_TEST_P(LogConformance, ALedgerIsAppendedToAndPolledOnceItIsDurable) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(const std::uint16_t topic,
                                 this->log_->OpenTopic({"ledger", log::TopicKind::kLedger, 1}));
  const log::TopicPartition ledger{topic, 0};
  const auto ticket = std::make_shared<TestTicket>();
  EXPECT_THAT(this->log_->Append(ledger, Message(1), ticket, true), IsOk());
  EXPECT_THAT(this->Poll(ledger, 0), ::testing::IsEmpty());
  EXPECT_EQ(ticket->durable, 0);
  this->StepAll();
  EXPECT_EQ(ticket->durable, 1);
  EXPECT_EQ(ticket->durable_at, 0u);
  const auto records = this->Poll(ledger, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(this->Words(records[0]), Message(1));
  // Nobody will consume it: what the sender gave is let go.
  EXPECT_EQ(records[0].ticket, nullptr);
  EXPECT_EQ(ticket.use_count(), 1);

  this->KillAndReopen();
  EXPECT_THAT(this->log_->OpenTopic({"ledger", log::TopicKind::kLedger, 1}), IsOkAndHolds(topic));
  EXPECT_THAT(this->log_->OpenTopic({"ledger", log::TopicKind::kEvents, 1}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_EQ(this->PollAll(ledger).size(), 1u);
  EXPECT_EQ(this->AppendAndSettle(ledger, Message(2)), 1u);
}

TYPED_TEST_P(LogConformance, NothingIsDurableBeforeTheBarrierIsPassed) {
  int passed = 0;
  std::uint64_t durable = 0;
  absl::Status answer;
  const auto ticket = std::make_shared<TestTicket>();
  this->log_->SetBarrier([&] {
    ++passed;
    durable += static_cast<std::uint64_t>(ticket->durable);
    return answer;
  });
  this->Append(0, Message(1), ticket);
  EXPECT_EQ(passed, 0);
  this->StepAll();
  EXPECT_GE(passed, 1);
  EXPECT_EQ(durable, 0u) << "told before the barrier";
  EXPECT_EQ(ticket->durable, 1);

  answer = absl::DataLossError("no key");
  const auto lost = std::make_shared<TestTicket>();
  this->Append(0, Message(2), lost);
  const auto result = this->Commit(0, 1, {10});
  this->StepAll();
  EXPECT_EQ(lost->failed, 1);
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->outcome, log::CommitOutcome::kUnknown);
  EXPECT_FALSE(this->log_->health().ok());
  this->KillAndReopen();
  EXPECT_EQ(this->End(this->Commands(0)), 1u);
}

TYPED_TEST_P(LogConformance, RecordsAreAsTheyWere) {
  const std::size_t max_words = TypeParam::kMaxRecordBytes / sizeof(log::Word);
  const std::vector<std::size_t> sizes = {1, 2, 7, 8, 100, max_words - 1, max_words};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    this->Append(1, Message(i, sizes[i]));
    this->StepAll();
  }
  for (int round = 0; round < 3; ++round) {
    const auto records = this->PollAll(this->Commands(1));
    ASSERT_EQ(records.size(), sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_EQ(records[i].offset.value, i);
      EXPECT_EQ(this->Words(records[i]), Message(i, sizes[i]));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(records[i].message.data()) % 8, 0u);
      COMMANDER_ASSERT_OK_AND_ASSIGN(const auto record, this->log_->Read(this->Commands(1), {i}));
      EXPECT_EQ(this->Words(record), Message(i, sizes[i]));
    }
    round == 0 ? this->CloseAndReopen() : this->KillAndReopen();
  }
}

TYPED_TEST_P(LogConformance, PollKeepsItsBounds) {
  for (std::uint64_t i = 0; i < 5; ++i) this->Append(0, Message(i, 4));
  this->StepAll();
  const auto partition = this->Commands(0);
  const auto offsets = [&](std::uint64_t from, std::size_t max_bytes) {
    std::vector<std::uint64_t> found;
    for (const auto& record : this->Poll(partition, from, max_bytes)) {
      found.push_back(record.offset.value);
    }
    return found;
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(offsets(0, 1000), ::testing::ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(offsets(3, 1000), ::testing::ElementsAre(3, 4));
    EXPECT_THAT(offsets(5, 1000), ::testing::IsEmpty());
    EXPECT_THAT(offsets(1, 0), ::testing::ElementsAre(1));
    EXPECT_THAT(offsets(1, 63), ::testing::ElementsAre(1));
    EXPECT_THAT(offsets(1, 64), ::testing::ElementsAre(1, 2));
    std::vector<log::Record> records;
    absl::StatusOr<Offset> behind;
    this->Eventually([&] {
      behind = this->log_->Poll(partition, {6}, 1000, &records);
      return !behind.ok();
    });
    EXPECT_THAT(behind, StatusIs(absl::StatusCode::kOutOfRange, ::testing::HasSubstr("5")));
    EXPECT_THAT(this->log_->Read(partition, {5}), StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_THAT(this->log_->Poll({99, 0}, {0}, 1000, &records),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(this->log_->Read(this->Commands(this->kPartitions), {0}),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(records, ::testing::IsEmpty());
    EXPECT_THAT(this->log_->Begin(partition), IsOkAndHolds(Offset{0}));
    this->KillAndReopen();
  }
}

TYPED_TEST_P(LogConformance, PollAddsToWhatIsThere) {
  this->Append(0, Message(1));
  this->Append(1, Message(2));
  this->StepAll();
  std::vector<log::Record> records = this->Poll(this->Commands(0), 0);
  this->PollOn(this->Commands(1), {0}, 0, &records);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(this->Words(records[1]), Message(2));
}

TYPED_TEST_P(LogConformance, ManyRecordsAreFoundByOffset) {
  constexpr std::uint64_t kRecords = 300;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    const auto partition = static_cast<std::uint16_t>(i % 3);
    this->Append(partition, Message(i, 1 + i % 20));
    if (i % 5 == 4) this->Commit(partition, i / 3 + 1, {1000 + i});
    if (i % 7 == 6) this->log_->Step();
  }
  this->StepAll();
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t p = 0; p < 3; ++p) {
      const auto commands = this->PollAll(this->Commands(p), 500);
      ASSERT_EQ(commands.size(), kRecords / 3);
      for (std::uint64_t k = 0; k < commands.size(); ++k) {
        EXPECT_EQ(commands[k].offset.value, k);
        EXPECT_EQ(this->Words(commands[k]), Message(k * 3 + p, 1 + (k * 3 + p) % 20));
      }
      ASSERT_EQ(this->PollAll(this->Events(p)).size(), kRecords / 15);
    }
    COMMANDER_ASSERT_OK_AND_ASSIGN(const auto old, this->log_->Read(this->Commands(1), {17}));
    EXPECT_EQ(this->Words(old), Message(52, 13));
    round == 0 ? this->CloseAndReopen() : this->KillAndReopen();
  }
}

// ---------------------------------------------------------------- refusals

TYPED_TEST_P(LogConformance, RefusesARecordThatCannotBeOne) {
  const std::size_t max_words = TypeParam::kMaxRecordBytes / sizeof(log::Word);
  const auto append = [&](log::TopicPartition partition, const std::vector<log::Word>& message) {
    return this->log_->Append(partition, message, nullptr, true);
  };
  EXPECT_THAT(append(this->Commands(0), {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append(this->Commands(0), Message(1, max_words + 1)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr(std::to_string(TypeParam::kMaxRecordBytes))));
  EXPECT_THAT(append(this->Events(0), Message(1)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append({99, 0}, Message(1)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append(this->Commands(this->kPartitions), Message(1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(this->AppendAndSettle(this->Commands(0), Message(2)), 0u)
      << "a refused record took an offset";
}

TYPED_TEST_P(LogConformance, ABatchThatCannotBeOneIsRefusedWithTheReason) {
  this->Append(0, Message(1));
  const auto empty = this->Commit(0, 1, {});
  std::vector<std::shared_ptr<std::optional<log::CommitResult>>> all = {empty};
  if (TypeParam::kKnowsItsEnd)
    all.push_back(this->Commit(0, 2, {10}));  // consumes what is not there
  log::CommitBatch swapped;
  swapped.commands = this->Events(0);
  swapped.events = this->Commands(0);
  swapped.entries.Append(Message(10));
  all.push_back(std::make_shared<std::optional<log::CommitResult>>());
  swapped.done = [result = all.back()](const log::CommitResult& r) { *result = r; };
  this->log_->Commit(std::move(swapped));
  this->StepAll();
  for (const auto& told : all) {
    ASSERT_TRUE(told->has_value());
    EXPECT_EQ((*told)->outcome, log::CommitOutcome::kRefused);
    EXPECT_THAT((*told)->status, StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(this->CountEvents(0), 0u);
  EXPECT_THAT(this->log_->health(), IsOk());
}

TYPED_TEST_P(LogConformance, WhatWaitsIsBoundedAndOutcomesAlwaysEnter) {
  const std::size_t words = TypeParam::kMaxRecordBytes / sizeof(log::Word);
  std::uint64_t accepted = 0;
  absl::Status refused;
  while (refused.ok() && accepted < 1000) {
    refused = this->log_->Append(this->Commands(0), Message(1, words), nullptr, true);
    if (refused.ok()) ++accepted;
  }
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_LE(accepted * TypeParam::kMaxRecordBytes, TypeParam::kMaxPendingBytes);
  const auto result = this->Commit(0, accepted, {10});
  this->StepAll();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->outcome, log::CommitOutcome::kCommitted);
  EXPECT_EQ(this->AppendAndSettle(this->Commands(0), Message(2)), accepted);
}

// ---------------------------------------------------------------- ends

// The embedded log let go of them at Close, and nobody could tell the senders anything any more.
TYPED_TEST_P(LogConformance, HoldsTicketsOfDurableCommandsUntilTheyAreConsumed) {
  auto consumed = std::make_shared<TestTicket>();
  auto waiting = std::make_shared<TestTicket>();
  const std::weak_ptr<TestTicket> watch_consumed = consumed;
  const std::weak_ptr<TestTicket> watch_waiting = waiting;
  this->Append(0, Message(1), std::move(consumed));
  this->Append(0, Message(2), std::move(waiting));
  this->StepAll();
  this->Commit(0, 1, {10});
  this->StepAll();
  EXPECT_TRUE(watch_consumed.expired());
  EXPECT_FALSE(watch_waiting.expired());
  EXPECT_THAT(this->log_->Close(), IsOk());
  EXPECT_FALSE(watch_waiting.expired());
  this->log_.reset();
  EXPECT_TRUE(watch_waiting.expired());
  this->Reopen();
}

TYPED_TEST_P(LogConformance, LetsGoOfTicketsOfCommandsThatNobodyDecidesAnyMore) {
  const auto durable = std::make_shared<TestTicket>();
  this->Append(0, Message(1), durable);
  this->StepAll();
  const auto pending = std::make_shared<TestTicket>();
  this->Append(0, Message(2), pending);
  const auto other = std::make_shared<TestTicket>();
  this->Append(1, Message(3), other);
  EXPECT_THAT(this->log_->TakeTickets(this->Commands(0)),
              ::testing::UnorderedElementsAre(durable, pending));
  EXPECT_THAT(this->log_->TakeTickets(this->Commands(0)), ::testing::IsEmpty());
  this->StepAll();
  EXPECT_EQ(pending->durable, 1);
  EXPECT_EQ(durable.use_count(), 1);
  EXPECT_EQ(pending.use_count(), 1);
  EXPECT_GT(other.use_count(), 1);
}

TYPED_TEST_P(LogConformance, CloseWritesWhatIsPending) {
  const auto ticket = std::make_shared<TestTicket>();
  this->Append(0, Message(1), ticket);
  const auto result = this->Commit(0, 1, {10});
  EXPECT_THAT(this->log_->Close(), IsOk());
  EXPECT_EQ(ticket->durable, 1);
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->outcome, log::CommitOutcome::kCommitted);

  EXPECT_THAT(this->log_->Append(this->Commands(0), Message(2), nullptr, true),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(this->log_->OpenTopic({"late", log::TopicKind::kEvents, 1}),
              StatusIs(absl::StatusCode::kUnavailable));
  const auto late = this->Commit(0, 1, {11});
  this->StepAll();
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ((*late)->outcome, log::CommitOutcome::kUnknown);
  EXPECT_THAT(this->log_->Close(), IsOk());
  this->log_.reset();
  this->Reopen();
  EXPECT_EQ(this->End(this->Commands(0)), 1u);
  EXPECT_EQ(this->CountEvents(0), 1u);
}

TYPED_TEST_P(LogConformance, AKillTakesNothingThatSomebodyWasToldOf) {
  std::vector<std::shared_ptr<TestTicket>> tickets;
  std::map<std::uint64_t, std::shared_ptr<std::optional<log::CommitResult>>> results;  // by tag
  std::uint64_t next = 0;
  for (std::uint64_t round = 0; round < TypeParam::kKills; ++round) {
    tickets.clear();
    results.clear();
    const std::uint64_t durable = this->End(this->Commands(0));
    const std::uint64_t events = this->CountEvents(0);
    EXPECT_LE(events, durable) << "an outcome is there without its command";
    EXPECT_EQ(durable, next);
    // An outcome for every command that has none, then new ones.
    for (std::uint64_t i = events; i < durable; ++i) results[i] = this->Commit(0, i + 1, {i});
    for (std::uint64_t i = 0; i < 1 + round % 5; ++i) {
      tickets.push_back(std::make_shared<TestTicket>());
      this->Append(0, Message(durable + i), tickets.back());
      results[durable + i] = this->Commit(0, durable + i + 1, {durable + i});
      if (round % 3 == 0) this->log_->Step();
    }
    if (round % 2 == 0) this->log_->Step();
    this->world_.Kill(std::move(this->log_));
    std::uint64_t acknowledged = durable;
    for (const auto& ticket : tickets) {
      if (ticket->durable > 0)
        acknowledged = std::max<std::uint64_t>(acknowledged, ticket->durable_at + 1);
    }
    std::uint64_t committed = events;
    for (const auto& [tag, result] : results) {
      if (result->has_value() && (*result)->outcome == log::CommitOutcome::kCommitted) {
        if (TypeParam::kDenseEvents) {
          EXPECT_EQ((*result)->first.value, tag);
        }
        committed = std::max(committed, tag + 1);
      }
    }
    this->Reopen();
    next = this->End(this->Commands(0));
    EXPECT_GE(next, acknowledged);
    EXPECT_GE(this->CountEvents(0), committed);
    const auto records = this->PollAll(this->Commands(0));
    ASSERT_EQ(records.size(), next);
    for (std::uint64_t i = 0; i < next; ++i) EXPECT_EQ(this->Words(records[i]), Message(i));
    const auto outcomes = this->PollAll(this->Events(0));
    for (std::uint64_t i = 0; i < outcomes.size(); ++i) {
      EXPECT_EQ(this->Words(outcomes[i]), Message(i));
    }
  }
  EXPECT_GT(next, 0u);
}

// ---------------------------------------------------------------- listeners and threads

TYPED_TEST_P(LogConformance, ListenersAreToldWhenThereIsMore) {
  std::atomic<int> commands{0};
  std::atomic<int> events{0};
  this->log_->SetListener(this->Commands(0), [&] { ++commands; });
  this->log_->SetListener(this->Events(0), [&] { ++events; });
  if (!TypeParam::kKnowsItsEnd) {
    // Whoever waits has polled and found nothing; whoever is told polls again.
    do {
      commands = events = 0;
      this->Poll(this->Commands(0), 0);
      this->Poll(this->Events(0), 0);
      absl::SleepFor(absl::Milliseconds(200));
    } while (commands + events > 0);
  }
  this->Append(1, Message(1));
  this->StepAll();
  EXPECT_EQ(commands, 0);
  this->Append(0, Message(1));
  if (!TypeParam::kKnowsItsEnd) this->StepAll();
  EXPECT_TRUE(this->Eventually([&] { return commands > 0; }));
  EXPECT_EQ(events, 0);
  this->Commit(0, 1, {10});
  this->StepAll();
  EXPECT_TRUE(this->Eventually([&] { return events > 0; }));
  this->log_->SetListener(this->Commands(0), nullptr);
  this->log_->SetListener(this->Events(0), nullptr);
  const int before = commands + events;
  this->Append(0, Message(2));
  this->Commit(0, 2, {11});
  this->StepAll();
  EXPECT_EQ(commands + events, before);
}

TYPED_TEST_P(LogConformance, ACallbackMayCallTheLog) {
  std::optional<log::CommitResult> second;
  this->Append(0, Message(1));
  log::CommitBatch batch;
  batch.commands = this->Commands(0);
  batch.events = this->Events(0);
  batch.consumed = {1};
  batch.entries.Append(Message(10));
  batch.done = [&](const log::CommitResult&) {
    EXPECT_EQ(this->CountEvents(0), 1u);
    this->Append(0, Message(2));
    log::CommitBatch next;
    next.commands = this->Commands(0);
    next.events = this->Events(0);
    next.consumed = {2};
    next.entries.Append(Message(11));
    next.done = [&](const log::CommitResult& r) { second = r; };
    this->log_->Commit(std::move(next));
  };
  this->log_->Commit(std::move(batch));
  this->StepAll();
  ASSERT_TRUE(second.has_value());
  if (TypeParam::kDenseEvents) {
    EXPECT_EQ(second->first, Offset{1});
  }
  EXPECT_EQ(this->CountEvents(0), 2u);
}

TYPED_TEST_P(LogConformance, ManyThreadsAppendAndOneSteps) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kEach = 200;
  std::atomic<bool> stop{false};
  std::thread sequencer([&] {
    while (!stop) {
      this->log_->WaitForWork();
      while (this->log_->Step()) {
      }
    }
  });
  std::vector<std::vector<std::shared_ptr<TestTicket>>> tickets(kThreads);
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        auto ticket = std::make_shared<TestTicket>();
        const auto tag = static_cast<std::uint64_t>(t) * kEach + i;
        absl::Status status;
        do {  // the bound on what waits may be reached
          status = this->log_->Append(this->Commands(0), Message(tag), ticket, true);
          if (!status.ok()) std::this_thread::yield();
        } while (absl::IsResourceExhausted(status));
        ASSERT_THAT(status, IsOk());
        tickets[static_cast<std::size_t>(t)].push_back(std::move(ticket));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  stop = true;
  this->log_->Wake();
  sequencer.join();
  this->StepAll();

  std::map<std::uint64_t, std::uint64_t> tag_at;
  for (std::size_t t = 0; t < kThreads; ++t) {
    for (std::uint64_t i = 0; i < kEach; ++i) {
      EXPECT_EQ(tickets[t][i]->durable, 1);
      EXPECT_TRUE(i == 0 || tickets[t][i - 1]->durable_at < tickets[t][i]->durable_at);
      tag_at[tickets[t][i]->durable_at] = t * kEach + i;
    }
  }
  ASSERT_EQ(tag_at.size(), kThreads * kEach);
  const auto records = this->PollAll(this->Commands(0), 10000);
  ASSERT_EQ(records.size(), kThreads * kEach);
  for (const auto& record : records) {
    EXPECT_EQ(this->Words(record), Message(tag_at.at(record.offset.value)));
  }
}

TYPED_TEST_P(LogConformance, WaitingEndsWithACommitOrAWakeUp) {
  const auto wait = [&] { this->log_->WaitForWork(); };
  {
    std::thread waiter(wait);
    this->Append(0, Message(1));
    waiter.join();
  }
  {
    std::thread waiter(wait);
    this->Commit(0, 1, {10});
    waiter.join();
  }
  {
    std::thread waiter(wait);
    this->log_->Wake();
    waiter.join();
  }
  this->StepAll();
  EXPECT_EQ(this->CountEvents(0), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(
    LogConformance, KeepsItsIdentity, ATopicKeepsItsNumberAndSettings, KeepsSchemasOnceEach,
    ReturnsMoreSchemasThanOneReadTakes, CommandsGetDenseOffsetsAPartition,
    ACommandIsPolledBeforeItIsDurable, ATicketTravelsUntilTheOutcomeOfItsCommandIsCommitted,
    EventsArePolledOnceTheyAreDurable, PollingOnReachesTheEndAndStaysThere,
    TheLastDurableRecordIsFound, WhatAPredecessorCommittedIsThereOnceItIsAcquired,
    ALedgerIsAppendedToAndPolledOnceItIsDurable, NothingIsDurableBeforeTheBarrierIsPassed,
    RecordsAreAsTheyWere, PollKeepsItsBounds, PollAddsToWhatIsThere, ManyRecordsAreFoundByOffset,
    RefusesARecordThatCannotBeOne, ABatchThatCannotBeOneIsRefusedWithTheReason,
    WhatWaitsIsBoundedAndOutcomesAlwaysEnter, HoldsTicketsOfDurableCommandsUntilTheyAreConsumed,
    LetsGoOfTicketsOfCommandsThatNobodyDecidesAnyMore, CloseWritesWhatIsPending,
    AKillTakesNothingThatSomebodyWasToldOf, ListenersAreToldWhenThereIsMore, ACallbackMayCallTheLog,
    ManyThreadsAppendAndOneSteps, WaitingEndsWithACommitOrAWakeUp);

}  // namespace commander::test
