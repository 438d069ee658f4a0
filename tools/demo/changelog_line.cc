#include "tools/demo/changelog_line.h"

#include <cstddef>
#include <string>

#include "tools/demo/text_scanner.h"

namespace commander::demo {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool IsPackageChar(char c) { return IsDigit(c) || IsLetter(c) || c == '-' || c == '+' || c == '.'; }
bool IsVersionChar(char c) { return c != '(' && c != ')' && c != ' ' && c != '\t'; }
bool IsOldNameChar(char c) { return IsWord(c) || c == '.' || c == '+' || c == '-'; }

// "bash (5.2-3)"; both parts are set on success.
bool TakePackageAndVersion(TextScanner& scan, std::string_view* source, std::string_view* version) {
  const std::string_view line = scan.rest();
  if (!scan.TakeOneOf(IsWord)) return false;
  *source = line.substr(0, 1 + scan.TakeWhile(IsPackageChar).size());
  if (!scan.Take(' ') || !scan.Take('(')) return false;
  *version = scan.TakeWhile(IsVersionChar);
  return !version->empty() && scan.Take(')');
}

// "02 Jan 2023 13:06:21 +0100", whatever the word for the month and the numbers are.
bool TakeDateTime(TextScanner& scan) {
  if (!scan.TakeOneOrTwoDigits() || !scan.TakeSpaces()) return false;
  if (!scan.TakeWord() || !scan.TakeSpaces()) return false;
  if (!scan.TakeDigits(4) || !scan.TakeSpaces()) return false;
  if (!scan.TakeOneOrTwoDigits()) return false;
  if (!scan.Take(':') || !scan.TakeDigits(2) || !scan.Take(':') || !scan.TakeDigits(2))
    return false;
  if (!scan.TakeSpaces() || !(scan.Take('-') || scan.Take('+'))) return false;
  return scan.TakeDigits(4);
}

// White space, anything, white space, an address in <> or (): the end of the old headings that
// begin with a date.
bool IsNameAndAddress(std::string_view rest) {
  if (rest.empty() || !IsSpace(rest.front())) return false;
  for (std::size_t open = 2; open < rest.size(); ++open) {
    const bool opens = rest[open] == '<' || rest[open] == '(';
    if (opens && IsSpace(rest[open - 1])) return rest.find_first_of(")>", open + 1) != kNone;
  }
  return false;
}

// "Mon Jan", which begins both old headings with a date.
bool TakeDayAndMonth(TextScanner& scan) {
  return scan.TakeWord() && scan.TakeSpaces() && scan.TakeWord() && scan.TakeSpaces();
}

// "Tue Jan  7 15:11:02 MET 1997  Ann Ash <ann@example.org>": the zone is any words.
bool IsAncientGnuHeading(std::string_view line) {
  TextScanner scan(line);
  if (!TakeDayAndMonth(scan) || !scan.TakeOneOrTwoDigits() || !scan.Take(' ')) return false;
  if (!scan.TakeOneOrTwoDigits() || !scan.Take(':')) return false;
  if (!scan.TakeOneOrTwoDigits() || !scan.Take(':')) return false;
  if (!scan.TakeOneOrTwoDigits() || !scan.TakeOneOf(IsSpace)) return false;
  // The year is the first four digits in the words that follow, before white space.
  const std::string_view rest = scan.rest();
  const std::string_view words = scan.TakeWhile([](char c) { return IsWord(c) || IsSpace(c); });
  for (std::size_t i = 0; i + 4 < words.size(); ++i) {
    TextScanner year(rest, i);
    if (year.TakeDigits(4) && IsSpace(year.rest().front())) return IsNameAndAddress(year.rest());
  }
  return false;
}

// "Tue Jan 7, 1997  Ann Ash <ann@example.org>"; neither comma nor blank is needed before the year,
// so the day has two digits only where four are left for the year.
bool IsOldGnuHeading(std::string_view line) {
  TextScanner before_day(line);
  if (!TakeDayAndMonth(before_day)) return false;
  for (const std::size_t day_digits : {2U, 1U}) {
    TextScanner scan = before_day;
    if (!scan.TakeDigits(day_digits)) continue;
    scan.Take(',');
    scan.TakeSpaces();
    if (scan.TakeDigits(4) && IsNameAndAddress(scan.rest())) return true;
  }
  return false;
}

// "bash (5.2-3)" without distribution and options.
bool IsBarePackageHeading(std::string_view line) {
  TextScanner scan(line);
  std::string_view source;
  std::string_view version;
  return TakePackageAndVersion(scan, &source, &version);
}

// "bash-1.14.7 Debian 3" or "bash 1.14.7 Debian 3".
bool IsAncientHeading(std::string_view line) {
  const auto has_version_at = [line](std::size_t position) {
    TextScanner scan(line, position);
    return !scan.TakeWhile(IsNotSpace).empty() && scan.TakeFolded(" debian ") &&
           scan.TakeOneOf(IsNotSpace);
  };
  TextScanner scan(line);
  const std::string_view name = scan.TakeWhile(IsOldNameChar);
  if (name.empty()) return false;
  const std::size_t hyphen = name.find('-', 1);
  if (hyphen != kNone && has_version_at(hyphen + 1)) return true;
  return scan.Take(' ') && has_version_at(scan.position());
}

// "Changes from version 1.0 to 1.1:".
bool IsChangesFromVersion(std::string_view line) {
  TextScanner scan(line);
  if (!scan.TakeFolded("changes from version ")) return false;
  const std::string versions = FoldCase(scan.rest());
  const std::size_t to = versions.find(" to ");
  return to != kNone && versions.find(':', to) != kNone;
}

// "Changes for bash-1.14.7:".
bool IsChangesFor(std::string_view line) {
  TextScanner scan(line);
  if (!scan.TakeFolded("changes for ")) return false;
  const std::string_view name = scan.TakeWhile(IsOldNameChar);
  const std::size_t hyphen = name.find('-', 1);
  if (hyphen == kNone || hyphen + 1 == name.size()) return false;
  scan.Take(':');
  scan.TakeSpaces();
  return scan.AtEnd();
}

bool IsOldChangelogMark(std::string_view line) {
  TextScanner scan(line);
  if (!scan.TakeFolded("old changelog:")) return false;
  scan.TakeSpaces();
  return scan.AtEnd();
}

// A version or a word alone on its line, perhaps with a colon: "1:2.0.4" or "bash:".
bool IsWordAlone(TextScanner scan) {
  if (!scan.TakeOneOf(IsWord)) return false;
  scan.TakeWhile([](char c) { return IsOldNameChar(c) || c == '~'; });
  scan.Take(':');
  scan.TakeSpaces();
  return scan.AtEnd();
}

bool IsVersionAlone(std::string_view line) {
  if (IsWordAlone(TextScanner(line))) return true;
  TextScanner scan(line);
  return !scan.TakeWhile(IsDigit).empty() && scan.Take(':') && IsWordAlone(scan);
}

bool IsOldFormatHeading(std::string_view line) {
  return IsAncientGnuHeading(line) || IsOldGnuHeading(line) || IsBarePackageHeading(line) ||
         IsAncientHeading(line) || IsChangesFromVersion(line) || IsChangesFor(line) ||
         IsOldChangelogMark(line) || IsVersionAlone(line);
}

// "Local variables:" of Emacs, perhaps after ";;", or "vim:".
bool IsEditorVariables(std::string_view line) {
  if (TextScanner(line).TakeFolded("vim:")) return true;
  TextScanner scan(line);
  if (scan.Take(';')) {
    if (!scan.Take(';')) return false;
    scan.TakeSpaces();
  }
  return scan.TakeFolded("local variables:");
}

bool IsComment(std::string_view line) {
  TextScanner keyword(line);
  if (keyword.Take('$')) {
    return keyword.TakeWord() && keyword.Take(':') && keyword.rest().find('$') != kNone;
  }
  if (line.substr(0, 2) == "# ") return true;
  return line.substr(0, 2) == "/*" && line.find("*/", 2) != kNone;
}

}  // namespace

