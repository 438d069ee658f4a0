// outcome_builder.h: outcomes as callers get them, made from the records that hold them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "commander/outcome.h"
#include "engine/envelope.h"
#include "engine/schema.h"
#include "engine/sealing.h"

namespace commander::internal {

class OutcomeBuilder {
 public:
  using TypeOf = std::function<KnownType(std::uint64_t fingerprint)>;

  struct Record {
    Offset offset;
    std::span<const Word> words;
  };

  // `records` are all records of the outcome of command `id`, copied; `place` is that of the first.
  //   kDataLoss, kUnimplemented: a payload that cannot be opened.
  static absl::StatusOr<Outcome> Build(const std::vector<Record>& records, RecordPosition place,
                                       std::string_view group, const MessageId& id,
                                       const TypeOf& type_of, const Sealing& sealing);
  static void MarkRepeat(Outcome* outcome) { outcome->repeat_ = true; }
};

}  // namespace commander::internal
