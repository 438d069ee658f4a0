// data.h: the data directory of an engine, as a reader sees it.
//
// Nothing in it is created, locked or touched; it may be mounted read-only, and an engine may be
// writing it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/log_sink.h"
#include "engine/log/embedded_log.h"
#include "engine/schema.h"
#include "store/store.h"

namespace commander::cli {

// Checks that there is a data directory.
//   kInvalidArgument: there is none; the message says what was expected.
//   kPermissionDenied: it may not be read.
absl::Status CheckDataDirectory(const std::filesystem::path& directory);

// A sink for what the engine's parts have to say: warnings, to the standard error.
void ShowWarnings(const LogLine& line);

class Data {
 public:
  //   Errors: as CheckDataDirectory() and OpenEmbeddedLogReader().
  static absl::StatusOr<std::unique_ptr<Data>> Open(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  log::EmbeddedLogReader& log() const { return *log_; }

  // Ordered by name.
  absl::StatusOr<std::vector<log::TopicInfo>> Topics() const;
  // The topic, or kInvalidArgument with the names that there are.
  absl::StatusOr<log::TopicInfo> FindTopic(std::string_view name) const;

  // Null where no such schema is stored.  Looks again for schemas that a writer has stored since.
  absl::StatusOr<const internal::StoredType*> FindType(std::uint64_t fingerprint);

  // Names of the groups whose events or states are here.
  absl::StatusOr<std::vector<std::string>> Groups() const;
  // The one that is meant: `name`, or where it is empty the only one.
  //   kInvalidArgument: none or several; the message names them.
  absl::StatusOr<std::string> FindGroup(std::string_view name) const;

  // "balances@1", the newest version first among those of one name.
  absl::StatusOr<std::vector<std::string>> Projections() const;
  // The directory name of "balances" or "balances@1".
  //   kInvalidArgument: there is none; the message names those that are.
  absl::StatusOr<std::string> FindProjection(std::string_view name) const;

  // Names of all stores as in store/names.h, or the one that is asked for.
  //   kInvalidArgument: there is none of that name; the message names those that are.
  absl::StatusOr<std::vector<std::string>> FindStores(std::string_view name) const;
  // `name` as in store/names.h.  kNotFound where there is none.
  absl::StatusOr<std::unique_ptr<store::StoreReader>> OpenStore(std::string_view name) const;

 private:
  explicit Data(std::filesystem::path directory) : directory_(std::move(directory)) {}
  absl::StatusOr<std::vector<std::string>> StoresBelow(std::string_view kind) const;

  const std::filesystem::path directory_;
  std::unique_ptr<log::EmbeddedLogReader> log_;
  // Types that were handed out stay valid.
  std::vector<std::unique_ptr<internal::SchemaSet>> schemas_;
  std::vector<std::uint64_t> unknown_;
};

// "no schema with the fingerprint … is stored with the data; …"
std::string NoSchema(std::uint64_t fingerprint);

}  // namespace commander::cli
