#include "engine/remembered_ids.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"

namespace commander::internal {
namespace {

constexpr std::size_t kSlots = 2 * RememberedIds::kBlockIds;
constexpr std::size_t kBlockBytes =
    RememberedIds::kBlockIds * sizeof(store::RememberedId) + kSlots * sizeof(std::uint16_t);

std::size_t SlotOf(const MessageId& id) {
  return static_cast<std::size_t>((id.lo ^ id.hi * 0x9E3779B97F4A7C15u) >> 20) % kSlots;
}

}  // namespace

std::uint64_t HashOfKey(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

RememberedIds::RememberedIds(const store::Store& store, store::FamilyId family,
                             std::int64_t window_ns, std::size_t memory_bytes,
                             std::size_t block_ids)
    : store_(store),
      family_(family),
      window_ns_(window_ns),
      memory_bytes_(std::max(memory_bytes, 4 * kBlockBytes)),
      block_ids_(std::min(block_ids, kBlockIds)) {}

void RememberedIds::Block::Index(std::size_t at) {
  std::size_t slot = SlotOf(ids[at].id);
  while (slots[slot] != 0) slot = (slot + 1) % kSlots;
  slots[slot] = static_cast<std::uint16_t>(at + 1);
}

void RememberedIds::Block::Add(const store::RememberedId& id) {
  if (slots.empty()) {
    slots.resize(kSlots);
    ids.reserve(kBlockIds);
  }
  ids.push_back(id);
  Index(ids.size() - 1);
  min = std::min(min, id.id);
  max = std::max(max, id.id);
  last_asked_ns = std::max(last_asked_ns, id.asked_ns);
  if (id.parked) ++parked;
}

store::RememberedId* RememberedIds::Block::Find(const MessageId& id, std::uint64_t key_hash) {
  if (slots.empty()) return nullptr;
  for (std::size_t slot = SlotOf(id); slots[slot] != 0; slot = (slot + 1) % kSlots) {
    store::RememberedId& candidate = ids[slots[slot] - 1u];
    if (candidate.id == id && candidate.key_hash == key_hash) return &candidate;
  }
  return nullptr;
}

absl::Status RememberedIds::Load() {
  blocks_.clear();
  dropped_.clear();
  staged_.clear();
  next_block_ = 0;
  highest7_ = {};
  memory_ = 0;
  const std::string start = store::IdBlockKey(0);
  const std::unique_ptr<store::Cursor> cursor =
      store_.Scan(family_, start, store::PrefixEnd(start.substr(0, 1)));
  for (; cursor->Valid(); cursor->Next()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<store::RememberedId> ids,
                               store::DecodeIds(cursor->value()));
    if (ids.size() > kBlockIds) return absl::DataLossError("a block of remembered ids is too long");
    auto block = std::make_unique<Block>();
    COMMANDER_ASSIGN_OR_RETURN(block->number, store::NumberOfIdBlock(cursor->key()));
    for (const store::RememberedId& id : ids) {
      block->Add(id);
      if (id.id.version() == 7) highest7_ = std::max(highest7_, id.id);
    }
    next_block_ = block->number + 1;
    memory_ += kBlockBytes;
    blocks_.push_back(std::move(block));
    Forget();
  }
  return cursor->status();
}

absl::Status RememberedIds::Read(Block* block) {
  const std::string key = store::IdBlockKey(block->number);
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> row, store_.Get(family_, key));
  if (!row.has_value()) {
    return absl::DataLossError(absl::StrCat("block ", block->number, " of remembered ids is gone"));
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<store::RememberedId> ids, store::DecodeIds(*row));
  if (ids.size() > kBlockIds) return absl::DataLossError("a block of remembered ids is too long");
  block->parked = 0;
  for (const store::RememberedId& id : ids) block->Add(id);
  block->in_memory = true;
  memory_ += kBlockBytes;
  return absl::OkStatus();
}

void RememberedIds::Forget() {
  for (std::size_t i = 0; memory_ > memory_bytes_ && i + 1 < blocks_.size(); ++i) {
    Block& block = *blocks_[i];
    if (!block.in_memory || block.dirty || block.writing) continue;
    block.in_memory = false;
    block.ids = {};
    block.slots = {};
    memory_ -= kBlockBytes;
  }
}

