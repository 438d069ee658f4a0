#include "store/layout.h"

#include <cassert>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"
#include "crypto/sealer.h"

namespace commander::store {
namespace {

using ::commander::internal::ToAbsl;

// Persistent: letters of the kinds of rows, formats of their values, flags.
constexpr char kPartitionKind = 'm';
constexpr char kStateKind = 's';
constexpr char kIdsKind = 'i';
constexpr char kQueueKind = 'q';
constexpr char kProjectionKind = 'r';

constexpr std::uint8_t kPartitionFormat = 1;
constexpr std::uint8_t kSealedPartitionFormat = 2;
constexpr std::uint8_t kStateFormat = 1;
constexpr std::uint8_t kSealedStateFormat = 2;
constexpr std::uint8_t kIdsFormat = 1;
constexpr std::uint8_t kQueueFormat = 1;
constexpr std::uint8_t kProjectionFormat = 1;
constexpr std::uint8_t kSealedProjectionFormat = 2;

constexpr std::uint8_t kParkedFlag = 1;

constexpr std::size_t kPartitionBytes = 93;
constexpr std::size_t kStateHeaderBytes = 9;
constexpr std::size_t kIdBytes = 41;
constexpr std::size_t kQueueBytes = 9;

template <typename Integer>
void AppendLittle(std::string& out, Integer value) {
  auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(bits >> (8 * i))));
  }
}

template <typename Integer>
void AppendBig(std::string& out, Integer value) {
  static_assert(std::is_unsigned_v<Integer>);
  for (std::size_t i = sizeof(Integer); i-- > 0;) {
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
  }
}

void AppendId(std::string& out, const MessageId& id) {
  AppendLittle(out, id.hi);
  AppendLittle(out, id.lo);
}

void AppendWords(std::string& out, std::span<const std::uint64_t> words) {
  if (words.empty()) return;
  out.append(reinterpret_cast<const char*>(words.data()), words.size_bytes());
}

// Takes fields off the front of a value whose length has been checked.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  template <typename Integer>
  Integer Little() {
    std::make_unsigned_t<Integer> bits = 0;
    const std::string_view bytes = Take(sizeof(Integer));
    for (std::size_t i = sizeof(Integer); i-- > 0;) {
      bits = static_cast<std::make_unsigned_t<Integer>>(std::uint64_t{bits} << 8 |
                                                        static_cast<std::uint8_t>(bytes[i]));
    }
    return static_cast<Integer>(bits);
  }
  MessageId Id() {
    MessageId id;
    id.hi = Little<std::uint64_t>();
    id.lo = Little<std::uint64_t>();
    return id;
  }
  Offset At() { return {Little<std::uint64_t>()}; }
  std::string_view Take(std::size_t size) {
    assert(size <= rest_.size());
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view rest_;
};

template <typename Integer>
Integer Big(std::string_view bytes) {
  assert(bytes.size() == sizeof(Integer));
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return static_cast<Integer>(value);
}

absl::Status Damaged(std::string_view what, const std::string& why) {
  return absl::DataLossError(absl::StrCat(ToAbsl(what), ": ", why));
}

// Ok when `value` has the format and can hold a header and whole items behind it.
bool HasFormat(std::string_view value, std::uint8_t format) {
  return !value.empty() && static_cast<std::uint8_t>(value.front()) == format;
}

absl::Status CheckShape(std::string_view what, std::string_view value, std::uint8_t format,
                        std::size_t header_bytes, std::size_t item_bytes) {
  if (value.empty()) return Damaged(what, "the value is empty");
  if (const auto found = static_cast<std::uint8_t>(value[0]); found != format) {
    return Damaged(what, absl::StrCat("format ", int{found}, " is not known, only ", int{format}));
  }
  const bool fits = value.size() >= header_bytes &&
                    (item_bytes == 0 ? value.size() == header_bytes
                                     : (value.size() - header_bytes) % item_bytes == 0);
  if (!fits) {
    return Damaged(what, absl::StrCat(value.size(), " bytes, expected ", header_bytes,
                                      item_bytes == 0 ? "" : absl::StrCat(" + n x ", item_bytes)));
  }
  return absl::OkStatus();
}

