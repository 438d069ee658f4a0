// fixture_keys.h: keys of subjects in memory, for tests that an application writes
// (commander/testing.h).
//
// Nothing is random and nothing is kept: kid and key follow from the subject, so that a decision
// made again gives the same bytes, in every life of an engine.  It hides nothing from anybody.
#pragma once

#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "crypto/key_store.h"

namespace commander::internal {

// Who was erased.
struct FixtureErasures {
  bool everyone = false;
  std::set<crypto::Kid> kids = {};

  bool Has(const crypto::Kid& kid) const { return everyone || kids.contains(kid); }
};

// Not thread-safe.
class FixtureKeys final : public crypto::KeyStore {
 public:
  // `erasures` outlives this, and may change between two calls.
  explicit FixtureKeys(FixtureErasures& erasures) : erasures_(erasures) {}

  const crypto::Realm& realm() const override { return realm_; }
  absl::StatusOr<crypto::Kid> KidFor(const crypto::Subject& subject) override;
  absl::StatusOr<std::optional<crypto::Kid>> FindKid(const crypto::Subject& subject) override;
  absl::Status SyncKeys() override { return absl::OkStatus(); }
  absl::Status Use(const crypto::Kid& kid,
                   absl::FunctionRef<void(const crypto::KeyAnswer&)> use) override;
  crypto::PlaceTag TagOf(std::span<const std::uint8_t> associated_data) const override;
  // The same for all: keys that anybody can derive protect nothing, and what one nonce seals twice
  // shows nothing more.
  crypto::Nonce NewNonce() override { return {}; }

  const crypto::StoreId& store_id() const override { return realm_; }
  absl::StatusOr<crypto::ErasureReceipt> Erase(const crypto::Subject& subject,
                                               std::string_view reason) override;
  absl::Status ResumeErasures() override { return absl::OkStatus(); }
  absl::StatusOr<crypto::SubjectStatus> Status(const crypto::Subject& subject) override;
  absl::StatusOr<std::vector<crypto::ErasureReceipt>> Erasures() override;
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  FixtureErasures& erasures_;
  const crypto::Realm realm_{'f', 'i', 'x', 't', 'u', 'r', 'e'};
};

}  // namespace commander::internal
