#include "engine/projection_worker.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/envelope.h"
#include "engine/errors.h"
#include "engine/in_decision.h"
#include "engine/log_begin.h"

namespace commander::internal {
namespace {

constexpr std::size_t kPollBytes = std::size_t{1} << 20;
constexpr char kFamily[] = "rows";

}  // namespace

ProjectionWorker::ProjectionWorker(const ProjectionBase& projection,
                                   std::vector<ProjectionSource> sources,
                                   ProjectionEnvironment environment)
    : projection_(projection),
      environment_(std::move(environment)),
      owner_(absl::StrCat(projection.name(), "@", projection.fold().version)),
      names_(*environment_.schemas) {
  for (ProjectionSource& place : sources) sources_.push_back({std::move(place), {}, {}, {}});
}

absl::Status ProjectionWorker::Open() {
  COMMANDER_ASSIGN_OR_RETURN(family_, environment_.store->OpenFamily(kFamily));
  bool refold = false;
  for (Source& source : sources_) {
    COMMANDER_ASSIGN_OR_RETURN(
        const std::optional<std::string> stored,
        environment_.store->Get(
            family_, store::PartitionKey(source.place.topic, source.place.events.partition)));
    if (!stored.has_value()) continue;
    COMMANDER_ASSIGN_OR_RETURN(source.row, store::DecodePartition(*stored));
    refold = refold || source.row.schema != projection_.fold().schema->fingerprint ||
             source.row.sealed_whole != environment_.sealing->everything();
  }
  if (refold) {
    if (environment_.sink) {
      environment_.sink(
          {LogLevel::kInfo,
           "projection",
           "folded again from the log: the schema of its rows, or seal_everything, is another",
           {{"projection", name()}}});
    }
    COMMANDER_RETURN_IF_ERROR(environment_.store->Clear(family_));
    for (Source& source : sources_) source.row = {};
  }
  for (Source& source : sources_) COMMANDER_RETURN_IF_ERROR(Check(source));
  return absl::OkStatus();
}

absl::Status ProjectionWorker::Check(Source& source) {
  const std::string where = absl::StrCat("projection ", name(), ", topic ", source.place.topic, "[",
                                         source.place.events.partition, "]");
  const log::LogId log_id = environment_.log->id();
  COMMANDER_ASSIGN_OR_RETURN(source.ready, environment_.log->End(source.place.events));
  COMMANDER_RETURN_IF_ERROR(CheckLogBegin(*environment_.log, source.place.events,
                                          source.place.topic, source.row.next, where));
  if (source.row.next.value > 0) {
    if (source.row.log_id != log_id) {
      return absl::FailedPreconditionError(absl::StrCat(
          where,
          ": its store belongs to another log; put log and store of one directory together, or "
          "delete the store: it will be rebuilt from this log"));
    }
    if (source.row.next > source.ready) {
      return absl::FailedPreconditionError(
          absl::StrCat(where, ": its store is ahead of the log: it has folded offset ",
                       source.row.next.value - 1, ", the log ends at ", source.ready.value,
                       "; restore the newer log, or delete the store to accept the loss"));
    }
    COMMANDER_ASSIGN_OR_RETURN(
        const log::Record last,
        environment_.log->Read(source.place.events, Offset{source.row.next.value - 1}));
    if (XXH3_64bits(last.message.data(), last.message.size_bytes()) != source.row.last_hash) {
      return absl::FailedPreconditionError(absl::StrCat(
          where, ": its store was folded from another history: the record at offset ",
          last.offset.value, " is not the one it holds; delete the store: it will be rebuilt"));
    }
  }
  source.polled = source.row.next;
  source.row.log_id = log_id;
  source.row.fold_version = projection_.fold().version;
  source.row.schema = projection_.fold().schema->fingerprint;
  source.row.sealed_whole = environment_.sealing->everything();
  return absl::OkStatus();
}

void ProjectionWorker::PassStep() { const std::lock_guard lock(step_mutex_); }

bool ProjectionWorker::Step() {
  const std::lock_guard step(step_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_.ok()) return false;
  }
  bool worked = false;
  for (Source& source : sources_) {
    const Offset before = source.polled;
    const absl::StatusOr<std::size_t> folded = FoldFrom(source);
    if (!folded.ok()) {
      Stop(absl::Status(folded.status().code(), absl::StrCat("projection ", name(), " stopped: ",
                                                             folded.status().message())));
      return true;
    }
    worked |= source.polled != before;
    unflushed_ += *folded;
  }
  if (unflushed_ >= environment_.flush_events) {
    const absl::Status status = Flush();
    if (!status.ok()) Stop(status);
  }
  return worked;
}

