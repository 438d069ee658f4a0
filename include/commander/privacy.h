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
    kUnknown,  // no key was ever made, or the subject was erased before it had one
    kActive,
    kErasing,  // begun: nothing of it opens any more; goes on by itself, also after a crash
    kErased,
  };
  State state = State::kUnknown;
  std::string pseudonym;  // 64 hexadecimal digits, as EventMetadata::subject; kErased: empty
  absl::Time erased_at = absl::InfinitePast();  // kErased: the day
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
  // `reason` is recorded, sealed, in the ledger of erasures.
  //   kUnavailable: it is begun and will go on, with the next call or when the engine is opened
  //                 again; nothing of the subject opens meanwhile.
  absl::StatusOr<ErasureReceipt> Erase(const Subject& subject, std::string_view reason);

  absl::StatusOr<SubjectStatus> Status(const Subject& subject);

 private:
  internal::Core& core_;
};

}  // namespace commander
