#include "tests/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/partitioner.h"
#include "engine/wiring.h"

namespace commander::test {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kWindows[] = {10 * kMinute, 60 * kMinute, 180 * kMinute};
constexpr char kGroup[] = "accounts";
constexpr char kBalances[] = "projections/balances@1";

}  // namespace

Simulation::Simulation(std::uint64_t seed)
    : SeededRun(seed), engine_random_(seed + 1), disk_(std::make_shared<SimulatedDisk>(seed)) {
  partitions_ = static_cast<std::uint16_t>(1 + Below(3));
  limits_.decide_at_once = 1 + Below(8);
  limits_.batch_outcomes = 1 + Below(6);
  limits_.id_block = 1 + Below(8);
  limits_.id_bytes = 1;
  if (OneIn(3)) aborts_ = .1;
  if (OneIn(3)) lost_results_ = .1;
  gaps_ = seed % 2 == 0;
  if (seed % 3 == 0) late_polls_ = .3;
  faults_ = 20 + Below(100);
  clock_.TickBy(OneIn(2) ? 1000 : 0);
  window_ns_ = kWindows[Below(2)];
  check_.min_window_ns = check_.max_window_ns = window_ns_;
  sick_ = Account::poison = kFirstPoison;
}

Simulation::~Simulation() {
  if (core_ != nullptr) Crash();
}

void Simulation::Tell(const std::string& what) {
  story_.push_back(
      absl::StrCat((clock_.NowNanos() - FakeClock::kStart) / 1'000'000, " ms: ", what));
}

void Simulation::Broken(const std::string& what) {
  Tell(absl::StrCat("BROKEN: ", what));
  broken_.push_back(what);
}

// ---------------------------------------------------------------- the process

void Simulation::Open() {
  ++life_;
  excused_ = false;
  accounts_ = std::make_unique<Group<Account>>(kGroup, GroupOptions{.partitions = partitions_});
  AddBankHandlers(*accounts_, [this] { CallFromHandler(); });
  balances_ = std::make_unique<Projection<Balance>>("balances", *accounts_);
  EngineOptions options;
  options.data_directory = "in memory";
  options.dedup_window = absl::Nanoseconds(window_ns_);
  options.max_record_bytes = kModelMaxRecordBytes;
  options.write_back_events = 1 + Below(OneIn(2) ? 20 : 200);
  options.state_cache_bytes = Below(3) * 2000;
  options.log_sink = [this](const LogLine& line) {
    Tell(absl::StrCat("log: ", line.component, ": ", line.message));
  };
  auto wiring = internal::CheckWiring(options, {accounts_.get(), balances_.get()});
  if (!wiring.ok()) return Broken(wiring.status().ToString());
  internal::Environment environment;
  SimulatedLogOptions log_options;
  log_options.clock = &clock_;
  log_options.seed = random_();
  log_options.aborts = aborts_;
  log_options.lost_results = lost_results_;
  log_options.gaps = gaps_;
  log_options.late_polls = late_polls_;
  auto log = SimulatedLog::Open(disk_, log_options);
  if (!log.ok()) return Broken(log.status().ToString());
  log_ = log->get();
  environment.log = *std::move(log);
  environment.stores = std::make_unique<BorrowedStores>(stores_);
  environment.clock = &clock_;
  environment.random = &engine_random_;
  environment.limits = limits_;
  environment.crash_slot = [this](const std::string& group, std::uint16_t partition) {
    return &slots_[{group, partition}];
  };
  auto core = internal::Core::Open(options, *std::move(wiring), std::move(environment));
  if (!core.ok()) {
    log_ = nullptr;
    return Broken(absl::StrCat("the engine does not open: ", core.status().ToString()));
  }
  core_ = *std::move(core);
  Tell(absl::StrCat("opened, window ", window_ns_ / kMinute, " min"));
}

void Simulation::Crash() {
  Tell("crash");
  Count("crash");
  dying_ = true;
  log_->Crash();
  stores_.Crash(random_());
  core_.reset();
  dying_ = false;
}

