#include "tools/commander/subject_input.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <istream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "tools/commander/keys.h"

namespace commander::cli {
namespace {

constexpr char kStandardInput[] = "-";

absl::StatusOr<crypto::Subject> Parse(const std::string& text, const std::string& name_space,
                                      const std::string& where) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(where, " ", what));
  };
  std::string id = text;
  crypto::Subject subject{name_space, {}};
  if (name_space.empty()) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0) {
      return wrong("is not NAMESPACE:ID; or say the namespace with --namespace");
    }
    subject.name_space = text.substr(0, colon);
    id = text.substr(colon + 1);
  }
  absl::StatusOr<std::string> parsed = ParseKey(id);
  if (!parsed.ok()) {
    return wrong("has no id of 1 to 1,024 bytes in which a backslash is written \\\\");
  }
  subject.id = *std::move(parsed);
  return subject;
}

absl::Status ReadLines(std::istream& in, const std::string& name, const std::string& name_space,
                       std::vector<crypto::Subject>* subjects) {
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    COMMANDER_ASSIGN_OR_RETURN(
        crypto::Subject subject,
        Parse(line, name_space, absl::StrCat("line ", number, " of ", name)));
    subjects->push_back(std::move(subject));
  }
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat("cannot read ", name));
  return absl::OkStatus();
}

absl::Status ReadFile(const std::string& path, const std::string& name_space,
                      std::vector<crypto::Subject>* subjects) {
  if (path == kStandardInput) {
    return ReadLines(std::cin, "the standard input", name_space, subjects);
  }
  errno = 0;
  std::ifstream file(path);
  if (!file) {
    // A path is not repeated either: somebody may have given an id.
    return absl::InvalidArgumentError(absl::StrCat("--from names no file that can be read: ",
                                                   std::generic_category().message(errno)));
  }
  return ReadLines(file, "the file", name_space, subjects);
}

absl::Status CheckArgument(const Data& data, const crypto::Subject& subject) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<std::string> groups, data.Groups());
  if (std::find(groups.begin(), groups.end(), subject.name_space) != groups.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a subject whose namespace is no group's name may be personal, and arguments are seen by "
      "others: use a file or the standard input, --from FILE or -");
}

}  // namespace

bool FromStandardInput(const SubjectInput& input) {
  return input.from == kStandardInput || std::find(input.arguments.begin(), input.arguments.end(),
                                                   kStandardInput) != input.arguments.end();
}

absl::StatusOr<std::vector<crypto::Subject>> ReadSubjects(const Data& data,
                                                          const SubjectInput& input) {
  std::vector<crypto::Subject> subjects;
  for (std::size_t i = 0; i < input.arguments.size(); ++i) {
    if (input.arguments[i] == kStandardInput) {
      COMMANDER_RETURN_IF_ERROR(ReadFile(kStandardInput, input.name_space, &subjects));
      continue;
    }
    COMMANDER_ASSIGN_OR_RETURN(crypto::Subject subject, Parse(input.arguments[i], input.name_space,
                                                              absl::StrCat("subject ", i + 1)));
    COMMANDER_RETURN_IF_ERROR(CheckArgument(data, subject));
    subjects.push_back(std::move(subject));
  }
  if (!input.from.empty()) {
    COMMANDER_RETURN_IF_ERROR(ReadFile(input.from, input.name_space, &subjects));
  }
  if (!subjects.empty()) return subjects;
  return absl::InvalidArgumentError(
      "no subject is given: GROUP:KEY, --from FILE, or - for the standard input");
}

}  // namespace commander::cli