std::optional<HeaderLine> MatchHeader(std::string_view line) {
  HeaderLine header;
  TextScanner scan(line);
  if (!TakePackageAndVersion(scan, &header.source, &header.version)) return std::nullopt;

  const std::string_view from_distributions = scan.rest();
  const std::size_t start = scan.position();
  while (scan.TakeSpaces()) {
    if (scan.TakeWhile(IsPackageChar).empty()) return std::nullopt;
  }
  header.distributions = from_distributions.substr(0, scan.position() - start);
  if (header.distributions.empty() || !scan.Take(';')) return std::nullopt;
  header.options = Trim(scan.rest());
  return header;
}

std::optional<TrailerLine> MatchTrailer(std::string_view line) {
  constexpr std::string_view kMark = " -- ";
  if (line.substr(0, kMark.size()) != kMark) return std::nullopt;
  // No date holds a '>', so the address ends at the last one; it begins at the last " <" before.
  const std::size_t email_end = line.rfind('>');
  if (email_end == kNone || email_end < kMark.size() + 2) return std::nullopt;
  const std::size_t name_end = line.rfind(" <", email_end - 2);
  if (name_end == kNone || name_end < kMark.size()) return std::nullopt;

  TextScanner scan(line, email_end + 1);
  if (!scan.Take(' ')) return std::nullopt;
  scan.Take(' ');
  const std::size_t date = scan.position();
  if (TextScanner day = scan; day.TakeWord() && day.Take(',')) {
    day.TakeSpaces();
    scan = day;
  }
  const std::size_t date_time = scan.position();
  if (!TakeDateTime(scan)) return std::nullopt;
  const std::size_t end = scan.position();
  scan.TakeSpaces();
  if (!scan.AtEnd()) return std::nullopt;

  const std::size_t email = name_end + 2;
  return TrailerLine{line.substr(kMark.size(), name_end - kMark.size()),
                     line.substr(email, email_end - email), line.substr(date, end - date),
                     line.substr(date_time, end - date_time)};
}

