// id.h: ids of messages, and keys for new aggregates.
//
//     std::string key = commander::NewKey();              // "0197e3c2-…", sorts by time
//     commander::MessageId id = commander::MessageId::FromText("order-7/pay");
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace commander {

class RandomSource;

// A UUID (RFC 9562).  A command's id is its idempotence key within its group and
// key: sending it again gives the first outcome.
//
// Version 7 ids begin with the time in milliseconds at which they were made; the
// engine refuses one that is older than its deduplication window when it arrives.
// Version 8 ids are derived from text, or by the engine from other ids.
struct MessageId {
  std::uint64_t hi = 0;
  std::uint64_t lo = 0;

  friend bool operator==(const MessageId&, const MessageId&) = default;
  friend std::strong_ordering operator<=>(const MessageId&, const MessageId&) = default;

  // All zero: "no id".
  bool empty() const { return hi == 0 && lo == 0; }
  // 7 or 8 for ids made here; whatever the bits say for others.
  int version() const { return static_cast<int>(hi >> 12 & 0xf); }
  // Version 7 only: when the id was made, in milliseconds since 1970.
  std::int64_t unix_ms() const { return static_cast<std::int64_t>(hi >> 16); }

  // 36 characters, lower case: 0197e3c2-5b7a-7cc3-98c4-dc0c0c07398f.
  std::string ToString() const;
  // Reads what ToString() writes (either case); nothing for other text.
  static std::optional<MessageId> Parse(std::string_view text);
  // An id for any text that a caller uses as one: a UUID is taken as it is, other
  // text becomes its XXH3-128 hash in the form of a version 8 id.
  static MessageId FromText(std::string_view text);
  // The version 8 id that the engine derives from `parent`, for its `n`-th child of
  // one `purpose`.
  static MessageId Derive(const MessageId& parent, std::string_view purpose, std::uint64_t n);
};

// Makes version 7 ids that grow: within one source each is greater than the one
// before, also when the clock stands still or goes back.  Not thread-safe.
class IdSource {
 public:
  explicit IdSource(RandomSource& random);
  MessageId Next(std::int64_t now_ns);

 private:
  RandomSource& random_;
  std::uint64_t last_tick_ = 0;           // milliseconds << 12 | twelve bits of their fraction
  std::array<std::uint64_t, 32> pool_{};  // a getrandom call an id would cost more than the id
  std::size_t unused_ = 0;
};

// A fresh version 7 UUID as text: a key for an aggregate that has no natural one.
// Thread-safe.
std::string NewKey();

}  // namespace commander

template <>
struct std::hash<commander::MessageId> {
  std::size_t operator()(const commander::MessageId& id) const noexcept {
    return static_cast<std::size_t>(id.lo ^ id.hi * 0x9E3779B97F4A7C15u);
  }
};
