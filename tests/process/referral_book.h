// referral_book.h: what the clients of process_referrals tell, and what follows from it about each
// person, over all lives of the process.
//
//     WriteLine(ReferralBook::Told(key, person, id, outcome));   // in the process
//     …
//     book.BeginLife();                                          // in the test
//     EXPECT_THAT(book.Add(line), IsOk());
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/outcome.h"
#include "commander/privacy.h"

namespace commander::test {

struct ToldEvent {
  std::string key;
  std::string id;  // of the command
  std::uint64_t version = 0;
  std::uint64_t life = 0;
};

struct ToldPerson {
  std::vector<ToldEvent> events;
  std::string pseudonym;  // empty: not told yet
  bool asked = false;     // an erasure was begun, or may have been
  std::string erasure;    // that was acknowledged: it is done
  std::uint64_t erased_in = 0;
};

class ReferralBook {
 public:
  static std::string Told(std::string_view key, std::string_view person, std::string_view id,
                          const absl::StatusOr<Outcome>& outcome);
  static std::string Erasing(std::string_view person);
  static std::string Erased(std::string_view person, const absl::StatusOr<ErasureReceipt>& receipt);

  void BeginLife() { ++life_; }
  // kInternal: what must never be told.
  absl::Status Add(const std::string& line);

  std::uint64_t life() const { return life_; }
  std::map<std::string, ToldPerson>& people() { return people_; }
  // How often each kind of line was told.
  const std::map<std::string, int>& told() const { return told_; }

 private:
  bool AddEvent(ToldPerson& person, ToldEvent event, const std::string& pseudonym);
  bool AddErasure(ToldPerson& person, const std::string& erasure, const std::string& pseudonym);

  std::uint64_t life_ = 0;
  std::map<std::string, ToldPerson> people_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> versions_;  // id of each
  std::map<std::string, std::string> pseudonyms_;                          // person of each
  std::map<std::string, int> told_;
};

}  // namespace commander::test