LineKind ClassifyOtherLine(std::string_view line) {
  if (IsEditorVariables(line)) return LineKind::kEndOfChangelog;
  if (IsComment(line)) return LineKind::kComment;
  if (IsOldFormatHeading(line)) return LineKind::kOldFormat;
  TextScanner scan(line);
  const std::size_t indent = scan.TakeWhile(IsSpace).size();
  if (scan.AtEnd()) return LineKind::kBlank;
  if (indent == 0) return LineKind::kBadHeading;
  if (line.substr(0, 3) == " --") return LineKind::kBadTrailer;
  return indent >= 2 ? LineKind::kChange : LineKind::kUnrecognized;
}

bool IsValidVersion(std::string_view version) {
  for (const char c : version) {
    if (!IsPackageChar(c) && c != ':' && c != '~') return false;
  }
  // The epoch ends at the first colon, if anything follows; the revision begins at the last hyphen.
  std::string_view upstream = version;
  if (const std::size_t colon = version.find(':'); colon != kNone && colon + 1 < version.size()) {
    TextScanner epoch(version.substr(0, colon));
    if (epoch.TakeWhile(IsDigit).empty() || !epoch.AtEnd()) return false;
    upstream.remove_prefix(colon + 1);
  }
  if (const std::size_t hyphen = upstream.rfind('-'); hyphen != kNone) {
    if (hyphen + 1 == upstream.size()) return false;
    upstream = upstream.substr(0, hyphen);
  }
  return !upstream.empty() && IsDigit(upstream.front());
}

}  // namespace commander::demo