absl::StatusOr<std::optional<RememberedIds::Found>> RememberedIds::Find(const MessageId& id,
                                                                        std::uint64_t key_hash) {
  if (id.version() == 7 && id > highest7_) return std::nullopt;
  if (const auto at = staged_.find({id, key_hash}); at != staged_.end()) {
    Found found;
    found.staged = true;
    found.source = at->second.source;
    found.id.id = id;
    found.id.key_hash = key_hash;
    found.id.parked = at->second.parked;
    if (at->second.place == nullptr) at->second.place = std::make_shared<Offset>();
    found.place = at->second.place;
    return found;
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<store::RememberedId> committed,
                             FindCommitted(id, key_hash));
  if (!committed.has_value()) return std::nullopt;
  Found found;
  found.id = *committed;
  found.place = std::make_shared<const Offset>(committed->outcome);
  return found;
}

absl::StatusOr<std::optional<store::RememberedId>> RememberedIds::FindCommitted(
    const MessageId& id, std::uint64_t key_hash) {
  if (id.version() == 7 && id > highest7_) return std::nullopt;
  std::optional<store::RememberedId> result;
  for (auto block = blocks_.rbegin(); block != blocks_.rend() && !result.has_value(); ++block) {
    if (id < (*block)->min || id > (*block)->max) continue;
    if (!(*block)->in_memory) COMMANDER_RETURN_IF_ERROR(Read(block->get()));
    if (const store::RememberedId* found = (*block)->Find(id, key_hash)) result = *found;
    Forget();
  }
  return result;
}

void RememberedIds::Stage(const MessageId& id, std::uint64_t key_hash, Offset source, bool parked) {
  if (id.version() == 7) highest7_ = std::max(highest7_, id);
  Staged& staged = staged_[{id, key_hash}];
  staged.source = source;
  staged.parked = parked;
}

void RememberedIds::DropStaged() {
  absl::erase_if(staged_, [](const auto& staged) {
    return staged.second.place == nullptr || staged.second.place.use_count() == 1;
  });
}

absl::Status RememberedIds::Remember(const store::RememberedId& id, bool replaces_parked) {
  if (id.id.version() == 7) highest7_ = std::max(highest7_, id.id);
  const auto staged = staged_.find({id.id, id.key_hash});
  if (staged != staged_.end()) {
    if (staged->second.place != nullptr) *staged->second.place = id.outcome;
    if (staged->second.parked == id.parked) staged_.erase(staged);
  }
  if (replaces_parked) {
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      if (id.id < (*block)->min || id.id > (*block)->max) continue;
      if (!(*block)->in_memory) COMMANDER_RETURN_IF_ERROR(Read(block->get()));
      store::RememberedId* parked = (*block)->Find(id.id, id.key_hash);
      if (parked == nullptr) continue;
      // The place in the order of arrival is the final outcome's; here only the way to it stays.
      if (parked->parked) --(*block)->parked;
      *parked = id;
      (*block)->dirty = true;
      break;
    }
  }
  if (blocks_.empty() || !blocks_.back()->in_memory || blocks_.back()->ids.size() >= block_ids_) {
    blocks_.push_back(std::make_unique<Block>());
    blocks_.back()->number = next_block_++;
    memory_ += kBlockBytes;
    Forget();
  }
  blocks_.back()->Add(id);
  blocks_.back()->dirty = true;
  return absl::OkStatus();
}

void RememberedIds::Expire(std::int64_t asked_ns) {
  while (!blocks_.empty()) {
    const Block& block = *blocks_.front();
    // A parked command stays remembered, and its block with it, until its final outcome is out of
    // the window.
    if (block.parked > 0 || block.last_asked_ns >= asked_ns - window_ns_ - kSkewNs) return;
    dropped_.push_back(block.number);
    if (block.in_memory) memory_ -= kBlockBytes;
    blocks_.pop_front();
  }
}

void RememberedIds::TakeChanges(store::Batch* batch) {
  for (const std::uint64_t number : dropped_) batch->Delete(store::IdBlockKey(number));
  dropped_.clear();
  for (const std::unique_ptr<Block>& block : blocks_) {
    if (!block->dirty) continue;
    batch->Put(store::IdBlockKey(block->number), store::EncodeIds(block->ids));
    block->dirty = false;
    block->writing = true;
  }
}

void RememberedIds::Written() {
  for (const std::unique_ptr<Block>& block : blocks_) block->writing = false;
  Forget();
}

}  // namespace commander::internal
