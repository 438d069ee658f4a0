#include "crypto/associated_data.h"

#include <sodium.h>

#include <algorithm>
#include <string_view>

#include "crypto/little_endian.h"

namespace commander::crypto {
namespace {

constexpr std::string_view kDomain = "ES-AAD-1";
constexpr std::size_t kHashBytes = 32;
// index, group, state, kid, nonce
constexpr std::size_t kSegmentPartBytes = 3 + 32 + 24;

// Fills memory that is large enough.
class Writer {
 public:
  explicit Writer(std::uint8_t* at) : at_(at) {}
  template <typename Bytes>
  void Put(const Bytes& bytes) {
    at_ = std::copy(bytes.begin(), bytes.end(), at_);
  }
  template <typename Number>
  void PutNumber(Number value) {
    StoreLittle(value, at_);
    at_ += sizeof(Number);
  }
  void PutText(std::string_view text) {
    PutNumber(static_cast<std::uint32_t>(text.size()));
    Put(text);
  }
  std::uint8_t* Skip(std::size_t bytes) {
    at_ += bytes;
    return at_ - bytes;
  }

 private:
  std::uint8_t* at_;
};

std::size_t PlaceBytes(const Place& place) {
  return kDomain.size() + 1 + sizeof(Realm) + 4 + place.owner.size() + 4 + place.key.size() + 8 +
         place.id.size() + 8 + kHashBytes;
}

}  // namespace

AssociatedData::AssociatedData(const Place& place, const Realm& realm, esp1::Bytes bound)
    : bytes_(PlaceBytes(place) + kSegmentPartBytes),
      segment_begin_(bytes_.size() - kSegmentPartBytes) {
  Writer out(bytes_.data());
  out.Put(kDomain);
  out.PutNumber(static_cast<std::uint8_t>(place.kind));
  out.Put(realm);
  out.PutText(place.owner);
  out.PutText(place.key);
  out.PutNumber(place.version);
  out.Put(place.id);
  out.PutNumber(place.schema);
  crypto_generichash(out.Skip(kHashBytes), kHashBytes, bound.data(), bound.size(), nullptr, 0);
}

std::span<const std::uint8_t> AssociatedData::Of(std::size_t index, const esp1::Segment& segment) {
  Writer out(bytes_.data() + segment_begin_);
  out.PutNumber(static_cast<std::uint8_t>(index));
  out.PutNumber(segment.group);
  out.PutNumber(static_cast<std::uint8_t>(segment.state));
  out.Put(segment.kid.bytes);
  out.Put(segment.nonce);
  return bytes_;
}

}  // namespace commander::crypto
