// bare_file.h: what a lone write and its sync take, for a client that waits for each.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <vector>

#include "benchmarks/measure.h"

namespace commander::benchmarks {

// One command and its outcome in one frame, as the log writes it for a lone client.
inline constexpr std::size_t kBareBytes = 704;

// A file of which `count` blocks of zeros have been written and synced.
class BareFile {
 public:
  BareFile(const std::filesystem::path& path, std::size_t count)
      : file_(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
    const std::vector<char> zeros(count * kBareBytes);
    if (file_ < 0 || pwrite(file_, zeros.data(), zeros.size(), 0) < 0 || fsync(file_) != 0) {
      Fail(path);
    }
  }
  ~BareFile() { close(file_); }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;

  void Write() {
    std::memset(block_, 'x', sizeof(block_));
    if (pwrite(file_, block_, sizeof(block_), static_cast<off_t>(written_++ * kBareBytes)) < 0 ||
        fdatasync(file_) != 0) {
      Fail("bare write");
    }
  }

 private:
  const int file_;
  std::size_t written_ = 0;
  char block_[kBareBytes];
};

}  // namespace commander::benchmarks