absl::StatusOr<std::size_t> ProjectionWorker::FoldFrom(Source& source) {
  std::vector<log::Record> records;
  COMMANDER_ASSIGN_OR_RETURN(
      const Offset next,
      environment_.log->Poll(source.place.events, source.polled, kPollBytes, &records));
  if (next == source.polled) return 0;
  if (!records.empty()) COMMANDER_RETURN_IF_ERROR(FoldRecords(source, records));
  {
    const std::lock_guard lock(mutex_);
    source.polled = next;
  }
  changed_.notify_all();
  return records.size();
}

absl::Status ProjectionWorker::FoldRecords(Source& source,
                                           const std::vector<log::Record>& records) {
  absl::flat_hash_map<std::string, Pending> rows;
  store::PartitionRow position = source.row;
  for (const log::Record& record : records) {
    COMMANDER_RETURN_IF_ERROR(FoldRecord(source, record, &rows));
  }
  const log::Record& last = records.back();
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> envelope,
                             EnvelopeReader::Open(last.message));
  position.next = last.offset + 1;
  position.last_id = envelope->id();
  position.last_hash = XXH3_64bits(last.message.data(), last.message.size_bytes());
  position.last_time_ns = envelope->time_ns();

  store::Batch batch;
  for (const auto& [key, row] : rows) {
    if (row.row.state == nullptr) {
      batch.Delete(store::ProjectionKey(key));
      continue;
    }
    const absl::Status saved = environment_.sealing->Save(
        projection_.fold(), PlaceOf(key), row.row,
        [&, &key = key](bool sealed, std::span<const Word> words) {  // for clang 14
          batch.Put(store::ProjectionKey(key), store::EncodeProjection(words, sealed));
        });
    if (!saved.ok()) {
      return absl::Status(
          saved.code(),
          absl::StrCat("topic ", source.place.topic, "[", source.place.events.partition,
                       "], a row of offsets ", records.front().offset.value, " to ",
                       last.offset.value, ": ", saved.message()));
    }
  }
  COMMANDER_RETURN_IF_ERROR(environment_.sealing->SyncKeys());
  batch.Put(store::PartitionKey(source.place.topic, source.place.events.partition),
            store::EncodePartition(position));
  COMMANDER_RETURN_IF_ERROR(environment_.store->Write(family_, batch));
  source.row = position;
  return absl::OkStatus();
}

absl::Status ProjectionWorker::FoldRecord(const Source& source, const log::Record& record,
                                          absl::flat_hash_map<std::string, Pending>* rows) {
  const std::string where =
      absl::StrCat("topic ", source.place.topic, "[", source.place.events.partition, "] offset ",
                   record.offset.value);
  absl::StatusOr<std::unique_ptr<EnvelopeReader>> opened = EnvelopeReader::Open(record.message);
  if (!opened.ok()) {
    return absl::DataLossError(absl::StrCat(where, ": ", opened.status().message()));
  }
  EnvelopeReader& envelope = **opened;
  if (envelope.kind() != MessageKind::kEvent) return absl::OkStatus();
  const KnownType known = names_.Find(envelope.type());
  const std::string_view type = known.name;
  if (type.empty()) {
    return absl::DataLossError(absl::StrCat(where, ": no schema with the fingerprint ",
                                            absl::Hex(envelope.type(), absl::kZeroPad16),
                                            " is stored with the log"));
  }
  const RowFold* keyed = nullptr;
  for (const RowFold& candidate : projection_.rows()) {
    if (candidate.type->name == type) keyed = &candidate;
  }
  if (keyed == nullptr || keyed->keys_of == nullptr) return absl::OkStatus();

  if (const absl::Status status =
          environment_.sealing->Open(envelope, source.place.group, known.personal);
      !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
  }
  const EventMetadata metadata =
      MetadataOf(envelope, source.place.group, source.place.events.partition, record.offset);
  const EventFold* fold = projection_.fold().Find(type);
  try {
    const InDecision inside;
    COMMANDER_ASSIGN_OR_RETURN(const Keys keys, KeysOf(*keyed, envelope, metadata));
    for (const std::string& key : keys.all()) {
      const absl::StatusOr<Pending*> row = Row(key, rows);
      if (!row.ok()) {
        return absl::Status(row.status().code(), absl::StrCat(where, ": ", row.status().message()));
      }
      Aggregate& folded = (*row)->row;
      const Aggregate before = folded;
      std::shared_ptr<void> state;
      if (folded.state == nullptr) {
        state = projection_.fold().make();
      } else if (Sealing::MayChangeSubject(folded, envelope.kid())) {
        state = projection_.fold().copy(folded.state.get());
      } else {
        state = std::const_pointer_cast<void>(folded.state);
      }
      if (!fold->apply(state.get(), envelope.payload(), metadata)) state = nullptr;
      folded.state = std::move(state);
      COMMANDER_RETURN_IF_ERROR(environment_.sealing->TakeSubject(
          projection_.fold(), before, {type, envelope.payload(), metadata, envelope.kid()},
          &folded));
    }
  } catch (...) {
    return DescribeException(absl::StrCat(where, ": fold of ", ToAbsl(type)),
                             environment_.sealing->Personal(projection_.fold())
                                 ? ExceptionText::kWithheld
                                 : ExceptionText::kTold);
  }
  return absl::OkStatus();
}

