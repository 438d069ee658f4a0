#include "tests/demo/dpkg.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/demo/changelog_files.h"

namespace commander::demo {
namespace {

// The fields of a stanza; the lines that continue a field are left out.
using Stanza = std::map<std::string, std::string>;

std::vector<Stanza> ParseStanzas(const std::string& output) {
  std::vector<Stanza> stanzas;
  bool in_stanza = false;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      in_stanza = false;
      continue;
    }
    if (line.front() == ' ') continue;
    if (!in_stanza) stanzas.emplace_back();
    in_stanza = true;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    stanzas.back()[line.substr(0, colon)] =
        line.size() > colon + 2 ? line.substr(colon + 2) : std::string();
  }
  return stanzas;
}

std::string DescribeFields(const std::string& source, const std::string& version,
                           const std::string& distribution, const std::string& urgency,
                           const std::string& maintainer, const std::string& date,
                           const std::string& timestamp, const std::vector<std::uint64_t>& closes) {
  return absl::StrCat("Source: ", source, "\nVersion: ", version, "\nDistribution: ", distribution,
                      "\nUrgency: ", urgency, "\nMaintainer: ", maintainer, "\nDate: ", date,
                      "\nTimestamp: ", timestamp, "\nCloses: ", absl::StrJoin(closes, " "), "\n");
}

// dpkg keeps a number's leading zeros and lengths without bound; the demo reads numbers of 64 bits.
std::vector<std::uint64_t> ParseNumbers(const std::string& text) {
  std::vector<std::uint64_t> numbers;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

std::string DescribeStanza(Stanza& fields) {
  return DescribeFields(fields["Source"], fields["Version"], fields["Distribution"],
                        fields["Urgency"], fields["Maintainer"], fields["Date"],
                        fields["Timestamp"], ParseNumbers(fields["Closes"]));
}

std::string ReadAll(std::FILE* file) {
  std::string content;
  std::rewind(file);
  char buffer[1 << 16];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    content.append(buffer, got);
  }
  return content;
}

}  // namespace

std::vector<std::string> Describe(const Changelog& changelog) {
  std::vector<std::string> entries;
  for (const ChangelogEntry& entry : changelog.entries) {
    const bool has_trailer = !entry.date.empty();
    entries.push_back(DescribeFields(
        entry.source, entry.version, entry.distribution, entry.urgency,
        has_trailer ? absl::StrCat(entry.name, " <", entry.email, ">") : std::string(), entry.date,
        entry.seconds ? absl::StrCat(*entry.seconds) : std::string(), entry.closed_bugs));
  }
  return entries;
}

absl::StatusOr<std::vector<std::string>> DpkgParseChangelog(const std::string& path) {
  absl::StatusOr<std::string> output =
      RunProgram({"dpkg-parsechangelog", "--all", "--format", "rfc822", "-l", path});
  if (!output.ok()) return output.status();
  std::vector<std::string> entries;
  for (Stanza& stanza : ParseStanzas(*output)) entries.push_back(DescribeStanza(stanza));
  return entries;
}

absl::StatusOr<std::vector<DpkgChangelog>> DpkgReadChangelogs(
    const std::string& script, const std::vector<std::string>& paths) {
  std::vector<std::string> arguments = {"perl", script};
  arguments.insert(arguments.end(), paths.begin(), paths.end());
  absl::StatusOr<std::string> output = RunProgram(arguments);
  if (!output.ok()) return output.status();
  std::vector<DpkgChangelog> changelogs;
  for (Stanza& stanza : ParseStanzas(*output)) {
    if (stanza.count("File") == 0) {
      changelogs.back().entries.push_back(DescribeStanza(stanza));
    } else {
      changelogs.push_back({{}, std::stoul(stanza["Unparsed-Lines"])});
    }
  }
  return changelogs;
}

absl::StatusOr<std::vector<std::string>> FindRealChangelogs(const std::string& source_directory,
                                                            const std::string& build_directory) {
  absl::StatusOr<std::vector<std::string>> paths = FindChangelogs("/usr/share/doc");
  if (paths.ok() && !paths->empty()) return paths;
  const std::string downloads = build_directory + "/demo-changelogs";
  const absl::StatusOr<std::string> downloaded =
      RunProgram({"bash", source_directory + "/tools/demo/download_changelogs.sh", downloads});
  if (!downloaded.ok()) return downloaded.status();
  return FindChangelogs(downloads);
}

absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& arguments) {
  // Files, not pipes: a program that fills one pipe while the other is read would never end.
  std::FILE* const out = std::tmpfile();
  std::FILE* const err = std::tmpfile();
  if (out == nullptr || err == nullptr) return absl::ErrnoToStatus(errno, "temporary file");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  pid_t process = 0;
  const int error =
      posix_spawnp(&process, arguments.front().c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error == 0) {
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
  }
  std::string output = ReadAll(out);
  const std::string errors = ReadAll(err);
  std::fclose(out);
  std::fclose(err);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot run ", arguments.front()));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(arguments.front(), " failed: ", errors));
  }
  return output;
}

}  // namespace commander::demo