std::vector<std::uint64_t> Words(std::string_view bytes) {
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint64_t));
  return words;
}

std::string KeyOfKind(char kind, std::string_view key) {
  std::string row_key;
  row_key.reserve(1 + key.size());
  row_key.push_back(kind);
  row_key.append(key);
  return row_key;
}

}  // namespace

std::string PartitionKey() { return std::string(1, kPartitionKind); }

std::string PartitionKey(std::string_view topic, std::uint32_t partition) {
  assert(topic.find('\0') == std::string_view::npos);
  std::string row_key = KeyOfKind(kPartitionKind, topic);
  row_key.push_back('\0');
  AppendBig(row_key, partition);
  return row_key;
}

absl::StatusOr<TopicOfPartition> TopicOfPartitionKey(std::string_view row_key) {
  const std::size_t topic_end = row_key.find('\0');
  if (row_key.empty() || row_key[0] != kPartitionKind || topic_end == std::string_view::npos ||
      topic_end == 1 || row_key.size() != topic_end + 1 + sizeof(std::uint32_t)) {
    return Damaged("partition row", absl::StrCat("a key of ", row_key.size(),
                                                 " bytes is none of a projection's partition"));
  }
  return TopicOfPartition{std::string(row_key.substr(1, topic_end - 1)),
                          Big<std::uint32_t>(row_key.substr(topic_end + 1))};
}

std::string EncodePartition(const PartitionRow& row) {
  std::string value;
  value.reserve(kPartitionBytes);
  AppendLittle(value, row.sealed_whole ? kSealedPartitionFormat : kPartitionFormat);
  value.append(reinterpret_cast<const char*>(row.log_id.data()), row.log_id.size());
  AppendLittle(value, row.next.value);
  AppendId(value, row.last_id);
  AppendLittle(value, row.last_hash);
  AppendLittle(value, row.consumed.value);
  AppendLittle(value, row.last_time_ns);
  AppendLittle(value, row.last_asked_ns);
  AppendLittle(value, row.dedup_window_ns);
  AppendLittle(value, row.fold_version);
  AppendLittle(value, row.schema);
  assert(value.size() == kPartitionBytes);
  return value;
}

absl::StatusOr<PartitionRow> DecodePartition(std::string_view value) {
  PartitionRow row;
  row.sealed_whole = HasFormat(value, kSealedPartitionFormat);
  if (absl::Status status = CheckShape("partition row", value,
                                       row.sealed_whole ? kSealedPartitionFormat : kPartitionFormat,
                                       kPartitionBytes, 0);
      !status.ok()) {
    return status;
  }
  Fields fields(value.substr(1));
  std::memcpy(row.log_id.data(), fields.Take(row.log_id.size()).data(), row.log_id.size());
  row.next = fields.At();
  row.last_id = fields.Id();
  row.last_hash = fields.Little<std::uint64_t>();
  row.consumed = fields.At();
  row.last_time_ns = fields.Little<std::int64_t>();
  row.last_asked_ns = fields.Little<std::int64_t>();
  row.dedup_window_ns = fields.Little<std::int64_t>();
  row.fold_version = fields.Little<std::uint32_t>();
  row.schema = fields.Little<std::uint64_t>();
  return row;
}

std::string StateKey(std::string_view key) { return KeyOfKind(kStateKind, key); }

std::string_view KeyOfState(std::string_view row_key) {
  assert(!row_key.empty() && row_key[0] == kStateKind);
  return row_key.substr(1);
}

std::string EncodeState(std::uint64_t version, std::span<const std::uint64_t> state, bool sealed) {
  std::string value;
  value.reserve(kStateHeaderBytes + state.size_bytes());
  AppendLittle(value, sealed ? kSealedStateFormat : kStateFormat);
  AppendLittle(value, version);
  AppendWords(value, state);
  return value;
}

