#include "tests/process/referral_book.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "commander/engine.h"
#include "commander/internal/strings.h"
#include "tests/process/referrals.h"

namespace commander::test {
namespace {

using ::commander::internal::ToAbsl;

constexpr char kErased[] = "commander.erased";
constexpr char kNone[] = "-";

}  // namespace

std::string ReferralBook::Told(std::string_view key, std::string_view person, std::string_view id,
                               const absl::StatusOr<Outcome>& outcome) {
  const bool refused = outcome.ok() ? outcome->rejected() && outcome->rejection().code == kErased
                                    : ErrorCodeOf(outcome.status()) == kErased;
  if (refused) return absl::StrCat("refused ", ToAbsl(person));
  if (!outcome.ok()) return absl::StrCat("error ", outcome.status().ToString());
  const auto event = outcome->event<referrals::Referred>();
  if (!event.has_value()) return absl::StrCat("error without an event: ", ToAbsl(key));
  const EventMetadata& metadata = outcome->events()[0].metadata();
  const std::string wanted = metadata.erased ? "" : NoteOf(person, id);
  if (event->getNote() != wanted.c_str()) return absl::StrCat("error other note: ", ToAbsl(id));
  return absl::StrCat("event ", ToAbsl(person), " ", ToAbsl(key), " ", ToAbsl(id), " ",
                      metadata.subject, " ", metadata.version);
}

std::string ReferralBook::Erasing(std::string_view person) {
  return absl::StrCat("erasing ", ToAbsl(person));
}

std::string ReferralBook::Erased(std::string_view person,
                                 const absl::StatusOr<ErasureReceipt>& receipt) {
  if (!receipt.ok()) return absl::StrCat("error ", receipt.status().ToString());
  return absl::StrCat("erased ", ToAbsl(person), " ", receipt->erasure, " ",
                      receipt->pseudonym.empty() ? kNone : receipt->pseudonym);
}

bool ReferralBook::AddEvent(ToldPerson& person, ToldEvent event, const std::string& pseudonym) {
  // Within a life, what was decided before an erasure may be told after it.
  if (!person.erasure.empty() && person.erased_in < event.life) return false;
  if (person.pseudonym.empty()) person.pseudonym = pseudonym;
  if (person.pseudonym != pseudonym) return false;
  if (!versions_.emplace(std::pair(event.key, event.version), event.id).second) return false;
  person.events.push_back(std::move(event));
  return true;
}

bool ReferralBook::AddErasure(ToldPerson& person, const std::string& erasure,
                              const std::string& pseudonym) {
  if (!person.asked) return false;
  if (pseudonym != kNone && person.pseudonym.empty()) person.pseudonym = pseudonym;
  if (pseudonym != (person.pseudonym.empty() ? kNone : person.pseudonym)) return false;
  if (person.erasure.empty()) {
    person.erasure = erasure;
    person.erased_in = life_;
  }
  return person.erasure == erasure;
}

absl::Status ReferralBook::Add(const std::string& line) {
  std::istringstream words(line);
  std::string what, name, pseudonym;
  words >> what;
  ++told_[what];
  if (what == "opening" || what == "open") return absl::OkStatus();
  words >> name;
  ToldPerson& person = people_[name];
  bool right = false;
  if (what == "event") {
    ToldEvent event;
    event.life = life_;
    words >> event.key >> event.id >> pseudonym >> event.version;
    right = words && AddEvent(person, event, pseudonym);
    right = right && pseudonyms_.emplace(pseudonym, name).first->second == name;
  } else if (what == "erasing") {
    right = person.asked = true;
  } else if (what == "erased") {
    std::string erasure;
    words >> erasure >> pseudonym;
    right = words && AddErasure(person, erasure, pseudonym);
  } else if (what == "refused") {
    right = person.asked;
  }
  return right ? absl::OkStatus() : absl::InternalError("must not be told: " + line);
}

}  // namespace commander::test
