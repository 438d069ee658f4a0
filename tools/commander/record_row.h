// record_row.h: a record of the log as a row.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/envelope.h"
#include "engine/log/log.h"
#include "tools/commander/context.h"
#include "tools/commander/data.h"
#include "tools/commander/personal.h"
#include "tools/commander/row.h"

namespace commander::cli {

// Decodes what records say.  Not thread-safe.
class RecordDecoder {
 public:
  RecordDecoder(Data& data, Personal& personal, Context& context)
      : data_(data), personal_(personal), context_(context) {}

  // Name of the type of a record, its fingerprint where no schema says.
  absl::StatusOr<std::string> TypeOf(const internal::EnvelopeReader& envelope);

  // Appends type, version, id and all the rest of an envelope.  What cannot be decoded is told once
  // a reason, and counted.
  absl::Status AppendMessage(const internal::EnvelopeReader& envelope, Row* row);

  // Tells, once a reason, why a record's content is not shown.
  void TellUndecoded(const std::string& where, const std::string& reason);
  // Records that were not decoded, or not wholly.
  std::uint64_t undecoded() const { return undecoded_; }

 private:
  absl::Status AppendPayload(const internal::EnvelopeReader& envelope, Row* row);

  // `data` and what is known of the personal fields in it.
  absl::Status AppendStruct(const internal::EnvelopeReader& envelope, Row* row);
  absl::Status AppendRejection(const internal::EnvelopeReader& envelope, Row* row);

  Data& data_;
  Personal& personal_;
  Context& context_;
  std::uint64_t undecoded_ = 0;
  std::vector<std::string> told_;
};

}  // namespace commander::cli
