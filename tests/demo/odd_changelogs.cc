#include "tests/demo/odd_changelogs.h"

#include <algorithm>
#include <cstddef>

namespace commander::demo {
namespace {

using Random = std::mt19937_64;

std::size_t Below(std::size_t bound, Random& random) { return random() % bound; }

template <typename Container>
const auto& AnyOf(const Container& container, Random& random) {
  return container[Below(container.size(), random)];
}

// The pieces that headers, trailers, changes and the headings of old formats are made of, with
// blanks in all the places where one too many or too few matters.
constexpr std::string_view kWords =
    "bash|g++|0|_x|Debian| Debian | debian 3|1.0-1|(1.0-1)|(1:2.3~rc1)|(0)|(:1)|(a:1)|(1:)|"
    "(1-)|(-1)|(1_0)|()|(v1)| unstable| UNRELEASED|  stable  frozen|;|; | ;|urgency=low|"
    "URGENCY = high|urgency=|urgency=0|urgency=Medium (HIGH for users of x)|,| , |"
    "binary-only=yes|closes=12 012 x3|closes=#12|source=x| -- | --|  -- |"
    " -- Ann Ash <ann@example.org>|Ann Ash| <ann@example.org>|<|>| <|> |  | |\t|\r|\v|\f|"
    "Mon, |Mon|Mon Jan| 7| 07| 1997|19971998 | Jan | january | JAN | May | June | 13:06:21|"
    " 24:00:00| 1:02:03| 23:59:60| +0100| -0930| +9999| MET |7,|71997 |Closes:|closes: |bug|"
    "Bug#|#123|#0123|123|99999999999999999999999|, |Changes from version | to |Changes for |"
    "Old Changelog:|vim:|;; Local variables:|$Id: x $|# ";

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

constexpr char kZeroBytes[] =
    "a (1) u; urgency=low\n  * x\0Closes: #1\n"
    " -- A\0B <a@b>  Sat, 31 Dec 2022 11:32:01 +0100\n";

std::string RandomLine(Random& random) {
  static const std::vector<std::string_view> all_words = Split(kWords, '|');
  std::string line;
  for (std::size_t words = Below(9, random); words > 0; --words) line += AnyOf(all_words, random);
  return line;
}

// A line of the form that comes next in a changelog, mostly: pure chance seldom makes an entry.
std::string LikelyLine(std::size_t place, Random& random) {
  switch (place % 4) {
    case 0:
      return "bash (" + std::to_string(Below(30, random)) +
             ") unstable; urgency=" + RandomLine(random);
    case 1:
      return "  * Closes: #" + std::to_string(Below(30, random)) + RandomLine(random);
    case 2:
      return " -- Ann <ann@example.org>  Mon, " + std::to_string(Below(33, random)) + " Jan " +
             std::to_string(1890 + Below(150, random)) + " 1:02:03 +0100";
    default:
      return "";
  }
}

std::vector<std::string> LinesOfOddChangelogs() {
  std::vector<std::string> lines;
  for (const OddChangelog& changelog : OddChangelogs()) {
    for (const std::string_view line : Split(changelog.text, '\n')) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

std::string RandomChangelog(Random& random) {
  static const std::vector<std::string> odd_lines = LinesOfOddChangelogs();
  std::string text;
  const std::size_t lines = 1 + Below(24, random);
  for (std::size_t i = 0; i < lines; ++i) {
    std::string line;
    switch (Below(8, random)) {
      case 0:
        line = RandomLine(random);
        break;
      case 1:
        line = AnyOf(odd_lines, random);
        break;
      case 2:
        line = Damage(LikelyLine(Below(4, random), random), random);
        break;
      case 3:
        line = Damage(AnyOf(odd_lines, random), random);
        break;
      default:
        line = LikelyLine(i, random);
    }
    text += line + "\n";
  }
  if (Below(4, random) == 0) text.pop_back();  // a last line without its end
  return text.empty() ? " " : text;
}

std::string Damage(std::string text, Random& random) {
  if (text.empty()) return text;
  const std::size_t from = Below(text.size(), random);
  const std::size_t length = Below(std::min<std::size_t>(text.size() - from, 40), random) + 1;
  switch (Below(6, random)) {
    case 0:
      text[from] = static_cast<char>(Below(256, random));
      break;
    case 1:
      text[from] = AnyOf(std::string_view(" \t\n\r\v-<>();:,#$/*0_.+~\xe9"), random);
      break;
    case 2:
      text.erase(from, length);
      break;
    case 3:
      text.insert(from, text.substr(from, length));
      break;
    case 4: {
      const std::string moved = text.substr(from, length);
      text.erase(from, length);
      text.insert(Below(text.size() + 1, random), moved);
      break;
    }
    default:
      text.resize(from);
  }
  return text;
}

const std::vector<OddChangelog>& OddChangelogs() {
  static const std::vector<OddChangelog> changelogs = {
      {"plain", R"(bash (5.2-3) unstable; urgency=medium

  * Apply upstream patches. Closes: #1024598, #12.

 -- Ann Ash <Ann@Example.org>  Sat, 31 Dec 2022 11:32:01 +0100

bash (5.2-2) unstable; urgency=LOW

  * Closes: bug 77

 -- Bob Birch <bob@example.org>  Mon, 24 Oct 2022 10:34:28 -0230
)"},
      {"several-distributions", R"(a (1) stable  frozen	unstable; urgency=low
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
)"},
      {"options",
       R"(a (1) unstable; urgency=Low (HIGH for users of b), binary-only=yes, x-y=1,urgency=high
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100

a (2) unstable; urgency=,closes=17 0017 x, ,closes=1
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100

a (3) unstable;
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100

a (4) unstable; urgency=0
a (5) unstable; Urgency--=high
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
)"},
      {"versions", R"(a (1:) u; urgency=low
  * a colon with nothing behind it
a (:1) u; urgency=low
a (x:1) u; urgency=low
a (1:2:3-4-5~6+7) u; urgency=low
a (1-) u; urgency=low
a (1-2-) u; urgency=low
a (-1) u; urgency=low
a (v1) u; urgency=low
a (1_2) u; urgency=low
a (0) u; urgency=low
0 (1) u; urgency=low
_A-b+c.d (1) u; urgency=low
)"},
      {"closes",
       "a (1) u; urgency=low\n"
       "  * closes:#1,#2 , #3; CLOSES: bug#4, Bug 5,bug6,  7; closes: bugs 8\n"
       "  * closes: closes: 9, # 10,#  11\n"
       "  * Closes:\n"
       "\n"
       "    #12,\n"
       "    #0013, 0, 18446744073709551615, 18446744073709551616\n"
       "  * xcloses:14closes:15\n"
       " -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100\n"},
      {"trailers", R"(a (1) u; urgency=low
  * one blank before the date, and none of the days
 -- A <a@b> 1 jan 1997 1:02:03 -0000
a (2) u; urgency=low
  * no name, no address
 --  <>  Sat, 31 Dec 2022 11:32:01 +0100
a (3) u; urgency=low
  * brackets in the name
 -- A <x> B <y <a@b>>  Foo, 31 Dec 2022 11:32:01 +0100   	
a (4) u; urgency=low
  * three blanks before the date
 -- A <a@b>   Sat, 31 Dec 2022 11:32:01 +0100
a (5) u; urgency=low
  * no blank before the address
 -- <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
a (6) u; urgency=low
  * a zone by its name
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 GMT
a (7) u; urgency=low
  * two, of which the second has no date
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
 -- B <b@b>  Sat, 31 December 2022 11:32:01 +0100
)"},
      {"dates", R"(a (1) u; urgency=low
 -- A <a@b>  31 Feb 2023 11:32:01 +0100
a (2) u; urgency=low
 -- A <a@b>  0 Jan 2023 11:32:01 +0100
a (3) u; urgency=low
 -- A <a@b>  0 Mar 2024 11:32:01 +0100
a (4) u; urgency=low
 -- A <a@b>  1 Mar 2024 11:32:60 +0100
a (5) u; urgency=low
 -- A <a@b>  1 Mar 2024 24:00:00 +0100
a (6) u; urgency=low
 -- A <a@b>  1 Mar 1899 11:32:01 +0100
a (7) u; urgency=low
 -- A <a@b>  1 Jan 1900 00:00:00 +9999
a (8) u; urgency=low
 -- A <a@b>  1 Sept 2024 11:32:01 +0100
a (9) u; urgency=low
 -- A <a@b>  1  MAY	9999 23:59:59 -9999
a (10) u; urgency=low
 -- A <a@b>  01 Jan 1970 00:00:00 +0000
a (11) u; urgency=low
 -- A <a@b>  32 Jan 1970 00:00:00 +0000
a (12) u; urgency=low
 -- A <a@b>  29 Feb 2000 00:00:00 +0000
)"},
      {"no-header", R"(
  * Changes before any header. Closes: #1
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
  * Changes after a trailer. Closes: #2
 -- B <b@b>  Sat, 31 Dec 2022 11:32:01 +0100
 one blank
a (1) u; urgency=low
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
)"},
      {"trailer-alone", " -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100\n"},
      {"header-alone", "a (1) u; urgency=low"},
      {"bad-headers", R"(a (1) u; urgency=low
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
a(2) u; urgency=low
a  (3) u; urgency=low
a (4 5) u; urgency=low
 a (6) u; urgency=low
-a (7) u; urgency=low
a (8)u; urgency=low
a (9) u; urgency=low
)"},
      {"bad-distribution", "a (1) x_y; urgency=low\na (2) u; urgency=low\n"},
      {"blank-before-options", "a (1) u ; urgency=low\na (2) u; urgency=low\n"},
      {"comments", R"(# a comment
/* another */
$Id: x $
#not one
a (1) u; urgency=low
  * x
$NotId x
/* nor this
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
)"},
      {"emacs", R"(a (1) u; urgency=low
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
;; local Variables:
a (2) u; urgency=low
)"},
      {"vim", R"(a (1) u; urgency=low
  * x
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
VIM: set tw=78
a (2) u; urgency=low
)"},
      {"windows",
       "a (1) u; urgency=low \r\n\r\n  * Closes: #1\r\n\r\n"
       " -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100\r\n"},
      {"latin-1",
       "a (1) u; urgency=low\n  * x\n"
       " -- J\xf6rg M\xfcller <j\xf6rg@example.org>  Sat, 31 Dec 2022 11:32:01 +0100\n"
       "\xe9 (2) u; urgency=low\n"},
      {"zero-bytes", {kZeroBytes, sizeof kZeroBytes - 1}},
      {"old-gnu", R"(a (1) u; urgency=low
 -- A <a@b>  Sat, 31 Dec 2022 11:32:01 +0100
Tue Jan 7, 1997  Ann Ash <ann@example.org>
a (2) u; urgency=low
)"},
      {"old-gnu-close", "Tue Jan 71997  x (y)\na (2) u; urgency=low\n"},
      {"ancient-gnu",
       "Tue Jan  7 15:11:02 MET 1997 x  Ann Ash <ann@example.org>\n"
       "a (2) u; urgency=low\n"},
      {"ancient-gnu-other-name",
       "Tue Jan 7 15:11:02 1997 =Ann <ann@example.org>\na (2) u; urgency=low\n"},
      {"ancient-gnu-single-blank",
       "Tue Jan 7 15:11:02 MET 1997 <ann@example.org>\n"
       "a (2) u; urgency=low\n"},
      {"ancient-name", "foo-bar 1.0 Debian 3\na (2) u; urgency=low\n"},
      {"ancient-hyphen", "foo-1.0 DEBIAN 3\na (2) u; urgency=low\n"},
      {"ancient-not", "foo- 1.0 Debian  3\na (2) u; urgency=low\n"},
      {"bare-heading", "foo (1.0)\na (2) u; urgency=low\n"},
      {"changes-from", "Changes from version 1 to 2:\na (2) u; urgency=low\n"},
      {"changes-for", "changes for foo-bar:  \na (2) u; urgency=low\n"},
      {"changes-for-not", "changes for foobar-:\na (2) u; urgency=low\n"},
      {"old-changelog", "OLD changelog: \na (2) u; urgency=low\n"},
      {"version-alone", "1:2.0~3:\na (2) u; urgency=low\n"},
      {"number-alone", "12:\na (2) u; urgency=low\n"},
      {"two-colons", "1:2:3\na (2) u; urgency=low\n"},
      {"blank", "\n \n\t\n"},
      {"prose", "This is no changelog.\nIt has no entry.\n"},
  };
  return changelogs;
}

}  // namespace commander::demo
