// memory_store.h: stores in memory that forget, as a crash does, what was not flushed.
//
//     MemoryStoreFactory disk;                 // outlives the engines that "crash"
//     { auto store = disk.Open("store/accounts"); … }
//     disk.Crash(seed);                        // stores opened before are of no use any more
//     auto store = disk.Open("store/accounts");  // some prefix of the batches, for each family
//
// Runs the same from the same seed.  Rows are copied when they are read or scanned: for tests and
// simulations, not for many rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace commander::test {

// Thread-safe, as its stores are.  Its stores may outlive it.
class MemoryStoreFactory : public store::StoreFactory {
 public:
  MemoryStoreFactory();
  ~MemoryStoreFactory() override;

  // Also kFailedPrecondition where the store is open already.
  absl::StatusOr<std::unique_ptr<store::Store>> Open(std::string_view name) override;
  absl::StatusOr<std::vector<std::string>> Names() override;

  // Each family of each store loses a random number, none and all included, of its newest batches
  // that were not flushed.  Every call of a store opened before fails from now on, with
  // kUnavailable, and flushes nothing.
  void Crash(std::uint64_t seed);

  // The next `count` writes find no space, the next `count` calls of Get() a bad sector.
  void FailWrites(int count);
  void FailGets(int count);

  // Deletes a store that is not open, as an operator might.  False where there is none.
  bool Remove(std::string_view name);

 private:
  struct Disk;
  class MemoryStore;

  const std::shared_ptr<Disk> disk_;
};

// A factory that outlives the engines, for one of them to own.
class BorrowedStores : public store::StoreFactory {
 public:
  explicit BorrowedStores(store::StoreFactory& stores) : stores_(stores) {}
  absl::StatusOr<std::unique_ptr<store::Store>> Open(std::string_view name) override {
    return stores_.Open(name);
  }
  absl::StatusOr<std::vector<std::string>> Names() override { return stores_.Names(); }

 private:
  store::StoreFactory& stores_;
};

}  // namespace commander::test
