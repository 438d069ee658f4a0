#include "tests/tools/run_commander.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace commander::test {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read = ends[0];
    write = ends[1];
  }
};

void CloseOnce(int* descriptor) {
  if (*descriptor >= 0) close(std::exchange(*descriptor, -1));
}

// Appends what is there; false at the end.
bool ReadSome(int descriptor, std::string* to) {
  char bytes[1 << 16];
  const ssize_t got = read(descriptor, bytes, sizeof(bytes));
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  to->append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::vector<std::string> Ran::Lines() const {
  std::vector<std::string> lines;
  std::istringstream text(out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

Process::Process(const std::vector<std::string>& arguments, const std::string& out,
                 const std::vector<std::string>& environment) {
  Pipe in, output, err;
  // Freed memory is given back, so that peaks compare in a sanitizer build, too.
  std::vector<std::string> all = {"ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0"};
  all.insert(all.end(), environment.begin(), environment.end());
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(all);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in.read, STDIN_FILENO);
    dup2(err.write, STDERR_FILENO);
    if (out.empty()) {
      dup2(output.write, STDOUT_FILENO);
    } else if (out == "closed") {
      close(STDOUT_FILENO);
    } else {
      const int file = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      if (file < 0) _exit(127);
      dup2(file, STDOUT_FILENO);
    }
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(in.read);
  close(output.write);
  close(err.write);
  in_ = in.write;
  out_ = output.read;
  err_ = err.read;
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
}

std::string Process::ReadLine() {
  std::size_t end = read_.find('\n');
  while (end == std::string::npos && ReadSome(out_, &read_)) end = read_.find('\n');
  std::string line = read_.substr(0, end);
  read_.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

void Process::WriteInput(const std::string& text) const {
  if (write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}
void Process::CloseInput() { CloseOnce(&in_); }
void Process::CloseOutput() { CloseOnce(&out_); }
void Process::Signal(int number) const { kill(pid_, number); }

Ran Process::Wait() {
  Ran ran;
  CloseInput();
  ran.out = std::exchange(read_, {});
  pollfd ends[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (poll(ends, 2, -1) < 0 && errno != EINTR) break;
    if (ends[0].revents != 0 && !ReadSome(out_, &ran.out)) ends[0].fd = -1;
    if (ends[1].revents != 0 && !ReadSome(err_, &ran.err)) ends[1].fd = -1;
  }
  CloseOnce(&out_);
  CloseOnce(&err_);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

std::string Program(const std::string& name) { return absl::StrCat(COMMANDER_BIN_DIR "/", name); }

Ran RunProgram(const std::vector<std::string>& arguments, const std::string& out,
               const std::vector<std::string>& environment) {
  return Process(arguments, out, environment).Wait();
}

Ran Commander(const std::filesystem::path& data, std::vector<std::string> arguments,
              const std::string& out) {
  arguments.insert(arguments.begin(), {Program("commander"), "--data", data.string()});
  return RunProgram(arguments, out);
}

namespace {

absl::Status Ended(const std::string& program, const Ran& ran) {
  if (ran.exit == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(program, " ended with ", ran.exit, ": ", ran.err));
}

}  // namespace

absl::Status WriteBank(const std::filesystem::path& data, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {Program("tools_bank"), data.string()});
  return Ended("tools_bank", RunProgram(arguments));
}

absl::Status WritePeople(const std::filesystem::path& data, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {Program("tools_people"), data.string(), data.string() + ".kek"});
  return Ended("tools_people", RunProgram(arguments));
}

Ran CommanderWithKeys(const std::filesystem::path& data, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--kek-file", data.string() + ".kek"});
  return Commander(data, std::move(arguments));
}

}  // namespace commander::test
