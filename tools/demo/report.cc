#include "tools/demo/report.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/internal/status_macros.h"

namespace commander::demo {
namespace {

constexpr std::size_t kRows = 10;
constexpr std::size_t kMonths = 12;
constexpr std::size_t kPseudonymDigits = 8;

// All rows of a projection, a piece at a time.
template <class R>
absl::Status ForEach(Engine& engine, const Projection<R>& projection, const Position& at_least,
                     const std::function<void(const ProjectionEntry<R>&)>& use) {
  ScanOptions options;
  options.at_least = at_least;
  options.timeout = absl::Minutes(5);
  for (;;) {
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<ProjectionEntry<R>> rows,
                               engine.Scan(projection, options));
    for (const ProjectionEntry<R>& row : rows) use(row);
    if (rows.size() < options.limit) return absl::OkStatus();
    options.after = rows.back().key;
  }
}

// Keeps the `kRows` rows that come first by `before`.
template <class R>
class Top {
 public:
  using Entry = ProjectionEntry<R>;
  explicit Top(bool (*before)(const Entry&, const Entry&)) : before_(before) {}
  void Add(const Entry& entry) {
    const auto at = std::upper_bound(entries_.begin(), entries_.end(), entry, before_);
    entries_.insert(at, entry);
    if (entries_.size() > kRows) entries_.pop_back();
  }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  bool (*before_)(const Entry&, const Entry&);
  std::vector<Entry> entries_;
};

std::string Date(const std::optional<std::int64_t>& seconds) {
  if (!seconds.has_value()) return "unknown";
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(*seconds), absl::UTCTimeZone());
}

// Neither by name nor by address, which an erasure takes away.
bool MoreActive(const ProjectionEntry<Uploader>& a, const ProjectionEntry<Uploader>& b) {
  return std::tie(b.row.releases, b.row.newest, a.key) <
         std::tie(a.row.releases, a.row.newest, b.key);
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : Printable(text)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Length of the UTF-8 sequence that begins `text`, or 0 where none does.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t length = 0;
  if (byte(0) < 0x80) {
    return 1;
  } else if (byte(0) >= 0xc2 && byte(0) <= 0xdf) {
    length = 2;
  } else if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
    length = 3;
  } else if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    length = 4;
  }
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond Unicode; C1 controls are not printable.
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f) ||
      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f) ||
      (byte(0) == 0xc2 && byte(1) < 0xa0)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0 || first < 0x20 || first == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", first);
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

absl::StatusOr<Totals> CountTotals(Engine& engine, const Debian& debian, const Position& at_least) {
  Totals totals;
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<ReleasesPerMonth>(engine, debian.months, at_least,
                                 [&](const auto& entry) { totals.stored += entry.row.releases; })));
  COMMANDER_RETURN_IF_ERROR((ForEach<LatestVersion>(engine, debian.latest, at_least,
                                                    [&](const auto&) { ++totals.sources; })));
  COMMANDER_RETURN_IF_ERROR((ForEach<Uploader>(engine, debian.uploaders, at_least,
                                               [&](const auto&) { ++totals.people; })));
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<BugsPerPackage>(engine, debian.bugs, at_least, [](const auto&) {})));
  return totals;
}

std::string Line(const ProjectionEntry<Uploader>& person) {
  return absl::StrFormat("%7d  %-10s  %s  %s", person.row.releases, Date(person.row.newest),
                         person.key.substr(0, kPseudonymDigits),
                         person.row.erased() ? "(erased)" : Printable(person.row.name));
}

absl::StatusOr<std::vector<ProjectionEntry<Uploader>>> UploadersByActivity(Engine& engine,
                                                                           const Debian& debian) {
  std::vector<ProjectionEntry<Uploader>> people;
  COMMANDER_RETURN_IF_ERROR((ForEach<Uploader>(
      engine, debian.uploaders, {}, [&](const auto& entry) { people.push_back(entry); })));
  std::sort(people.begin(), people.end(), &MoreActive);
  return people;
}

absl::StatusOr<std::string> EveryRow(Engine& engine, const Debian& debian) {
  std::string out;
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<ReleasesPerMonth>(engine, debian.months, {}, [&](const auto& entry) {
        absl::StrAppend(&out, "month ", entry.key, " ", entry.row.releases, "\n");
      })));
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<Uploader>(engine, debian.uploaders, {}, [&](const auto& entry) {
        absl::StrAppend(&out, "uploader ", entry.key, " ", entry.row.releases, " ",
                        entry.row.newest.value_or(-1), " ", entry.row.name, " <", entry.row.email,
                        ">\n");
      })));
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<BugsPerPackage>(engine, debian.bugs, {}, [&](const auto& entry) {
        absl::StrAppend(&out, "bugs ", entry.key, " ", entry.row.closed, "\n");
      })));
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<LatestVersion>(engine, debian.latest, {}, [&](const auto& entry) {
        absl::StrAppend(&out, "latest ", entry.key, " ", entry.row.version, " ",
                        entry.row.seconds.value_or(-1), "\n");
      })));
  return out;
}

