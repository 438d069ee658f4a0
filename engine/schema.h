// schema.h: fingerprints of types, and the schemas that are stored beside the data.
//
// Every record names its type by a fingerprint: XXH3-64 over the stable name and a canonical
// listing of the schema (FORMAT.md), so it names the exact revision that wrote it.  The schema
// itself is kept by the log under that fingerprint; whoever has the log can decode every record
// without the application.
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/internal/type.h"
#include "engine/log/log.h"

namespace commander::internal {

// Where records of a type have been written.
enum class SchemaRole : std::uint16_t { kCommand = 0, kEvent = 1, kState = 2, kRow = 3 };
std::string_view SchemaRoleName(SchemaRole role);

struct SchemaUse {
  std::string group;  // or projection
  SchemaRole role = SchemaRole::kCommand;
  std::uint16_t partitions = 0;  // of the group, with a state
  friend bool operator==(const SchemaUse&, const SchemaUse&) = default;
  friend auto operator<=>(const SchemaUse&, const SchemaUse&) = default;
};

// Stable name of a struct whose C++ name is `cpp_name` ("bank::Withdrawn"): $Commander.name, else
// "bank.Withdrawn".
std::string StableName(std::string_view cpp_name, capnp::StructSchema schema);
std::uint64_t Fingerprint(std::string_view name, capnp::StructSchema schema);

// One stored schema, decoded.
class StoredType {
 public:
  ~StoredType();
  // Lives as long as the process: events that callers hold outlive their engine.
  const std::string& name() const { return *name_; }
  std::uint64_t fingerprint() const { return fingerprint_; }
  const std::vector<SchemaUse>& uses() const { return uses_; }
  // For reading records dynamically.
  capnp::StructSchema schema() const { return schema_; }

 private:
  friend absl::StatusOr<std::unique_ptr<StoredType>> DecodeSchema(const log::Schema& stored);
  StoredType();
  struct Loader;
  const std::string* name_ = nullptr;
  std::uint64_t fingerprint_ = 0;
  std::vector<SchemaUse> uses_;
  std::unique_ptr<Loader> loader_;
  capnp::StructSchema schema_;
};

log::Schema EncodeSchema(const Type& type, const std::vector<SchemaUse>& uses);
//   kDataLoss: the bytes are not a schema of that fingerprint.
absl::StatusOr<std::unique_ptr<StoredType>> DecodeSchema(const log::Schema& stored);

// What a fingerprint in a record says.
struct KnownType {
  std::string_view name;  // lives as long as the process; empty: nothing is known
  bool personal = false;  // the revision that wrote it has personal fields: it must be sealed
};

// What a log knows of types; thread-safe.
class SchemaSet {
 public:
  // Reads what is stored.  The log must outlive this.
  static absl::StatusOr<std::unique_ptr<SchemaSet>> Load(log::LogReader& log);

  // Makes sure that the schema and this use of it are stored; blocks on disk the first time.
  absl::Status Ensure(log::Log& log, const Type& type, const SchemaUse& use);

  KnownType Known(std::uint64_t fingerprint) const;
  // Stable name of the type with that fingerprint, or empty.
  std::string_view NameOf(std::uint64_t fingerprint) const { return Known(fingerprint).name; }
  // Null where it is not known.
  const StoredType* Find(std::uint64_t fingerprint) const;
  // Stable names with a use of that role by that group.
  std::vector<std::string> NamesUsed(std::string_view group, SchemaRole role) const;
  // Into how many its keys have been spread, as its states' uses say.
  std::set<std::uint16_t> PartitionsOf(std::string_view group) const;
  // All, ordered by name.
  std::vector<const StoredType*> All() const;

 private:
  SchemaSet() = default;
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<StoredType>> types_;
  // Replaced ones are kept: names and schemas handed out stay valid.
  std::vector<std::unique_ptr<StoredType>> retired_;
};

}  // namespace commander::internal
