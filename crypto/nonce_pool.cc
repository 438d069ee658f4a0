#include "crypto/nonce_pool.h"

#include <sodium.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace commander::crypto {
namespace {

constexpr std::size_t kPageBytes = 4096;

// `left` counts the bytes not yet drawn, at the end of `bytes`: a page of zeros is an empty one.
struct Page {
  std::size_t left;
  std::uint8_t bytes[kPageBytes - sizeof(std::size_t)];
};
static_assert(sizeof(Page) == kPageBytes);

class Pool {
 public:
  Pool() {
    void* const memory =
        mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    if (madvise(memory, kPageBytes, MADV_WIPEONFORK) == 0) {
      page_ = static_cast<Page*>(memory);
    } else {
      munmap(memory, kPageBytes);
    }
  }
  ~Pool() {
    if (page_ != nullptr) munmap(page_, kPageBytes);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  Nonce Draw() {
    Nonce nonce;
    if (page_ == nullptr) {  // slower, and as good
      randombytes_buf(nonce.data(), nonce.size());
      return nonce;
    }
    if (page_->left < nonce.size()) {
      randombytes_buf(page_->bytes, sizeof(page_->bytes));
      page_->left = sizeof(page_->bytes);
    }
    std::memcpy(nonce.data(), page_->bytes + sizeof(page_->bytes) - page_->left, nonce.size());
    page_->left -= nonce.size();
    return nonce;
  }

 private:
  Page* page_ = nullptr;
};

}  // namespace

Nonce NextNonce() {
  static thread_local Pool pool;
  return pool.Draw();
}

}  // namespace commander::crypto
