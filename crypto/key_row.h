// key_row.h: names of subjects in rows, and the sealed values of the tables key and tag.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/environment.h"
#include "crypto/key_file.h"
#include "crypto/subject.h"

namespace commander::crypto {

inline constexpr std::size_t kMaxNamespaceBytes = 256;
inline constexpr std::size_t kMaxSubjectIdBytes = 2048;
// Enough for the plaintext of any key row.
inline constexpr std::size_t kKeyRowPlainBytes = 4096;

using Tag = std::array<std::uint8_t, 16>;  // of a subject, under keys of the store

// lp(namespace) | lp(id)
std::string EncodeSubject(const Subject& subject);
absl::Status CheckSubject(const Subject& subject);

// The first 12 bits are the subject's bucket.
using SubjectHash = std::array<std::uint8_t, 32>;
SubjectHash HashSubject(const SecretTable& table, std::string_view subject);
std::uint16_t BucketOf(const SubjectHash& hash);

Tag SuppressionTagOf(const SecretTable& table, std::string_view subject);
std::string TagRowKey(const SecretTable& table, std::uint16_t bucket, std::string_view subject);
std::string TagRowPrefix(std::uint16_t bucket);

// `plain` is what the row wraps: a locked memory that both calls use.  Returns the row's value.
struct KeyRowPlace {
  const SecretTable& table;
  const StoreId& store;
};
std::string SealKeyRow(const KeyRowPlace& place, const Kid& kid, std::uint16_t bucket,
                       std::int64_t created_ns, std::string_view subject,
                       std::span<std::uint8_t> plain, RandomSource* random);
// The key is in the first bytes of `plain`.  kDataLoss where the row was changed, moved, or holds a
// key of another kid.
absl::Status OpenKeyRow(const KeyRowPlace& place, const Kid& kid, std::string_view row,
                        std::span<std::uint8_t> plain);
// Its bucket, unproven.
absl::StatusOr<std::uint16_t> BucketOfKeyRow(std::string_view row);

std::string SealTagRow(const KeyRowPlace& place, std::string_view key, const Kid& kid,
                       RandomSource* random);
absl::StatusOr<Kid> OpenTagRow(const KeyRowPlace& place, std::string_view key,
                               std::string_view row);

}  // namespace commander::crypto
