#include "tests/simulation/personal_simulation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/errors.h"
#include "engine/partitioner.h"
#include "engine/wiring.h"

namespace commander::test {
namespace {

constexpr std::uint64_t kPeople = 6;
constexpr std::uint64_t kAccounts = 4;
constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

PersonalSimulation::PersonalSimulation(std::uint64_t seed)
    : SeededRun(seed),
      engine_random_(seed + 1),
      disk_(std::make_shared<SimulatedDisk>(seed)),
      kek_(crypto::NewKekFile({.path = dir_ / "kek", .data_directory = {}, .sink = nullptr})) {
  partitions_ = static_cast<std::uint16_t>(1 + Below(3));
  faults_ = 15 + Below(60);
  gaps_ = seed % 2 == 0;
  if (seed % 3 == 0) late_polls_ = .3;
  if (OneIn(3)) aborts_ = .1;
  if (OneIn(3)) unknowns_ = .02;
  for (std::uint64_t i = 0; i < kPeople; ++i) people_[std::to_string(i)];
}

PersonalSimulation::~PersonalSimulation() {
  if (core_ != nullptr) Crash();
}

// Without what differs from run to run.
void PersonalSimulation::Tell(const std::string& what) {
  story_.push_back(absl::StrReplaceAll(what, {{dir_.path().string(), "DIR"}}));
}

void PersonalSimulation::Broken(const std::string& what) {
  Tell(absl::StrCat("BROKEN: ", what));
  broken_.push_back(what);
}

// ---------------------------------------------------------------- the process

absl::StatusOr<std::unique_ptr<crypto::KeyStore>> PersonalSimulation::OpenKeys(
    crypto::LedgerLog& ledger, std::function<absl::Status()> drop) {
  crypto::KeyStoreOptions options;
  options.directory = dir_ / "keys";
  options.kek = kek_.get();
  options.open_rows = keys_.Opener();
  options.ledger = &ledger;
  options.clock = &clock_;
  options.random = &engine_random_;
  options.cached_keys = 1 + Below(8);
  options.drop_caches = [this, drop] {
    Meanwhile();
    return drop();
  };
  options.on_step = [this](std::string_view step) {
    Tell(absl::StrCat("step ", std::string(step)));
    // Within the others, locks are held that a client may need.
    if (!step.starts_with("erase.") || step == "erase.fenced") return;
    if (erasing_ && OneIn(12)) {
      Tell("the process ends there");
      log_->Crash();
    }
    if (erasing_ && OneIn(12)) log_->SetFull(true);
    Meanwhile();
  };
  return crypto::KeyStore::Open(std::move(options));
}

void PersonalSimulation::Open() {
  accounts_ =
      std::make_unique<Group<Referrer>>("accounts", GroupOptions{.partitions = partitions_});
  AddReferralHandlers(*accounts_, [this](const View<Referrer>& view) { CheckView(view); });
  people_rows_ = std::make_unique<Projection<PersonRow>>("people", *accounts_);
  histories_ = std::make_unique<Projection<HistoryRow>>("histories", *accounts_);
  EngineOptions options;
  options.data_directory = "in memory";
  options.write_back_events = 1 + Below(OneIn(2) ? 10 : 100);
  options.state_cache_bytes = Below(3) * 2000;
  options.log_sink = [this](const LogLine& line) {
    Tell(absl::StrCat("log: ", line.component, ": ", line.message));
  };
  auto wiring =
      internal::CheckWiring(options, {accounts_.get(), people_rows_.get(), histories_.get()});
  if (!wiring.ok()) return Broken(wiring.status().ToString());
  SimulatedLogOptions log_options;
  log_options.clock = &clock_;
  log_options.seed = random_();
  log_options.aborts = aborts_;
  log_options.unknowns = unknowns_;
  log_options.gaps = gaps_;
  log_options.late_polls = late_polls_;
  auto log = SimulatedLog::Open(disk_, log_options);
  if (!log.ok()) return Broken(log.status().ToString());
  log_ = log->get();
  internal::Environment environment;
  environment.log = *std::move(log);
  environment.stores = std::make_unique<BorrowedStores>(stores_);
  environment.clock = &clock_;
  environment.random = &engine_random_;
  environment.open_keys = [this](auto& ledger, auto drop) { return OpenKeys(ledger, drop); };
  auto core = internal::Core::Open(options, *std::move(wiring), std::move(environment));
  if (core.ok()) {
    core_ = *std::move(core);
    return Tell("opened");
  }
  log_ = nullptr;
  if (!keys_.dead() && !absl::IsUnavailable(core.status())) {
    Broken(absl::StrCat("the engine does not open: ", core.status().ToString()));
  }
  Tell(absl::StrCat("does not open: ", core.status().ToString()));
}

void PersonalSimulation::Crash() {
  Tell("crash");
  Count("crash");
  dying_ = true;
  log_->Crash();
  stores_.Crash(random_());
  keys_.Crash(Below(4));
  core_.reset();
  dying_ = false;
}

void PersonalSimulation::Close() {
  Tell("close");
  const bool healthy = log_->health().ok();
  const absl::Status closed = core_->Close();
  if (!closed.ok() && healthy) Broken(absl::StrCat("Close: ", closed.ToString()));
  core_.reset();
}

// One that dies while it opens is opened again.
void PersonalSimulation::Reopen() {
  CheckDisk();
  if (OneIn(8)) stores_.Remove("store/accounts");
  if (OneIn(8)) stores_.Remove("projections/people@1");
  if (OneIn(6)) keys_.DieAfter(static_cast<int>(Below(6)));
  for (int tries = 0; core_ == nullptr && broken_.empty(); ++tries) {
    if (tries > 50) return Broken("it never opens");
    Open();
    if (core_ != nullptr) break;
    stores_.Crash(random_());
    keys_.Crash(Below(4));
    CheckDisk();
  }
  if (core_ != nullptr) CheckPeople();
}

bool PersonalSimulation::Stopped() {
  if (keys_.dead() || !log_->health().ok()) return true;
  for (const auto& worker : core_->workers()) {
    if (!worker->stopped()) continue;
    Broken(absl::StrCat("a partition stopped: ", worker->error().ToString()));
    return true;
  }
  for (const auto& projection : core_->projections()) {
    for (const PartitionStatus& status : projection->Status()) {
      if (status.error.ok()) continue;
      Broken(absl::StrCat("a projection stopped: ", status.error.ToString()));
      return true;
    }
  }
  return false;
}

void PersonalSimulation::StepEngine() {
  const std::size_t workers = core_->workers().size();
  const std::uint64_t what = Below(2 * workers + 5);
  if (what < 2 * workers) {
    core_->workers()[what % workers]->Step();
  } else if (what < 2 * workers + 2) {
    core_->log().Step();
  } else if (what == 2 * workers + 2) {
    core_->write_backs().Step();
  } else {
    core_->projections()[what % 2]->Step();
  }
}

// What the others do between two steps of an erasure.
void PersonalSimulation::Meanwhile() {
  if (core_ == nullptr || !erasing_ || dying_) return;
  for (std::uint64_t i = Below(6); i > 0; --i) {
    if (OneIn(3)) {
      Refer(std::to_string(Below(kPeople)));
    } else if (OneIn(4)) {
      Find();
    } else {
      StepEngine();
    }
  }
}

void PersonalSimulation::Step() {
  const std::uint64_t what = Below(100);
  if (what < 60) {
    StepEngine();
  } else if (what < 75) {
    Refer(std::to_string(Below(kPeople)));
  } else if (what < 79) {
    MeetAll();
  } else if (what < 87) {
    Look();
  } else if (what < 93) {
    Find();
  } else if (what < 96) {
    Erase();
  } else {
    clock_.Advance(static_cast<std::int64_t>(Below(kSecond)));
  }
  if (OneIn(faults_)) {
    if (OneIn(3)) {
      keys_.DieAfter(static_cast<int>(Below(4)));
    } else if (OneIn(3)) {
      log_->SetFull(OneIn(2));
    } else {
      Crash();
      return Reopen();
    }
  }
  if (!Stopped()) return;
  if (keys_.dead() || OneIn(2)) {
    Crash();
  } else {
    Close();
  }
  Reopen();
}

void PersonalSimulation::Settle() {
  for (int i = 0; i < 20'000; ++i) {
    if (!core_->StepAll()) return;
    if (Stopped()) return Broken("it stops although nothing is wrong any more");
  }
  Broken("the engine never comes to rest");
}

// Nothing fails any more; what is told now is told again by stores that are made anew.
void PersonalSimulation::Finish() {
  aborts_ = unknowns_ = 0;
  for (int round = 0; round < 2 && broken_.empty(); ++round) {
    Crash();
    if (round == 1) {
      for (const char* name :
           {"store/accounts", "projections/people@1", "projections/histories@1"}) {
        if (!stores_.Remove(name)) Broken("a store was left open");
      }
    }
    do {
      Reopen();
      if (core_ == nullptr || !broken_.empty()) return;
      if (keys_.dead()) Crash();
    } while (core_ == nullptr);
    keys_.DieAfter(-1);
    Settle();
    if (!broken_.empty()) return;
    CheckRows();
    for (const Acknowledged& event : acknowledged_) {
      const Request& request = requests_[event.request];
      const auto outcome = core_->FindOutcome(*accounts_, request.key, request.id);
      if (!outcome.ok()) return Broken(absl::StrCat("lost: ", outcome.status().ToString()));
      CheckEvent(event, *outcome);
    }
  }
}

std::vector<std::string> PersonalSimulation::Run() {
  Open();
  const std::uint64_t steps = 50 + Below(400);
  for (std::uint64_t i = 0; i < steps && broken_.empty() && core_ != nullptr; ++i) Step();
  if (broken_.empty() && core_ != nullptr) Finish();
  return broken_;
}

// ---------------------------------------------------------------- clients

// The first meeting of a person in many accounts at once makes one key.
void PersonalSimulation::MeetAll() {
  const std::string person = absl::StrCat("new-", requests_.size());
  for (std::uint64_t i = 2 + Below(4); i > 0; --i) Refer(person);
}

void PersonalSimulation::Refer(const std::string& person) {
  const std::size_t index = requests_.size();
  Request& request = requests_.emplace_back();
  request.key = absl::StrCat("acct-", Below(kAccounts));
  request.id = absl::StrCat("r-", index);
  request.person = person;
  request.too_late = !people_[person].erasure.empty();
  const bool asked = people_[person].asked;
  CommandOptions options;
  options.id = request.id;
  auto draft = internal::MakeCommand<referrals::Refer>([&](auto command) {
    command.setEmail(EmailOf(person).c_str());
    command.setNote(NoteOf(person, request.id).c_str());
  });
  const auto sent = core_->Send(*accounts_, request.key, std::move(draft), options, {},
                                [this, index](const auto& answer) { Answered(index, answer); });
  if (sent.ok()) return Tell(absl::StrCat("sent ", requests_[index].id, " about ", person));
  Count("refused");
  if (absl::IsFailedPrecondition(sent.status()) && !asked) {
    Broken(absl::StrCat("refused for nothing: ", sent.status().ToString()));
  }
}

void PersonalSimulation::Look() {
  const auto sent =
      core_->Send(*accounts_, absl::StrCat("acct-", Below(kAccounts)),
                  internal::MakeCommand<referrals::Look>([](auto) {}), {}, {}, [](const auto&) {});
  Count(sent.ok() ? "look" : "refused");
}

void PersonalSimulation::Answered(std::size_t index, const absl::StatusOr<Outcome>& answer) {
  if (dying_ || !answer.ok()) return Count("no answer");
  const Request request = requests_[index];
  if (answer->kind() == OutcomeKind::kRejected) {
    Count("rejected");
    if (answer->rejection().code != "commander.erased" || !people_[request.person].asked) {
      Broken(absl::StrCat(request.id, " was rejected: ", answer->rejection().code));
    }
    return;
  }
  if (answer->kind() != OutcomeKind::kEvents) return Broken(request.id + ": no events");
  if (request.too_late) Broken(request.id + " was taken although its person is erased");
  Count("events");
  acknowledged_.push_back({index, answer->version()});
  CheckEvent(acknowledged_.back(), *answer);
}

void PersonalSimulation::Erase() {
  auto at = people_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(Below(people_.size())));
  auto& [name, person] = *at;
  if (OneIn(3)) keys_.DieAfter(static_cast<int>(Below(8)));
  log_->SetFull(false);  // it would wait for the workers, and they for space
  person.asked = erasing_ = true;
  Tell(absl::StrCat("erasing ", name));
  const auto receipt = core_->Erase(SubjectOf(name), "asked");
  erasing_ = false;
  Tell(absl::StrCat("erasing ", name, ": ", receipt.status().ToString()));
  if (!receipt.ok()) {
    Count("erasure interrupted");
    if (!absl::IsUnavailable(receipt.status()) && !keys_.dead()) {
      Broken(receipt.status().ToString());
    }
    return;
  }
  Count("erased");
  if (!person.erasure.empty() && person.erasure != receipt->erasure) {
    Broken(name + " was erased twice");
  }
  person.erasure = receipt->erasure;
}

void PersonalSimulation::Find() {
  if (acknowledged_.empty()) return;
  const Acknowledged event = acknowledged_[Below(acknowledged_.size())];
  const Request& request = requests_[event.request];
  const auto outcome = core_->FindOutcome(*accounts_, request.key, request.id);
  if (!outcome.ok()) return Count("not found");  // yet, or the partition has stopped
  Count("found");
  CheckEvent(event, *outcome);
}

}  // namespace commander::test