void Simulation::Reopen() {
  CheckDisk(false);
  if (OneIn(6)) {
    Count("store lost");
    Tell("the store of the group is lost");
    if (!stores_.Remove("store/accounts")) Broken("the store was left open");
  }
  if (OneIn(6) && !stores_.Remove(kBalances)) Broken("the projection's store was left open");
  if (OneIn(4)) {
    window_ns_ = kWindows[Below(3)];
    check_.min_window_ns = std::min(check_.min_window_ns, window_ns_);
    check_.max_window_ns = std::max(check_.max_window_ns, window_ns_);
  }
  // Back, but by no more than an engine takes.
  latest_ns_ = std::max(latest_ns_, clock_.NowNanos());
  if (OneIn(4)) clock_.Set(latest_ns_ - static_cast<std::int64_t>(Below(5 * 60)) * kSecond);
  Open();
}

void Simulation::Close() {
  const bool healthy = log_->health().ok();
  Tell("close");
  Count("close");
  const absl::Status status = core_->Close();
  if (!status.ok() && healthy && !excused_ && !absl::IsResourceExhausted(status))
    Broken(absl::StrCat("Close: ", status.ToString()));
  core_.reset();
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    if (lives_[i] == life_ && !sent_[i].refused && answers_[i] == 0) {
      Broken(absl::StrCat("Close left ", sent_[i].tag, " without an answer"));
    }
  }
}

void Simulation::CheckDisk(bool complete) {
  SimulatedLogOptions options;
  options.clock = &clock_;
  auto log = SimulatedLog::Open(disk_, options);
  if (!log.ok()) return Broken(log.status().ToString());
  const auto history = ReadGroup(**log, kGroup, !gaps_);
  if (!history.ok()) return Broken(history.status().ToString());
  check_.complete = complete;
  Checker checker(*history, check_);
  checker.CheckLog();
  checker.CheckSent(sent_);
  if (complete) {
    checker.CheckSeen(seen_rows_);
    checker.CheckFound(found_);
  }
  auto states = stores_.Open("store/accounts");
  if (!states.ok()) return Broken(states.status().ToString());
  for (std::uint16_t p = 0; p < partitions_; ++p) {
    const auto family = (*states)->OpenFamily(absl::StrCat("p", p));
    if (!family.ok()) return Broken(family.status().ToString());
    checker.CheckState(**states, *family, p);
  }
  auto rows = stores_.Open(kBalances);
  if (!rows.ok()) return Broken(rows.status().ToString());
  const auto family = (*rows)->OpenFamily("rows");
  if (!family.ok()) return Broken(family.status().ToString());
  checker.CheckBalances(**rows, *family);
  for (const std::string& violation : checker.violations()) Broken(violation);
}

void Simulation::StepEngine() {
  const std::size_t workers = core_->workers().size();
  const std::uint64_t what = Below(2 * workers + 4);
  if (what < 2 * workers) {
    core_->workers()[what % workers]->Step();
  } else if (what < 2 * workers + 2) {
    core_->log().Step();
  } else if (what == 2 * workers + 2) {
    core_->write_backs().Step();
  } else {
    core_->projections()[0]->Step();
  }
}

bool Simulation::Stopped() {
  if (!log_->health().ok()) return true;
  for (const auto& worker : core_->workers()) {
    if (!worker->stopped()) continue;
    if (!excused_) Broken(absl::StrCat("a partition stopped: ", worker->error().ToString()));
    return true;
  }
  for (const PartitionStatus& status : core_->projections()[0]->Status()) {
    if (status.error.ok()) continue;
    if (!excused_) Broken(absl::StrCat("the projection stopped: ", status.error.ToString()));
    return true;
  }
  return false;
}

void Simulation::Fault() {
  switch (Below(8)) {
    case 0:
    case 1:
    case 2:
      Crash();
      return Reopen();
    case 3:
      Close();
      return Reopen();
    case 4:
      Count("abort");
      return log_->AbortNext();
    case 5:
      Count("unknown");
      excused_ = true;
      return log_->EndNextUnknown(OneIn(2));
    case 6:
      Count("full");
      return log_->SetFull(OneIn(2));
    case 7:
      if (sick_ == Account::poison) {
        Tell("cured");
        Account::poison = -1;
      } else {
        Account::poison = ++sick_;
        Tell("sick again");
      }
      return;
  }
}

