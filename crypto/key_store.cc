#include "crypto/key_store.h"

#include <sodium.h>

#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/key_primitives.h"
#include "crypto/key_store_impl.h"
#include "crypto/nonce_pool.h"
#include "crypto/sealer.h"

namespace commander::crypto {
namespace {

constexpr std::size_t kKidsAStripe = 16'384;

}  // namespace

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(KeyStoreOptions options) {
  if (options.directory.empty() || options.kek == nullptr || !options.open_rows ||
      options.ledger == nullptr || options.clock == nullptr) {
    return absl::InvalidArgumentError("a store of keys needs all that is required");
  }
  COMMANDER_RETURN_IF_ERROR(SelfTest());
  auto store = std::make_unique<KeyStoreImpl>(std::move(options));
  COMMANDER_RETURN_IF_ERROR(store->Start());
  return store;
}

absl::Status KeyStoreImpl::Start() {
  COMMANDER_ASSIGN_OR_RETURN(directory_, OpenKeyDirectory(options_));
  COMMANDER_ASSIGN_OR_RETURN(
      cache_,
      KeyCache::Create(options_.cached_keys, options_.require_locked_memory, options_.sink));
  COMMANDER_ASSIGN_OR_RETURN(stripe_memory_,
                             LockedMemory::Allocate(kStripes * kKeyRowPlainBytes,
                                                    options_.require_locked_memory, options_.sink));
  for (std::size_t i = 0; i < kStripes; ++i) {
    stripes_[i].plain = stripe_memory_.span().subspan(i * kKeyRowPlainBytes, kKeyRowPlainBytes);
  }
  COMMANDER_ASSIGN_OR_RETURN(rows_, options_.open_rows(options_.directory / "rows", false));
  usable_ = true;
  const std::lock_guard lock(erasures_);
  absl::Status started = OpenLedger();
  if (started.ok()) {
    started = Resume(/*workers_run=*/false);
    // The ledger was read, and takes no record now: the fences hold, and all else may go on.
    if (absl::IsUnavailable(started) && usable_) {
      if (options_.sink) {
        options_.sink({LogLevel::kWarning, "crypto", std::string(started.message()), {}});
      }
      return absl::OkStatus();
    }
  }
  if (!started.ok()) usable_ = false;
  return started;
}

KeyStoreImpl::~KeyStoreImpl() {
  // Everything that had to be durable is; an error of closing changes nothing.
  if (rows_ != nullptr) Close().IgnoreError();
}

absl::Status KeyStoreImpl::Close() {
  const std::lock_guard lock(erasures_);
  if (usable_.exchange(false)) {
    const std::lock_guard failure_lock(failure_mutex_);
    failure_ = "is closed";
  }
  if (rows_ == nullptr) return absl::OkStatus();
  cache_->Clear();
  for (Stripe& stripe : stripes_) {
    const std::lock_guard stripe_lock(stripe.mutex);
    stripe.kids.clear();
  }
  directory_.memory.Wipe();
  return std::exchange(rows_, nullptr)->Close();
}

absl::Status KeyStoreImpl::Check() const {
  if (usable_.load(std::memory_order_acquire) && cache_->Alive()) return absl::OkStatus();
  if (cache_ != nullptr && !cache_->Alive()) {
    return absl::UnavailableError("the store of keys is of no use in a forked process; open it");
  }
  const std::lock_guard lock(failure_mutex_);
  return absl::UnavailableError(
      absl::StrCat("the store of keys ", options_.directory.string(), " ", failure_));
}

// Nothing is tried again: a sync that failed may have thrown away what it did not write.
absl::Status KeyStoreImpl::Fail(const absl::Status& why) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (usable_.exchange(false))
      failure_ = absl::StrCat("has failed, open it again: ", why.message());
  }
  return Check();
}

absl::Status KeyStoreImpl::Write(const KeyRowBatch& batch, Durability durability) {
  const absl::Status written = rows_->Write(batch, durability);
  return written.ok() ? written : Fail(written);
}

absl::StatusOr<KeyStoreImpl::Named> KeyStoreImpl::Name(const Subject& subject) const {
  COMMANDER_RETURN_IF_ERROR(Check());
  COMMANDER_RETURN_IF_ERROR(CheckSubject(subject));
  Named name;
  name.bytes = EncodeSubject(subject);
  name.hash = HashSubject(directory_.table, name.bytes);
  name.bucket = BucketOf(name.hash);
  return name;
}

absl::StatusOr<std::optional<Kid>> KeyStoreImpl::ReadTag(const Named& name) {
  const std::string key = TagRowKey(directory_.table, name.bucket, name.bytes);
  COMMANDER_ASSIGN_OR_RETURN(const auto row, rows_->Get(KeyTable::kTag, key));
  if (!row.has_value()) return std::nullopt;
  COMMANDER_ASSIGN_OR_RETURN(const Kid kid, OpenTagRow(Place(), key, *row));
  return kid;
}

absl::StatusOr<bool> KeyStoreImpl::IsGone(const Named& name) {
  const Tag tag = SuppressionTagOf(directory_.table, name.bytes);
  COMMANDER_ASSIGN_OR_RETURN(const auto row, rows_->Get(KeyTable::kGone, AsView(tag)));
  return row.has_value();
}

