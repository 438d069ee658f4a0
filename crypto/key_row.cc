#include "crypto/key_row.h"

#include <sodium.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::crypto {
namespace {

std::string KeyData(const StoreId& store, const Kid& kid, std::uint16_t bucket,
                    std::uint64_t epoch) {
  return BytesWriter().Raw("ESKEY001").Raw(store).Raw(kid.bytes).U16(bucket).U64(epoch).Take();
}

std::string TagData(const StoreId& store, std::uint16_t bucket, std::uint64_t epoch,
                    std::string_view tag) {
  return BytesWriter().Raw("ESTAG001").Raw(store).U16(bucket).U64(epoch).Raw(tag).Take();
}

absl::Status Forged(std::string_view table) {
  return absl::DataLossError(absl::StrCat("CORRUPT: a row of the table ",
                                          absl::string_view(table.data(), table.size()),
                                          " of the store of keys was changed or moved"));
}

}  // namespace

std::string EncodeSubject(const Subject& subject) {
  return BytesWriter().Lp(subject.name_space).Lp(subject.id).Take();
}

absl::Status CheckSubject(const Subject& subject) {
  if (subject.name_space.size() <= kMaxNamespaceBytes && !subject.id.empty() &&
      subject.id.size() <= kMaxSubjectIdBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "a subject has an id of 1 to ", kMaxSubjectIdBytes, " bytes in a namespace of at most ",
      kMaxNamespaceBytes, " bytes; got ", subject.id.size(), " and ", subject.name_space.size()));
}

SubjectHash HashSubject(const SecretTable& table, std::string_view subject) {
  return Blake2b<32>(table.pepper(), {AsBytes(subject)});
}

std::uint16_t BucketOf(const SubjectHash& hash) {
  return static_cast<std::uint16_t>((hash[0] | hash[1] << 8) & (kBuckets - 1));
}

Tag SuppressionTagOf(const SecretTable& table, std::string_view subject) {
  return Blake2b<16>(table.suppression_pepper(), {AsBytes(subject)});
}

std::string TagRowPrefix(std::uint16_t bucket) { return BytesWriter().U16(bucket).Take(); }

std::string TagRowKey(const SecretTable& table, std::uint16_t bucket, std::string_view subject) {
  auto key = Blake2b<32>(table.bucket_key(bucket), {AsBytes("ES tag v1")});
  const Tag tag = Blake2b<16>(key, {AsBytes(subject)});
  sodium_memzero(key.data(), key.size());
  return BytesWriter().U16(bucket).Raw(tag).Take();
}

std::string SealKeyRow(const KeyRowPlace& place, const Kid& kid, std::uint16_t bucket,
                       std::int64_t created_ns, std::string_view subject,
                       std::span<std::uint8_t> plain, RandomSource* random) {
  // The key is there already; the string never holds it.
  const std::string rest = BytesWriter().I64(created_ns).Raw(subject).Take();
  std::memcpy(plain.data() + kKeyBytes, rest.data(), rest.size());
  const std::uint64_t epoch = place.table.epoch(bucket);
  const std::string sealed =
      SealValue(place.table.bucket_key(bucket), KeyData(place.store, kid, bucket, epoch),
                plain.first(kKeyBytes + rest.size()), random);
  return BytesWriter().U16(bucket).U64(epoch).Raw(sealed).Take();
}

absl::StatusOr<std::uint16_t> BucketOfKeyRow(std::string_view row) {
  BytesReader reader(row);
  const std::uint16_t bucket = reader.U16();
  if (!reader.ok() || bucket >= kBuckets) return Forged("key");
  return bucket;
}

absl::Status OpenKeyRow(const KeyRowPlace& place, const Kid& kid, std::string_view row,
                        std::span<std::uint8_t> plain) {
  BytesReader reader(row);
  const std::uint16_t bucket = reader.U16();
  const std::uint64_t epoch = reader.U64();
  const std::string_view sealed = reader.Rest();
  if (bucket >= kBuckets || epoch != place.table.epoch(bucket) ||
      sealed.size() < kSealOverheadBytes + kKeyBytes ||
      sealed.size() > kSealOverheadBytes + plain.size()) {
    return Forged("key");
  }
  const auto exact = plain.first(sealed.size() - kSealOverheadBytes);
  const bool opened = OpenValue(place.table.bucket_key(bucket),
                                KeyData(place.store, kid, bucket, epoch), sealed, exact);
  // A kid commits to its key: a row cannot pass off another one.
  const bool matches = opened && KidOfKey(exact.first(kKeyBytes)) == kid;
  sodium_stackzero(1024);
  if (matches) return absl::OkStatus();
  sodium_memzero(plain.data(), plain.size());
  return Forged("key");
}

std::string SealTagRow(const KeyRowPlace& place, std::string_view key, const Kid& kid,
                       RandomSource* random) {
  BytesReader reader(key);
  const std::uint16_t bucket = reader.U16();
  const std::uint64_t epoch = place.table.epoch(bucket);
  const std::string sealed =
      SealValue(place.table.bucket_key(bucket), TagData(place.store, bucket, epoch, reader.Rest()),
                kid.bytes, random);
  return BytesWriter().U64(epoch).Raw(sealed).Take();
}

absl::StatusOr<Kid> OpenTagRow(const KeyRowPlace& place, std::string_view key,
                               std::string_view row) {
  BytesReader of_key(key);
  const std::uint16_t bucket = of_key.U16();
  const std::string_view tag = of_key.Rest();
  BytesReader of_row(row);
  const std::uint64_t epoch = of_row.U64();
  if (!of_key.ok() || !of_row.ok() || bucket >= kBuckets || epoch != place.table.epoch(bucket)) {
    return Forged("tag");
  }
  Kid kid;
  if (!OpenValue(place.table.bucket_key(bucket), TagData(place.store, bucket, epoch, tag),
                 of_row.Rest(), kid.bytes)) {
    return Forged("tag");
  }
  return kid;
}

}  // namespace commander::crypto
