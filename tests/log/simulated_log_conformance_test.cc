#include <memory>
#include <utility>

#include "tests/log/local_log_conformance.h"
#include "tests/log/log_conformance.h"
#include "tests/support/simulated_log.h"

namespace commander::test {
namespace {

class SimulatedLogWorld : public LogWorld {
 public:
  static constexpr std::size_t kMaxRecordBytes = 4096;
  static constexpr std::size_t kMaxPendingBytes = 20000;

  absl::StatusOr<std::unique_ptr<log::Log>> Open() {
    SimulatedLogOptions options;
    options.clock = &clock_;
    options.seed = ++seed_;
    options.max_record_bytes = kMaxRecordBytes;
    options.max_pending_bytes = kMaxPendingBytes;
    options.gaps = gaps_;
    return SimulatedLog::Open(disk_, options);
  }
  void Kill(std::unique_ptr<log::Log> log) { static_cast<SimulatedLog&>(*log).Crash(); }
  FakeClock& clock() { return clock_; }

 protected:
  bool gaps_ = false;

 private:
  FakeClock clock_;
  std::uint64_t seed_ = 0;
  std::shared_ptr<SimulatedDisk> disk_ = std::make_shared<SimulatedDisk>();
};

// The same with gaps between the offsets of events, as transactions leave them on Kafka.
class SimulatedLogWithGapsWorld : public SimulatedLogWorld {
 public:
  static constexpr bool kDenseEvents = false;
  SimulatedLogWithGapsWorld() { gaps_ = true; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(SimulatedLog, LogConformance, SimulatedLogWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(SimulatedLog, LocalLogConformance, SimulatedLogWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(SimulatedLogWithGaps, LogConformance, SimulatedLogWithGapsWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(SimulatedLogWithGaps, LocalLogConformance,
                               SimulatedLogWithGapsWorld);

}  // namespace
}  // namespace commander::test
