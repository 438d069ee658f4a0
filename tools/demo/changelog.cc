#include "tools/demo/changelog.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "tools/demo/changelog_date.h"
#include "tools/demo/changelog_line.h"
#include "tools/demo/text_scanner.h"

namespace commander::demo {
namespace {

// Adds the number that the digits in `text` make, unless it is beyond 64 bits.
void AddNumber(std::string_view digits, std::vector<std::uint64_t>* numbers) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec == std::errc()) numbers->push_back(number);
}

void SortOnce(std::vector<std::uint64_t>* numbers) {
  std::sort(numbers->begin(), numbers->end());
  numbers->erase(std::unique(numbers->begin(), numbers->end()), numbers->end());
}

// "123", "#123", "bug 123" or "bug#123".
bool TakeBug(TextScanner& scan, std::vector<std::uint64_t>* bugs) {
  scan.TakeFolded("bug");
  scan.Take('#');
  scan.TakeOneOf(IsSpace);
  const std::string_view digits = scan.TakeWhile(IsDigit);
  if (digits.empty()) return false;
  AddNumber(digits, bugs);
  return true;
}

// The bugs in "Closes: #123, #456", in any case and perhaps on the next line; nothing where the
// text closes nothing.
std::optional<std::vector<std::uint64_t>> FindClosedBugs(std::string_view changes) {
  constexpr std::string_view kMark = "closes:";
  std::vector<std::uint64_t> bugs;
  bool found = false;
  for (TextScanner scan(changes); !scan.AtEnd();) {
    if (!scan.TakeFolded(kMark)) {
      scan.Skip();
      continue;
    }
    TextScanner after_mark = scan;
    after_mark.TakeSpaces();
    while (TakeBug(after_mark, &bugs)) {
      found = true;
      scan = after_mark;
      if (!after_mark.Take(',')) break;
      after_mark.TakeSpaces();
    }
  }
  if (!found) return std::nullopt;
  SortOnce(&bugs);
  return bugs;
}

// The value of `name`, written in lower case, in "urgency=low, binary-only=yes".  The first wins.
std::optional<std::string_view> FindOption(std::string_view options, std::string_view name) {
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    TextScanner option(Trim(options.substr(0, comma)));
    const bool is_named = option.TakeFolded(name);
    option.TakeWhile([](char c) { return c == '-'; });  // dpkg ignores hyphens after a field's name
    if (is_named && option.Take('=') && !Trim(option.rest()).empty()) return Trim(option.rest());
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return std::nullopt;
}

// "unstable experimental" of names with any white space around them.
std::string JoinNames(std::string_view names) {
  std::string joined;
  TextScanner scan(names);
  for (scan.TakeSpaces(); !scan.AtEnd(); scan.TakeSpaces()) {
    if (!joined.empty()) joined += ' ';
    joined += scan.TakeWhile(IsNotSpace);
  }
  return joined;
}

std::string ParseUrgency(std::string_view options) {
  TextScanner value(FindOption(options, "urgency").value_or(""));
  const std::string urgency = FoldCase(value.TakeWhile(IsNotSpace));
  return urgency.empty() || urgency == "0" ? "unknown" : urgency;
}

// What dpkg prints as Closes where the text closes nothing: an option of the header.
std::vector<std::uint64_t> ParseClosesOption(std::string_view options) {
  std::vector<std::uint64_t> bugs;
  TextScanner scan(FindOption(options, "closes").value_or(""));
  for (scan.TakeSpaces(); !scan.AtEnd(); scan.TakeSpaces()) {
    const std::string_view word = scan.TakeWhile(IsNotSpace);
    if (std::all_of(word.begin(), word.end(), IsDigit)) AddNumber(word, &bugs);
  }
  SortOnce(&bugs);
  return bugs;
}

// Takes the lines one by one.  As dpkg's, it never gives up: a line in the wrong place is taken for
// what it looks like.
class ChangelogParser {
 public:
  // Returns whether to go on.
  bool TakeLine(std::string_view line) {
    if (const auto header = MatchHeader(line)) {
      TakeHeader(*header);
    } else if (const auto trailer = MatchTrailer(line)) {
      TakeTrailer(*trailer);
    } else {
      return TakeOtherLine(line);
    }
    return true;
  }

  Changelog Finish() {
    FinishEntry();
    return std::move(changelog_);
  }

 private:
  enum class Expect { kFirstHeader, kChangesOrTrailer, kNextHeader };

  struct Draft {
    bool is_empty = true;  // holds neither header nor change nor trailer
    ChangelogEntry entry;
    std::vector<std::uint64_t> bugs_of_header;
    std::string changes;  // without blank lines, which FindClosedBugs() would pass over
  };

  void TakeHeader(const HeaderLine& header) {
    FinishEntry();
    ChangelogEntry& entry = draft_.entry;
    if (header.source != "0") entry.source = header.source;  // dpkg takes "0" for no name
    if (IsValidVersion(header.version)) entry.version = header.version;
    entry.distribution = JoinNames(header.distributions);
    entry.urgency = ParseUrgency(header.options);
    draft_.bugs_of_header = ParseClosesOption(header.options);
    draft_.is_empty = false;
    expect_ = Expect::kChangesOrTrailer;
  }

  // Of two trailers the later wins, but a date that is none leaves the earlier one's seconds.
  void TakeTrailer(const TrailerLine& trailer) {
    ChangelogEntry& entry = draft_.entry;
    entry.name = trailer.name;
    entry.email = trailer.email;
    entry.date = trailer.date;
    if (const auto seconds = ParseDate(trailer.date_time)) entry.seconds = seconds;
    draft_.is_empty = false;
    expect_ = Expect::kNextHeader;
  }

  bool TakeOtherLine(std::string_view line) {
    switch (ClassifyOtherLine(line)) {
      case LineKind::kEndOfChangelog:
      case LineKind::kOldFormat:
        return false;
      case LineKind::kComment:
      case LineKind::kBlank:
        break;
      case LineKind::kBadHeading:
      case LineKind::kBadTrailer:
        ++changelog_.unparsed_lines;
        break;
      case LineKind::kChange:
        // After a trailer a header must have been missed: the changes are another entry's.
        if (expect_ == Expect::kNextHeader) FinishEntry();
        TakeChange(line);
        break;
      case LineKind::kUnrecognized:
        ++changelog_.unparsed_lines;
        if (expect_ != Expect::kChangesOrTrailer) TakeChange(line);
        break;
    }
    return true;
  }

  void TakeChange(std::string_view line) {
    draft_.changes.append(line).append("\n");
    draft_.is_empty = false;
    expect_ = Expect::kChangesOrTrailer;
  }

  void FinishEntry() {
    if (draft_.is_empty) return;
    draft_.entry.closed_bugs =
        FindClosedBugs(draft_.changes).value_or(std::move(draft_.bugs_of_header));
    changelog_.entries.push_back(std::move(draft_.entry));
    draft_ = Draft();
  }

  Changelog changelog_;
  Draft draft_;
  Expect expect_ = Expect::kFirstHeader;
};

}  // namespace

std::string PersonOf(const ChangelogEntry& entry) { return FoldCase(entry.email); }

Changelog ParseChangelog(std::string_view text) {
  ChangelogParser parser;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!parser.TakeLine(text.substr(0, end))) break;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.Finish();
}

}  // namespace commander::demo