absl::StatusOr<std::string> Tables(Engine& engine, const Debian& debian) {
  std::string out;

  std::vector<ProjectionEntry<ReleasesPerMonth>> months;
  COMMANDER_RETURN_IF_ERROR(
      (ForEach<ReleasesPerMonth>(engine, debian.months, {}, [&](const auto& entry) {
        if (entry.key == "unknown") return;
        months.push_back(entry);
        if (months.size() > kMonths) months.erase(months.begin());
      })));
  absl::StrAppend(&out, "Releases per month, the last ", months.size(), "\n");
  for (const auto& month : months) {
    absl::StrAppendFormat(&out, "  %-10s %7d\n", month.key, month.row.releases);
  }

  Top<Uploader> uploaders(&MoreActive);
  COMMANDER_RETURN_IF_ERROR((ForEach<Uploader>(engine, debian.uploaders, {},
                                               [&](const auto& entry) { uploaders.Add(entry); })));
  absl::StrAppend(&out, "\nMost active uploaders\n");
  for (const auto& person : uploaders.entries()) {
    absl::StrAppend(&out, "  ", Line(person), "\n");
  }

  Top<BugsPerPackage> bugs([](const auto& a, const auto& b) {
    return std::pair(b.row.closed, a.key) < std::pair(a.row.closed, b.key);
  });
  COMMANDER_RETURN_IF_ERROR((ForEach<BugsPerPackage>(engine, debian.bugs, {},
                                                     [&](const auto& entry) { bugs.Add(entry); })));
  absl::StrAppend(&out, "\nBugs closed per package, the most\n");
  for (const auto& package : bugs.entries()) {
    absl::StrAppendFormat(&out, "  %7d  %s\n", package.row.closed, Printable(package.key));
  }

  Top<LatestVersion> latest([](const auto& a, const auto& b) {
    return std::tie(b.row.seconds, a.key) < std::tie(a.row.seconds, b.key);
  });
  COMMANDER_RETURN_IF_ERROR((ForEach<LatestVersion>(
      engine, debian.latest, {}, [&](const auto& entry) { latest.Add(entry); })));
  absl::StrAppend(&out, "\nLatest version per package, the newest\n");
  for (const auto& package : latest.entries()) {
    absl::StrAppendFormat(&out, "  %-10s  %-24s %s\n", Date(package.row.seconds),
                          Printable(package.key), Printable(package.row.version));
  }
  return out;
}

std::string Closing(const ImportResult& result, const Totals& totals) {
  const double rate = result.seconds > 0 ? static_cast<double>(result.entries) / result.seconds : 0;
  std::string out = absl::StrFormat(
      "\n%d changelogs, %d releases read: %d added, %d known before, %d of erased people "
      "refused\n"
      "stored: %d releases of %d source packages by %d people\n"
      "%.2f s, %.0f releases/s, each answered after its sync\n",
      result.files, result.entries, result.added, result.duplicates, result.erased, totals.stored,
      totals.sources, totals.people, result.seconds, rate);
  for (const auto& [path, reason] : result.skipped) {
    absl::StrAppend(&out, "skipped ", Printable(path), ": ", Printable(reason), "\n");
  }
  return out;
}

std::string Summary(const ImportResult& result, const Totals& totals) {
  std::string out = absl::StrFormat(
      "{\"files\":%d,\"entries\":%d,\"added\":%d,\"stored\":%d,\"duplicates\":%d,\"erased\":%d,"
      "\"sources\":%d,"
      "\"people\":%d,\"seconds\":%.3f,\"interrupted\":%s,\"skipped\":[",
      result.files, result.entries, result.added, totals.stored, result.duplicates, result.erased,
      totals.sources, totals.people, result.seconds, result.interrupted ? "true" : "false");
  bool first = true;
  for (const auto& [path, reason] : result.skipped) {
    absl::StrAppend(&out, first ? "" : ",", "{\"name\":", Quoted(path),
                    ",\"reason\":", Quoted(reason), "}");
    first = false;
  }
  return out + "]}\n";
}

}  // namespace commander::demo