absl::StatusOr<StateRow> DecodeState(std::string_view value) {
  StateRow row;
  row.sealed = HasFormat(value, kSealedStateFormat);
  if (absl::Status status =
          CheckShape("state row", value, row.sealed ? kSealedStateFormat : kStateFormat,
                     kStateHeaderBytes, sizeof(std::uint64_t));
      !status.ok()) {
    return status;
  }
  if (row.sealed && value.size() == kStateHeaderBytes) {
    return Damaged("state row", "it holds nothing that is sealed");
  }
  Fields fields(value.substr(1));
  row.version = fields.Little<std::uint64_t>();
  row.state = Words(value.substr(kStateHeaderBytes));
  return row;
}

std::string IdBlockKey(std::uint64_t block) {
  std::string row_key(1, kIdsKind);
  AppendBig(row_key, block);
  return row_key;
}

absl::StatusOr<std::uint64_t> NumberOfIdBlock(std::string_view row_key) {
  if (row_key.size() != 1 + sizeof(std::uint64_t) || row_key[0] != kIdsKind) {
    return absl::DataLossError("not the key of a block of remembered ids");
  }
  std::uint64_t number = 0;
  for (const char byte : row_key.substr(1)) {
    number = number << 8 | static_cast<std::uint8_t>(byte);
  }
  return number;
}

std::string EncodeIds(std::span<const RememberedId> ids) {
  std::string value;
  value.reserve(1 + ids.size() * kIdBytes);
  AppendLittle(value, kIdsFormat);
  for (const RememberedId& id : ids) {
    AppendId(value, id.id);
    AppendLittle(value, id.key_hash);
    AppendLittle(value, id.outcome.value);
    AppendLittle(value, id.asked_ns);
    AppendLittle(value, id.parked ? kParkedFlag : std::uint8_t{0});
  }
  return value;
}

absl::StatusOr<std::vector<RememberedId>> DecodeIds(std::string_view value) {
  if (absl::Status status = CheckShape("block of ids", value, kIdsFormat, 1, kIdBytes);
      !status.ok()) {
    return status;
  }
  Fields fields(value.substr(1));
  std::vector<RememberedId> ids((value.size() - 1) / kIdBytes);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i].id = fields.Id();
    ids[i].key_hash = fields.Little<std::uint64_t>();
    ids[i].outcome = fields.At();
    ids[i].asked_ns = fields.Little<std::int64_t>();
    const auto flags = fields.Little<std::uint8_t>();
    if ((flags & ~kParkedFlag) != 0) {
      return Damaged("block of ids", absl::StrCat("id ", i, " has the unknown flags ", int{flags}));
    }
    ids[i].parked = flags == kParkedFlag;
  }
  return ids;
}

std::string QueueKey(std::string_view key, Offset source) {
  assert(key.size() <= std::numeric_limits<std::uint16_t>::max());
  std::string row_key(1, kQueueKind);
  row_key.reserve(1 + sizeof(std::uint16_t) + key.size() + sizeof(std::uint64_t));
  AppendBig(row_key, static_cast<std::uint16_t>(key.size()));
  row_key.append(key);
  AppendBig(row_key, source.value);
  return row_key;
}

std::string EncodeQueue(Offset outcome) {
  std::string value;
  value.reserve(kQueueBytes);
  AppendLittle(value, kQueueFormat);
  AppendLittle(value, outcome.value);
  return value;
}

