// erasure.h: what is known of an erasure, and of a subject.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "crypto/subject.h"

namespace commander::crypto {

// How far an erasure has come.  Persistent numbers.
enum class ErasureStage : std::uint8_t {
  kFenced = 1,     // nothing of the subject opens any more; to be resumed
  kDestroyed = 2,  // and the key is destroyed
  kDone = 3,       // and the ledger says so: only now is the subject erased
};

struct ErasureReceipt {
  ErasureId id;
  std::vector<Kid> kids;  // none: no key existed
  ErasureStage stage = ErasureStage::kFenced;
  // Nanoseconds since 1970-01-01T00:00:00Z; 0: not yet.
  std::int64_t fenced_ns = 0;
  std::int64_t destroyed_ns = 0;
  std::int64_t completed_ns = 0;
};

struct SubjectStatus {
  enum class State {
    kNone,    // no key, and none was ever erased
    kActive,  // `kid`
    kFenced,  // `erasure` is under way
    kErased,  // `erasure` is done
  };
  State state = State::kNone;
  std::optional<Kid> kid;
  std::optional<ErasureReceipt> erasure;
};

}  // namespace commander::crypto