void Simulation::Step() {
  const std::uint64_t what = Below(100);
  if (what < 55) {
    StepEngine();
  } else if (what < 78) {
    SendNew();
  } else if (what < 86) {
    SendAgain();
  } else if (what < 90) {
    Operate();
  } else if (what < 94) {
    Find();
  } else if (what < 97) {
    ReadRow();
  } else {
    const std::int64_t spans[] = {kSecond, kMinute, 4 * kMinute, 20 * kMinute, 100 * kMinute};
    const std::int64_t span = spans[OneIn(3) ? Below(5) : Below(3)];
    clock_.Advance(static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(span))));
  }
  if (OneIn(faults_)) Fault();
  if (core_ != nullptr && Stopped()) {
    if (OneIn(2)) {
      Crash();
    } else {
      Close();
    }
    Reopen();
  }
}

bool Simulation::Settle() {
  for (int i = 0; i < 20'000; ++i) {
    if (!core_->StepAll() && !log_->Step(false)) return true;
    if (Stopped()) return false;
  }
  Broken("the engine never comes to rest");
  return true;
}

void Simulation::Finish() {
  Tell("everything is cured, everything ends");
  aborts_ = lost_results_ = 0;
  Account::poison = -1;
  for (int round = 0; broken_.empty(); ++round) {
    log_->SetFull(false);
    if (!Settle()) {
      Close();
      Reopen();
      if (core_ == nullptr) return;
      continue;
    }
    const auto parked = core_->Parked(*accounts_);
    if (!parked.ok()) return Broken(parked.status().ToString());
    if (parked->empty()) break;
    if (round > 100) return Broken("retries do not end");
    for (const ParkedAggregate& aggregate : *parked) {
      OperateOn(aggregate.key, aggregate.source, false);
    }
  }
  while (!readers_.empty() && broken_.empty()) {
    const std::size_t before = readers_.size();
    ReadRow();
    if (readers_.size() == before) return Broken("a row cannot be read although all is folded");
  }
  if (core_ == nullptr) return;
  for (const PartitionStatus& each : core_->Status().projections) {
    if (each.phase == PartitionPhase::kRunning && each.folded == each.end) continue;
    Broken(absl::StrCat("a projection rests at ", each.folded.value, " of ", each.end.value));
  }
  Close();
  CheckDisk(broken_.empty());
}

std::vector<std::string> Simulation::Run() {
  Open();
  const std::uint64_t steps = 50 + Below(600);
  for (std::uint64_t i = 0; i < steps && broken_.empty() && core_ != nullptr; ++i) Step();
  if (broken_.empty() && core_ != nullptr) Finish();
  return broken_;
}

// ---------------------------------------------------------------- clients

std::string Simulation::NewId() {
  const std::uint64_t how = Below(10);
  if (how < 3) return "";
  if (how < 5) return absl::StrCat("text-", requests_.size());
  std::int64_t skew_ms = 0;
  const std::int64_t window_ms = window_ns_ / 1'000'000;
  const auto some = [&](std::int64_t minutes) {
    return static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(minutes) * 60'000));
  };
  switch (Below(8)) {
    case 0:
      skew_ms = some(5);
      break;
    case 1:
      skew_ms = -some(5);
      break;
    case 2:
      skew_ms = -window_ms - some(10) + 5 * 60'000;
      break;
    case 3:
      skew_ms = 5 * 60'000 + some(200) - 60'000;
      break;
    default:
      break;
  }
  const auto ms = static_cast<std::uint64_t>(clock_.NowNanos() / 1'000'000 + skew_ms);
  const MessageId id{ms << 16 | 0x7000 | Below(0x1000),
                     (random_() & 0x3fffffffffffffffu) | 0x8000000000000000u};
  return id.ToString();
}

void Simulation::SendNew() {
  Request request;
  request.key = std::string(1, static_cast<char>('a' + Below(5)));
  request.id = NewId();
  using How = bank::Misbehave::How;
  const char* types[] = {"bank.Deposit", "bank.Deposit", "bank.Withdraw",  "bank.Withdraw",
                         "bank.Open",    "bank.Close",   "bank.Misbehave", "bank.Misbehave"};
  request.type = types[Below(8)];
  request.number = static_cast<std::int64_t>(1 + Below(100));
  if (request.type == "bank.Misbehave") {
    const How hows[] = {How::THROW_IN_HANDLER,
                        How::THROW_IN_FOLD,
                        How::EMIT_THEN_REJECT,
                        How::DRAW,
                        How::MANY,
                        How::LARGE,
                        How::CALL_ENGINE};
    request.how = hows[Below(7)];
    if (request.how == How::MANY) request.number = static_cast<std::int64_t>(1 + Below(4));
    if (request.how == How::LARGE) request.number = OneIn(2) ? 100 : 70'000;
    if (request.how == How::THROW_IN_HANDLER || request.how == How::THROW_IN_FOLD) {
      request.number = OneIn(2) ? sick_ : 1;
    }
  }
  if (OneIn(6)) request.expected = ExpectedVersion::Absent();
  if (OneIn(6)) request.expected = ExpectedVersion::Exactly(Below(12));
  SendRequest(request, absl::StrCat("client", Below(3)));
}

