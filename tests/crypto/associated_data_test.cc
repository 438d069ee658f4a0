#include "crypto/associated_data.h"

#include <sodium.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace commander::test {
namespace {

using namespace std::string_literals;

std::string Text(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

// Put together from FORMAT.md, by hand.
TEST(AssociatedData, LiesAsTheFormatSays) {
  crypto::Place place{crypto::PlaceKind::kState, "accounts", "acct-1",
                      0x0102030405060708,        {},         0x1112131415161718};
  for (std::size_t i = 0; i < 16; ++i) place.id[i] = static_cast<std::uint8_t>(0xA0 + i);
  crypto::Realm realm;
  realm.fill('R');
  const std::string bound = "ESP1 and the public part";
  crypto::AssociatedData data(place, realm,
                              {reinterpret_cast<const std::uint8_t*>(bound.data()), bound.size()});
  crypto::esp1::Segment segment;
  segment.group = 7;
  segment.state = crypto::esp1::State::kErased;
  segment.kid.bytes.fill('K');
  segment.nonce.fill('N');

  std::string hash(32, '\0');
  crypto_generichash(reinterpret_cast<std::uint8_t*>(hash.data()), 32,
                     reinterpret_cast<const std::uint8_t*>(bound.data()), bound.size(), nullptr, 0);
  const std::string begin = "ES-AAD-1"s + "\x04"s + std::string(16, 'R') + "\x08\0\0\0accounts"s +
                            "\x06\0\0\0acct-1"s + "\x08\x07\x06\x05\x04\x03\x02\x01"s +
                            "\xA0\xA1\xA2\xA3\xA4\xA5\xA6\xA7\xA8\xA9\xAA\xAB\xAC\xAD\xAE\xAF"s +
                            "\x18\x17\x16\x15\x14\x13\x12\x11"s + hash;
  const std::string end = "\x07\x02"s + std::string(32, 'K') + std::string(24, 'N');
  EXPECT_EQ(Text(data.Of(3, segment)), begin + "\x03" + end);
  EXPECT_EQ(Text(data.Of(0, segment)), begin + "\0"s + end);
}

TEST(AssociatedData, TakesEmptyAndOddTexts) {
  const std::string key = "a\0b\xFF"s;
  const crypto::Place place{crypto::PlaceKind::kRow, "", key, 0, {}, 0};
  crypto::AssociatedData data(place, {}, {});
  EXPECT_THAT(Text(data.Of(0, {})), ::testing::HasSubstr("\0\0\0\0\x04\0\0\0a\0b\xFF"s));
}

}  // namespace
}  // namespace commander::test
