// associated_data.h: what binds sealed fields to their place (FORMAT.md), so that they open nowhere
// else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/esp1.h"
#include "crypto/subject.h"

namespace commander::crypto {

enum class PlaceKind : std::uint8_t {  // stored
  kCommand = 1,
  kEvent = 2,
  kRejection = 3,
  kState = 4,
  kRow = 5,
  kParked = 6,
};

// Where a sealed struct is stored.  Rows and states have neither version nor id.
struct Place {
  PlaceKind kind = PlaceKind::kEvent;
  std::string_view owner;             // the group; of a row the projection, "balances@2"
  std::string_view key;               // the aggregate's; of a row its own
  std::uint64_t version = 0;          // of the record
  std::array<std::uint8_t, 16> id{};  // of the record, most significant byte first
  std::uint64_t schema = 0;           // fingerprint that record or row carries
};

// The associated data of the segments of one message.
class AssociatedData {
 public:
  AssociatedData(const Place& place, const Realm& realm, esp1::Bytes bound);

  // Those of segment number `index`; valid until the next call.
  std::span<const std::uint8_t> Of(std::size_t index, const esp1::Segment& segment);

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t segment_begin_;
};

}  // namespace commander::crypto
