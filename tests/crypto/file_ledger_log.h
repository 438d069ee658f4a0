// file_ledger_log.h: a ledger's records in a file, which outlives a process that is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/ledger_log.h"

namespace commander::crypto {

// An offset is that of a record's length, u32, in the file.
class FileLedgerLog : public LedgerLog {
 public:
  // `step` is called where a record is in the file, and nobody was told.
  FileLedgerLog(std::filesystem::path path, std::function<void(std::string_view)> step)
      : path_(std::move(path)), step_(std::move(step)) {}

  absl::StatusOr<std::uint64_t> Append(std::string_view record) override {
    std::ofstream file(path_, std::ios::binary | std::ios::app | std::ios::ate);
    const auto offset = static_cast<std::uint64_t>(file.tellp());
    const auto size = static_cast<std::uint32_t>(record.size());
    std::string bytes(reinterpret_cast<const char*>(&size), sizeof(size));
    bytes.append(record);
    file << bytes;
    file.close();
    if (!file) return absl::InternalError("cannot write the ledger");
    if (step_) step_("ledger.appended");
    return offset;
  }

  absl::Status Read(std::uint64_t from, Record record) override {
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(from));
    std::uint32_t size = 0;
    while (file.read(reinterpret_cast<char*>(&size), sizeof(size))) {
      std::string bytes(size, '\0');
      if (!file.read(bytes.data(), size)) return absl::DataLossError("a torn record");
      const absl::Status status = record(from, bytes);
      if (!status.ok()) return status;
      from += sizeof(size) + size;
    }
    return absl::OkStatus();
  }

 private:
  const std::filesystem::path path_;
  const std::function<void(std::string_view)> step_;
};

}  // namespace commander::crypto
