// fuzz_<name> MUTATIONS [FILE]...: runs the parser on the files, its seeds, nothing, and so many
// mutations of all of them.  The same each time.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "tests/fuzz/fuzz.h"

namespace {

constexpr std::size_t kMaxBytes = 16'384;

void Run(const std::string& input) {
  // A copy of its own, so that a sanitizer sees a read behind its end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& inputs) : inputs_(inputs) {}

  std::string Next() {
    std::string bytes = inputs_[Below(inputs_.size())];
    for (std::size_t times = 1 + Below(4); times > 0; --times) Change(&bytes);
    return bytes;
  }

 private:
  std::size_t Below(std::size_t n) { return random_() % n; }

  void Change(std::string* bytes) {
    if (bytes->empty()) return bytes->push_back(static_cast<char>(random_()));
    const std::size_t at = Below(bytes->size());
    switch (Below(7)) {
      case 0:
        (*bytes)[at] = static_cast<char>((*bytes)[at] ^ 1 << Below(8));
        break;
      case 1:
        (*bytes)[at] = static_cast<char>(random_());
        break;
      case 2:
        (*bytes)[at] = Below(2) == 0 ? '\0' : '\xff';
        break;
      case 3:
        bytes->resize(at);
        break;
      case 4:
        bytes->insert(at, Below(32), static_cast<char>(random_()));
        break;
      case 5:
        bytes->erase(at, 1 + Below(16));
        break;
      case 6: {  // a word from another place
        const std::string word = bytes->substr(Below(bytes->size()), 8);
        bytes->replace(at, std::min(word.size(), bytes->size() - at), word);
        break;
      }
    }
    if (bytes->size() > kMaxBytes) bytes->resize(kMaxBytes);
  }

  const std::vector<std::string>& inputs_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int mutations = std::atoi(argv[1]);
  std::vector<std::string> inputs = commander::test::FuzzSeeds();
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::cerr << argv[i] << " cannot be read\n";
      return 2;
    }
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  inputs.emplace_back();
  for (const std::string& input : inputs) Run(input);
  Mutator mutator(inputs);
  for (int i = 0; i < mutations; ++i) Run(mutator.Next());
  std::cout << inputs.size() << " inputs, " << mutations << " mutations\n";
}
