// text_scanner.h: a cursor over one piece of text, with the character classes of a changelog.
//
//     TextScanner scan("12 Jan");
//     scan.TakeWhile(IsDigit, 2);   // "12"
//     scan.Take(' ');               // true, now before the J
//
// The classes are those Perl applies to bytes (\d, \w and \s without a locale): ASCII only, so a
// Latin-1 or UTF-8 letter is never a word character.  Every call is bounded by the text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace commander::demo {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool IsWord(char c) { return IsDigit(c) || IsLetter(c) || c == '_'; }
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline bool IsNotSpace(char c) { return !IsSpace(c); }

// `c` in lower case where it is an ASCII capital, else `c`.
inline char FoldCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string FoldCase(std::string_view text) {
  std::string folded(text);
  std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) { return FoldCase(c); });
  return folded;
}

// `text` without the white space at its two ends.
inline std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Refers to the text it was made with.  Copy it to try something and come back.
class TextScanner {
 public:
  explicit TextScanner(std::string_view text, std::size_t position = 0)
      : text_(text), position_(std::min(position, text.size())) {}

  std::size_t position() const { return position_; }
  std::string_view rest() const { return text_.substr(position_); }
  bool AtEnd() const { return position_ == text_.size(); }

  // Consumes one character.  Not at the end.
  void Skip() { ++position_; }

  // Consumes and returns the longest run of characters that `is` accepts, `most` at most.
  template <typename Predicate>
  std::string_view TakeWhile(Predicate is, std::size_t most = std::string_view::npos) {
    const std::size_t start = position_;
    while (!AtEnd() && position_ - start < most && is(text_[position_])) ++position_;
    return text_.substr(start, position_ - start);
  }

  // Each of these tells whether it found what it looks for.  If not, it consumed nothing, but for
  // TakeDigits(), which consumes fewer digits.
  bool TakeSpaces() { return !TakeWhile(IsSpace).empty(); }
  bool TakeWord() { return !TakeWhile(IsWord).empty(); }
  bool TakeOneOf(bool (*is)(char)) { return !TakeWhile(is, 1).empty(); }
  bool TakeDigits(std::size_t count) { return TakeWhile(IsDigit, count).size() == count; }
  bool TakeOneOrTwoDigits() { return !TakeWhile(IsDigit, 2).empty(); }

  bool Take(char c) {
    if (AtEnd() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  // Consumes `literal`, written in lower case, in whatever case it stands here.
  bool TakeFolded(std::string_view literal) {
    if (rest().size() < literal.size()) return false;
    for (std::size_t i = 0; i < literal.size(); ++i) {
      if (FoldCase(text_[position_ + i]) != literal[i]) return false;
    }
    position_ += literal.size();
    return true;
  }

 private:
  std::string_view text_;
  std::size_t position_;
};

}  // namespace commander::demo
