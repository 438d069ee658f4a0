// verbs.h: the nouns and verbs of the command line, and the arguments that each takes.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/commander/context.h"
#include "tools/commander/exit.h"

namespace commander::cli {

// What the arguments chose.
struct Chosen {
  std::string data;    // directory
  std::string format;  // empty: table on a terminal, ndjson otherwise
  std::string bytes = "base64";
  bool show_personal = false;
  KeyOptions keys;
  std::function<absl::StatusOr<Exit>(Context&)> run;  // empty: no verb
};

// `chosen` must live as long as `app`.
void AddVerbs(CLI::App& app, Chosen* chosen);

}  // namespace commander::cli
