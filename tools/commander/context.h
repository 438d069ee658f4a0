// context.h: what every verb is given.
#pragma once

#include <string>
#include <vector>

#include "tools/commander/json.h"
#include "tools/commander/key_options.h"
#include "tools/commander/output.h"

namespace commander::cli {

// What people should know besides the result: to the standard error at once, and into the
// diagnostics of a JSON document.
class Diagnostics {
 public:
  void Say(const std::string& sentence);
  const std::vector<std::string>& all() const { return all_; }

 private:
  static constexpr std::size_t kMax = 100;  // kept for the document
  std::vector<std::string> all_;
};

struct Context {
  Output& output;
  Diagnostics& diagnostics;
  BytesAs bytes = BytesAs::kBase64;
  bool show_personal = false;
  KeyOptions keys = {};
};

}  // namespace commander::cli
