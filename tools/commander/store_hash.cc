#include "tools/commander/store_hash.h"

#include <capnp/any.h>
#include <xxhash.h>

#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commander/internal/status_macros.h"
#include "crypto/sealer.h"
#include "engine/envelope.h"
#include "store/layout.h"
#include "tools/commander/keys.h"
#include "tools/commander/process.h"

namespace commander::cli {
namespace {

constexpr char kState = 's';
constexpr char kQueue = 'q';
constexpr char kRow = 'r';

// Every row whose store key begins with `prefix`.
absl::Status ForEach(const store::StoreReader& store, store::FamilyId family,
                     std::string_view prefix,
                     const std::function<absl::Status(const store::Cursor&)>& use) {
  const std::unique_ptr<store::Cursor> cursor =
      store.Scan(family, prefix, store::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    COMMANDER_RETURN_IF_ERROR(use(*cursor));
  }
  return cursor->status();
}

}  // namespace

void RowsHash::AddNumber(std::uint64_t high, std::uint64_t low) {
  low_ += low;
  high_ += high + (low_ < low ? 1 : 0);
}

absl::Status RowsHash::Add(char kind, std::string_view key, std::uint64_t version,
                           std::span<const std::uint64_t> words, bool sealed) {
  std::string bytes(1, kind);
  const std::uint64_t numbers[] = {key.size(), version, words.empty() ? 0U : sealed ? 2U : 1U};
  bytes.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  bytes.append(key);
  if (sealed) {
    const std::span<const std::uint8_t> esp1(reinterpret_cast<const std::uint8_t*>(words.data()),
                                             words.size_bytes());
    COMMANDER_ASSIGN_OR_RETURN(const crypto::Kid kid, crypto::KidOf(esp1));
    COMMANDER_ASSIGN_OR_RETURN(words, crypto::PublicPart(esp1));
    bytes.append(reinterpret_cast<const char*>(kid.bytes.data()), kid.bytes.size());
  }
  if (!words.empty()) {
    COMMANDER_RETURN_IF_ERROR(
        internal::ReadStruct(words, PrintKey(key), [&](capnp::AnyPointer::Reader stored) {
          const kj::Array<capnp::word> canonical = stored.getAs<capnp::AnyStruct>().canonicalize();
          const auto raw = canonical.asBytes();
          bytes.append(reinterpret_cast<const char*>(raw.begin()), raw.size());
        }));
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  AddNumber(hash.high64, hash.low64);
  ++rows_;
  return absl::OkStatus();
}

void RowsHash::Add(const RowsHash& other) {
  AddNumber(other.high_, other.low_);
  rows_ += other.rows_;
}

std::string RowsHash::ToHex() const { return absl::StrFormat("%016x%016x", high_, low_); }

absl::StatusOr<RowsHash> HashOwnState(const store::StoreReader& store, store::FamilyId family) {
  RowsHash hash;
  COMMANDER_RETURN_IF_ERROR(
      ForEach(store, family, store::StateKey(""), [&](const store::Cursor& row) -> absl::Status {
        COMMANDER_ASSIGN_OR_RETURN(const store::StateRow state, store::DecodeState(row.value()));
        return hash.Add(kState, store::KeyOfState(row.key()), state.version, state.state,
                        state.sealed);
      }));
  const std::string queue = store::QueueKey("", Offset{0}).substr(0, 1);
  COMMANDER_RETURN_IF_ERROR(
      ForEach(store, family, queue, [&](const store::Cursor& row) -> absl::Status {
        COMMANDER_ASSIGN_OR_RETURN(const store::QueueRow parked,
                                   store::DecodeQueue(row.key(), row.value()));
        // Its source tells two parked commands of one aggregate apart.
        return hash.Add(kQueue, row.key(), parked.outcome.value, {});
      }));
  return hash;
}

absl::StatusOr<RowsHash> HashProjection(const store::StoreReader& store, store::FamilyId family) {
  RowsHash hash;
  COMMANDER_RETURN_IF_ERROR(ForEach(
      store, family, store::ProjectionKey(""), [&](const store::Cursor& row) -> absl::Status {
        COMMANDER_ASSIGN_OR_RETURN(const store::ProjectionRow stored,
                                   store::DecodeProjection(row.value()));
        return hash.Add(kRow, store::KeyOfProjection(row.key()), 0, stored.row, stored.sealed);
      }));
  return hash;
}

}  // namespace commander::cli
