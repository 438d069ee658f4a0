// nonce_pool.h: random bytes for nonces, 4 KiB of the kernel's at a time.
#pragma once

#include "crypto/keyring.h"

namespace commander::crypto {

// Public values, so they may wait in ordinary memory: one page a thread, which the kernel empties
// in a forked child, so that parent and child never draw the same.
Nonce NextNonce();

}  // namespace commander::crypto