absl::StatusOr<QueueRow> DecodeQueue(std::string_view row_key, std::string_view value) {
  constexpr std::size_t kKeyAt = 1 + sizeof(std::uint16_t);
  if (row_key.size() < kKeyAt + sizeof(std::uint64_t) || row_key[0] != kQueueKind) {
    return Damaged("queue row",
                   absl::StrCat("a key of ", row_key.size(), " bytes is none of a queue row"));
  }
  const std::size_t key_bytes = Big<std::uint16_t>(row_key.substr(1, sizeof(std::uint16_t)));
  if (row_key.size() != kKeyAt + key_bytes + sizeof(std::uint64_t)) {
    return Damaged("queue row",
                   absl::StrCat("a key of ", row_key.size(), " bytes says that it holds ",
                                key_bytes, " of an aggregate's key"));
  }
  if (absl::Status status = CheckShape("queue row", value, kQueueFormat, kQueueBytes, 0);
      !status.ok()) {
    return status;
  }
  QueueRow row;
  row.key = std::string(row_key.substr(kKeyAt, key_bytes));
  row.source = {Big<std::uint64_t>(row_key.substr(kKeyAt + key_bytes))};
  row.outcome = Fields(value.substr(1)).At();
  return row;
}

std::string ProjectionKey(std::string_view key) { return KeyOfKind(kProjectionKind, key); }

std::string_view KeyOfProjection(std::string_view row_key) {
  assert(!row_key.empty() && row_key[0] == kProjectionKind);
  return row_key.substr(1);
}

std::string EncodeProjection(std::span<const std::uint64_t> row, bool sealed) {
  assert(!row.empty());
  std::string value;
  value.reserve(1 + row.size_bytes());
  AppendLittle(value, sealed ? kSealedProjectionFormat : kProjectionFormat);
  AppendWords(value, row);
  return value;
}

absl::StatusOr<ProjectionRow> DecodeProjection(std::string_view value) {
  const bool sealed = HasFormat(value, kSealedProjectionFormat);
  if (absl::Status status =
          CheckShape("projection row", value, sealed ? kSealedProjectionFormat : kProjectionFormat,
                     1, sizeof(std::uint64_t));
      !status.ok()) {
    return status;
  }
  if (value.size() == 1) return Damaged("projection row", "it holds no struct");
  return ProjectionRow{.row = Words(value.substr(1)), .sealed = sealed};
}

namespace {

// Of a sealed struct the form, which shows without its key.
template <class Row>
absl::Status CheckStored(const absl::StatusOr<Row>& row, std::vector<std::uint64_t> Row::*words) {
  if (!row.ok() || !row->sealed) return row.status();
  const std::vector<std::uint64_t>& sealed = *row.*words;
  return crypto::PublicPart({reinterpret_cast<const std::uint8_t*>(sealed.data()),
                             sealed.size() * sizeof(std::uint64_t)})
      .status();
}

}  // namespace

absl::Status CheckRow(std::string_view row_key, std::string_view value) {
  const auto bad_key = [&](std::string_view what) {
    return Damaged(what, absl::StrCat("a key of ", row_key.size(), " bytes is none of its keys"));
  };
  switch (row_key.empty() ? '\0' : row_key[0]) {
    case kPartitionKind:
      if (row_key.size() > 1) {
        const absl::StatusOr<TopicOfPartition> topic = TopicOfPartitionKey(row_key);
        if (!topic.ok()) return topic.status();
      }
      return DecodePartition(value).status();
    case kStateKind:
      if (row_key.size() == 1) return bad_key("state row");
      return CheckStored(DecodeState(value), &StateRow::state);
    case kIdsKind:
      if (row_key.size() != 1 + sizeof(std::uint64_t)) return bad_key("block of ids");
      return DecodeIds(value).status();
    case kQueueKind:
      return DecodeQueue(row_key, value).status();
    case kProjectionKind:
      if (row_key.size() == 1) return bad_key("projection row");
      return CheckStored(DecodeProjection(value), &ProjectionRow::row);
    default:
      return Damaged("row", "its key begins with no letter of a kind of row");
  }
}

std::string PrefixEnd(std::string_view prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) {
    prefix.remove_suffix(1);
  }
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<std::uint8_t>(end.back()) + 1);
  return end;
}

}  // namespace commander::store
