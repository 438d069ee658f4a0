#include "crypto/key_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crypto/key_primitives.h"
#include "crypto/nonce_pool.h"
#include "tests/support/status_matchers.h"

namespace commander::crypto {
namespace {

using ::commander::test::IsOk;
using ::commander::test::IsOkAndHolds;
using ::commander::test::StatusIs;

Kid KidNumber(int n) {
  Kid kid;
  std::memcpy(kid.bytes.data() + 1, &n, sizeof(n));  // all of shard 0
  return kid;
}

class KeyCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    COMMANDER_ASSERT_OK_AND_ASSIGN(cache_, KeyCache::Create(32 * 4, false, nullptr));
  }
  void Load(const Kid& kid, char key) {
    const auto loaded = cache_->UseOrLoad(
        kid,
        [&](std::span<std::uint8_t> plain) {
          std::memset(plain.data(), key, kKeyBytes);
          return true;
        },
        [&](const std::uint8_t* bytes) {
          at_ = bytes;
          used_.assign(reinterpret_cast<const char*>(bytes), kKeyBytes);
        });
    EXPECT_THAT(loaded, IsOkAndHolds(true));
  }
  bool Holds(const Kid& kid) {
    return cache_->Use(kid, [](const std::uint8_t*) {});
  }
  // The bytes where a key was.
  std::string Memory(const std::uint8_t* at) {
    return std::string(reinterpret_cast<const char*>(at), kKeyBytes);
  }

  std::unique_ptr<KeyCache> cache_;
  const std::uint8_t* at_ = nullptr;
  std::string used_;
};

TEST_F(KeyCacheTest, HoldsWhatWasLoaded) {
  EXPECT_FALSE(Holds(KidNumber(1)));
  Load(KidNumber(1), 'a');
  EXPECT_EQ(used_, std::string(kKeyBytes, 'a'));
  EXPECT_TRUE(Holds(KidNumber(1)));
  Load(KidNumber(1), 'b');
  EXPECT_EQ(used_, std::string(kKeyBytes, 'a')) << "not loaded again";
  const auto none = cache_->UseOrLoad(
      KidNumber(2), [](std::span<std::uint8_t>) { return false; }, [](const std::uint8_t*) {});
  EXPECT_THAT(none, IsOkAndHolds(false));
  EXPECT_FALSE(Holds(KidNumber(2)));
}

TEST_F(KeyCacheTest, IsBoundedAndKeepsWhatIsUsed) {
  Load(KidNumber(0), 'a');
  for (int n = 1; n < 100; ++n) {
    Load(KidNumber(n), 'b');
    EXPECT_TRUE(Holds(KidNumber(n)));
  }
  int held = 0;
  for (int n = 0; n < 100; ++n) held += Holds(KidNumber(n)) ? 1 : 0;
  EXPECT_EQ(held, 4);
}

TEST_F(KeyCacheTest, WipesOnForgettingEvictingAndClearing) {
  Load(KidNumber(1), 'a');
  const std::uint8_t* const first = at_;
  ASSERT_EQ(Memory(first), std::string(kKeyBytes, 'a'));
  bool held_meanwhile = false;
  const std::vector<Kid> kids = {KidNumber(1), KidNumber(77)};
  const absl::Status status = cache_->Forget(kids, [&] {
    held_meanwhile = Memory(first) == std::string(kKeyBytes, 'a');
    return absl::InternalError("no disk");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_TRUE(held_meanwhile);
  EXPECT_FALSE(Holds(KidNumber(1))) << "though the change failed";
  EXPECT_EQ(Memory(first), std::string(kKeyBytes, '\0'));
  Load(KidNumber(2), 'a');
  const std::uint8_t* const second = at_;
  for (int n = 3; n < 20; ++n) Load(KidNumber(n), 'b');
  EXPECT_FALSE(Holds(KidNumber(2)));
  EXPECT_NE(Memory(second), std::string(kKeyBytes, 'a'));
  cache_->Clear();
  EXPECT_EQ(Memory(second), std::string(kKeyBytes, '\0'));
  EXPECT_FALSE(Holds(KidNumber(19)));
}

TEST(LockedMemoryTest, IsZeroLockedAndGoneInAChild) {
  COMMANDER_ASSERT_OK_AND_ASSIGN(LockedMemory memory,
                                 LockedMemory::Allocate(10'000, /*require_lock=*/true, nullptr));
  ASSERT_EQ(memory.size(), 10'000u);
  for (const std::uint8_t byte : memory.span()) ASSERT_EQ(byte, 0);
  std::memset(memory.data(), 'x', memory.size());
  const pid_t child = fork();
  if (child == 0) _exit(!memory.Alive() && memory.data()[5'000] == 0 ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(memory.Alive());
  EXPECT_EQ(memory.data()[5'000], 'x');
  const LockedMemory moved = std::move(memory);
  EXPECT_EQ(moved.data()[5'000], 'x');
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // lock nothing, and say they do
TEST(LockedMemoryTest, IsRefusedOrWarnedOfWhereItCannotBeLocked) {
  const pid_t child = fork();
  if (child == 0) {
    // The superuser has no limit.
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (getuid() == 0 && setuid(65534) != 0)) _exit(9);
    int warnings = 0;
    const auto refused = LockedMemory::Allocate(100, true, nullptr);
    const auto warned = LockedMemory::Allocate(100, false, [&](const LogLine&) { ++warnings; });
    _exit(absl::IsResourceExhausted(refused.status()) && warned.ok() && !warned->locked() &&
                  warnings == 1
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

TEST(NoncePoolTest, NeverRepeatsItselfNorItsParent) {
  std::vector<Nonce> nonces;
  for (int i = 0; i < 100; ++i) nonces.push_back(NextNonce());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 400; ++i) {
      const Nonce nonce = NextNonce();
      if (write(ends[1], nonce.data(), nonce.size()) != sizeof(nonce)) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  for (int i = 0; i < 400; ++i) nonces.push_back(NextNonce());
  Nonce nonce;
  while (read(ends[0], nonce.data(), nonce.size()) == sizeof(nonce)) nonces.push_back(nonce);
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_EQ(nonces.size(), 900u);
  std::sort(nonces.begin(), nonces.end());
  EXPECT_EQ(std::unique(nonces.begin(), nonces.end()), nonces.end());
}

}  // namespace
}  // namespace commander::crypto
