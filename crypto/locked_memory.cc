#include "crypto/locked_memory.h"

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace commander::crypto {
namespace {

constexpr std::size_t kHeaderBytes = 64;  // keeps data aligned

std::size_t PageBytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

absl::StatusOr<LockedMemory> LockedMemory::Allocate(std::size_t bytes, bool require_lock,
                                                    const LogSink& sink) {
  const std::size_t page = PageBytes();
  const std::size_t usable = (kHeaderBytes + bytes + page - 1) / page * page;
  const std::size_t mapped = usable + 2 * page;
  void* const base = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for keys: ", bytes, " bytes"));
  }
  auto* const pages = static_cast<std::uint8_t*>(base) + page;
  absl::Cleanup unmap = [&] { munmap(base, mapped); };
  if (mprotect(pages, usable, PROT_READ | PROT_WRITE) != 0 ||
      madvise(pages, usable, MADV_DONTDUMP) != 0 || madvise(pages, usable, MADV_WIPEONFORK) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot protect memory for keys: ", std::generic_category().message(errno)));
  }
  const bool locked = mlock(pages, usable) == 0;
  if (!locked) {
    const std::string text =
        absl::StrCat("cannot lock ", bytes, " bytes of memory for keys (",
                     std::generic_category().message(errno),
                     "): they may reach the swap; raise the limit RLIMIT_MEMLOCK");
    if (require_lock) return absl::ResourceExhaustedError(text);
    if (sink) sink({LogLevel::kWarning, "crypto", text, {}});
  }
  std::move(unmap).Cancel();
  LockedMemory memory;
  memory.data_ = pages + kHeaderBytes;
  memory.size_ = bytes;
  memory.mapped_ = mapped;
  memory.locked_ = locked;
  memory.data_[-1] = 1;
  return memory;
}

LockedMemory::~LockedMemory() {
  if (data_ == nullptr) return;
  std::uint8_t* const pages = data_ - kHeaderBytes;
  sodium_memzero(pages, mapped_ - 2 * PageBytes());
  munmap(pages - PageBytes(), mapped_);  // unlocks as well
}

LockedMemory::LockedMemory(LockedMemory&& other) noexcept { *this = std::move(other); }

LockedMemory& LockedMemory::operator=(LockedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  std::swap(locked_, other.locked_);
  return *this;
}

void LockedMemory::Wipe() {
  if (data_ != nullptr) sodium_memzero(data_, size_);
}

}  // namespace commander::crypto
