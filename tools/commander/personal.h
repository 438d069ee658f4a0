// personal.h: sealed structs, of records and of rows, as far as they may be shown.
//
// Without keys a sealed struct is read from its public part, personal fields masked, and whom it is
// about is a pseudonym.  With --show-personal it is opened, which also proves what it claims.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/associated_data.h"
#include "crypto/sealer.h"
#include "engine/envelope.h"
#include "tools/commander/context.h"
#include "tools/commander/data.h"
#include "tools/commander/dynamic.h"
#include "tools/commander/erasures.h"
#include "tools/commander/key_access.h"
#include "tools/commander/row.h"

namespace commander::cli {

// A sealed struct as it may be read; what it was made from must outlive it.
class Disclosed {
 public:
  std::span<const std::uint64_t> words() const {
    return opened_.has_value() ? opened_->words() : public_;
  }
  // Personal fields are not in it.
  bool masked() const { return !opened_.has_value() || opened_->erased(); }
  // Adds what is known of the personal fields: {"state":"sealed|erased|shown","subject":kid}.
  void AppendTo(Row* row) const;

 private:
  friend class Personal;
  std::span<const std::uint64_t> public_;
  std::optional<crypto::Opened> opened_;
  std::string state_;
  crypto::Kid kid_;
};

// Adds `personal`; `kid` is null where nobody knows it any more.
void AppendPersonal(std::string_view state, const crypto::Kid* kid, Row* row);

// Not thread-safe.
class Personal {
 public:
  // Opens the keys where `show` is asked for and there may be some.  Data must outlive it.
  //   Errors of KeyAccess.
  static absl::StatusOr<std::unique_ptr<Personal>> Open(Data& data, const Context& context);
  // With keys that were opened already; personal fields are shown only where context says so.
  static std::unique_ptr<Personal> With(Data& data, const Context& context,
                                        std::unique_ptr<KeyAccess> keys);

  // Null where none were needed.
  KeyAccess* keys() { return keys_.get(); }

  // Errors of both: those of crypto::Sealer, and kFailedPrecondition: sealed, and there are no
  // keys.
  absl::StatusOr<Disclosed> Record(const internal::EnvelopeReader& envelope);
  absl::StatusOr<Disclosed> Stored(crypto::PlaceKind kind, std::string_view owner,
                                   std::string_view key, std::uint64_t schema,
                                   std::span<const std::uint64_t> sealed);

  // What is appended to the ledger from now on counts, too.
  void Refresh() { caught_up_ = false; }
  // Why it is not known of all who was erased; told once.
  absl::Status TakeLedgerError() { return std::exchange(ledger_error_, absl::OkStatus()); }

 private:
  Personal(Data& data, bool show) : data_(data), show_(show) {}
  absl::StatusOr<Disclosed> Mask(std::span<const std::uint8_t> sealed);
  absl::StatusOr<Disclosed> OpenAt(const crypto::Place& place,
                                   std::span<const std::uint8_t> sealed);

  Data& data_;
  const bool show_;
  std::unique_ptr<KeyAccess> keys_;
  std::unique_ptr<crypto::Sealer> sealer_;
  std::vector<std::string> groups_;  // the one that opened the last record first
  Erasures erasures_;
  bool caught_up_ = false;
  absl::Status ledger_error_;
};

// "it is not known of all who was erased: …"
std::string ErasuresUnknown(const absl::Status& why);

// What of a struct of that schema is to be masked.
Masking MaskingOf(const Disclosed& disclosed, capnp::StructSchema schema);

}  // namespace commander::cli
