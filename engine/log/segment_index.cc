#include "engine/log/segment_index.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::log {
namespace {

struct StoredHead {
  std::uint64_t segment_checksum = 0;
  std::array<char, 8> magic = {'C', 'M', 'D', 'R', 'I', 'D', 'X', '1'};
  std::uint32_t format = kFormatVersion;
  std::uint32_t partitions = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t last_checksum = 0;
  std::int64_t last_time_ns = 0;
  std::uint64_t end = 0;
};
static_assert(sizeof(StoredHead) == 56);

struct StoredPartition {
  std::uint16_t topic = 0;
  std::uint16_t partition = 0;
  std::uint32_t places = 0;
  std::uint64_t base = 0;
  std::uint64_t next = 0;
};
static_assert(sizeof(StoredPartition) == 24);

template <typename T>
void Put(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T Get(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::size_t HeadBytes(std::uint32_t partitions) {
  return sizeof(StoredHead) + std::size_t{partitions} * sizeof(StoredPartition) +
         sizeof(std::uint64_t);
}

// How many partitions the head lists, if `bytes` begins like an index of `segment`.
std::optional<std::uint32_t> PartitionsListed(std::span<const std::byte> bytes,
                                              const SegmentHeader& segment) {
  if (bytes.size() < sizeof(StoredHead)) return std::nullopt;
  const auto head = Get<StoredHead>(bytes, 0);
  if (head.segment_checksum != segment.checksum || head.magic != StoredHead().magic ||
      head.format != kFormatVersion) {
    return std::nullopt;
  }
  return head.partitions;
}

bool EndsWithItsChecksum(std::span<const std::byte> bytes) {
  const std::size_t covered = bytes.size() - sizeof(std::uint64_t);
  return Get<std::uint64_t>(bytes, covered) == ChecksumOf(bytes.data(), covered);
}

// `bytes`: exactly the head, whose checksum is right.
IndexHead DecodeHead(std::span<const std::byte> bytes, std::vector<std::uint32_t>* places) {
  const auto stored = Get<StoredHead>(bytes, 0);
  IndexHead head;
  head.last_sequence = stored.last_sequence;
  head.last_checksum = stored.last_checksum;
  head.last_time_ns = stored.last_time_ns;
  head.end = stored.end;
  for (std::uint32_t i = 0; i < stored.partitions; ++i) {
    const auto p = Get<StoredPartition>(bytes, sizeof(StoredHead) + i * sizeof(StoredPartition));
    head.partitions[{p.topic, p.partition}] = {p.base, p.next};
    places->push_back(p.places);
  }
  return head;
}

}  // namespace

IndexHead IndexHead::Following(const IndexHead& before) {
  IndexHead head = before;
  head.end = sizeof(SegmentHeader);
  for (auto& [partition, extent] : head.partitions) extent.base = extent.next;
  return head;
}

absl::Status SegmentIndex::AddFrame(const FrameHeader& header, std::span<const RunHeader> runs) {
  for (const RunHeader& run : runs) {
    const auto at = head_.partitions.find(run.place());
    const std::uint64_t expected = at == head_.partitions.end() ? 0 : at->second.next;
    if (run.first_offset != expected) {
      return absl::DataLossError(absl::StrCat("frame ", header.sequence, " holds topic ", run.topic,
                                              " partition ", run.partition, " from offset ",
                                              run.first_offset, " on, expected offset ", expected));
    }
  }
  for (const RunHeader& run : runs) {
    PartitionExtent& extent = head_.partitions[run.place()];
    places_[run.place()].push_back({static_cast<std::uint32_t>(run.first_offset - extent.base),
                                    static_cast<std::uint32_t>(head_.end / 8)});
    extent.next = run.first_offset + run.count;
  }
  head_.last_sequence = header.sequence;
  head_.last_checksum = header.checksum;
  head_.last_time_ns = header.time_ns;
  head_.end += header.length;
  return absl::OkStatus();
}

std::optional<std::uint64_t> SegmentIndex::FindFrame(TopicPartition partition,
                                                     std::uint64_t offset) const {
  const auto extent = head_.partitions.find(partition);
  if (extent == head_.partitions.end() || offset < extent->second.base ||
      offset >= extent->second.next) {
    return std::nullopt;
  }
  const std::vector<Place>& places = places_.at(partition);
  const auto behind = std::upper_bound(
      places.begin(), places.end(), offset - extent->second.base,
      [](std::uint64_t wanted, const Place& place) { return wanted < place.offset; });
  return std::uint64_t{std::prev(behind)->frame_8} * 8;
}

std::string SegmentIndex::Encode(const SegmentHeader& segment) const {
  std::string out;
  StoredHead stored;
  stored.segment_checksum = segment.checksum;
  stored.partitions = static_cast<std::uint32_t>(head_.partitions.size());
  stored.last_sequence = head_.last_sequence;
  stored.last_checksum = head_.last_checksum;
  stored.last_time_ns = head_.last_time_ns;
  stored.end = head_.end;
  Put(stored, &out);
  for (const auto& [place, extent] : head_.partitions) {
    const auto places = places_.find(place);
    const std::size_t count = places == places_.end() ? 0 : places->second.size();
    Put(StoredPartition{place.topic, place.partition, static_cast<std::uint32_t>(count),
                        extent.base, extent.next},
        &out);
  }
  Put(ChecksumOf(out.data(), out.size()), &out);
  for (const auto& [place, places] : places_) {
    for (const Place& p : places) Put(p, &out);
  }
  Put(ChecksumOf(out.data(), out.size()), &out);
  return out;
}

std::optional<SegmentIndex> SegmentIndex::Decode(std::span<const std::byte> bytes,
                                                 const SegmentHeader& segment) {
  const std::optional<std::uint32_t> partitions = PartitionsListed(bytes, segment);
  if (!partitions.has_value()) return std::nullopt;
  const std::size_t head_bytes = HeadBytes(*partitions);
  if (bytes.size() < head_bytes + sizeof(std::uint64_t) ||
      !EndsWithItsChecksum(bytes.first(head_bytes)) || !EndsWithItsChecksum(bytes)) {
    return std::nullopt;
  }
  std::vector<std::uint32_t> counts;
  SegmentIndex index(DecodeHead(bytes.first(head_bytes), &counts));
  std::size_t at = head_bytes;
  std::size_t i = 0;
  for (const auto& [place, extent] : index.head_.partitions) {
    const std::size_t count = counts[i++];
    if (count > (bytes.size() - sizeof(std::uint64_t) - at) / sizeof(Place)) return std::nullopt;
    if ((count == 0) != extent.empty()) return std::nullopt;
    if (count == 0) continue;
    std::vector<Place>& places = index.places_[place];
    places.resize(count);
    std::memcpy(places.data(), bytes.data() + at, count * sizeof(Place));
    if (places.front().offset != 0) return std::nullopt;
    at += count * sizeof(Place);
  }
  if (at + sizeof(std::uint64_t) != bytes.size()) return std::nullopt;
  return index;
}

absl::StatusOr<std::optional<IndexHead>> ReadIndexHead(FileSystem& files, const std::string& path,
                                                       const SegmentHeader& segment) {
  absl::StatusOr<std::unique_ptr<File>> file = files.OpenForReading(path);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  COMMANDER_RETURN_IF_ERROR(file.status());
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, (*file)->Size());
  // One read takes the heads of all but very large logs.
  std::vector<std::byte> bytes(std::min<std::uint64_t>(size, 4096));
  COMMANDER_ASSIGN_OR_RETURN(std::size_t have, (*file)->Read(0, bytes));
  const std::optional<std::uint32_t> partitions =
      PartitionsListed(std::span(bytes).first(have), segment);
  if (!partitions.has_value() || size < HeadBytes(*partitions)) return std::nullopt;
  if (have < HeadBytes(*partitions)) {
    bytes.resize(HeadBytes(*partitions));
    COMMANDER_ASSIGN_OR_RETURN(have, (*file)->Read(0, bytes));
    if (have < bytes.size()) return std::nullopt;
  }
  const std::span<const std::byte> head = std::span(bytes).first(HeadBytes(*partitions));
  if (!EndsWithItsChecksum(head)) return std::nullopt;
  std::vector<std::uint32_t> unused;
  return DecodeHead(head, &unused);
}

absl::StatusOr<std::optional<SegmentIndex>> ReadIndex(FileSystem& files, const std::string& path,
                                                      const SegmentHeader& segment) {
  absl::StatusOr<std::unique_ptr<File>> file = files.OpenForReading(path);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  COMMANDER_RETURN_IF_ERROR(file.status());
  COMMANDER_ASSIGN_OR_RETURN(const std::uint64_t size, (*file)->Size());
  std::vector<std::byte> bytes(size);
  COMMANDER_ASSIGN_OR_RETURN(const std::size_t have, (*file)->Read(0, bytes));
  return SegmentIndex::Decode(std::span(bytes).first(have), segment);
}

}  // namespace commander::log