void Simulation::SendAgain() {
  if (requests_.empty()) return;
  const std::size_t back = 1 + Below(std::min<std::size_t>(requests_.size(), OneIn(4) ? 200 : 12));
  Request request = requests_[requests_.size() - back];
  if (OneIn(5)) request.number += 1;
  if (OneIn(10)) request.type = "bank.Close";
  if (OneIn(5)) request.expected = ExpectedVersion::Absent();
  Count("sent again");
  SendRequest(request, absl::StrCat("client", Below(3)));
}

void Simulation::SendRequest(const Request& request, const std::string& client) {
  using internal::MakeCommand;
  if (request.type == "bank.Open") {
    Send(MakeCommand<bank::Open>([](auto command) { command.setOwner("somebody"); }), request,
         client);
  } else if (request.type == "bank.Deposit") {
    Send(MakeCommand<bank::Deposit>([&](auto command) { command.setCents(request.number); }),
         request, client);
  } else if (request.type == "bank.Withdraw") {
    Send(MakeCommand<bank::Withdraw>([&](auto command) { command.setCents(request.number); }),
         request, client);
  } else if (request.type == "bank.Close") {
    Send(MakeCommand<bank::Close>([](auto) {}), request, client);
  } else if (request.type == "commander.Retry") {
    Send(MakeCommand<wire::Retry>([](auto) {}), request, client);
  } else if (request.type == "commander.Skip") {
    Send(MakeCommand<wire::Skip>(
             [&](auto command) { command.setSource(static_cast<std::uint64_t>(request.number)); }),
         request, client);
  } else {
    Send(MakeCommand<bank::Misbehave>([&](auto command) {
           command.setHow(request.how);
           command.setNumber(request.number);
         }),
         request, client);
  }
}

void Simulation::Send(internal::CommandDraft draft, const Request& request,
                      const std::string& client) {
  const std::size_t index = sent_.size();
  Sent& sent = sent_.emplace_back();
  sent.client = client;
  sent.tag = absl::StrCat(client, "/", index);
  sent.key = request.key;
  sent.type = request.type;
  answers_.push_back(0);
  lives_.push_back(life_);
  CommandOptions options;
  options.id = request.id;
  options.expected = request.expected;
  options.actor = sent.tag;
  internal::Core::SendOptions how;
  if (OneIn(8)) how.wants = internal::Call::Wants::kDurable;
  const bool durable = how.wants == internal::Call::Wants::kDurable;
  const auto result = core_->Send(*accounts_, request.key, std::move(draft), options, how,
                                  [this, index, life = life_, durable](auto answer) {
                                    Answered(index, life, durable, answer);
                                  });
  if (!result.ok()) {
    sent_[index].refused = true;
    Count("refused");
    return;
  }
  sent_[index].id = result->call->id();
  requests_.push_back(request);
  requests_.back().id = sent_[index].id.ToString();
  Tell(absl::StrCat("sent ", sent_[index].tag, ": ", request.type, " ", request.number, " to ",
                    request.key, ", id ", requests_.back().id));
}

Told Simulation::ToldOf(const Outcome& outcome) const {
  Told told;
  told.kind = KindOf(outcome.kind());
  told.repeat = outcome.repeat();
  told.version = outcome.version();
  told.code = outcome.rejection().code;
  told.partition = static_cast<std::uint16_t>(outcome.position().partition);
  told.last = outcome.position().offset;
  return told;
}

