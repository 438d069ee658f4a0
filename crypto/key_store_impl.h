// key_store_impl.h: the store of keys; key_store.cc has its keys, erasure.cc its erasures.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "commander/internal/shared_mutex.h"
#include "crypto/erasure_job.h"
#include "crypto/key_cache.h"
#include "crypto/key_directory.h"
#include "crypto/key_row.h"
#include "crypto/key_store.h"
#include "crypto/ledger.h"

namespace commander::crypto {

// Locks are taken in this order: erasures, stripe, shard of the cache.
class KeyStoreImpl : public KeyStore {
 public:
  explicit KeyStoreImpl(KeyStoreOptions options) : options_(std::move(options)) {}
  ~KeyStoreImpl() override;

  absl::Status Start();

  const Realm& realm() const override { return directory_.id.realm; }
  const StoreId& store_id() const override { return directory_.id.store; }
  absl::StatusOr<Kid> KidFor(const Subject& subject) override;
  absl::StatusOr<std::optional<Kid>> FindKid(const Subject& subject) override;
  absl::Status SyncKeys() override;
  absl::Status Use(const Kid& kid, absl::FunctionRef<void(const KeyAnswer&)> use) override;
  PlaceTag TagOf(std::span<const std::uint8_t> associated_data) const override;
  Nonce NewNonce() override;

  absl::StatusOr<ErasureReceipt> Erase(const Subject& subject, std::string_view reason) override;
  absl::Status ResumeErasures() override;
  absl::StatusOr<SubjectStatus> Status(const Subject& subject) override;
  absl::StatusOr<std::vector<ErasureReceipt>> Erasures() override;
  absl::Status Close() override;

 private:
  // Subjects of several buckets; a subject has one kid, ever, because whoever makes it holds its
  // stripe.
  static constexpr std::size_t kStripes = 16;
  struct Stripe {
    internal::SharedMutex mutex;  // guards what follows
    // No ids of persons: their keyed hashes.
    absl::flat_hash_map<SubjectHash, Kid> kids;
    std::span<std::uint8_t> plain;  // locked memory
  };

  // A subject as rows name it.
  struct Named {
    std::string bytes;
    SubjectHash hash;
    std::uint16_t bucket;
  };
  absl::StatusOr<Named> Name(const Subject& subject) const;
  Stripe& StripeOf(const Named& name) { return stripes_[name.bucket % kStripes]; }
  KeyRowPlace Place() const { return {directory_.table, directory_.id.store}; }

  // kUnavailable after a failure, after Close(), and in a forked child.
  absl::Status Check() const;
  absl::Status Fail(const absl::Status& why);
  absl::Status Write(const KeyRowBatch& batch, Durability durability);
  void Step(std::string_view name) const {
    if (options_.on_step) options_.on_step(name);
  }

  absl::StatusOr<std::optional<Kid>> ReadTag(const Named& name);
  absl::StatusOr<bool> IsGone(const Named& name);
  // With the stripe's mutex held exclusively.
  absl::StatusOr<Kid> CreateKey(Stripe& stripe, const Named& name);
  void Remember(Stripe& stripe, const Named& name, const Kid& kid);
  absl::StatusOr<bool> LoadKey(const Kid& kid, std::span<std::uint8_t> plain, KeyAnswer* answer);

  absl::StatusOr<std::vector<ErasureJob>> Jobs();
  absl::StatusOr<std::optional<ErasureJob>> FindJob(const Named& name);
  void PutFence(const ErasureJob& job, const std::vector<Tag>& tags, KeyRowBatch* batch) const;
  absl::Status Destroy(const std::vector<Kid>& kids);
  absl::Status FindTags(const Kid& kid, std::uint16_t bucket, KeyRowBatch* batch);

  // With `erasures_` held.
  absl::Status OpenLedger();
  absl::Status Adopt(const LedgerRecord& record);
  absl::StatusOr<ErasureJob> Fence(const Named& name, std::string_view reason);
  absl::StatusOr<ErasureReceipt> Continue(ErasureJob job, bool workers_run);
  absl::Status Append(const LedgerRecord& record, const char* stage);
  absl::Status PutStage(ErasureJob* job, ErasureStage stage);
  absl::Status Resume(bool workers_run);

  const KeyStoreOptions options_;
  KeyDirectory directory_;
  std::unique_ptr<KeyRows> rows_;
  std::unique_ptr<KeyCache> cache_;
  LockedMemory stripe_memory_;
  Stripe stripes_[kStripes];

  std::atomic<bool> usable_ = false;
  mutable std::mutex failure_mutex_;  // guards failure_
  std::string failure_ = "is closed";

  std::atomic<std::uint64_t> created_ = 0;  // keys written
  std::atomic<std::uint64_t> synced_ = 0;   // of them durable
  std::mutex sync_mutex_;

  std::mutex erasures_;  // one at a time; guards what follows
  Ledger ledger_;
  std::size_t open_jobs_ = 0;
};

}  // namespace commander::crypto
