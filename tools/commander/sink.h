// sink.h: bytes to a file descriptor, where every failure is noticed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace commander::cli {

// Not thread-safe.  SIGPIPE must be ignored (process.h).
class Sink {
 public:
  explicit Sink(int descriptor) : descriptor_(descriptor) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Buffers; writes when there is enough.  Errors as Flush().
  absl::Status Write(std::string_view bytes);
  //   kInternal: cannot be written, and why (no space, closed).  Every later call fails, too.
  //   kCancelled: nobody reads the pipe any more; reader_gone() from now on.
  absl::Status Flush();

  bool reader_gone() const { return reader_gone_; }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

  const int descriptor_;
  std::string buffer_;
  absl::Status failed_;
  bool reader_gone_ = false;
};

}  // namespace commander::cli
