// privacy.h: personal data of a subject, and how to make it stop existing.
//
// Fields marked $Commander.personal (commander/annotations.capnp) are sealed under the key of
// their subject wherever they are stored: in commands, events, rejections, states and rows.
// Erasing a subject destroys that key; the log stays as it is, and everything else still replays.
//
//     auto receipt = engine->privacy().Erase({"accounts", "acct-1"}, "asked by letter of May 4");
//     if (!receipt.ok()) return receipt.status();   // call again: it goes on where it stopped
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace commander {

namespace internal {
class Core;
}

// Whom personal fields are about: by default the aggregate, which is its key in the namespace of
// its group; else what $Commander.subject marks.  Exact bytes, never normalised.
struct Subject {
  std::string name_space;
  std::string id;
};

struct SubjectStatus {
  enum class State {
    kUnknown,  // no key was ever made
    kActive,
    kErasing,  // begun: nothing of it opens any more; goes on when Erase() is called again for it,
               // or when the engine is opened again
    kErased,
  };
  State state = State::kUnknown;
  // 64 hexadecimal digits, as EventMetadata::subject; empty: it never had a key.  Whoever may ask
  // learns of an erased subject, too, which events were about it.
  std::string pseudonym;
  absl::Time erased_at = absl::InfinitePast();  // kErased: when it was complete
};

struct ErasureReceipt {
  std::string erasure;    // names the erasure in the ledger: 32 hexadecimal digits
  std::string pseudonym;  // of the key that was destroyed; empty: no key existed
  absl::Time requested;
  absl::Time completed;
};

// Thread-safe.  Errors of both, besides those named there, as Engine's, and
//   kFailedPrecondition (commander.no_keys): no type of this program is personal, so that there
//                       are no keys.
class Privacy {
 public:
  explicit Privacy(internal::Core& core) : core_(core) {}

  // Destroys the subject's key and refuses new personal data about it.  When it returns, nothing of
  // the engine can produce the subject's personal fields again: they read as absent.  Blocks on
  // disk, and until every partition has let go of what it had decoded.  Repeating it is harmless.
  // `reason` is recorded, sealed, in the ledger of erasures.  Events from before their field was
  // marked are in clear, and stay.
  //   kUnavailable: it is begun and will go on, with the next call or when the engine is opened
  //                 again; nothing of the subject opens meanwhile.
  absl::StatusOr<ErasureReceipt> Erase(const Subject& subject, std::string_view reason);

  absl::StatusOr<SubjectStatus> Status(const Subject& subject);

 private:
  internal::Core& core_;
};

}  // namespace commander
