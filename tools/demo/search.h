// search.h: looks for a person in a data directory, as somebody would who has got hold of it.
//
//     const Needles needles(person, names);
//     COMMANDER_ASSIGN_OR_RETURN(const Hits hits, Search("data", needles));
//     if (hits.files.email == 0) …
//
// It knows no key.  It reads the bytes of every file, and the rows of every store, which RocksDB
// may keep compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/demo/kafka_records.h"

namespace commander::demo {

// What to look for, whatever the case of ASCII letters.
class Needles {
 public:
  // Fewer bytes stand in random data by chance.
  static constexpr std::size_t kLeastBytes = 6;

  // Names that are too short are left out.
  template <class Names>
  Needles(std::string_view email, const Names& names) {
    Add(email, &emails_);
    for (const auto& name : names) Add(name, &names_);
  }

  struct Count {
    std::uint64_t email = 0;
    std::uint64_t name = 0;  // any of them
    friend bool operator==(const Count&, const Count&) = default;
  };
  // How often they stand in `text`, those left out that end within its first `seen` bytes.
  Count CountIn(std::string_view text, std::size_t seen = 0) const;

  bool has_email() const { return !emails_.empty(); }
  bool has_name() const { return !names_.empty(); }
  std::size_t longest() const { return longest_; }

 private:
  void Add(std::string_view needle, std::vector<std::string>* needles);
  std::vector<std::string> emails_;  // one, or none
  std::vector<std::string> names_;
  std::size_t longest_ = 0;
};

struct Hits {
  Needles::Count files;    // their bytes and names
  Needles::Count rows;     // their keys and values
  Needles::Count records;  // on Kafka
  std::uint64_t files_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t rows_read = 0;
  std::uint64_t records_read = 0;
};

// Below a data directory that no engine has open.
//   kInternal, kDataLoss: something cannot be read; it is named.
absl::StatusOr<Hits> Search(const std::string& data, const Needles& needles);
// Adds what stands in the topics on Kafka, whose files may be compressed.
absl::Status SearchRecords(const KafkaRecords& records, const Needles& needles, Hits* hits);

}  // namespace commander::demo
