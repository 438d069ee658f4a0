#include "crypto/kj_guard.h"

#include <kj/exception.h>

#include <exception>

namespace commander::crypto {
namespace {

struct Fault {};

// Replaces kj's exceptions, whose texts hold data, before they are thrown.
class Silent final : public kj::ExceptionCallback {
 public:
  void onRecoverableException(kj::Exception&&) override {
    // While another exception unwinds, the caller goes on with a default value.
    if (std::uncaught_exceptions() == 0) throw Fault();
  }
  void onFatalException(kj::Exception&&) override { throw Fault(); }
  void logMessage(kj::LogSeverity, const char*, int, int, kj::String&&) override {}
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

}  // namespace

bool KjAccepts(absl::FunctionRef<void()> use) {
  try {
    const Silent silent;
    use();
    return true;
  } catch (const Fault&) {
    return false;
  } catch (const kj::Exception&) {  // thrown past the callback
    return false;
  }
}

}  // namespace commander::crypto