// Keys are not sealed, so they are made of what is public.
absl::StatusOr<Keys> ProjectionWorker::KeysOf(const RowFold& keyed, const EnvelopeReader& envelope,
                                              const EventMetadata& metadata) const {
  if (envelope.sealed().empty()) return keyed.keys_of(envelope.payload(), metadata);
  COMMANDER_ASSIGN_OR_RETURN(const std::span<const Word> words,
                             crypto::PublicPart(envelope.sealed()));
  Keys keys;
  COMMANDER_RETURN_IF_ERROR(ReadStruct(
      words, keyed.type->name,
      [&](capnp::AnyPointer::Reader payload) { keys = keyed.keys_of(payload, metadata); }));
  return keys;
}

absl::StatusOr<ProjectionWorker::Pending*> ProjectionWorker::Row(
    const std::string& key, absl::flat_hash_map<std::string, Pending>* rows) {
  const auto at = rows->find(key);
  if (at != rows->end()) return &at->second;
  Pending row;
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             environment_.store->Get(family_, store::ProjectionKey(key)));
  if (stored.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow decoded,
                               store::DecodeProjection(*stored));
    COMMANDER_ASSIGN_OR_RETURN(row.row, environment_.sealing->Load(projection_.fold(), PlaceOf(key),
                                                                   decoded.sealed, decoded.row));
  }
  return &(rows->emplace(key, std::move(row)).first->second);
}

absl::Status ProjectionWorker::WaitFor(const std::function<bool()>& done, absl::Time deadline,
                                       const std::string& what) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return !stopped_.ok() || done(); };
  if (deadline == absl::InfiniteFuture()) {
    changed_.wait(lock, over);
  } else {
    changed_.wait_until(lock, absl::ToChronoTime(deadline), over);
  }
  if (done()) return absl::OkStatus();
  if (!stopped_.ok()) return StoppedLocked();
  return WithCode(absl::DeadlineExceededError(
                      absl::StrCat("projection ", name(), " has not folded ", what, " yet")),
                  "commander.timeout");
}

// What queries are told: that rows are not folded any further, whatever the reason was.
absl::Status ProjectionWorker::StoppedLocked() const {
  if (stopped_.ok() || absl::IsCancelled(stopped_)) return stopped_;
  return WithCode(absl::FailedPreconditionError(stopped_.message()), "commander.stopped");
}

absl::Status ProjectionWorker::Await(const Position& position, absl::Time deadline) {
  for (const RecordPosition& record : position.records()) {
    if (record.log != environment_.log_id) {
      return absl::InvalidArgumentError(absl::StrCat("the position is one of log ", record.log,
                                                     ", this is log ", environment_.log_id));
    }
    const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const Source& each) {
      return each.place.topic == record.topic && each.place.events.partition == record.partition;
    });
    if (source == sources_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("projection ", name(), " does not fold topic ",
                                                     record.topic, "[", record.partition, "]"));
    }
    COMMANDER_RETURN_IF_ERROR(WaitFor([&] { return source->polled > record.offset; }, deadline,
                                      absl::StrCat("offset ", record.offset.value, " of ",
                                                   record.topic, "[", record.partition, "]")));
  }
  const std::lock_guard lock(mutex_);
  return StoppedLocked();
}

