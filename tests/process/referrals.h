// referrals.h: the engine of referrals (tests/support/referrals.h) in a process that may be killed,
// and in the test that looks after it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/referrals.h"

namespace commander::test {

// The group and its read models.
struct Referrals {
  using Looked = std::function<void(const View<Referrer>&)>;
  explicit Referrals(Looked looked = [](const View<Referrer>&) {});

  absl::StatusOr<std::unique_ptr<Engine>> Open(const std::string& data, const std::string& kek,
                                               LogSink sink);
  static absl::StatusOr<Outcome> Refer(Engine& engine, const Group<Referrer>& accounts,
                                       std::string_view key, const std::string& person,
                                       const std::string& id);

  Group<Referrer> accounts;
  Projection<PersonRow> people;
  Projection<HistoryRow> histories;
};

}  // namespace commander::test
