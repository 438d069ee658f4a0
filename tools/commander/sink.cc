#include "tools/commander/sink.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace commander::cli {

absl::Status Sink::Write(std::string_view bytes) {
  buffer_.append(bytes);
  return buffer_.size() < kBufferBytes ? failed_ : Flush();
}

absl::Status Sink::Flush() {
  if (!failed_.ok()) return failed_;
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd ready = {descriptor_, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno == EPIPE) {
      reader_gone_ = true;
      failed_ = absl::CancelledError("nobody reads the output any more");
      break;
    } else if (errno != EINTR) {
      failed_ = absl::InternalError(
          absl::StrCat("cannot write to the standard output: ", std::strerror(errno)));
      break;
    }
  }
  buffer_.clear();
  return failed_;
}

}  // namespace commander::cli
