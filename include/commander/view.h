// view.h: the read-only look at own state that a handler decides on.
//
// It shows every event ever committed to its partition, and those decided before
// in the same batch: it cannot be stale.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "commander/id.h"
#include "commander/position.h"

namespace commander {

namespace internal {

// What a view looks through; the engine and the fixture implement it.
class ViewSource {
 public:
  struct Aggregate {
    std::uint64_t version = 0;          // 0: no event yet
    std::shared_ptr<const void> state;  // null: does not exist (any more)
    // Whose key seals its personal fields: public name of the key; zeros: nobody's yet.
    std::array<std::uint8_t, 32> kid{};
    bool erased = false;  // that subject was erased
  };
  virtual ~ViewSource() = default;
  virtual const Aggregate& own() const = 0;
  virtual Aggregate Get(std::string_view key) = 0;
  virtual std::vector<std::pair<std::string, Aggregate>> Scan(std::string_view prefix,
                                                              std::string_view after,
                                                              std::size_t limit) = 0;
  virtual Offset position() const = 0;
  virtual absl::Time now() const = 0;
  virtual MessageId NewId() = 0;
  virtual std::mt19937_64& random() = 0;
};

}  // namespace internal

// Another aggregate as a handler sees it.
template <class State>
class AggregateView {
 public:
  explicit AggregateView(internal::ViewSource::Aggregate aggregate)
      : aggregate_(std::move(aggregate)) {}
  bool Exists() const { return aggregate_.state != nullptr; }
  std::uint64_t version() const { return aggregate_.version; }
  bool Erased() const { return aggregate_.erased; }
  // A default-constructed state where the aggregate does not exist.
  const State* operator->() const { return &**this; }
  const State& operator*() const {
    static const State absent{};
    return Exists() ? *static_cast<const State*>(aggregate_.state.get()) : absent;
  }

 private:
  internal::ViewSource::Aggregate aggregate_;
};

// Own state of one partition only: what is a neighbour here is elsewhere under
// another number of partitions.  A value that must be unique over all of them is
// made a key instead.  Where the store cannot be read, calls answer as if there were
// nothing, and the engine drops the decision and stops the partition.
template <class State>
class PartitionView {
 public:
  explicit PartitionView(internal::ViewSource& source) : source_(source) {}

  AggregateView<State> Get(std::string_view key) const {
    return AggregateView<State>(source_.Get(key));
  }

  // Up to `limit` aggregates that exist, whose keys begin with `prefix` and are
  // greater than `after`, in bytewise order.
  std::vector<std::pair<std::string, AggregateView<State>>> Scan(
      std::string_view prefix, std::size_t limit = 1000, std::string_view after = {}) const {
    std::vector<std::pair<std::string, AggregateView<State>>> out;
    for (auto& [key, aggregate] : source_.Scan(prefix, after, limit)) {
      out.emplace_back(std::move(key), AggregateView<State>(std::move(aggregate)));
    }
    return out;
  }

 private:
  internal::ViewSource& source_;
};

// Valid during the handler's run, on its thread.
template <class State>
class View {
 public:
  explicit View(internal::ViewSource& source) : source_(source) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // The command's aggregate has had an event, and was not removed.
  bool Exists() const { return source_.own().state != nullptr; }
  // Of the last event; 0 before the first.
  std::uint64_t version() const { return source_.own().version; }
  // The subject of the state's personal fields was erased: they read as absent.
  bool Erased() const { return source_.own().erased; }
  // The aggregate's state; default-constructed where it does not exist.
  const State* operator->() const { return &**this; }
  const State& operator*() const {
    static const State absent{};
    return Exists() ? *static_cast<const State*>(source_.own().state.get()) : absent;
  }

  PartitionView<State> partition() const { return PartitionView<State>(source_); }

  // Place of the command in its partition.
  Offset position() const { return source_.position(); }
  // The time that the outcome will carry.  Handlers must not ask the machine's clock:
  // a decision may run again.
  absl::Time now() const { return source_.now(); }
  // A new id; the same ones, in order, when the command runs again.
  MessageId NewId() const { return source_.NewId(); }
  // Seeded for this command; the seed is recorded in the outcome.
  std::mt19937_64& random() const { return source_.random(); }

 private:
  internal::ViewSource& source_;
};

}  // namespace commander
