// kek_file.h: the key that wraps the root of the store of keys (KEK), and where it is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/log_sink.h"
#include "crypto/subject.h"

namespace commander::crypto {

inline constexpr std::size_t kKekBytes = 32;

// Called by one thread at a time.
class KekProvider {
 public:
  virtual ~KekProvider() = default;

  // Where the KEK of that store is or would be, for messages: a path.
  virtual std::string Where(const StoreId& store) const = 0;

  // Fills `kek`.  Changes nothing.
  //   kNotFound: there is none.
  //   kPermissionDenied: it cannot be read.
  //   kFailedPrecondition: it is no KEK: a wrong size, a directory.
  virtual absl::Status Load(const StoreId& store, std::span<std::uint8_t, kKekBytes> kek) = 0;

  // Keeps `kek`, durably.  kAlreadyExists, and nothing changed, where there is one.
  virtual absl::Status Create(const StoreId& store,
                              std::span<const std::uint8_t, kKekBytes> kek) = 0;
};

struct KekFileOptions {
  // By default <configuration>/commander/<store>.kek, where <configuration> is $XDG_CONFIG_HOME
  // or ~/.config.
  std::optional<std::filesystem::path> path = std::nullopt;
  // A KEK below it is warned of: whoever copies the data would have the key, too.
  std::filesystem::path data_directory = {};
  LogSink sink = nullptr;
};

// A file of 32 bytes, mode 0600.
std::unique_ptr<KekProvider> NewKekFile(KekFileOptions options);

}  // namespace commander::crypto
