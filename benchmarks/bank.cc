// The workload "bank" through the public API, on the embedded log: throughput with many commands
// outstanding, then the latency of one synchronous client beside a bare write and sync.
//
// The generator is splitmix64 from state 42; command `seq` draws account, kind and amount in this
// order.  Deposit adds; Withdraw with enough balance subtracts, otherwise it is rejected.  What the
// engine answers is compared with a model that runs beside it.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "benchmarks/bank.capnp.h"
#include "commander/commander.h"

namespace {

constexpr std::uint32_t kAccounts = 100'000;
constexpr unsigned kPadBytes = 176;
// One command and its outcome in one frame, as the log writes it for a lone client.
constexpr std::size_t kBareBytes = 704;

// The schemas, without personal fields and with one, the padding.
struct Clear {
  using Deposit = bench::Deposit;
  using Withdraw = bench::Withdraw;
  using Deposited = bench::Deposited;
  using Withdrawn = bench::Withdrawn;
};
struct Personal {
  using Deposit = bench::PersonalDeposit;
  using Withdraw = bench::PersonalWithdraw;
  using Deposited = bench::PersonalDeposited;
  using Withdrawn = bench::PersonalWithdrawn;
};

template <class Types>
struct Account {
  using Schema = bench::Account;
  using Events = commander::Events<typename Types::Deposited, typename Types::Withdrawn>;
  std::int64_t balance = 0;
  void Load(Schema::Reader stored) { balance = stored.getBalance(); }
  void Save(Schema::Builder stored) const { stored.setBalance(balance); }
  void Apply(typename Types::Deposited::Reader event) { balance += event.getAmount(); }
  void Apply(typename Types::Withdrawn::Reader event) { balance -= event.getAmount(); }
  std::size_t MemoryBytes() const { return sizeof(*this); }
};
template <class Types>
using View = commander::View<Account<Types>>;
template <class Types>
using Group = commander::Group<Account<Types>>;

struct Command {
  std::uint32_t account;
  bool deposit;
  std::int64_t amount;
};

std::vector<Command> Generate(std::size_t count) {
  std::uint64_t state = 42;
  const auto next = [&] {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  };
  std::vector<Command> commands(count);
  for (Command& command : commands) {
    command.account = static_cast<std::uint32_t>(next() % kAccounts);
    command.deposit = next() % 100 < 70;
    command.amount = static_cast<std::int64_t>(1 + next() % 1000);
  }
  return commands;
}

struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::int64_t balance = 0;
  bool operator==(const Totals&) const = default;
};

Totals Expect(const std::vector<Command>& commands) {
  std::vector<std::int64_t> balances(kAccounts);
  Totals totals;
  for (const Command& command : commands) {
    std::int64_t& balance = balances[command.account];
    if (!command.deposit && balance < command.amount) {
      ++totals.rejected;
      continue;
    }
    ++totals.accepted;
    balance += command.deposit ? command.amount : -command.amount;
  }
  for (const std::int64_t balance : balances) totals.balance += balance;
  return totals;
}

std::string KeyOf(std::uint32_t account) {
  char key[16];
  std::snprintf(key, sizeof(key), "acct-%07" PRIu32, account);
  return key;
}

template <class Payload>
void Fill(Payload payload, std::uint64_t seq, std::int64_t amount) {
  payload.setSeq(seq);
  payload.setAmount(amount);
  std::memset(payload.initPad(kPadBytes).begin(), 'x', kPadBytes);
}

