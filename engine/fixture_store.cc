#include "engine/fixture_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::internal {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;

class RowCursor final : public store::Cursor {
 public:
  explicit RowCursor(Rows rows) : rows_(std::move(rows)) {}
  bool Valid() const override { return at_ != rows_.end(); }
  void Next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const Rows rows_;
  Rows::const_iterator at_ = rows_.begin();
};

class FixtureStore final : public store::Store {
 public:
  explicit FixtureStore(FixtureFamilies& families) : families_(families) {}

  std::vector<std::string> FamilyNames() const override {
    std::vector<std::string> names;
    for (const FixtureFamily& family : families_) names.push_back(family.name);
    std::sort(names.begin(), names.end());
    return names;
  }
  absl::StatusOr<store::FamilyId> FindFamily(std::string_view name) const override {
    for (std::uint32_t i = 0; i < families_.size(); ++i) {
      if (families_[i].name == name) return store::FamilyId{i + 1};
    }
    return absl::NotFoundError(absl::StrCat("there is no family ", ToAbsl(name)));
  }
  absl::StatusOr<store::FamilyId> OpenFamily(std::string_view name) override {
    if (absl::StatusOr<store::FamilyId> found = FindFamily(name); found.ok()) return found;
    families_.push_back({std::string(name), {}});
    return store::FamilyId{static_cast<std::uint32_t>(families_.size())};
  }
  absl::StatusOr<std::optional<std::string>> Get(store::FamilyId family,
                                                 std::string_view key) const override {
    const Rows& rows = families_[family.value - 1].rows;
    const auto at = rows.find(key);
    if (at == rows.end()) return std::optional<std::string>();
    return std::optional<std::string>(at->second);
  }
  std::unique_ptr<store::Cursor> Scan(store::FamilyId family, std::string_view start,
                                      std::string_view end) const override {
    const Rows& rows = families_[family.value - 1].rows;
    if (!end.empty() && end <= start) return std::make_unique<RowCursor>(Rows());
    return std::make_unique<RowCursor>(
        Rows(rows.lower_bound(start), end.empty() ? rows.end() : rows.lower_bound(end)));
  }
  absl::Status Write(store::FamilyId family, const store::Batch& batch) override {
    Rows& rows = families_[family.value - 1].rows;
    for (const store::Batch::Change& change : batch.changes()) {
      if (change.value.has_value()) {
        rows.insert_or_assign(change.key, *change.value);
      } else {
        rows.erase(change.key);
      }
    }
    return absl::OkStatus();
  }
  absl::Status Flush(store::FamilyId) override { return absl::OkStatus(); }
  absl::Status Clear(store::FamilyId family) override {
    families_[family.value - 1].rows.clear();
    return absl::OkStatus();
  }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  FixtureFamilies& families_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<store::Store>> FixtureStores::Open(std::string_view name) {
  return std::make_unique<FixtureStore>(contents_[std::string(name)]);
}

absl::StatusOr<std::vector<std::string>> FixtureStores::Names() {
  std::vector<std::string> names;
  for (const auto& [name, families] : contents_) names.push_back(name);
  return names;
}

}  // namespace commander::internal
