// run_commander.h: runs bin/commander and other programs, and takes what they write.
//
//     const TempDir dir;
//     ASSERT_THAT(WriteBank(dir / "data", {"--deposits", "5"}), IsOk());
//     const Ran ran = Commander(dir / "data", {"log", "read", "-1"});
//     EXPECT_EQ(ran.exit, 0) << ran.err;
#pragma once

#include <gmock/gmock.h>
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace commander::test {

struct Ran {
  int exit = -1;  // 128 + signal where one ended it
  std::string out;
  std::string err;

  std::vector<std::string> Lines() const;  // of out
};

// A process with pipes, which the test reads and ends.
class Process {
 public:
  // `arguments` begin with the path of the program.  `out`: a path to write the standard output to;
  // "closed": none; empty: a pipe.  The environment is empty but for `environment`.
  explicit Process(const std::vector<std::string>& arguments, const std::string& out = {},
                   const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The next line of the standard output, without its end; empty at the end of it.
  std::string ReadLine();
  void WriteInput(const std::string& text) const;
  void CloseInput();
  void CloseOutput();  // as `head` does
  void Signal(int number) const;
  // Reads what is left and waits for the end.
  Ran Wait();

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string read_;  // of the standard output
};

std::string Program(const std::string& name);  // bin/<name>

Ran RunProgram(const std::vector<std::string>& arguments, const std::string& out = {},
               const std::vector<std::string>& environment = {});
// commander --data <data> <arguments>
Ran Commander(const std::filesystem::path& data, std::vector<std::string> arguments,
              const std::string& out = {});

// Has bank_program.cc write a data directory.
absl::Status WriteBank(const std::filesystem::path& data, std::vector<std::string> arguments = {});

// Has people_program.cc write a data directory, with the file that unlocks its keys beside it:
// <data>.kek.
absl::Status WritePeople(const std::filesystem::path& data,
                         std::vector<std::string> arguments = {});
// Commander(), which knows that file.
Ran CommanderWithKeys(const std::filesystem::path& data, std::vector<std::string> arguments);

// One line, which names the program.
MATCHER_P(IsOneLine, text, "one line") {
  return arg.find('\n') == arg.size() - 1 &&
         ::testing::ExplainMatchResult(
             ::testing::AllOf(::testing::StartsWith("commander: "), ::testing::HasSubstr(text)),
             arg, result_listener);
}

}  // namespace commander::test