void Simulation::Answered(std::size_t index, std::uint64_t life, bool durable,
                          const absl::StatusOr<Outcome>& answer) {
  if (dying_) return;
  if (life != life_) Broken("an answer to a process that has ended");
  Sent& sent = sent_[index];
  if (++answers_[index] > 1) Broken(absl::StrCat(sent.tag, " was answered twice"));
  if (!answer.ok()) {
    Count(absl::StrCat("answer ", absl::StatusCodeToString(answer.status().code())));
    Tell(absl::StrCat("answered ", sent.tag, ": ", answer.status().ToString()));
    if (!absl::IsUnavailable(answer.status()) && !absl::IsCancelled(answer.status()) &&
        !absl::IsResourceExhausted(answer.status())) {
      Broken(absl::StrCat("answered ", sent.tag, ": ", answer.status().ToString()));
    }
    return;
  }
  if (durable) {
    sent.acknowledged = true;
    return;
  }
  sent.told = ToldOf(*answer);
  Count(absl::StrCat("told ", std::string(NameOf(sent.told->kind)), " ", sent.told->code,
                     sent.told->repeat ? "repeat" : ""));
  Tell(absl::StrCat("answered ", sent.tag, ": ", std::string(NameOf(sent.told->kind)), " ",
                    sent.told->code, sent.told->repeat ? "repeat" : "", " at event offset ",
                    sent.told->last.value));
  if (answer->kind() == OutcomeKind::kEvents && OneIn(3)) {
    readers_.push_back({sent.key, answer->position()});
  }
  if (OneIn(10)) SendNew();
}

void Simulation::CallFromHandler() {
  const auto answer = core_->FindOutcome(*accounts_, "a", "text");
  if (answer.status().code() != absl::StatusCode::kFailedPrecondition) {
    Broken("a handler may call the engine");
  }
}

// ---------------------------------------------------------------- operators and readers

void Simulation::Operate() {
  const auto parked = core_->Parked(*accounts_);
  if (absl::IsUnavailable(parked.status()))
    return;  // a partition is still being restored, or stopped
  if (!parked.ok()) return Broken(absl::StrCat("Parked: ", parked.status().ToString()));
  if (parked->empty() || OneIn(8)) {
    OperateOn(std::string(1, static_cast<char>('a' + Below(5))), Offset{Below(50)}, OneIn(2));
    return;
  }
  const ParkedAggregate& aggregate = (*parked)[Below(parked->size())];
  OperateOn(aggregate.key, aggregate.source, OneIn(3));
}

void Simulation::OperateOn(const std::string& key, Offset head, bool skip) {
  Request request;
  request.key = key;
  request.type = skip ? "commander.Skip" : "commander.Retry";
  request.number = static_cast<std::int64_t>(head.value);
  request.id = OneIn(4) ? absl::StrCat("operator-", requests_.size()) : "";
  Count(request.type);
  SendRequest(request, "operator");
}

void Simulation::Find() {
  if (requests_.empty()) return;
  const std::size_t back = 1 + Below(std::min<std::size_t>(requests_.size(), 30));
  const Request& request = requests_[requests_.size() - back];
  FoundOutcome found;
  found.key = request.key;
  found.id = MessageId::FromText(request.id);
  found.partition = internal::PartitionOf(request.key, partitions_);
  const PartitionStatus status = core_->workers()[found.partition]->Status();
  if (status.phase == PartitionPhase::kStopped) return;
  found.known = status.folded;
  const auto outcome = core_->FindOutcome(*accounts_, request.key, request.id);
  if (outcome.ok()) {
    found.told = ToldOf(*outcome);
  } else if (!absl::IsNotFound(outcome.status())) {
    Broken(absl::StrCat("FindOutcome: ", outcome.status().ToString()));
  }
  Count(outcome.ok() ? "found" : "not found");
  found_.push_back(std::move(found));
}

void Simulation::ReadRow() {
  if (readers_.empty()) return;
  const std::size_t which = Below(readers_.size());
  const Reader reader = readers_[which];
  const auto projection = core_->FindProjection(*balances_);
  if (!projection.ok()) return Broken(projection.status().ToString());
  const absl::Status there = (*projection)->Await(reader.at_least, absl::UnixEpoch());
  if (!there.ok()) {
    if (!absl::IsDeadlineExceeded(there)) Broken(there.ToString());
    return;
  }
  SeenRow row;
  row.key = reader.key;
  row.partition = static_cast<std::uint16_t>(reader.at_least.partition);
  row.at_least = reader.at_least.offset;
  const absl::Status read = (*projection)->Get(reader.key, [&](capnp::AnyPointer::Reader stored) {
    const auto balance = stored.getAs<bank::Balance>();
    row.row = {true, balance.getCents(), balance.getEvents()};
  });
  if (!read.ok()) Broken(read.ToString());
  seen_rows_.push_back(row);
  readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(which));
  Count("row read");
}

}  // namespace commander::test
