// key_options.h: where the keys of personal fields are.
#pragma once

#include <string>

namespace commander::cli {

struct KeyOptions {
  std::string kek_file;   // empty: as the engine's default
  std::string directory;  // empty: keys/ in the data directory
};

}  // namespace commander::cli
