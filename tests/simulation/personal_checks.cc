// What must hold of keys, ledger, log and reads.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/erasure_job.h"
#include "crypto/esp1.h"
#include "crypto/ledger_reader.h"
#include "engine/ledger_topic.h"
#include "tests/simulation/personal_simulation.h"
#include "tests/support/group_history.h"

namespace commander::test {
namespace {

using crypto::KeyTable;

struct Recorded {
  std::set<std::string> begun;
  std::set<std::string> completed;
};

absl::StatusOr<Recorded> ReadRecorded(log::Log& log) {
  Recorded recorded;
  crypto::LedgerReader reader;
  COMMANDER_ASSIGN_OR_RETURN(const auto topics, log.Topics());
  for (const log::TopicInfo& topic : topics) {
    if (topic.settings.name != internal::kLedgerTopic) continue;
    COMMANDER_RETURN_IF_ERROR(internal::ReadLedger(
        log, {topic.number, 0}, 0, [&](std::uint64_t, std::string_view bytes) -> absl::Status {
          COMMANDER_ASSIGN_OR_RETURN(const auto record, reader.Next(bytes));
          if (!record.has_value()) return absl::OkStatus();
          const std::string id = record->erasure.ToString();
          if (record->kind == crypto::LedgerKind::kErase) recorded.begun.insert(id);
          if (record->kind == crypto::LedgerKind::kComplete) recorded.completed.insert(id);
          return absl::OkStatus();
        }));
  }
  return recorded;
}

std::set<std::string> KidsIn(const MemoryKeyDisk::Table& table) {
  std::set<std::string> kids;
  for (const auto& row : table) {
    crypto::Kid kid;
    std::copy_n(row.first.begin(), std::min(row.first.size(), kid.bytes.size()), kid.bytes.begin());
    kids.insert(kid.ToString());
  }
  return kids;
}

// Whose key seals a record; empty: it is in clear.
std::string KidOf(const Words& record) {
  RecordReader reader(record);
  const auto payload = reader.envelope().getPayload();
  if (!payload.isSealed()) return "";
  const auto sealed = payload.getSealed();
  const auto message = crypto::esp1::Parse({sealed.begin(), sealed.size()});
  return message.ok() ? message->segment(0).kid.ToString() : "malformed";
}

}  // namespace

// As the crash left them, before anything recovers.
void PersonalSimulation::CheckDisk() {
  auto log = SimulatedLog::Open(disk_, {.clock = &clock_});
  if (!log.ok()) return Broken(log.status().ToString());
  const auto recorded = ReadRecorded(**log);
  if (!recorded.ok()) return Broken(recorded.status().ToString());
  if (recorded->begun.empty() && !std::filesystem::exists(dir_ / "keys")) return;
  const std::set<std::string> keys = KidsIn(keys_.Read(KeyTable::kKey));
  const std::set<std::string> fenced = KidsIn(keys_.Read(KeyTable::kFence));
  for (const auto& [name, person] : people_) {
    for (const std::string& kid : person.kids) {
      const bool held = keys.contains(kid);
      if (!person.asked && !held) Broken(name + ": the key is lost");
      if (!person.erasure.empty() && held) Broken(name + ": called erased, has its key");
    }
    if (!person.erasure.empty() && !recorded->completed.contains(person.erasure)) {
      Broken(name + ": called erased, is not recorded");
    }
  }
  for (const auto& [key, value] : keys_.Read(KeyTable::kJob)) {
    const auto job = crypto::DecodeJob(key, value);
    if (!job.ok()) return Broken(job.status().ToString());
    const std::string id = job->receipt.id.ToString();
    if (job->receipt.stage == crypto::ErasureStage::kDone && !recorded->completed.contains(id)) {
      Broken("an erasure is done and not recorded as complete");
    }
    for (const crypto::Kid& kid : job->receipt.kids) {
      if (!keys.contains(kid.ToString())) {
        if (!recorded->begun.contains(id)) Broken("a key was destroyed and nothing is recorded");
      } else if (recorded->completed.contains(id)) {
        Broken("an erasure is recorded as complete and the key is there");
      }
    }
  }
  if (keys_.Read(KeyTable::kTag).size() > people_.size()) Broken("a person has two keys");
  CheckRecords(**log, fenced);
}

// Whatever is in the log can be opened, or is erased; a person has one key.
void PersonalSimulation::CheckRecords(log::LogReader& log, const std::set<std::string>& fenced) {
  const auto history = ReadGroup(log, "accounts", !gaps_);
  if (absl::IsNotFound(history.status())) return;  // it was not made yet
  if (!history.ok()) return Broken(history.status().ToString());
  const std::set<std::string> keys = KidsIn(keys_.Read(KeyTable::kKey));
  const auto known = [&](const std::string& kid) {
    return keys.contains(kid) || fenced.contains(kid);
  };
  std::map<std::string, const Request*> by_id;
  for (const Request& request : requests_) {
    by_id[MessageId::FromText(request.id).ToString()] = &request;
  }
  std::map<std::string, std::string> kid_of;  // a person's
  const auto check = [&](const MessageId& command, const Words& record) {
    const std::string kid = KidOf(record);
    if (kid.empty()) return;  // Look
    if (!known(kid)) Broken("a record has outlived its key");
    const auto request = by_id.find(command.ToString());
    if (request == by_id.end()) return Broken("a sealed record of nobody");
    const auto [at, first] = kid_of.emplace(request->second->person, kid);
    if (!first && at->second != kid) Broken(request->second->person + " has two keys");
  };
  for (const PartitionHistory& partition : history->partitions) {
    for (const std::string& damage : partition.damage) Broken(damage);
    for (const LoggedCommand& command : partition.commands) check(command.id, command.record);
    for (const LoggedOutcome& outcome : partition.outcomes) {
      for (const LoggedEvent& event : outcome.events) check(outcome.cause, event.record);
    }
  }
}

// What was begun before the engine was opened is done now, or never was.
void PersonalSimulation::CheckPeople() {
  if (keys_.dead() || !log_->health().ok()) return;
  using State = SubjectStatus::State;
  for (auto& [name, person] : people_) {
    const auto status = core_->StatusOf(SubjectOf(name));
    if (!status.ok()) return Broken(status.status().ToString());
    if (status->state == State::kErasing) Broken(name + ": half erased");
    if (!person.erasure.empty() && status->state != State::kErased) {
      Broken(name + ": not erased any more");
    }
    if (status->state != State::kErased) {
      person.asked = false;
      if (!person.kids.empty() && !person.kids.contains(status->pseudonym)) {
        Broken(name + ": another key");
      }
    } else if (person.erasure.empty()) {
      if (!person.asked) Broken(name + ": erased, and nobody asked for it");
      const auto receipt = core_->Erase(SubjectOf(name), "again");
      if (!receipt.ok()) return Broken(receipt.status().ToString());
      person.erasure = receipt->erasure;
      Count("erasure resumed");
    }
  }
}

void PersonalSimulation::CheckEvent(const Acknowledged& event, const Outcome& outcome) {
  const Request& request = requests_[event.request];
  Person& person = people_[request.person];
  const auto payload = outcome.event<referrals::Referred>();
  if (!payload.has_value()) return Broken(request.id + ": its event is missing");
  const EventMetadata& metadata = outcome.events()[0].metadata();
  person.kids.insert(std::string(metadata.subject));
  if (person.kids.size() > 1) Broken(request.person + " has two keys");
  if (metadata.version != event.version) Broken(request.id + ": another version");
  if (payload->getPlace() != kReferralPlace) Broken(request.id + ": public fields are lost");
  if (metadata.erased ? !person.asked : !person.erasure.empty()) {
    return Broken(absl::StrCat(request.id, metadata.erased ? ": erased, and nobody asked for it"
                                                           : ": opens although it is erased"));
  }
  const std::string email = metadata.erased ? "" : EmailOf(request.person);
  const std::string note = metadata.erased ? "" : NoteOf(request.person, request.id);
  if (payload->getEmail() != email.c_str() || payload->getNote() != note.c_str()) {
    Broken(request.id + ": other personal fields");
  }
}

// The state of an account as a handler sees it.
void PersonalSimulation::CheckView(const View<Referrer>& view) {
  Count("looked");
  if (!view.Exists()) return;
  if (view->email.empty()) {
    if (!view.Erased()) Broken("a state has lost its personal fields");
    return;
  }
  for (const auto& [name, person] : people_) {
    if (view->email == EmailOf(name) && !person.erasure.empty()) {
      Broken(name + ": a handler sees the personal fields of an erased person");
    }
  }
}

// At rest.
void PersonalSimulation::CheckRows() {
  const auto people = core_->FindProjection(*people_rows_);
  const auto histories = core_->FindProjection(*histories_);
  if (!people.ok() || !histories.ok()) return Broken("a projection is gone");
  for (const auto& [name, person] : people_) {
    if (person.kids.empty()) continue;
    std::string email = "no row";
    const absl::Status read =
        (*people)->Get(*person.kids.begin(), [&](capnp::AnyPointer::Reader row) {
          email = row.getAs<referrals::Person>().getEmail().cStr();
        });
    if (!read.ok()) Broken(read.ToString());
    if (email != (person.erasure.empty() ? EmailOf(name) : "")) Broken(name + ": another row");
  }
  std::map<std::string, std::uint64_t> versions;
  for (const Acknowledged& event : acknowledged_) {
    std::uint64_t& version = versions[requests_[event.request].key];
    version = std::max(version, event.version);
  }
  for (const auto& [key, version] : versions) {
    const absl::Status read = (*histories)->Get(key, [&](capnp::AnyPointer::Reader row) {
      const auto history = row.getAs<referrals::History>();
      if (history.getGaps() != 0 || history.getVersion() < version) Broken(key + ": a gap");
    });
    if (!read.ok()) Broken(read.ToString());
  }
}

}  // namespace commander::test
