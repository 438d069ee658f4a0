// memory_key_rows.h: rows of a store of keys in memory, which forget, as a crash of the machine
// does, what was not synced.
//
//     MemoryKeyDisk disk;  // outlives the stores that "crash"
//     { auto keys = KeyStore::Open({.open_rows = disk.Opener(), …}); … }
//     disk.Crash(/*kept=*/0);
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/key_rows.h"

namespace commander::test {

// Thread-safe.
class MemoryKeyDisk {
 public:
  using Table = std::map<std::string, std::string, std::less<>>;

  // One set of rows, whatever the directory.
  crypto::OpenKeyRows Opener() {
    return [this](const std::filesystem::path&,
                  bool create) -> absl::StatusOr<std::unique_ptr<crypto::KeyRows>> {
      const std::lock_guard lock(mutex_);
      if (create) tables_.emplace(crypto::kKeyTables);
      if (!tables_.has_value()) return absl::DataLossError("the rows of keys are missing");
      return std::make_unique<Rows>(this);
    };
  }

  // Loses the batches that were not synced but for the oldest `kept`.
  void Crash(std::size_t kept) {
    const std::lock_guard lock(mutex_);
    dead_ = false;
    lives_for_ = -1;
    while (unsynced_.size() > kept) {
      Restore(unsynced_.back());
      unsynced_.pop_back();
    }
    unsynced_.clear();
  }

  // The machine ends within a write, sync or compaction: so many more succeed.  That write may be
  // there, unsynced; every call from then on fails, until Crash().
  void DieAfter(int changes) {
    const std::lock_guard lock(mutex_);
    if (!dead_) lives_for_ = changes;
  }
  bool dead() {
    const std::lock_guard lock(mutex_);
    return dead_;
  }

  enum class Call { kWrite, kSync, kCompact, kGet };
  // The next `count` of them fail, and change nothing.
  void Fail(Call call, int count) {
    const std::lock_guard lock(mutex_);
    failing_[call] = count;
  }
  int Calls(Call call) {
    const std::lock_guard lock(mutex_);
    return calls_[call];
  }

  // A copy of a table, and the power to change it as an intruder might.
  Table Read(crypto::KeyTable table) {
    const std::lock_guard lock(mutex_);
    return (*tables_)[static_cast<std::size_t>(table)];
  }
  void Put(crypto::KeyTable table, const std::string& key, std::string value) {
    const std::lock_guard lock(mutex_);
    (*tables_)[static_cast<std::size_t>(table)][key] = std::move(value);
  }
  // Everything, to be put back later.
  std::vector<Table> Copy() {
    const std::lock_guard lock(mutex_);
    return *tables_;
  }
  void PutBack(std::vector<Table> copy) {
    const std::lock_guard lock(mutex_);
    tables_ = std::move(copy);
    unsynced_.clear();
  }

 private:
  using Undo = std::vector<crypto::KeyRowBatch::Change>;  // newest first

  class Rows : public crypto::KeyRows {
   public:
    explicit Rows(MemoryKeyDisk* disk) : disk_(*disk) {}

    absl::StatusOr<std::optional<std::string>> Get(crypto::KeyTable table,
                                                   std::string_view key) override {
      const std::lock_guard lock(disk_.mutex_);
      if (!disk_.Works(Call::kGet)) return absl::InternalError("a bad sector");
      const Table& rows = disk_.Of(table);
      const auto found = rows.find(key);
      if (found == rows.end()) return std::nullopt;
      return found->second;
    }

    absl::Status Scan(crypto::KeyTable table, std::string_view prefix, Row row) override {
      const Table rows = disk_.Read(table);
      for (auto at = rows.lower_bound(prefix); at != rows.end() && at->first.starts_with(prefix);
           ++at) {
        const absl::Status status = row(at->first, at->second);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }

    absl::Status Write(const crypto::KeyRowBatch& batch, crypto::Durability durability) override {
      const std::lock_guard lock(disk_.mutex_);
      const bool alive = !disk_.dead_;
      const bool works = disk_.Works(Call::kWrite);
      if (works || (alive && disk_.dead_)) disk_.Apply(batch);
      if (!works) return absl::ResourceExhaustedError("no space");
      if (durability == crypto::Durability::kSynced) disk_.unsynced_.clear();
      return absl::OkStatus();
    }

    absl::Status Sync() override {
      const std::lock_guard lock(disk_.mutex_);
      if (!disk_.Works(Call::kSync)) return absl::InternalError("a sync failed");
      disk_.unsynced_.clear();
      return absl::OkStatus();
    }

    absl::Status Compact() override {
      const std::lock_guard lock(disk_.mutex_);
      if (!disk_.Works(Call::kCompact)) return absl::ResourceExhaustedError("no space");
      disk_.unsynced_.clear();
      return absl::OkStatus();
    }

    absl::Status Close() override { return absl::OkStatus(); }

   private:
    MemoryKeyDisk& disk_;
  };

  Table& Of(crypto::KeyTable table) { return (*tables_)[static_cast<std::size_t>(table)]; }
  bool Works(Call call) {
    ++calls_[call];
    if (call != Call::kGet && lives_for_ >= 0 && lives_for_-- == 0) dead_ = true;
    if (dead_) return false;
    int& failing = failing_[call];
    if (failing == 0) return true;
    --failing;
    return false;
  }
  void Apply(const crypto::KeyRowBatch& batch) {
    Undo undo;
    for (const auto& change : batch.changes) {
      Table& rows = Of(change.table);
      const auto found = rows.find(change.key);
      undo.insert(undo.begin(),
                  {change.table, change.key,
                   found == rows.end() ? std::nullopt : std::optional(found->second)});
      if (change.value.has_value()) {
        rows[change.key] = *change.value;
      } else {
        rows.erase(change.key);
      }
    }
    unsynced_.push_back(std::move(undo));
  }
  void Restore(const Undo& undo) {
    for (const auto& change : undo) {
      if (change.value.has_value()) {
        Of(change.table)[change.key] = *change.value;
      } else {
        Of(change.table).erase(change.key);
      }
    }
  }

  std::mutex mutex_;
  std::optional<std::vector<Table>> tables_;
  std::vector<Undo> unsynced_;
  std::map<Call, int> failing_;
  std::map<Call, int> calls_;
  int lives_for_ = -1;  // changes; -1: for ever
  bool dead_ = false;
};

}  // namespace commander::test
