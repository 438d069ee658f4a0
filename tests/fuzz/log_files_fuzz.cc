// The files of the embedded log: segments, their indexes, topics and schemas.
#include <algorithm>

#include "engine/log/catalog.h"
#include "engine/log/checksum.h"
#include "engine/log/format.h"
#include "engine/log/segment_index.h"
#include "tests/fuzz/fuzz.h"

namespace commander::test {

std::vector<std::string> FuzzSeeds() {
  log::TopicInfo topic;
  topic.number = 1;
  topic.settings = {"accounts-events", log::TopicKind::kEvents, 3};
  log::SegmentHeader segment;
  return {log::EncodeTopic(topic), log::EncodeSchema({17, "bank.Opened", "nodes"}),
          log::SegmentIndex().Encode(segment)};
}

// The frame that the bytes would be if its checksum was right.
void WalkFrame(std::string_view bytes) {
  const std::vector<log::Word> words = WordsOf(bytes);
  if (words.size() * sizeof(log::Word) < sizeof(log::FrameHeader)) return;
  const log::FrameHeader header = log::HeaderOf(words);
  if (log::PlausibleFrame(header, 0, bytes.size())) {
    log::ValidFrame(std::span(words).first(header.length / sizeof(log::Word)), 0);
  }
  const auto runs = log::RunsOf(words);
  if (!runs.has_value()) return;
  for (const log::RunView& run : *runs) {
    log::EntryWalk walk(run.entries);
    std::size_t walked = 0;
    for (auto message = walk.Next(); !message.empty(); message = walk.Next()) {
      walked += message.size() + log::kEntryHeaderWords;
    }
    Demand(walked <= run.entries.size(), "entries lie within their run");
  }
}

FUZZ(std::string_view bytes) {
  const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(bytes.data()),
                                         bytes.size());
  log::SegmentHeader segment;
  if (const auto header = log::DecodeSegmentHeader(input, "fuzz"); header.ok()) segment = *header;
  if (const auto index = log::SegmentIndex::Decode(input, segment); index.has_value()) {
    Demand(index->Encode(segment) == bytes, "an index is written as it was read");
  }
  log::DecodeTopic(bytes, "fuzz", "accounts-events").IgnoreError();
  log::DecodeSchema(bytes, "fuzz", log::SchemaFileName(17)).IgnoreError();
  WalkFrame(bytes);
  if (bytes.size() > sizeof(log::SegmentHeader))
    WalkFrame(bytes.substr(sizeof(log::SegmentHeader)));
}

}  // namespace commander::test