template <class Types>
void AddHandlers(Group<Types>& accounts) {
  using Deposited = typename Types::Deposited;
  using Withdrawn = typename Types::Withdrawn;
  accounts.OnCommand([](typename Types::Deposit::Reader command,
                        const View<Types>&) -> commander::Decision<Deposited> {
    return commander::Emit<Deposited>(
        [&](auto event) { Fill(event, command.getSeq(), command.getAmount()); });
  });
  accounts.OnCommand([](typename Types::Withdraw::Reader command,
                        const View<Types>& view) -> commander::Decision<Withdrawn> {
    if (view->balance < command.getAmount()) {
      return commander::Reject("overdrawn", "balance is too low");
    }
    return commander::Emit<Withdrawn>(
        [&](auto event) { Fill(event, command.getSeq(), command.getAmount()); });
  });
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}
double PeakMebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}
std::uintmax_t LogBytes(const std::filesystem::path& data) {
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(data / "log")) {
    if (file.path().extension() == ".log") bytes += file.file_size();
  }
  return bytes;
}

// One client: sends its share, never more than `window` outstanding.
template <class Types>
class Client {
 public:
  Client(commander::Engine& engine, const Group<Types>& group, std::size_t window)
      : engine_(engine), group_(group), window_(window) {}

  void Run(const std::vector<Command>& commands, std::size_t begin, std::size_t end,
           std::size_t number, std::size_t clients) {
    for (std::size_t seq = begin; seq < end; ++seq) {
      const Command& command = commands[seq];
      if (command.account % clients != number) continue;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return outstanding_ < window_; });
        ++outstanding_;
      }
      Send(command, seq);
    }
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return outstanding_ == 0; });
  }
  const Totals& totals() const { return totals_; }
  std::uint64_t failures() const { return failures_; }

 private:
  void Send(const Command& command, std::uint64_t seq) {
    const auto done = [this](absl::StatusOr<commander::Outcome> outcome) { Done(outcome); };
    const std::string key = KeyOf(command.account);
    const auto fill = [&](auto payload) { Fill(payload, seq, command.amount); };
    for (;;) {
      const absl::StatusOr<commander::MessageId> id =
          command.deposit ? engine_.SendCommand<typename Types::Deposit>(group_, key, fill, done)
                          : engine_.SendCommand<typename Types::Withdraw>(group_, key, fill, done);
      if (id.ok()) return;
      if (!absl::IsResourceExhausted(id.status())) {
        std::fprintf(stderr, "bank: %s\n", id.status().ToString().c_str());
        std::exit(1);
      }
      std::this_thread::yield();
    }
  }
  void Done(const absl::StatusOr<commander::Outcome>& outcome) {
    const std::lock_guard lock(mutex_);
    if (!outcome.ok()) {
      ++failures_;
    } else if (outcome->rejected()) {
      ++totals_.rejected;
    } else {
      ++totals_.accepted;
      if (const auto deposited = outcome->template event<typename Types::Deposited>()) {
        totals_.balance += deposited->getAmount();
      }
      if (const auto withdrawn = outcome->template event<typename Types::Withdrawn>()) {
        totals_.balance -= withdrawn->getAmount();
      }
    }
    // Half a window at a time: waking a client for every answer would measure the waking.
    if (--outstanding_ == window_ / 2 || outstanding_ == 0) room_.notify_all();
  }

  commander::Engine& engine_;
  const Group<Types>& group_;
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t outstanding_ = 0;
  Totals totals_;
  std::uint64_t failures_ = 0;
};

