#include "crypto/answer.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::crypto {
namespace {

using internal::ToAbsl;

constexpr char kPayload[] = "commander/crypto.answer";

struct Meaning {
  absl::StatusCode code;
  std::string_view text;
};

Meaning MeaningOf(Answer answer) {
  switch (answer) {
    case Answer::kErased:
      return {absl::StatusCode::kFailedPrecondition,
              "the subject of the personal fields was erased"};
    case Answer::kKeyUnknown:
      return {absl::StatusCode::kDataLoss,
              "the key of sealed fields is neither in the store of keys nor in the ledger of "
              "erasures; look for the store that belongs to this log"};
    case Answer::kForged:
      return {absl::StatusCode::kDataLoss,
              "sealed fields were altered, or are not where they were sealed"};
    case Answer::kMalformed:
      return {absl::StatusCode::kDataLoss, "not a sealed struct"};
    case Answer::kUnsupported:
      return {absl::StatusCode::kUnimplemented,
              "sealed by a version that this one does not know; use the newer program"};
    case Answer::kOk:
      break;
  }
  return {absl::StatusCode::kInternal, "no error"};
}

}  // namespace

absl::Status StatusOf(Answer answer, std::string_view detail) {
  const Meaning meaning = MeaningOf(answer);
  absl::Status status(meaning.code, detail.empty()
                                        ? ToAbsl(meaning.text)
                                        : absl::StrCat(ToAbsl(meaning.text), ": ", ToAbsl(detail)));
  status.SetPayload(kPayload, absl::Cord(std::string(1, static_cast<char>(answer))));
  return status;
}

Answer AnswerOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value() || payload->size() != 1) return Answer::kOk;
  return static_cast<Answer>((*payload)[0]);
}

}  // namespace commander::crypto