absl::Status ProjectionWorker::AwaitReady(absl::Time deadline) {
  COMMANDER_RETURN_IF_ERROR(WaitFor(
      [&] {
        return std::all_of(sources_.begin(), sources_.end(),
                           [](const Source& source) { return source.polled >= source.ready; });
      },
      deadline, "what was in the log when it was opened"));
  const std::lock_guard lock(mutex_);
  return StoppedLocked();
}

absl::Status ProjectionWorker::Get(
    std::string_view key, const std::function<void(capnp::AnyPointer::Reader)>& use) const {
  const std::shared_lock reading(queries_mutex_);
  COMMANDER_RETURN_IF_ERROR(refused_);
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             environment_.store->Get(family_, store::ProjectionKey(key)));
  if (!stored.has_value()) return absl::OkStatus();
  COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow row, store::DecodeProjection(*stored));
  return environment_.sealing->Read(projection_.fold(), PlaceOf(key), row.sealed, row.row, use);
}

absl::Status ProjectionWorker::Scan(
    std::string_view prefix, std::string_view after, std::size_t limit,
    const std::function<void(std::string_view, capnp::AnyPointer::Reader)>& use) const {
  const std::shared_lock reading(queries_mutex_);
  COMMANDER_RETURN_IF_ERROR(refused_);
  const std::string start = store::ProjectionKey(std::max(prefix, after));
  const std::string end = store::PrefixEnd(store::ProjectionKey(prefix));
  std::size_t rows = 0;
  const std::unique_ptr<store::Cursor> cursor = environment_.store->Scan(family_, start, end);
  for (; cursor->Valid() && rows < limit; cursor->Next()) {
    const std::string_view key = store::KeyOfProjection(cursor->key());
    if (!after.empty() && key <= after) continue;
    COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow row,
                               store::DecodeProjection(cursor->value()));
    COMMANDER_RETURN_IF_ERROR(
        environment_.sealing->Read(projection_.fold(), PlaceOf(key), row.sealed, row.row,
                                   [&](capnp::AnyPointer::Reader stored) { use(key, stored); }));
    ++rows;
  }
  return cursor->status();
}

std::vector<PartitionStatus> ProjectionWorker::Status() const {
  std::vector<PartitionStatus> all;
  const std::lock_guard lock(mutex_);
  for (const Source& source : sources_) {
    PartitionStatus& status = all.emplace_back();
    status.group = name();
    status.partition = source.place.events.partition;
    status.folded = source.polled;
    status.end = std::max(source.polled, environment_.log->EndSeen(source.place.events));
    status.error = stopped_;
    status.warning = environment_.log->Warning(source.place.events);
    status.phase = !stopped_.ok()                 ? PartitionPhase::kStopped
                   : source.polled < source.ready ? PartitionPhase::kRestoring
                                                  : PartitionPhase::kRunning;
  }
  return all;
}

absl::Status ProjectionWorker::Flush() {
  if (unflushed_ == 0) return absl::OkStatus();
  COMMANDER_RETURN_IF_ERROR(environment_.store->Flush(family_));
  unflushed_ = 0;
  return absl::OkStatus();
}

void ProjectionWorker::Refuse(absl::Status why) {
  const std::unique_lock lock(queries_mutex_);
  refused_ = std::move(why);
}

void ProjectionWorker::Stop(absl::Status why) {
  const auto stopped = [&] {
    const std::lock_guard lock(mutex_);
    return !stopped_.ok();
  };
  if (stopped()) return;
  // Said before anybody is told who waits.
  if (environment_.sink && !absl::IsCancelled(why)) {
    environment_.sink(
        {LogLevel::kError, "projection", std::string(why.message()), {{"projection", name()}}});
  }
  {
    const std::lock_guard lock(mutex_);
    stopped_ = std::move(why);
  }
  changed_.notify_all();
}

}  // namespace commander::internal