template <class Types>
double RunClients(commander::Engine& engine, const Group<Types>& group,
                  const std::vector<Command>& commands, std::size_t begin, std::size_t end,
                  std::size_t clients, std::size_t window, Totals* totals) {
  std::vector<std::unique_ptr<Client<Types>>> all;
  std::vector<std::thread> threads;
  const double start = Now();
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(std::make_unique<Client<Types>>(engine, group, window));
    threads.emplace_back([&, i] { all[i]->Run(commands, begin, end, i, clients); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = Now() - start;
  for (const auto& client : all) {
    totals->accepted += client->totals().accepted;
    totals->rejected += client->totals().rejected;
    totals->balance += client->totals().balance;
    if (client->failures() > 0) {
      std::fprintf(stderr, "bank: %" PRIu64 " commands got an error\n", client->failures());
      std::exit(1);
    }
  }
  return seconds;
}

struct Percentiles {
  double p50 = 0;
  double p99 = 0;
};
Percentiles Of(std::vector<double>& microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double q) {
    return microseconds[static_cast<std::size_t>(q * static_cast<double>(microseconds.size() - 1))];
  };
  return {at(0.50), at(0.99)};
}

// A file of which `count` blocks of zeros have been written and synced.
class BareFile {
 public:
  BareFile(const std::filesystem::path& path, std::size_t count)
      : file_(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
    const std::vector<char> zeros(count * kBareBytes);
    if (file_ < 0 || pwrite(file_, zeros.data(), zeros.size(), 0) < 0 || fsync(file_) != 0) {
      std::perror(path.c_str());
      std::exit(1);
    }
  }
  ~BareFile() { close(file_); }
  void Write() {
    std::memset(block_, 'x', sizeof(block_));
    if (pwrite(file_, block_, sizeof(block_), static_cast<off_t>(written_++ * kBareBytes)) < 0 ||
        fdatasync(file_) != 0) {
      std::perror("bare write");
      std::exit(1);
    }
  }

 private:
  const int file_;
  std::size_t written_ = 0;
  char block_[kBareBytes];
};

template <class Types>
void RunSync(commander::Engine& engine, const Group<Types>& group,
             const std::filesystem::path& directory, std::size_t count) {
  BareFile bare(directory / "bare", count);
  std::vector<double> bare_us;
  std::vector<double> sync_us;
  const auto measure = [](std::vector<double>* out, const auto& run) {
    const double start = Now();
    run();
    out->push_back((Now() - start) * 1e6);
  };
  double cpu = 0;
  for (std::size_t i = 0; i < count; ++i) {
    measure(&bare_us, [&] { bare.Write(); });
    const std::string key = KeyOf(static_cast<std::uint32_t>(i % kAccounts));
    const double before = CpuSeconds();
    measure(&sync_us, [&] {
      const auto outcome = engine.SyncCommand<typename Types::Deposit>(
          group, key, [&](auto payload) { Fill(payload, i, 1); });
      if (!outcome.ok()) {
        std::fprintf(stderr, "bank: %s\n", outcome.status().ToString().c_str());
        std::exit(1);
      }
    });
    cpu += CpuSeconds() - before;
  }
  const Percentiles bare_p = Of(bare_us);
  const Percentiles sync_p = Of(sync_us);
  std::printf("one synchronous client, %zu commands, each after a bare %zu-byte write and sync:\n",
              count, kBareBytes);
  std::printf("  bare         p50 %7.1f us   p99 %7.1f us\n", bare_p.p50, bare_p.p99);
  std::printf("  SyncCommand  p50 %7.1f us   p99 %7.1f us   ratio %.2f / %.2f   CPU %.1f us\n",
              sync_p.p50, sync_p.p99, sync_p.p50 / bare_p.p50, sync_p.p99 / bare_p.p99,
              cpu * 1e6 / static_cast<double>(count));
}

struct Options {
  std::size_t count = 1'000'000;
  std::size_t clients = 1;
  std::uint16_t partitions = 1;
  std::size_t window = 4096;
  std::size_t sync_count = 5000;
};

void Die(const absl::Status& status) {
  std::fprintf(stderr, "bank: %s\n", status.ToString().c_str());
  std::exit(1);
}

template <class Types>
std::unique_ptr<commander::Engine> Open(const commander::EngineOptions& options,
                                        Group<Types>& accounts) {
  AddHandlers<Types>(accounts);
  auto engine = commander::Engine::Open(options, {&accounts});
  if (!engine.ok()) Die(engine.status());
  return *std::move(engine);
}

// Commands a second.
template <class Types>
double RunBank(const Options& run, const std::filesystem::path& directory) {
  const std::vector<Command> commands = Generate(run.count);
  const Totals expected = Expect(commands);
  Group<Types> accounts("accounts", {.partitions = run.partitions});
  commander::EngineOptions options;
  options.data_directory = directory / "data";
  options.kek_file = directory / "kek";
  options.max_outstanding = run.window * run.clients + 1;
  std::unique_ptr<commander::Engine> engine = Open<Types>(options, accounts);
  Totals totals;
  const std::size_t warm = run.count / 10;
  RunClients<Types>(*engine, accounts, commands, 0, warm, run.clients, run.window, &totals);
  const double cpu = CpuSeconds();
  const double seconds = RunClients<Types>(*engine, accounts, commands, warm, run.count,
                                           run.clients, run.window, &totals);
  const double used = CpuSeconds() - cpu;
  const auto measured = static_cast<double>(run.count - warm);
  std::printf("  %.0f commands/s   %.2f CPU s per million   peak memory %.0f MiB\n",
              measured / seconds, used / measured * 1e6, PeakMebibytes());
  std::printf("  accepted %" PRIu64 "   rejected %" PRIu64 "   sum of balances %" PRId64 "   %s\n",
              totals.accepted, totals.rejected, totals.balance,
              totals == expected ? "as the model says" : "NOT WHAT THE MODEL SAYS");
  std::printf(
      "  %.1f bytes of log per command\n",
      static_cast<double>(LogBytes(options.data_directory)) / static_cast<double>(run.count));
  if (run.sync_count > 0) RunSync<Types>(*engine, accounts, directory, run.sync_count);
  if (const absl::Status closed = engine->Close(); !closed.ok()) Die(closed);
  engine.reset();
  std::filesystem::remove_all(options.data_directory + "/store");
  const double reopen = Now();
  Group<Types> again("accounts", {.partitions = run.partitions});
  engine = Open<Types>(options, again);
  if (const absl::Status ready = engine->AwaitReady(); !ready.ok()) Die(ready);
  const double rebuild = Now() - reopen;
  std::printf("  rebuild of all states from the log: %.2f s, %.0f events/s\n", rebuild,
              static_cast<double>(totals.accepted) / rebuild);
  engine.reset();
  std::filesystem::remove_all(directory);
  if (totals != expected) std::exit(1);
  return measured / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("the workload bank through the public API, on the embedded log");
  Options run;
  bool personal = false;
  std::string directory;
  app.add_option("--commands", run.count, "commands; the first tenth warms up")
      ->capture_default_str();
  app.add_option("--clients", run.clients, "threads that send")->capture_default_str();
  app.add_option("--partitions", run.partitions, "of the group")->capture_default_str();
  app.add_option("--outstanding", run.window, "commands a client has under way")
      ->capture_default_str();
  app.add_option("--sync", run.sync_count, "synchronous commands afterwards")
      ->capture_default_str();
  app.add_option("--directory", directory,
                 "where the data goes, which must not exist; default: a new one in /var/tmp");
  app.add_flag("--personal", personal, "again with a personal field in every command and event");
  CLI11_PARSE(app, argc, argv);

  std::string made = "/var/tmp/commander-bank-XXXXXX";
  if (directory.empty()) {
    if (mkdtemp(made.data()) == nullptr) {
      std::perror(made.c_str());
      return 1;
    }
    directory = made;
  } else if (!std::filesystem::create_directories(directory)) {
    std::fprintf(stderr, "bank: %s is there already\n", directory.c_str());
    return 1;
  }
  std::printf("bank, %zu commands, %d partition(s), %zu client(s), %zu outstanding each:\n",
              run.count, run.partitions, run.clients, run.window);
  const double clear = RunBank<Clear>(run, directory);
  if (!personal) return 0;
  std::filesystem::create_directories(directory);
  std::printf("the same with a personal field of %u bytes, one subject an account:\n", kPadBytes);
  const double sealed = RunBank<Personal>(run, directory);
  std::printf("  throughput with sealing / without: %.2f\n", sealed / clear);
  return 0;
}
