// fuzz.h: what a fuzzer of one parser consists of.
//
//     std::vector<std::string> FuzzSeeds() { … }  // inputs to begin with, beside golden files
//     FUZZ(std::string_view bytes) { … }          // must not crash, nor break what it demands
//
// Each <name>_fuzz.cc becomes bin/fuzz_<name>: with driver.cc a test that runs the seeds and
// mutations of them; with libFuzzer (`tools/dev fuzz <name>`) a search without end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/log/entries.h"

namespace commander::test {

// Inputs to begin with.
std::vector<std::string> FuzzSeeds();

// Also where asserts are off.
inline void Demand(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "broken: " << what << std::endl;
  std::abort();
}

// The bytes as aligned words; what is left over is dropped.
inline std::vector<log::Word> WordsOf(std::string_view bytes) {
  std::vector<log::Word> words(bytes.size() / sizeof(log::Word));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * sizeof(log::Word));
  return words;
}
inline std::string StringOf(std::span<const log::Word> words) {
  return {reinterpret_cast<const char*>(words.data()), words.size_bytes()};
}

}  // namespace commander::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#define FUZZ(parameter)                                                               \
  static void FuzzOne(parameter);                                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    FuzzOne({reinterpret_cast<const char*>(data), size});                             \
    return 0;                                                                         \
  }                                                                                   \
  static void FuzzOne(parameter)
