// Sealed payloads and rows, ESP1.
#include "crypto/esp1.h"
#include "tests/fuzz/fuzz.h"

namespace commander::test {

namespace esp1 = crypto::esp1;

std::vector<std::string> FuzzSeeds() { return {}; }  // golden files

FUZZ(std::string_view bytes) {
  const esp1::Bytes input(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const auto message = esp1::Parse(input);
  if (!message.ok()) return;
  // What is parsed is written as the same bytes.
  std::vector<std::uint8_t> again(esp1::kHeaderBytes);
  esp1::WriteHeader(message->public_part.size(), message->segment_count, again.data());
  again.insert(again.end(), message->public_part.begin(), message->public_part.end());
  for (std::size_t i = 0; i < message->segment_count; ++i) {
    const esp1::Segment segment = message->segment(i);
    const std::size_t at = again.size();
    again.resize(at + esp1::kSegmentBytes);
    esp1::WriteSegment(segment, segment.box.size(), &again[at]);
    again.insert(again.end(), segment.box.begin(), segment.box.end());
  }
  Demand(std::equal(again.begin(), again.end(), input.begin(), input.end()),
         "a sealed message is written as it was read");
}

}  // namespace commander::test
