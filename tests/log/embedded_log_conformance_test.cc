#include <memory>
#include <utility>

#include "engine/log/embedded_log.h"
#include "tests/log/local_log_conformance.h"
#include "tests/log/log_conformance.h"
#include "tests/support/faulty_file_system.h"

namespace commander::test {
namespace {

// Several segments, and caches that forget soon, so that old records come from files.
class EmbeddedLogWorld : public LogWorld {
 public:
  static constexpr std::size_t kMaxRecordBytes = 4096;
  static constexpr std::size_t kMaxPendingBytes = 20000;

  absl::StatusOr<std::unique_ptr<log::Log>> Open() {
    log::EmbeddedLogOptions options;
    options.directory = "/data/log";
    options.segment_bytes = 2000;
    options.max_record_bytes = kMaxRecordBytes;
    options.max_pending_bytes = kMaxPendingBytes;
    options.read_cache_bytes = 1500;
    options.zero_ahead_bytes = 256;
    options.clock = &clock_;
    options.random = &random_;
    options.files = &files_;
    return log::OpenEmbeddedLog(std::move(options));
  }
  void Kill(std::unique_ptr<log::Log> log) {
    files_.Restart(Loss::kKill);
    log.reset();
  }
  FakeClock& clock() { return clock_; }

 private:
  FakeClock clock_;
  FakeRandom random_;
  FaultyFileSystem files_{1};
};

INSTANTIATE_TYPED_TEST_SUITE_P(EmbeddedLog, LogConformance, EmbeddedLogWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(EmbeddedLog, LocalLogConformance, EmbeddedLogWorld);

}  // namespace
}  // namespace commander::test