absl::StatusOr<Kid> KeyStoreImpl::KidFor(const Subject& subject) {
  COMMANDER_ASSIGN_OR_RETURN(const Named name, Name(subject));
  Stripe& stripe = StripeOf(name);
  {
    const std::shared_lock lock(stripe.mutex);
    const auto found = stripe.kids.find(name.hash);
    if (found != stripe.kids.end()) return found->second;
  }
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.kids.find(name.hash);
  if (found != stripe.kids.end()) return found->second;
  COMMANDER_ASSIGN_OR_RETURN(const bool gone, IsGone(name));
  if (gone) {
    return absl::FailedPreconditionError(
        "the subject was erased: no new personal data of it is taken");
  }
  COMMANDER_ASSIGN_OR_RETURN(std::optional<Kid> kid, ReadTag(name));
  if (!kid.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(kid, CreateKey(stripe, name));
  }
  Remember(stripe, name, *kid);
  return *kid;
}

void KeyStoreImpl::Remember(Stripe& stripe, const Named& name, const Kid& kid) {
  if (stripe.kids.size() >= kKidsAStripe) stripe.kids.clear();
  stripe.kids.emplace(name.hash, kid);
}

absl::StatusOr<Kid> KeyStoreImpl::CreateKey(Stripe& stripe, const Named& name) {
  const absl::Cleanup wipe = [&] {
    sodium_memzero(stripe.plain.data(), stripe.plain.size());
    sodium_stackzero(1024);
  };
  const auto key = stripe.plain.first(kKeyBytes);
  FillRandom(options_.random, key);
  const Kid kid = KidOfKey(key);
  const std::string tag_key = TagRowKey(directory_.table, name.bucket, name.bytes);
  KeyRowBatch batch;
  batch.Put(KeyTable::kKey, ToString(kid.bytes),
            SealKeyRow(Place(), kid, name.bucket, options_.clock->NowNanos(), name.bytes,
                       stripe.plain, options_.random));
  batch.Put(KeyTable::kTag, tag_key, SealTagRow(Place(), tag_key, kid, options_.random));
  COMMANDER_RETURN_IF_ERROR(Write(batch, Durability::kUnsynced));
  created_.fetch_add(1, std::memory_order_release);
  Step("key.written");
  return kid;
}

absl::StatusOr<std::optional<Kid>> KeyStoreImpl::FindKid(const Subject& subject) {
  COMMANDER_ASSIGN_OR_RETURN(const Named name, Name(subject));
  Stripe& stripe = StripeOf(name);
  {
    const std::shared_lock lock(stripe.mutex);
    const auto found = stripe.kids.find(name.hash);
    if (found != stripe.kids.end()) return found->second;
  }
  return ReadTag(name);
}

absl::Status KeyStoreImpl::SyncKeys() {
  COMMANDER_RETURN_IF_ERROR(Check());
  const std::uint64_t wanted = created_.load(std::memory_order_acquire);
  if (synced_.load(std::memory_order_acquire) >= wanted) return absl::OkStatus();
  const std::lock_guard lock(sync_mutex_);
  COMMANDER_RETURN_IF_ERROR(Check());
  if (synced_.load(std::memory_order_acquire) >= wanted) return absl::OkStatus();
  const std::uint64_t all = created_.load(std::memory_order_acquire);
  const absl::Status done = rows_->Sync();
  if (!done.ok()) return Fail(done);
  synced_.store(all, std::memory_order_release);
  Step("key.synced");
  return absl::OkStatus();
}

absl::Status KeyStoreImpl::Use(const Kid& kid, absl::FunctionRef<void(const KeyAnswer&)> use) {
  COMMANDER_RETURN_IF_ERROR(Check());
  const auto held = [&](const std::uint8_t* key) {
    use({.state = KeyAnswer::State::kHeld, .key = key, .erasure = {}});
  };
  if (cache_->Use(kid, held)) return absl::OkStatus();
  KeyAnswer answer;
  const auto load = [&](std::span<std::uint8_t> plain) { return LoadKey(kid, plain, &answer); };
  COMMANDER_ASSIGN_OR_RETURN(const bool used, cache_->UseOrLoad(kid, load, held));
  if (!used) use(answer);
  return absl::OkStatus();
}

absl::StatusOr<bool> KeyStoreImpl::LoadKey(const Kid& kid, std::span<std::uint8_t> plain,
                                           KeyAnswer* answer) {
  const std::string_view name = AsView(kid.bytes);
  COMMANDER_ASSIGN_OR_RETURN(const auto fence, rows_->Get(KeyTable::kFence, name));
  if (fence.has_value()) {
    if (fence->size() != answer->erasure.bytes.size()) {
      return absl::DataLossError("CORRUPT: a row of the table fence of the store of keys");
    }
    std::memcpy(answer->erasure.bytes.data(), fence->data(), fence->size());
    answer->state = KeyAnswer::State::kErased;
    return false;
  }
  COMMANDER_ASSIGN_OR_RETURN(const auto row, rows_->Get(KeyTable::kKey, name));
  if (!row.has_value()) return false;
  COMMANDER_RETURN_IF_ERROR(OpenKeyRow(Place(), kid, *row, plain));
  return true;
}

PlaceTag KeyStoreImpl::TagOf(std::span<const std::uint8_t> associated_data) const {
  PlaceTag tag;
  static_assert(sizeof(tag) == crypto_shorthash_siphashx24_BYTES);
  crypto_shorthash_siphashx24(tag.data(), associated_data.data(), associated_data.size(),
                              directory_.table.mac_key().data());
  return tag;
}

Nonce KeyStoreImpl::NewNonce() {
  if (options_.random == nullptr) return NextNonce();
  Nonce nonce;
  options_.random->Fill(nonce);
  return nonce;
}

}  // namespace commander::crypto
