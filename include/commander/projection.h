// projection.h: read models, folded from the events of one or more groups.
//
//     struct Balance {
//       using Schema = bank::Balance;
//       using Events = commander::Events<bank::Deposited, bank::Withdrawn>;
//       std::int64_t cents = 0;
//       void Load(Schema::Reader stored);
//       void Save(Schema::Builder stored) const;
//       static Keys KeysOf(bank::Deposited::Reader, const EventMetadata& metadata) {
//         return metadata.key;                                    // which rows an event touches
//       }
//       void Apply(bank::Deposited::Reader event, const EventMetadata& metadata);
//       …
//     };
//     commander::Projection<Balance> balances("balances", accounts);
//     auto engine = commander::Engine::Open(options, {&accounts, &balances});
//     auto row = (*engine)->Get(balances, "acct-1", {.at_least = outcome->position()});
//
// A projection has a store of its own and one thread that folds it.  Events of one partition come
// in order; those of different partitions in any, so a fold must not depend on how they interleave.
// Events that it does not list pass by.  Raise kVersion when the fold changes meaning: the
// projection is folded again from the log, beside the old one's directory.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "commander/events.h"
#include "commander/group.h"
#include "commander/internal/component.h"
#include "commander/internal/fold.h"
#include "commander/position.h"

namespace commander {

// The rows that an event touches: one, several, or none.
class Keys {
 public:
  Keys() = default;
  Keys(std::string key) { keys_.push_back(std::move(key)); }       // NOLINT: a key
  Keys(std::string_view key) { keys_.emplace_back(key); }          // NOLINT
  Keys(const char* key) { keys_.emplace_back(key); }               // NOLINT
  Keys(std::vector<std::string> keys) : keys_(std::move(keys)) {}  // NOLINT
  Keys(std::initializer_list<std::string> keys) : keys_(keys) {}
  const std::vector<std::string>& all() const { return keys_; }

 private:
  std::vector<std::string> keys_;
};

struct QueryOptions {
  // Wait until this is folded: read your own writes.
  Position at_least = {};
  absl::Duration timeout = absl::Seconds(10);
};

struct ScanOptions {
  std::string prefix = {};   // empty: all rows
  std::string after = {};    // a key: rows behind it
  std::size_t limit = 1000;  // rows at most
  Position at_least = {};
  absl::Duration timeout = absl::Seconds(10);
};

namespace internal {

struct RowFold {
  const Type* type = nullptr;
  Keys (*keys_of)(capnp::AnyPointer::Reader event, const EventMetadata& metadata) = nullptr;
};

class ProjectionBase : public Component {
 public:
  const std::string& name() const { return name_; }
  const FoldType& fold() const { return fold_; }
  const std::vector<RowFold>& rows() const { return rows_; }
  const std::vector<const GroupBase*>& sources() const { return sources_; }

 protected:
  ProjectionBase(std::string name, const FoldType& fold, std::vector<RowFold> rows,
                 std::vector<const GroupBase*> sources)
      : name_(std::move(name)), fold_(fold), rows_(std::move(rows)), sources_(std::move(sources)) {}

 private:
  std::string name_;
  const FoldType& fold_;
  std::vector<RowFold> rows_;
  std::vector<const GroupBase*> sources_;
};

template <class R, class T>
concept KeyedWithMetadata = requires(typename T::Reader event, const EventMetadata& metadata) {
  { R::KeysOf(event, metadata) } -> std::convertible_to<Keys>;
};
template <class R, class T>
concept KeyedPlain = requires(typename T::Reader event) {
  { R::KeysOf(event) } -> std::convertible_to<Keys>;
};

template <class R, class T>
Keys KeysOfErased(capnp::AnyPointer::Reader event, const EventMetadata& metadata) {
  if constexpr (KeyedWithMetadata<R, T>) {
    return R::KeysOf(event.getAs<T>(), metadata);
  } else {
    return R::KeysOf(event.getAs<T>());
  }
}

template <class Row, class Event>
constexpr bool CheckKeysOf() {
  constexpr bool kKeyed = KeyedPlain<Row, Event> || KeyedWithMetadata<Row, Event>;
  static_assert(
      kKeyed, "commander: an event is listed in Events<...> but there is no static KeysOf for it");
  return kKeyed;
}

template <class R, class List>
struct RowFolds;
template <class R, class... Listed>
struct RowFolds<R, Events<Listed...>> {
  template <class L>
  static RowFold One() {
    using T = typename ListedEvent<L>::Type;
    RowFold fold;
    fold.type = &TypeOf<T>();
    if constexpr (!ListedEvent<L>::kIgnored) {
      if constexpr (CheckKeysOf<R, T>()) fold.keys_of = &KeysOfErased<R, T>;
    }
    return fold;
  }
  static std::vector<RowFold> All() { return {One<Listed>()...}; }
};

template <class R>
std::vector<RowFold> RowFoldsOf() {
  if constexpr (CheckFold<R>()) {
    return RowFolds<R, typename R::Events>::All();
  } else {
    return {};
  }
}

template <class... Groups>
std::vector<const GroupBase*> SourcesOf(const Groups&... groups) {
  static_assert(sizeof...(Groups) > 0,
                "commander: a projection needs at least one group, whose events it folds");
  constexpr bool kGroups = (std::is_base_of_v<GroupBase, Groups> && ...);
  static_assert(kGroups, "commander: a projection folds the events of groups, and of nothing else");
  if constexpr (kGroups) {
    return {static_cast<const GroupBase*>(&groups)...};
  } else {
    return {};
  }
}

}  // namespace internal

template <class RowType>
class Projection : public internal::ProjectionBase {
 public:
  // `name` names its directory.  The groups must be given to the same Engine::Open.
  template <class... Groups>
  explicit Projection(std::string name, const Groups&... groups)
      : ProjectionBase(std::move(name), internal::StateFold<RowType>(),
                       internal::RowFoldsOf<RowType>(), internal::SourcesOf(groups...)) {}
};

template <class RowType>
struct ProjectionEntry {
  std::string key;
  RowType row;
};

}  // namespace commander
