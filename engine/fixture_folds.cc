#include "engine/fixture_folds.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/fixture.h"
#include "store/layout.h"

namespace commander::internal {
namespace {

// Each row of a store whose key begins with `first`.
absl::Status ForEachRow(
    const FixtureFamilies& families, const std::string& first,
    const std::function<absl::Status(const std::string& key, const std::string& value)>& use) {
  for (const FixtureFamily& family : families) {
    for (auto row = family.rows.lower_bound(first);
         row != family.rows.end() && row->first.substr(0, first.size()) == first; ++row) {
      COMMANDER_RETURN_IF_ERROR(use(row->first, row->second));
    }
  }
  return absl::OkStatus();
}

std::span<const std::uint8_t> BytesOf(std::span<const Word> words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()};
}

absl::StatusOr<std::vector<Word>> CanonicalOf(capnp::AnyPointer::Reader value,
                                              std::string_view what) {
  std::vector<Word> words;
  COMMANDER_RETURN_IF_ERROR(GuardKj(what, [&] {
    const kj::Array<capnp::word> all = value.getAs<capnp::AnyStruct>().canonicalize();
    const auto* const begin = reinterpret_cast<const Word*>(all.begin());
    words.assign(begin, begin + all.size());
  }));
  return words;
}

}  // namespace

absl::StatusOr<StoredFolds> StatesIn(const FixtureContents& stores, std::string_view group) {
  StoredFolds folds;
  const auto families = stores.find(absl::StrCat("store/", ToAbsl(group)));
  if (families == stores.end()) return folds;
  COMMANDER_RETURN_IF_ERROR(
      ForEachRow(families->second, store::StateKey({}),
                 [&](const std::string& key, const std::string& value) -> absl::Status {
                   COMMANDER_ASSIGN_OR_RETURN(store::StateRow row, store::DecodeState(value));
                   if (row.state.empty()) return absl::OkStatus();
                   folds[std::string(store::KeyOfState(key))] = {row.sealed, std::move(row.state)};
                   return absl::OkStatus();
                 }));
  return folds;
}

absl::StatusOr<StoredFolds> RowsIn(const FixtureContents& stores) {
  StoredFolds folds;
  for (const auto& [name, families] : stores) {
    COMMANDER_RETURN_IF_ERROR(ForEachRow(
        families, store::ProjectionKey({}),
        [&](const std::string& key, const std::string& value) -> absl::Status {
          COMMANDER_ASSIGN_OR_RETURN(store::ProjectionRow row, store::DecodeProjection(value));
          folds[std::string(store::KeyOfProjection(key))] = {row.sealed, std::move(row.row)};
          return absl::OkStatus();
        }));
  }
  return folds;
}

absl::StatusOr<Structs> Opened(const StoredFolds& folds, const Sealing& sealing,
                               const FoldType& fold, std::string_view owner, bool projection) {
  Structs structs;
  for (const auto& [key, stored] : folds) {
    const Sealing::RowPlace place{owner, key, projection};
    COMMANDER_ASSIGN_OR_RETURN(const Aggregate loaded,
                               sealing.Load(fold, place, stored.sealed, stored.words));
    absl::StatusOr<std::vector<Word>> words;
    if (loaded.erased) {
      COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> saved, SaveFold(fold, loaded.state.get()));
      words = Canonical(saved, fold.schema->name);
    } else {
      COMMANDER_RETURN_IF_ERROR(sealing.Read(
          fold, place, stored.sealed, stored.words,
          [&](capnp::AnyPointer::Reader value) { words = CanonicalOf(value, fold.schema->name); }));
    }
    COMMANDER_RETURN_IF_ERROR(words.status());
    structs[key] = *std::move(words);
  }
  return structs;
}

absl::StatusOr<Structs> PublicParts(const StoredFolds& folds) {
  Structs parts;
  for (const auto& [key, stored] : folds) {
    std::span<const Word> words = stored.words;
    if (stored.sealed) {
      COMMANDER_ASSIGN_OR_RETURN(words, crypto::PublicPart(BytesOf(stored.words)));
    }
    COMMANDER_ASSIGN_OR_RETURN(parts[key], Canonical(words, "public part"));
  }
  return parts;
}

absl::StatusOr<std::vector<Word>> Canonical(std::span<const Word> words, std::string_view what) {
  absl::StatusOr<std::vector<Word>> canonical;
  COMMANDER_RETURN_IF_ERROR(ReadStruct(
      words, what, [&](capnp::AnyPointer::Reader value) { canonical = CanonicalOf(value, what); }));
  return canonical;
}

absl::Status ComparePublicParts(std::string_view noun, const Type& type, const StoredFolds& with,
                                const StoredFolds& without) {
  COMMANDER_ASSIGN_OR_RETURN(const Structs whole, PublicParts(with));
  COMMANDER_ASSIGN_OR_RETURN(const Structs erased, PublicParts(without));
  if (whole == erased) return absl::OkStatus();
  std::set<std::string> keys;
  for (const auto& [key, words] : whole) keys.insert(key);
  for (const auto& [key, words] : erased) keys.insert(key);
  const auto differs = [&](const std::string& key) {
    const auto one = whole.find(key);
    const auto other = erased.find(key);
    return one == whole.end() || other == erased.end() || one->second != other->second;
  };
  const std::string key = *std::find_if(keys.begin(), keys.end(), differs);
  return absl::FailedPreconditionError(absl::StrCat(
      "what is public in ", ToAbsl(noun), " ", Quoted(key),
      " depends on personal fields of events: folded with them it is ", TextOf(type, whole, key),
      ", folded without them, as after an erasure, it is ", TextOf(type, erased, key),
      "; fold public fields from public ones alone, or mark them as personal"));
}

absl::Status CheckRoundTrips(std::string_view noun, const FoldType& fold, const Structs& structs) {
  for (const auto& [key, words] : structs) {
    const std::string& type = fold.schema->name;
    COMMANDER_ASSIGN_OR_RETURN(const std::shared_ptr<void> loaded, LoadFold(fold, words, type));
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> saved, SaveFold(fold, loaded.get()));
    COMMANDER_ASSIGN_OR_RETURN(const std::vector<Word> again, Canonical(saved, type));
    if (again == words) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "Save, Load and Save again do not give the same bytes for ", ToAbsl(noun), " ", Quoted(key),
        ": first ", TextOf(*fold.schema, words), ", then ", TextOf(*fold.schema, again)));
  }
  return absl::OkStatus();
}

std::string TextOf(const Type& type, std::span<const Word> stored) {
  std::string text;
  const absl::Status status = ReadStruct(
      stored, type.name, [&](capnp::AnyPointer::Reader value) { text = TextOf(type, value); });
  return status.ok() ? text : std::string(status.message());
}

std::string TextOf(const Type& type, const Structs& structs, const std::string& key) {
  const auto at = structs.find(key);
  return at == structs.end() ? "nothing" : TextOf(type, std::span<const Word>(at->second));
}

}  // namespace commander::internal
