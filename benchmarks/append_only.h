// append_only.h: the limits that the embedded log is measured against.
//
//     const LatencyUs bare = MeasureBareSync("/data", 704, 5000);
//     const AppendOnlyResult floor = RunAppendOnlyBank("/data", 2'000'000, 1000);
//
// MeasureBareSync() prices one durable write and nothing else.  RunAppendOnlyBank() is
// the workload "bank" with everything left out that an engine adds: one thread, states
// in a hash table, command and event of 220 bytes each with a checksum appended to one
// file that grows, one fdatasync a batch.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "benchmarks/measure.h"
#include "engine/log/checksum.h"

namespace commander::benchmarks {

// A file below `directory` that is gone with the object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& directory) {
    std::string path = directory + "/append-only-XXXXXX";
    fd_ = ::mkstemp(path.data());
    if (fd_ < 0 || ::unlink(path.c_str()) != 0) Fail(path);
  }
  ~ScratchFile() { ::close(fd_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void Write(std::uint64_t at, const void* data, std::size_t bytes) {
    for (std::size_t done = 0; done < bytes;) {
      const ssize_t n = ::pwrite(fd_, static_cast<const char*>(data) + done, bytes - done,
                                 static_cast<off_t>(at + done));
      if (n <= 0) Fail("pwrite");
      done += static_cast<std::size_t>(n);
    }
  }
  void Sync() {
    if (::fdatasync(fd_) != 0) Fail("fdatasync");
  }

 private:
  int fd_ = -1;
};

// `times` times one write of `bytes` over zeros that are on the device, and one sync.
inline LatencyUs MeasureBareSync(const std::string& directory, std::size_t bytes,
                                 std::size_t times) {
  ScratchFile file(directory);
  const std::vector<char> zeros(1 << 20);
  for (std::uint64_t at = 0; at < bytes * times; at += zeros.size()) {
    file.Write(at, zeros.data(), zeros.size());
  }
  file.Sync();
  const std::vector<char> data(bytes, 'x');
  std::vector<double> us;
  us.reserve(times);
  for (std::size_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    file.Write(i * bytes, data.data(), bytes);
    file.Sync();
    us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
                     .count());
  }
  return Percentiles(&us);
}

struct AppendOnlyResult {
  double commands_per_second = 0;
  double cpu_seconds_per_million = 0;
  LatencyUs write_and_sync;
  // What every correct run of the workload gives.
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::int64_t balances = 0;
};

// `commands` commands of the workload "bank", `batch` a sync.
inline AppendOnlyResult RunAppendOnlyBank(const std::string& directory, std::uint64_t commands,
                                          std::uint64_t batch) {
  constexpr std::size_t kRecordBytes = 220;
  struct Account {
    std::int64_t balance = 0;
    std::uint64_t version = 0;
  };
  std::uint64_t state = 42;
  const auto next = [&state] {  // splitmix64
    state += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  };

  ScratchFile file(directory);
  AppendOnlyResult result;
  std::unordered_map<std::string, Account> accounts;
  std::vector<char> buffer(batch * 2 * kRecordBytes);
  std::vector<double> us;
  std::uint64_t at = 0;
  const auto put = [&](std::size_t index, std::uint64_t kind, std::int64_t amount,
                       std::uint64_t version, const std::string& key) {
    char* record = buffer.data() + index * kRecordBytes;
    std::memset(record, 0, kRecordBytes);
    std::memcpy(record + 8, &kind, 8);
    std::memcpy(record + 16, &amount, 8);
    std::memcpy(record + 24, &version, 8);
    std::memcpy(record + 32, key.data(), key.size());
    const std::uint64_t checksum = log::ChecksumOf(record + 8, kRecordBytes - 8);
    std::memcpy(record, &checksum, 8);
  };

  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t done = 0; done < commands;) {
    const std::uint64_t count = std::min(batch, commands - done);
    for (std::uint64_t i = 0; i < count; ++i) {
      char key[16];
      std::snprintf(key, sizeof key, "acct-%07u", static_cast<unsigned>(next() % 100'000));
      const bool deposit = next() % 100 < 70;
      const auto amount = static_cast<std::int64_t>(1 + next() % 1000);
      Account& account = accounts[key];
      const bool accept = deposit || account.balance >= amount;
      put(2 * i, deposit ? 1 : 2, amount, 0, key);
      if (accept) {
        account.balance += deposit ? amount : -amount;
        ++account.version;
        ++result.accepted;
      } else {
        ++result.rejected;
      }
      put(2 * i + 1, accept ? 3 : 4, amount, account.version, key);
    }
    const auto written = std::chrono::steady_clock::now();
    file.Write(at, buffer.data(), count * 2 * kRecordBytes);
    file.Sync();
    us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - written)
            .count());
    at += count * 2 * kRecordBytes;
    done += count;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.commands_per_second = static_cast<double>(commands) / seconds;
  result.cpu_seconds_per_million = (CpuSeconds() - cpu) * 1e6 / static_cast<double>(commands);
  result.write_and_sync = Percentiles(&us);
  for (const auto& [key, account] : accounts) result.balances += account.balance;
  return result;
}

}  // namespace commander::benchmarks
