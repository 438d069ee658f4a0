#include "tools/commander/log_verbs.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "commander/internal/status_macros.h"
#include "commander/position.h"
#include "engine/log/format.h"
#include "tools/commander/data.h"
#include "tools/commander/log_printer.h"
#include "tools/commander/merge.h"
#include "tools/commander/personal.h"
#include "tools/commander/process.h"
#include "tools/commander/range.h"

namespace commander::cli {
namespace {

// Between two looks whether the user wants to stop.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);

// Where `--after` begins: topic and partition -> the last record that was shown.
using Places = std::map<std::pair<std::string, std::uint32_t>, Offset>;

absl::StatusOr<Places> PlacesOf(const std::string& token, const Data& data) {
  absl::StatusOr<Position> position = Position::FromToken(token);
  if (!position.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--after takes what an interrupted `log read` or `log tail` printed: ",
                     position.status().message()));
  }
  Places places;
  for (const RecordPosition& record : position->records()) {
    if (record.log != log::LogIdText(data.log().id())) {
      return absl::InvalidArgumentError(absl::StrCat("--after is a place in log ", record.log,
                                                     ", this is log ",
                                                     log::LogIdText(data.log().id())));
    }
    places[{record.topic, record.partition}] = record.offset;
  }
  return places;
}

void SayHowToGoOn(const Merge& merge, const Data& data, std::uint64_t printed, Context& context) {
  Position position;
  for (const Merge::Progress& at : merge.progress()) {
    if (at.next.value == 0) continue;
    position.Merge(RecordPosition{log::LogIdText(data.log().id()), at.topic->settings.name,
                                  at.partition, Offset{at.next.value - 1}});
  }
  std::string how = "log read";
  if (!position.empty()) absl::StrAppend(&how, " --after ", position.ToToken());
  context.diagnostics.Say(
      absl::StrCat("interrupted after ", printed, " records; to go on: commander ", how));
}

Exit ExitFor(const LogPrinter& printer) {
  return printer.undecoded() > 0 ? Exit::kFound : Exit::kSuccess;
}

// Prints what is there now; false where the limit was reached or the user wants to stop.
absl::StatusOr<bool> PrintAll(Merge& merge, LogPrinter& printer) {
  while (!printer.limit_reached() && !Interrupted()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::optional<MergedRecord> record, merge.Next());
    if (!record.has_value()) return true;
    COMMANDER_RETURN_IF_ERROR(printer.Print(*record));
  }
  return false;
}

// First offsets to show, so that the last `lines` wanted records are shown.
absl::StatusOr<std::vector<Offset>> LastLines(Data& data, LogPrinter& printer,
                                              const LogTailOptions& options) {
  const std::uint64_t lines = options.lines;
  const auto& partitions = printer.partitions();
  std::vector<Offset> from;
  for (const LogPrinter::Partition& p : partitions) {
    COMMANDER_ASSIGN_OR_RETURN(const Offset end, data.log().End({p.topic.number, p.partition}));
    from.push_back(end);
  }
  // The last of each partition hold the last of all; which are wanted is known when they are read.
  const LogFilter& filter = options.filter;
  const bool all_wanted = filter.key.empty() && filter.types.empty() && filter.kinds.empty();
  const Place begin = all_wanted ? Place{.kind = Place::Kind::kFromEnd, .number = lines} : Place();
  Merge merge(data.log());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Range range{begin, {.kind = Place::Kind::kOffset, .number = from[i].value}};
    COMMANDER_RETURN_IF_ERROR(merge.Add(partitions[i].topic, partitions[i].partition, range));
  }
  struct Seen {
    std::uint16_t topic;
    std::uint16_t partition;
    Offset offset;
  };
  std::deque<Seen> last;
  while (!Interrupted()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::optional<MergedRecord> record, merge.Next());
    if (!record.has_value()) break;
    COMMANDER_ASSIGN_OR_RETURN(const bool wanted, printer.Wanted(*record));
    if (!wanted) continue;
    last.push_back({record->topic->number, record->partition, record->record.offset});
    if (last.size() > lines) last.pop_front();
  }
  for (const Seen& seen : last) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (partitions[i].topic.number == seen.topic && partitions[i].partition == seen.partition) {
        from[i] = std::min(from[i], seen.offset);
      }
    }
  }
  return from;
}

absl::StatusOr<Exit> Follow(Data& data, Merge& merge, LogPrinter& printer,
                            const LogTailOptions& options, Context& context) {
  const absl::Time deadline = options.timeout_seconds > 0
                                  ? absl::Now() + absl::Seconds(options.timeout_seconds)
                                  : absl::InfiniteFuture();
  while (true) {
    COMMANDER_RETURN_IF_ERROR(context.output.Flush());
    if (printer.limit_reached()) return ExitFor(printer);
    if (Interrupted()) {
      SayHowToGoOn(merge, data, printer.printed(), context);
      return Exit::kInterrupted;
    }
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      context.diagnostics.Say(absl::StrCat("stopped following after ", options.timeout_seconds,
                                           " s and ", printer.printed(), " records"));
      return Exit::kTimedOut;
    }
    COMMANDER_ASSIGN_OR_RETURN(const bool more, data.log().WaitForMore(std::min(left, kLookEvery)));
    if (!more) continue;
    printer.Refresh();
    COMMANDER_RETURN_IF_ERROR(merge.TakeNewEnds());
    COMMANDER_RETURN_IF_ERROR(PrintAll(merge, printer).status());
  }
}

}  // namespace

absl::StatusOr<Exit> LogRead(const LogReadOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const Range range,
                             ParseRange(options.range, absl::ToUnixNanos(absl::Now())));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<LogPrinter> printer,
                             LogPrinter::Make(*data, *personal, options.filter, context));
  Places after;
  if (!options.after.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(after, PlacesOf(options.after, *data));
  }
  Merge merge(data->log());
  for (const LogPrinter::Partition& p : printer->partitions()) {
    const auto at = after.find({p.topic.settings.name, p.partition});
    COMMANDER_RETURN_IF_ERROR(at == after.end()
                                  ? merge.Add(p.topic, p.partition, range)
                                  : merge.AddFrom(p.topic, p.partition, at->second + 1));
  }
  COMMANDER_RETURN_IF_ERROR(merge.TakeNewEnds());
  COMMANDER_RETURN_IF_ERROR(printer->BeginList());
  COMMANDER_RETURN_IF_ERROR(PrintAll(merge, *printer).status());
  if (Interrupted()) {
    SayHowToGoOn(merge, *data, printer->printed(), context);
    return Exit::kInterrupted;
  }
  return ExitFor(*printer);
}

absl::StatusOr<Exit> LogTail(const LogTailOptions& options, Context& context) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Data> data, Data::Open(options.data));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Personal> personal,
                             Personal::Open(*data, context));
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<LogPrinter> printer,
                             LogPrinter::Make(*data, *personal, options.filter, context));
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<Offset> from, LastLines(*data, *printer, options));
  Merge merge(data->log());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const LogPrinter::Partition& p = printer->partitions()[i];
    COMMANDER_RETURN_IF_ERROR(merge.AddFrom(p.topic, p.partition, from[i]));
  }
  COMMANDER_RETURN_IF_ERROR(merge.TakeNewEnds());
  COMMANDER_RETURN_IF_ERROR(printer->BeginList());
  COMMANDER_RETURN_IF_ERROR(PrintAll(merge, *printer).status());
  if (options.follow) return Follow(*data, merge, *printer, options, context);
  return ExitFor(*printer);
}

}  // namespace commander::cli
