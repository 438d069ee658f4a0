// report.h: what the clients of a process that may be killed tell the test, a line each.
//
//     WriteLine(SentLine(sent));        // before it is sent
//     WriteLine(DurableLine(sent.tag));  // as soon as the client knows
//     …
//     Reports reports;                   // in the test
//     EXPECT_THAT(reports.Add(line), IsOk());
//
// A line goes to the pipe in one write, which a kill does not cut, and stays there after it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "commander/outcome.h"
#include "tests/support/checker.h"

namespace commander::test {

// Of a command with client, tag, key, id and type, none of which holds a space.
std::string SentLine(const Sent& sent);
std::string DurableLine(std::string_view tag);
std::string OutcomeLine(std::string_view tag, const Outcome& outcome);
std::string ErrorLine(std::string_view tag, const absl::Status& status);

// To the standard output.  Ends the process where nobody reads it any more.
void WriteLine(const std::string& line);

// All that was said, in all lives of the process.
class Reports {
 public:
  // Lines of other kinds are left alone.
  //   kInternal: a client got an error.  kInvalidArgument: not a line of a client.
  absl::Status Add(const std::string& line);

  const std::vector<Sent>& sent() const { return sent_; }
  // How often a client was told "durable", "events", "rejection", "nothing" or "repeat", and each
  // code of a rejection.
  const std::map<std::string, int>& told() const { return told_; }

 private:
  Sent* Find(const std::string& tag);

  std::vector<Sent> sent_;
  std::map<std::string, std::size_t> by_tag_;
  std::map<std::string, int> told_;
};

}  // namespace commander::test
