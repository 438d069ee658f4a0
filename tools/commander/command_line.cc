#include "tools/commander/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commander/internal/status_macros.h"
#include "tools/commander/context.h"
#include "tools/commander/help.h"
#include "tools/commander/keys.h"
#include "tools/commander/output.h"
#include "tools/commander/process.h"
#include "tools/commander/verbs.h"

namespace commander::cli {
namespace {

constexpr char kExamples[] =
    "  commander --data data log read -10\n"
    "  commander --data data log tail -f\n"
    "  commander --data data aggregate show acct-1 --group accounts\n"
    "  commander --data data projection show balances\n"
    "  commander --data data store verify\n"
    "  commander --data data subject erase accounts:acct-1 --reason 'letter of May 4'";

constexpr char kDescription[] =
    "Looks at the data of an engine: its embedded log (not one on Kafka), states and\n"
    "projections.  Works beside a running engine and on read-only mounts, and leaves no trace; "
    "`subject` and --show-personal need the\n"
    "keys, and an engine that does not run.\n"
    "Exit codes: 0 success; 1 it ran and found what it looks for, or nothing under a key;\n"
    "2 wrong usage or environment; 3 timed out; 4 changed while reading, or the engine runs;\n"
    "5 refused; 130 interrupted.  A reader that closes the pipe early ends it with 0.";

// A place before the end, as in `log read -10`, is no option.
std::vector<std::string> WithoutNegativePlaces(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto read = std::find(arguments.begin(), arguments.end(), "read");
  if (read == arguments.begin() || read == arguments.end() || *(read - 1) != "log") {
    return arguments;
  }
  for (auto at = read + 1; at != arguments.end(); ++at) {
    const bool negative = at->size() > 1 && (*at)[0] == '-' && (*at)[1] >= '0' && (*at)[1] <= '9';
    if (negative && !(at - 1)->starts_with("--")) at->insert(0, "end");
  }
  return arguments;
}

// One line, whatever stands in the arguments.
Exit Refuse(const std::string& sentence, Diagnostics& diagnostics) {
  diagnostics.Say(sentence);
  return Exit::kCannot;
}

absl::StatusOr<Format> FormatOf(const std::string& name) {
  if (name.empty()) return isatty(STDOUT_FILENO) != 0 ? Format::kTable : Format::kNdjson;
  const std::optional<Format> format = ParseFormat(name);
  if (format.has_value()) return *format;
  return absl::InvalidArgumentError(absl::StrCat("there is no output format ", PrintKey(name),
                                                 "; -o takes table, json or ndjson"));
}

absl::StatusOr<BytesAs> BytesOf(const std::string& name) {
  if (name == "base64") return BytesAs::kBase64;
  if (name == "hex") return BytesAs::kHex;
  return absl::InvalidArgumentError(
      absl::StrCat("bytes are not shown as ", PrintKey(name), "; --bytes takes base64 or hex"));
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// What was expected instead of these arguments, and where to read more.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  std::string names = "commander";
  const CLI::App* last = &app;  // the noun or verb that was recognised last
  while (!last->get_subcommands().empty()) {
    last = last->get_subcommands().front();
    absl::StrAppend(&names, " ", last->get_name());
  }
  const std::string help = absl::StrCat("; see ", names, " --help");
  // What stands there may be a personal id.
  const bool secret = names.starts_with("commander subject");
  std::vector<std::string> expected;
  for (const CLI::App* next : last->get_subcommands({})) expected.push_back(next->get_name());
  if (expected.empty()) {
    return absl::StrCat(secret ? "these are not its arguments" : FirstLine(error.what()), help);
  }
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string list = absl::StrJoin(expected, ", ");
  if (unknown.empty() || secret) return absl::StrCat(names, " is followed by one of: ", list, help);
  return absl::StrCat(names, " is followed by one of: ", list, "; not by ", unknown[0], help);
}

Exit RunChosen(const Chosen& chosen, Diagnostics& diagnostics) {
  const absl::StatusOr<Format> format = FormatOf(chosen.format);
  if (!format.ok()) return Refuse(std::string(format.status().message()), diagnostics);
  Output output(STDOUT_FILENO, *format);
  Context context{.output = output, .diagnostics = diagnostics};
  const auto run = [&]() -> absl::StatusOr<Exit> {
    COMMANDER_ASSIGN_OR_RETURN(context.bytes, BytesOf(chosen.bytes));
    context.show_personal = chosen.show_personal;
    context.keys = chosen.keys;
    if (chosen.data.empty()) {
      return absl::InvalidArgumentError(
          "--data is needed: the directory that the engine was opened with");
    }
    return chosen.run(context);
  };
  const absl::StatusOr<Exit> done = run();
  if (output.reader_gone()) return Exit::kSuccess;
  if (!done.ok()) diagnostics.Say(std::string(done.status().message()));
  const Exit exit = done.ok() ? *done : ExitOf(done.status());
  const Verdict verdict = exit == Exit::kSuccess ? Verdict::kPass
                          : exit == Exit::kFound ? Verdict::kFail
                                                 : Verdict::kError;
  const absl::Status finished = output.Finish(verdict, diagnostics.all());
  if (output.reader_gone()) return Exit::kSuccess;
  if (finished.ok() || finished == done.status()) return exit;
  return Refuse(std::string(finished.message()), diagnostics);
}

Exit Print(const std::string& text, Diagnostics& diagnostics) {
  Sink sink(STDOUT_FILENO);
  absl::Status status = sink.Write(text);
  status.Update(sink.Flush());
  if (status.ok() || sink.reader_gone()) return Exit::kSuccess;
  return Refuse(std::string(status.message()), diagnostics);
}

}  // namespace

Exit RunCommandLine(int argc, const char* const* argv) {
  Diagnostics diagnostics;
  Chosen chosen;
  CLI::App app(kDescription, "commander");
  app.formatter(std::make_shared<ExamplesFirst>());
  app.footer(kExamples);
  AddVerbs(app, &chosen);
  std::vector<std::string> arguments = WithoutNegativePlaces(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    const CLI::App* about = &app;
    while (!about->get_subcommands().empty()) about = about->get_subcommands().front();
    return Print(about->help(), diagnostics);
  } catch (const CLI::ParseError& error) {
    return Refuse(WhatIsWrong(app, error), diagnostics);
  }
  return RunChosen(chosen, diagnostics);
}

}  // namespace commander::cli
