#include "tests/bench/suite/baseline.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace vectron::bench {
namespace {

constexpr size_t kAnswerBytesMax = 256;

[[noreturn]] void become_baseline(const BaselineOptions& options, int commands, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(commands, STDIN_FILENO);
  ::dup2(answers, STDOUT_FILENO);
  const std::string points = fmt::format("{}", options.points);
  const std::string queries = fmt::format("{}", options.queries);
  ::execl(options.binary.c_str(), options.binary.c_str(), "serve", points.c_str(), queries.c_str(),
          options.radii_file.c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

Result<Baseline> Baseline::start(const BaselineOptions& options) {
  int commands[2];
  int answers[2];
  if (::pipe2(commands, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) {
    return fail(Code::unavailable, "cannot make a pipe");
  }
  const pid_t pid = ::fork();
  if (pid == 0) become_baseline(options, commands[0], answers[1]);
  ::close(commands[0]);
  ::close(answers[1]);
  if (pid < 0) return fail(Code::unavailable, "cannot start a process");
  Baseline baseline(pid, commands[1], answers[0]);
  VECTRON_CHECK_OK(baseline.ask("hello"));
  return baseline;
}

Baseline::Baseline(Baseline&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      commands_(std::exchange(other.commands_, -1)),
      answers_(std::exchange(other.answers_, -1)) {}

Baseline::~Baseline() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(commands_);
  ::close(answers_);
}

Result<double> Baseline::build(size_t threads) {
  return ask(fmt::format("build {}", threads));
}

Result<double> Baseline::search(size_t ef, size_t threads) {
  return ask(fmt::format("search {} {}", ef, threads));
}

Result<double> Baseline::recall(size_t ef, size_t threads) {
  return ask(fmt::format("recall {} {}", ef, threads));
}

// One line there, one number back.
Result<double> Baseline::ask(const std::string& command) {
  const std::string line = command + "\n";
  if (::write(commands_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail(Code::unavailable, "the hnswlib baseline takes no commands");
  }
  std::string answer;
  while (answer.size() < kAnswerBytesMax && !answer.ends_with('\n')) {
    std::array<char, kAnswerBytesMax> bytes{};
    const ssize_t count = ::read(answers_, bytes.data(), bytes.size());
    if (count <= 0) return fail(Code::unavailable, "the hnswlib baseline ended: " + command);
    answer.append(bytes.data(), static_cast<size_t>(count));
  }
  return std::atof(answer.c_str());
}

}  // namespace vectron::bench
