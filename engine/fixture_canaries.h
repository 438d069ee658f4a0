// fixture_canaries.h: recognisable values in personal fields, and the search for them where nothing
// is sealed.
#pragma once

#include <capnp/dynamic.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "commander/testing.h"
#include "engine/fixture_folds.h"
#include "engine/fixture_log.h"

namespace commander::internal {

class Canaries {
 public:
  // What is shorter may be anywhere by chance.
  static constexpr std::size_t kBytes = 6;

  enum class Plant { kNone, kWhereShort };
  explicit Canaries(Plant plant) : plant_(plant) {}

  // A copy of the message.  From now on its personal Text and Data are searched for; those that are
  // shorter than kBytes, or absent, are replaced where canaries are planted.  What was equal stays
  // equal, except that absent fields get a canary each.
  TestMessage Take(const TestMessage& message);
  bool planted() const { return planted_; }

  // kFailedPrecondition: names a canary, and where it is in clear.  What is sealed is searched as
  // well, since its bytes hold none.
  absl::Status Search(const FixtureHistory& history) const;
  absl::Status Search(std::string_view noun, const StoredFolds& folds) const;

 private:
  struct Canary {
    std::string value;
    std::string origin;  // "bank.Opened.owner"
  };

  void Walk(capnp::DynamicStruct::Builder value, bool marked, const std::string& path);
  void WalkField(capnp::DynamicStruct::Builder value, capnp::StructSchema::Field field, bool marked,
                 const std::string& path);
  void WalkList(capnp::DynamicList::Builder list, const std::string& path);
  // What is to be put in place of the value.
  std::optional<std::string> Watch(std::string_view value, const std::string& path);
  const Canary* FindIn(std::string_view bytes) const;
  static absl::Status Shows(const Canary& canary, std::string_view where);

  const Plant plant_;
  bool planted_ = false;
  std::vector<Canary> canaries_;
};

}  // namespace commander::internal
