// answer.h: what can be said of sealed fields, as status codes with fixed texts.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace commander::crypto {

enum class Answer {
  kOk,
  kErased,       // kFailedPrecondition: the subject was erased, for good
  kKeyUnknown,   // kDataLoss: neither held nor erased
  kForged,       // kDataLoss: altered, or sealed for another place; one text for all causes
  kMalformed,    // kDataLoss: not the bytes of a sealed struct
  kUnsupported,  // kUnimplemented: of a newer version
};

// The status of an answer other than kOk.  `detail` goes into the text: no data, no ids of persons.
absl::Status StatusOf(Answer answer, std::string_view detail = {});

// The answer that a status of StatusOf() stands for; kOk for an OK status and for any other error.
Answer AnswerOf(const absl::Status& status);

}  // namespace commander::crypto
