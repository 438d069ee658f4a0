// fixture_folds.h: what the folds of a fixture left in its stores: states and rows.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/fixture_store.h"
#include "engine/fold.h"
#include "engine/sealing.h"

namespace commander::internal {

// As it is stored.
struct StoredFold {
  bool sealed = false;
  std::vector<Word> words;
};
using StoredFolds = std::map<std::string, StoredFold>;  // by key
// Structs in a form by which equal ones have equal words.
using Structs = std::map<std::string, std::vector<Word>>;

// Of a group; without the aggregates that were removed.
absl::StatusOr<StoredFolds> StatesIn(const FixtureContents& stores, std::string_view group);
// Of the only projection.
absl::StatusOr<StoredFolds> RowsIn(const FixtureContents& stores);

// Whole structs, as folds and queries read them; those of erased subjects as Load and Save make
// them, where an absent field may have become an empty one.  `owner` as in Sealing::RowPlace.
absl::StatusOr<Structs> Opened(const StoredFolds& folds, const Sealing& sealing,
                               const FoldType& fold, std::string_view owner, bool projection);
// What is left of them without any key.
absl::StatusOr<Structs> PublicParts(const StoredFolds& folds);
absl::StatusOr<std::vector<Word>> Canonical(std::span<const Word> words, std::string_view what);

// The public parts of the same folds, made with and without personal fields, must agree.
// `noun`: "the state of" or "row".
absl::Status ComparePublicParts(std::string_view noun, const Type& type, const StoredFolds& with,
                                const StoredFolds& without);
// Load and Save bring each struct back as it is.
absl::Status CheckRoundTrips(std::string_view noun, const FoldType& fold, const Structs& structs);

// The struct in stored words, for people.
std::string TextOf(const Type& type, std::span<const Word> stored);
// That of a key, or "nothing".
std::string TextOf(const Type& type, const Structs& structs, const std::string& key);

}  // namespace commander::internal
