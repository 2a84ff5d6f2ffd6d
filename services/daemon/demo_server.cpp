#include "services/daemon/demo_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace vectron::demo {
namespace {

constexpr std::string_view kReady = "vectron is ready: rpc ";
constexpr std::string_view kHttp = " http ";
constexpr size_t kOutputBytesMax = 64 << 10;
constexpr size_t kLogTailBytesMax = 2'000;
constexpr int kCommandPatienceMs = 60'000;
constexpr std::chrono::seconds kReadyTimeout{120};

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(Code::unavailable, "cannot make a pipe");
  return Pipe{ends[0], ends[1]};
}

// Starts the program in a child whose standard output is `out` and standard error is `error`.
Result<pid_t> spawn(const std::string& binary, const std::vector<std::string>& arguments, int out,
                    int error) {
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(binary.c_str()));
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return fail(Code::unavailable, "cannot start a process");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    execv(binary.c_str(), argv.data());
    _exit(127);
  }
  return pid;
}

std::string tail_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return text.size() <= kLogTailBytesMax ? text : text.substr(text.size() - kLogTailBytesMax);
}

// The first of "ADDRESS,ADDRESS" or "http://ADDRESS,http://ADDRESS", without what stands before it.
std::string first_of(const std::string& addresses) {
  constexpr std::string_view kScheme = "http://";
  const std::string first = addresses.substr(0, addresses.find(','));
  return first.starts_with(kScheme) ? first.substr(kScheme.size()) : first;
}

int exit_status(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return exit_status(status);
}

}  // namespace

Result<Server> Server::start(const ServerOptions& options) {
  VECTRON_TRY(Server server, launch(options));
  VECTRON_CHECK_OK(server.wait_until_ready(options));
  return server;
}

Result<Server> Server::launch(const ServerOptions& options) {
  VECTRON_TRY(const Pipe output, make_pipe());
  const int log = open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  std::vector<std::string> arguments = options.command;
  for (const std::string& word :
       {std::string("--data"), options.data, std::string("--rpc"), options.rpc}) {
    arguments.push_back(word);
  }
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  const Result<pid_t> pid = spawn(options.binary, arguments, output.write_end, log);
  close(output.write_end);
  if (log >= 0) close(log);
  if (!pid.has_value()) {
    close(output.read_end);
    return fail(pid.error());
  }
  return Server(*pid, output.read_end);
}

Server::Server(Server&& other) noexcept {
  *this = std::move(other);
}

Server& Server::operator=(Server&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(output_, other.output_);
  std::swap(rpc_, other.rpc_);
  std::swap(http_, other.http_);
  std::swap(text_, other.text_);
  std::swap(ready_, other.ready_);
  std::swap(started_, other.started_);
  return *this;
}

Server::~Server() {
  kill();
}

void Server::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  wait_until_gone();
}

int Server::stop() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
  return wait_until_gone();
}

int Server::wait_until_gone() {
  const int status = pid_ > 0 ? wait_for(std::exchange(pid_, -1)) : 0;
  if (output_ >= 0) close(std::exchange(output_, -1));
  return status;
}

void Server::send(int signal) {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> Server::poll_gone() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return exit_status(status);
}

Result<void> Server::wait_until_ready(const ServerOptions& options) {
  const auto deadline = started_ + kReadyTimeout;
  while (!ready_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return fail(Code::unavailable, fmt::format("{} did not become ready in time:\n{}",
                                                 options.binary, tail_of(options.log)));
    }
    VECTRON_CHECK_OK(read_output(options, left));
  }
  return {};
}

Result<bool> Server::poll_ready(const ServerOptions& options) {
  if (!ready_) VECTRON_CHECK_OK(read_output(options, std::chrono::milliseconds(0)));
  return ready_;
}

// Takes what the program has said, or says within `patience`.
Result<void> Server::read_output(const ServerOptions& options, std::chrono::milliseconds patience) {
  pollfd readable{output_, POLLIN, 0};
  if (poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return {};
  char buffer[4096];
  const ssize_t size = read(output_, buffer, sizeof(buffer));
  if (size <= 0 || text_.size() > kOutputBytesMax) {
    return fail(Code::unavailable, fmt::format("{} ended before it was ready:\n{}", options.binary,
                                               tail_of(options.log)));
  }
  text_.append(buffer, static_cast<size_t>(size));
  ready_ = find_ready_line();
  return {};
}

bool Server::find_ready_line() {
  const size_t line = text_.find(kReady);
  const size_t end = line == std::string::npos ? line : text_.find('\n', line);
  if (end == std::string::npos) return false;
  rpc_.text = text_.substr(line + kReady.size(), end - line - kReady.size());
  const size_t http = rpc_.text.find(kHttp);
  if (http != std::string::npos) {
    http_.text = first_of(rpc_.text.substr(http + kHttp.size()));
    rpc_.text.resize(http);
  }
  rpc_.text = first_of(rpc_.text);
  return true;
}

Result<CommandOutcome> run_command(const std::string& binary,
                                   const std::vector<std::string>& arguments) {
  VECTRON_TRY(const Pipe output, make_pipe());
  const Result<pid_t> pid = spawn(binary, arguments, output.write_end, output.write_end);
  close(output.write_end);
  CommandOutcome outcome;
  pollfd readable{output.read_end, POLLIN, 0};
  char buffer[4096];
  ssize_t size = 0;
  do {
    const bool silent = poll(&readable, 1, kCommandPatienceMs) <= 0;
    if (silent && pid.has_value()) ::kill(*pid, SIGKILL);
    size = silent ? 0 : read(output.read_end, buffer, sizeof(buffer));
    if (size > 0) outcome.text.append(buffer, static_cast<size_t>(size));
  } while (size > 0);
  close(output.read_end);
  if (!pid.has_value()) return fail(pid.error());
  outcome.status = wait_for(*pid);
  return outcome;
}

std::string program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

}  // namespace vectron::demo
