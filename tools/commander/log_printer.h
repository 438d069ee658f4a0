// log_printer.h: which records of the log are shown, and how.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/envelope.h"
#include "tools/commander/context.h"
#include "tools/commander/data.h"
#include "tools/commander/log_verbs.h"
#include "tools/commander/merge.h"
#include "tools/commander/personal.h"
#include "tools/commander/record_row.h"

namespace commander::cli {

// Not thread-safe.  All must outlive it.
class LogPrinter {
 public:
  //   kInvalidArgument: the filter names what there is not.
  static absl::StatusOr<std::unique_ptr<LogPrinter>> Make(Data& data, Personal& personal,
                                                          const LogFilter& filter,
                                                          Context& context);

  struct Partition {
    log::TopicInfo topic;
    std::uint16_t partition = 0;
  };
  // Those in which the filter may find something.
  const std::vector<Partition>& partitions() const { return partitions_; }

  absl::Status BeginList();
  // Those that were erased since are shown so.
  void Refresh() { personal_.Refresh(); }
  absl::StatusOr<bool> Wanted(const MergedRecord& record);
  // Shows a record if it is wanted.
  absl::Status Print(const MergedRecord& record);
  bool limit_reached() const { return filter_.limit > 0 && printed_ >= filter_.limit; }
  std::uint64_t printed() const { return printed_; }
  std::uint64_t undecoded() const { return decoder_.undecoded(); }

 private:
  LogPrinter(Data& data, Personal& personal, const LogFilter& filter, Context& context)
      : data_(data),
        filter_(filter),
        context_(context),
        personal_(personal),
        decoder_(data, personal, context) {}
  absl::Status FindPartitions();
  // Null where the record is no message.
  absl::StatusOr<bool> Matches(const internal::EnvelopeReader& envelope);

  Data& data_;
  const LogFilter filter_;
  Context& context_;
  Personal& personal_;
  RecordDecoder decoder_;
  std::string key_;
  std::vector<Partition> partitions_;
  std::uint64_t printed_ = 0;
};

}  // namespace commander::cli
