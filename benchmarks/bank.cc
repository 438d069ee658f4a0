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

struct Account {
  using Schema = bench::Account;
  using Events = commander::Events<bench::Deposited, bench::Withdrawn>;
  std::int64_t balance = 0;
  void Load(Schema::Reader stored) { balance = stored.getBalance(); }
  void Save(Schema::Builder stored) const { stored.setBalance(balance); }
  void Apply(bench::Deposited::Reader event) { balance += event.getAmount(); }
  void Apply(bench::Withdrawn::Reader event) { balance -= event.getAmount(); }
  std::size_t MemoryBytes() const { return sizeof(*this); }
};
using View = commander::View<Account>;

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

void AddHandlers(commander::Group<Account>& accounts) {
  accounts.OnCommand(
      [](bench::Deposit::Reader command, const View&) -> commander::Decision<bench::Deposited> {
        return commander::Emit<bench::Deposited>(
            [&](auto event) { Fill(event, command.getSeq(), command.getAmount()); });
      });
  accounts.OnCommand([](bench::Withdraw::Reader command,
                        const View& view) -> commander::Decision<bench::Withdrawn> {
    if (view->balance < command.getAmount()) {
      return commander::Reject("overdrawn", "balance is too low");
    }
    return commander::Emit<bench::Withdrawn>(
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
class Client {
 public:
  Client(commander::Engine& engine, const commander::Group<Account>& group, std::size_t window)
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
          command.deposit ? engine_.SendCommand<bench::Deposit>(group_, key, fill, done)
                          : engine_.SendCommand<bench::Withdraw>(group_, key, fill, done);
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
      if (const auto deposited = outcome->event<bench::Deposited>()) {
        totals_.balance += deposited->getAmount();
      }
      if (const auto withdrawn = outcome->event<bench::Withdrawn>()) {
        totals_.balance -= withdrawn->getAmount();
      }
    }
    // Half a window at a time: waking a client for every answer would measure the waking.
    if (--outstanding_ == window_ / 2 || outstanding_ == 0) room_.notify_all();
  }

  commander::Engine& engine_;
  const commander::Group<Account>& group_;
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t outstanding_ = 0;
  Totals totals_;
  std::uint64_t failures_ = 0;
};

double RunClients(commander::Engine& engine, const commander::Group<Account>& group,
                  const std::vector<Command>& commands, std::size_t begin, std::size_t end,
                  std::size_t clients, std::size_t window, Totals* totals) {
  std::vector<std::unique_ptr<Client>> all;
  std::vector<std::thread> threads;
  const double start = Now();
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(std::make_unique<Client>(engine, group, window));
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

void RunSync(commander::Engine& engine, const commander::Group<Account>& group,
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
      const auto outcome = engine.SyncCommand<bench::Deposit>(
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("the workload bank through the public API, on the embedded log");
  std::size_t count = 1'000'000;
  std::size_t clients = 1;
  std::uint16_t partitions = 1;
  std::size_t window = 4096;
  std::size_t sync_count = 5000;
  std::string directory;
  app.add_option("--commands", count, "commands; the first tenth warms up")->capture_default_str();
  app.add_option("--clients", clients, "threads that send")->capture_default_str();
  app.add_option("--partitions", partitions, "of the group")->capture_default_str();
  app.add_option("--outstanding", window, "commands a client has under way")->capture_default_str();
  app.add_option("--sync", sync_count, "synchronous commands afterwards")->capture_default_str();
  app.add_option("--directory", directory, "where the data goes; default: a new one in /var/tmp");
  CLI11_PARSE(app, argc, argv);

  std::string made = "/var/tmp/commander-bank-XXXXXX";
  if (directory.empty()) {
    if (mkdtemp(made.data()) == nullptr) {
      std::perror(made.c_str());
      return 1;
    }
    directory = made;
  }
  const std::vector<Command> commands = Generate(count);
  const Totals expected = Expect(commands);

  commander::Group<Account> accounts("accounts", {.partitions = partitions});
  AddHandlers(accounts);
  commander::EngineOptions options;
  options.data_directory = directory + "/data";
  options.max_outstanding = window * clients + 1;
  auto engine = commander::Engine::Open(options, {&accounts});
  if (!engine.ok()) {
    std::fprintf(stderr, "bank: %s\n", engine.status().ToString().c_str());
    return 1;
  }
  Totals totals;
  const std::size_t warm = count / 10;
  RunClients(**engine, accounts, commands, 0, warm, clients, window, &totals);
  const double cpu = CpuSeconds();
  const double seconds =
      RunClients(**engine, accounts, commands, warm, count, clients, window, &totals);
  const double used = CpuSeconds() - cpu;
  const auto measured = static_cast<double>(count - warm);
  std::printf("bank, %zu commands, %d partition(s), %zu client(s), %zu outstanding each:\n", count,
              partitions, clients, window);
  std::printf("  %.0f commands/s   %.2f CPU s per million   peak memory %.0f MiB\n",
              measured / seconds, used / measured * 1e6, PeakMebibytes());
  std::printf("  accepted %" PRIu64 "   rejected %" PRIu64 "   sum of balances %" PRId64 "   %s\n",
              totals.accepted, totals.rejected, totals.balance,
              totals == expected ? "as the model says" : "NOT WHAT THE MODEL SAYS");
  std::printf("  %.1f bytes of log per command\n",
              static_cast<double>(LogBytes(options.data_directory)) / static_cast<double>(count));
  if (sync_count > 0) RunSync(**engine, accounts, directory, sync_count);
  const absl::Status closed = (*engine)->Close();
  if (!closed.ok()) {
    std::fprintf(stderr, "bank: %s\n", closed.ToString().c_str());
    return 1;
  }
  const double reopen = Now();
  engine->reset();
  std::filesystem::remove_all(options.data_directory + "/store");
  commander::Group<Account> again("accounts", {.partitions = partitions});
  AddHandlers(again);
  auto rebuilt = commander::Engine::Open(options, {&again});
  if (!rebuilt.ok() || !(*rebuilt)->AwaitReady().ok()) {
    std::fprintf(stderr, "bank: the rebuild failed\n");
    return 1;
  }
  const double rebuild = Now() - reopen;
  std::printf("  rebuild of all states from the log: %.2f s, %.0f events/s\n", rebuild,
              static_cast<double>(totals.accepted) / rebuild);
  rebuilt->reset();
  if (directory == made) std::filesystem::remove_all(directory);
  return totals == expected ? 0 : 1;
}
