// referrals.h: a group whose events are about people who stand in many of its aggregates, and two
// read models of it: of people, and of accounts.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/commander.h"
#include "commander/internal/strings.h"
#include "tests/support/referrals.capnp.h"

namespace commander::test {

// In every personal field; must be in no file.
inline constexpr char kReferralCanary[] = "canary-of-";
// In every event; is in files.
inline constexpr char kReferralPlace[] = "an-open-place";

inline std::string EmailOf(std::string_view person) {
  return absl::StrCat(kReferralCanary, internal::ToAbsl(person), "@example.org");
}
inline std::string NoteOf(std::string_view person, std::string_view id) {
  return absl::StrCat(kReferralCanary, internal::ToAbsl(person), "-in-", internal::ToAbsl(id));
}

struct Referrer {  // own state
  using Schema = referrals::Account;
  using Events = commander::Events<referrals::Referred>;
  std::string email;
  std::string note;
  std::uint64_t referrals = 0;

  void Load(Schema::Reader stored) {
    email = stored.getEmail().cStr();
    note = stored.getNote().cStr();
    referrals = stored.getReferrals();
  }
  void Save(Schema::Builder stored) const {
    stored.setEmail(email.c_str());
    stored.setNote(note.c_str());
    stored.setReferrals(referrals);
  }
  void Apply(referrals::Referred::Reader event) {
    email = event.getEmail().cStr();
    note = event.getNote().cStr();
    ++referrals;
  }
};

struct PersonRow {
  using Schema = referrals::Person;
  using Events = commander::Events<referrals::Referred>;
  std::string email;
  std::uint64_t referrals = 0;
  std::uint64_t lengths = 0;

  void Load(Schema::Reader stored) {
    email = stored.getEmail().cStr();
    referrals = stored.getReferrals();
    lengths = stored.getLengths();
  }
  void Save(Schema::Builder stored) const {
    stored.setEmail(email.c_str());
    stored.setReferrals(referrals);
    stored.setLengths(lengths);
  }
  static Keys KeysOf(referrals::Referred::Reader, const EventMetadata& metadata) {
    return metadata.subject;
  }
  void Apply(referrals::Referred::Reader event, const EventMetadata&) {
    email = event.getEmail().cStr();
    ++referrals;
    lengths += event.getPlace().size();
  }
  std::string ToString() const { return absl::StrCat(email, " ", referrals, " ", lengths); }
};

struct HistoryRow {
  using Schema = referrals::History;
  using Events = commander::Events<referrals::Referred>;
  std::string email;
  std::string note;
  std::uint64_t version = 0;
  std::uint64_t gaps = 0;

  void Load(Schema::Reader stored) {
    email = stored.getEmail().cStr();
    note = stored.getNote().cStr();
    version = stored.getVersion();
    gaps = stored.getGaps();
  }
  void Save(Schema::Builder stored) const {
    stored.setEmail(email.c_str());
    stored.setNote(note.c_str());
    stored.setVersion(version);
    stored.setGaps(gaps);
  }
  static Keys KeysOf(referrals::Referred::Reader, const EventMetadata& metadata) {
    return metadata.key;
  }
  void Apply(referrals::Referred::Reader event, const EventMetadata& metadata) {
    email = event.getEmail().cStr();
    note = event.getNote().cStr();
    if (metadata.version != version + 1) ++gaps;
    version = metadata.version;
  }
  std::string ToString() const { return absl::StrCat(email, " ", note, " ", version, " ", gaps); }
};

// Adds the handlers; `looked` is called with the state that a Look meets.
inline void AddReferralHandlers(Group<Referrer>& accounts,
                                std::function<void(const View<Referrer>&)> looked) {
  accounts.OnCommand(
      [](referrals::Refer::Reader command, const View<Referrer>&) -> Decision<referrals::Referred> {
        return Emit<referrals::Referred>([&](auto event) {
          event.setEmail(command.getEmail());
          event.setNote(command.getNote());
          event.setPlace(kReferralPlace);
        });
      });
  accounts.OnCommand([looked = std::move(looked)](referrals::Look::Reader,
                                                  const View<Referrer>& view) -> Decision<> {
    looked(view);
    return Nothing();
  });
}

inline Subject SubjectOf(std::string_view person) { return {"person", EmailOf(person)}; }

}  // namespace commander::test
