#include "engine/own_state.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "store/layout.h"

namespace commander::internal {
namespace {

// Key, entry, hash slot, shared state: what an aggregate takes beside what its type says.
constexpr std::size_t kEntryOverhead = sizeof(OwnState::Entry) + 96;
// A decoded state of a type that does not say takes this many times its stored size.
constexpr std::size_t kDecodedFactor = 4;

}  // namespace

OwnState::OwnState(const FoldType& fold, const Sealing& sealing, std::string group,
                   store::Store& store, store::FamilyId family, std::size_t cache_bytes)
    : fold_(fold),
      sealing_(sealing),
      group_(std::move(group)),
      store_(store),
      family_(family),
      cache_bytes_(cache_bytes),
      sweep_at_(cache_bytes) {}

std::size_t OwnState::SizeOf(const Entry& entry, std::size_t stored_bytes) const {
  std::size_t bytes = kEntryOverhead + entry.key.size();
  const void* state = entry.committed.state.get();
  if (state != nullptr) {
    bytes +=
        fold_.memory_bytes != nullptr ? fold_.memory_bytes(state) : stored_bytes * kDecodedFactor;
  }
  return bytes;
}

absl::StatusOr<Aggregate> OwnState::Load(std::string_view key, const store::StateRow& row) const {
  Aggregate aggregate;
  if (!row.state.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(
        aggregate, sealing_.Load(fold_, {.owner = group_, .key = key}, row.sealed, row.state));
  }
  aggregate.version = row.version;
  return aggregate;
}

absl::StatusOr<OwnState::Entry*> OwnState::Find(std::string_view key) {
  const auto at = entries_.find(ToAbsl(key));
  if (at != entries_.end()) {
    at->second->used = true;
    return at->second.get();
  }
  COMMANDER_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                             store_.Get(family_, store::StateKey(key)));
  auto entry = std::make_unique<Entry>();
  entry->key = std::string(key);
  std::size_t stored_bytes = 0;
  if (row.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(const store::StateRow stored, store::DecodeState(*row));
    stored_bytes = stored.state.size() * sizeof(Word);
    COMMANDER_ASSIGN_OR_RETURN(entry->committed, Load(key, stored));
    entry->staged = entry->committed;
  }
  entry->bytes = SizeOf(*entry, stored_bytes);
  bytes_ += entry->bytes;
  Entry* result = entry.get();
  entries_.emplace(result->key, std::move(entry));
  return result;
}

absl::StatusOr<std::vector<std::pair<std::string, Aggregate>>> OwnState::Scan(
    std::string_view prefix, std::string_view after, std::size_t limit) {
  // What the store does not have yet, in order; the write-back bounds how much that can be.
  std::map<std::string_view, const Entry*> unsaved;
  const auto consider = [&](const Entry* entry) {
    const std::string_view key = entry->key;
    if (key.substr(0, prefix.size()) == prefix && key > after) unsaved.emplace(key, entry);
  };
  for (const auto& [key, entry] : entries_) {
    if (entry->pinned()) consider(entry.get());
  }
  std::vector<std::pair<std::string, Aggregate>> out;
  const auto add_unsaved = [&](std::string_view below, bool all) {
    while (!unsaved.empty() && out.size() < limit && (all || unsaved.begin()->first < below)) {
      const Entry* entry = unsaved.begin()->second;
      if (entry->staged.state != nullptr) out.emplace_back(entry->key, entry->staged);
      unsaved.erase(unsaved.begin());
    }
  };
  const std::string start = store::StateKey(std::max(prefix, after));
  const std::string end = store::PrefixEnd(store::StateKey(prefix));
  const std::unique_ptr<store::Cursor> cursor = store_.Scan(family_, start, end);
  for (; cursor->Valid() && out.size() < limit; cursor->Next()) {
    const std::string_view key = store::KeyOfState(cursor->key());
    if (key == after && !after.empty()) continue;
    add_unsaved(key, false);
    if (out.size() >= limit) break;
    const auto same = unsaved.find(key);
    if (same != unsaved.end()) {
      add_unsaved(key, false);
      if (same->second->staged.state != nullptr) {
        out.emplace_back(std::string(key), same->second->staged);
      }
      unsaved.erase(same);
      continue;
    }
    COMMANDER_ASSIGN_OR_RETURN(const store::StateRow stored, store::DecodeState(cursor->value()));
    if (stored.state.empty()) continue;
    COMMANDER_ASSIGN_OR_RETURN(Aggregate aggregate, Load(key, stored));
    out.emplace_back(std::string(key), std::move(aggregate));
  }
  COMMANDER_RETURN_IF_ERROR(cursor->status());
  add_unsaved({}, true);
  return out;
}

void OwnState::Stage(Entry* entry, Aggregate after) {
  entry->staged = std::move(after);
  ++entry->changes;
}

void OwnState::Commit(Entry* entry, Aggregate after) {
  --entry->changes;
  SetCommitted(entry, std::move(after));
}

void OwnState::SetCommitted(Entry* entry, Aggregate after) {
  bytes_ -= entry->bytes;
  if (entry->dirty) dirty_bytes_ -= entry->bytes;
  const std::size_t previous_state = entry->bytes - kEntryOverhead - entry->key.size();
  entry->committed = std::move(after);
  entry->bytes = SizeOf(*entry, std::max<std::size_t>(previous_state / kDecodedFactor, 64));
  bytes_ += entry->bytes;
  dirty_bytes_ += entry->bytes;
  if (!entry->dirty) {
    entry->dirty = true;
    dirty_.push_back(entry);
  }
}

std::vector<std::pair<OwnState::Entry*, Aggregate>> OwnState::TakeDirty() {
  std::vector<std::pair<Entry*, Aggregate>> taken;
  taken.reserve(dirty_.size());
  for (Entry* entry : dirty_) {
    entry->dirty = false;
    ++entry->writing;
    taken.emplace_back(entry, entry->committed);
  }
  dirty_.clear();
  dirty_bytes_ = 0;
  return taken;
}

void OwnState::Written(const std::vector<std::pair<Entry*, Aggregate>>& written) {
  for (const auto& [entry, aggregate] : written) --entry->writing;
}

void OwnState::Sweep() {
  if (bytes_ <= sweep_at_) return;
  // Second chance: a pass forgets what was not used since the last one, and spares the rest once.
  const std::size_t target = cache_bytes_ / 4 * 3;
  for (int pass = 0; pass < 2 && bytes_ > target; ++pass) {
    for (auto at = entries_.begin(); at != entries_.end() && bytes_ > target;) {
      Entry& entry = *at->second;
      if (entry.pinned() || std::exchange(entry.used, false)) {
        ++at;
        continue;
      }
      bytes_ -= entry.bytes;
      entries_.erase(at++);
    }
  }
  // Where most is pinned a further pass would find nothing: it waits until there is more.
  sweep_at_ = std::max(cache_bytes_, bytes_ + cache_bytes_ / 8);
}

void OwnState::Clear() {
  entries_.clear();
  dirty_.clear();
  bytes_ = dirty_bytes_ = 0;
}

}  // namespace commander::internal
