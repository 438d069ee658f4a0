// fixture_store.h: stores in memory, for tests that an application writes (commander/testing.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/store.h"

namespace commander::internal {

// What such stores hold.
struct FixtureFamily {
  std::string name;
  std::map<std::string, std::string, std::less<>> rows;
};
using FixtureFamilies = std::vector<FixtureFamily>;  // FamilyId 1 first
using FixtureContents = std::map<std::string, FixtureFamilies, std::less<>>;

// Not thread-safe.
class FixtureStores final : public store::StoreFactory {
 public:
  // `contents` outlive the factory and its stores.
  explicit FixtureStores(FixtureContents& contents) : contents_(contents) {}
  absl::StatusOr<std::unique_ptr<store::Store>> Open(std::string_view name) override;
  absl::StatusOr<std::vector<std::string>> Names() override;

 private:
  FixtureContents& contents_;
};

}  // namespace commander::internal
