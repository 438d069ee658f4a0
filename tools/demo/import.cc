#include "tools/demo/import.h"

#include <unistd.h>

#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "commander/internal/status_macros.h"
#include "tools/demo/changelog_files.h"

namespace commander::demo {
namespace {

constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::size_t kMaxAddressBytes = 2048;
constexpr std::size_t kMaxUnderWay = 4096;
constexpr char kErased[] = "commander.erased";

// What became of the commands; told on engine threads.
class Tally {
 public:
  void Sent() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ < kMaxUnderWay; });
    ++under_way_;
  }
  void Unsent() { Ended(std::nullopt); }
  void Erased() {
    const std::lock_guard lock(mutex_);
    ++erased_;
  }
  void Ended(std::optional<absl::StatusOr<Outcome>> outcome) {
    const std::lock_guard lock(mutex_);
    --under_way_;
    if (outcome.has_value()) Count(*outcome);
    if (under_way_ == kMaxUnderWay / 2 || under_way_ == 0) changed_.notify_all();
  }
  void WaitForAll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ == 0; });
  }
  absl::Status error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }
  void AddTo(ImportResult* result) {
    const std::lock_guard lock(mutex_);
    result->added = added_;
    result->duplicates = duplicates_;
    result->erased = erased_;
    result->position = position_;
  }

 private:
  void Count(const absl::StatusOr<Outcome>& outcome) {
    if (!outcome.ok()) {
      error_.Update(outcome.status());
      return;
    }
    position_.Merge(outcome->position());
    switch (outcome->kind()) {
      case OutcomeKind::kEvents:
        ++added_;
        return;
      case OutcomeKind::kNothing:
        ++duplicates_;
        return;
      case OutcomeKind::kRejected:
        if (outcome->rejection().code == kErased) {
          ++erased_;
          return;
        }
        [[fallthrough]];
      case OutcomeKind::kParked:
        error_.Update(
            absl::InternalError(absl::StrCat("a release was not taken: ", outcome->rejection().code,
                                             ", ", outcome->rejection().message)));
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t erased_ = 0;
  Position position_;
  absl::Status error_;
};

// A line on stderr: rewritten in place on a terminal, a new one every 5 s elsewhere.
class Progress {
 public:
  explicit Progress(std::size_t files) : files_(files) {}

  void Show(std::size_t file, const ImportResult& result) {
    const absl::Time now = absl::Now();
    if (now < next_) return;
    next_ = now + (terminal_ ? absl::Milliseconds(100) : absl::Seconds(5));
    Print(file, result, now);
  }
  void Finish(const ImportResult& result) {
    if (terminal_) {
      Print(files_, result, absl::Now());
      std::fputc('\n', stderr);
    }
  }

 private:
  void Print(std::size_t file, const ImportResult& result, absl::Time now) {
    const double seconds = absl::ToDoubleSeconds(now - start_);
    const double rate = seconds > 0 ? static_cast<double>(result.entries) / seconds : 0;
    const double left =
        file > 0 ? seconds * static_cast<double>(files_ - file) / static_cast<double>(file) : 0;
    std::fprintf(stderr,
                 "%sdemo: %zu of %zu changelogs, %" PRIu64
                 " releases, %.0f/s, %zu skipped, %.0f s "
                 "left%s",
                 terminal_ ? "\r\x1b[K" : "", file, files_, result.entries, rate,
                 result.skipped.size(), left, terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

  const std::size_t files_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const absl::Time start_ = absl::Now();
  absl::Time next_ = absl::Now() + absl::Milliseconds(100);
};

// Why the engine could not take the entries of a changelog, or nothing.
std::string Untakable(const Changelog& changelog) {
  for (const ChangelogEntry& entry : changelog.entries) {
    if (entry.source.size() > kMaxKeyBytes) {
      return absl::StrCat("names a source package in ", entry.source.size(), " bytes; a key has ",
                          kMaxKeyBytes, " at most");
    }
    if (entry.email.size() > kMaxAddressBytes) {
      return absl::StrCat("has an address of ", entry.email.size(), " bytes; a subject has ",
                          kMaxAddressBytes, " at most");
    }
  }
  return {};
}

absl::StatusOr<MessageId> SendOnce(Engine& engine, const Debian& debian,
                                   const ChangelogEntry& entry, Tally& tally) {
  const auto done = [&tally](absl::StatusOr<Outcome> outcome) { tally.Ended(std::move(outcome)); };
  const CommandOptions options{.timeout = absl::Minutes(5)};
  if (entry.email.empty()) {
    return engine.SendCommand<debian::AnonymousRelease>(
        debian.sources, entry.source, [&](auto command) { FillFacts(command.initFacts(), entry); },
        done, options);
  }
  return engine.SendCommand<debian::Release>(
      debian.sources, entry.source, [&](auto command) { FillRelease(command, entry); }, done,
      options);
}

absl::Status Send(Engine& engine, const Debian& debian, const ChangelogEntry& entry, Tally& tally) {
  for (;;) {
    tally.Sent();
    const absl::StatusOr<MessageId> id = SendOnce(engine, debian, entry, tally);
    if (id.ok()) return absl::OkStatus();
    tally.Unsent();
    if (ErrorCodeOf(id.status()) == kErased) {
      tally.Erased();
      return absl::OkStatus();
    }
    // Too much is under way: more bytes than expected.
    if (!absl::IsResourceExhausted(id.status()) || !tally.error().ok()) return id.status();
    tally.WaitForAll();
  }
}

}  // namespace

void FillFacts(debian::Facts::Builder facts, const ChangelogEntry& entry) {
  const auto text = [](const std::string& value) {
    return capnp::Text::Reader(value.c_str(), value.size());
  };
  facts.setSource(text(entry.source));
  facts.setVersion(text(entry.version));
  facts.setDistribution(text(entry.distribution));
  facts.setUrgency(text(entry.urgency));
  facts.setDate(text(entry.date));
  if (entry.seconds.has_value()) facts.getTime().setSeconds(*entry.seconds);
  auto bugs = facts.initClosedBugs(static_cast<unsigned>(entry.closed_bugs.size()));
  for (unsigned i = 0; i < bugs.size(); ++i) bugs.set(i, entry.closed_bugs[i]);
}

absl::StatusOr<ImportResult> Import(Engine& engine, const Debian& debian, const std::string& input,
                                    const std::atomic<bool>& stop) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FindChangelogs(input));
  ImportResult result;
  result.files = paths.size();
  const absl::Time start = absl::Now();
  Progress progress(paths.size());
  Tally tally;
  absl::Status sending;
  for (std::size_t i = 0; i < paths.size() && sending.ok(); ++i) {
    if (stop) {
      result.interrupted = true;
      break;
    }
    const absl::StatusOr<Changelog> changelog = ReadChangelog(paths[i]);
    const std::string reason =
        changelog.ok() ? Untakable(*changelog) : std::string(changelog.status().message());
    if (!reason.empty()) {
      result.skipped.emplace_back(paths[i], reason);
      continue;
    }
    for (const ChangelogEntry& entry : changelog->entries) {
      sending = Send(engine, debian, entry, tally);
      if (!sending.ok()) break;
      ++result.entries;
    }
    sending.Update(tally.error());
    progress.Show(i + 1, result);
  }
  // The callbacks refer to the tally.
  tally.WaitForAll();
  sending.Update(tally.error());
  if (!sending.ok()) return sending;
  progress.Finish(result);
  tally.AddTo(&result);
  result.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return result;
}

}  // namespace commander::demo
