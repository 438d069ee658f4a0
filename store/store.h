// store.h: what the engine asks of a store.
//
// A store is a resumable fold of the log: it may lose its newest batches in a
// crash, never some of the older ones while it keeps a newer, and never part of
// one.  Whoever writes keeps the position in the log inside the same batch, and
// folds again from there.  So nothing here is synced, and there is no WAL.
//
//     store::Batch batch;
//     batch.Put(StateKey("acct-1"), row);
//     batch.Put(PositionKey(), position);
//     RETURN_IF_ERROR(store->Write(family, batch));
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace commander::store {

// Puts and deletes that become visible, and survive, together.
class Batch {
 public:
  struct Change {
    std::string key;
    std::optional<std::string> value;  // none: delete
  };
  void Put(std::string key, std::string value) {
    bytes_ += key.size() + value.size();
    changes_.push_back({std::move(key), std::move(value)});
  }
  void Delete(std::string key) {
    bytes_ += key.size();
    changes_.push_back({std::move(key), std::nullopt});
  }
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Change> changes_;
  std::size_t bytes_ = 0;
};

// Walks over rows in bytewise order of their keys, as they were when it was made.
// Not thread-safe.  Must not outlive its store, nor the store's Close().
//
//     for (; cursor->Valid(); cursor->Next()) Use(cursor->key(), cursor->value());
//     RETURN_IF_ERROR(cursor->status());
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual std::string_view key() const = 0;    // until Next()
  virtual std::string_view value() const = 0;  // until Next(); at any address
  // Not Ok: the walk ended early.
  virtual absl::Status status() const = 0;
};

// A set of rows of its own inside a store: one a partition of a group's own state,
// one for the rows of a projection.  0 is none.
struct FamilyId {
  std::uint32_t value = 0;
  friend bool operator==(FamilyId, FamilyId) = default;
};

// The half that only reads.  Thread-safe.
// Errors: kDataLoss (damaged file, named), kInvalidArgument (no such family),
// kResourceExhausted (memory), kInternal (input and output).
class StoreReader {
 public:
  virtual ~StoreReader() = default;

  virtual std::vector<std::string> FamilyNames() const = 0;  // in bytewise order
  virtual absl::StatusOr<FamilyId> FindFamily(std::string_view name) const = 0;  // or kNotFound

  virtual absl::StatusOr<std::optional<std::string>> Get(FamilyId family,
                                                         std::string_view key) const = 0;
  // Rows with start <= key < end; an empty `end` is no bound.
  virtual std::unique_ptr<Cursor> Scan(FamilyId family, std::string_view start,
                                       std::string_view end) const = 0;
};

// Thread-safe.  Reads see every batch whose Write() has returned.
// More errors: kResourceExhausted (no space on the device; what was written stays readable, and the
// call may be repeated once there is space), kFailedPrecondition (closed).
class Store : public StoreReader {
 public:
  // The family of that name, made when it is not there.
  virtual absl::StatusOr<FamilyId> OpenFamily(std::string_view name) = 0;

  virtual absl::Status Write(FamilyId family, const Batch& batch) = 0;
  // Returns when everything written to the family before has reached the disk.
  virtual absl::Status Flush(FamilyId family) = 0;
  // Removes every row of the family, for a fold from the beginning.  What a crash leaves is the
  // family as it was before, or empty, or absent; never old rows beside new ones.
  virtual absl::Status Clear(FamilyId family) = 0;

  // Flushes and closes.  The first error.  The destructor does the same.
  //   kFailedPrecondition: cursors are still there; the store stays open.
  virtual absl::Status Close() = 0;
};

// Opens stores by name: "store/accounts", "projections/by-city@1".  Given to the
// engine at construction, so that a simulation can keep them in memory.
class StoreFactory {
 public:
  virtual ~StoreFactory() = default;
  // A store that cannot be opened is moved aside and made anew, with a warning to
  // the sink: the log holds everything that was in it.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(std::string_view name) = 0;
  // Names of the stores that exist.
  virtual absl::StatusOr<std::vector<std::string>> Names() = 0;
};

}  // namespace commander::store
