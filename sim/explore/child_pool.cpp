#include "sim/explore/child_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/base/assert.h"
#include "sim/explore/real_time.h"

namespace vectron::sim {

namespace {

constexpr int kPollMilliseconds = 200;
constexpr size_t kErrorTailBytesMax = 4'096;
constexpr size_t kAnswerBytesMax = 64 << 20;

struct Child {
  pid_t process = -1;
  int answer_pipe = -1;
  int error_pipe = -1;
  uint64_t started = 0;
  ChildResult result;
};

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  int ends[2];
  VECTRON_ASSERT(::pipe2(ends, O_CLOEXEC) == 0, "pipe: {}", std::strerror(errno));
  return {ends[0], ends[1]};
}

void write_whole(int descriptor, const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t wrote = ::write(descriptor, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) ::_exit(3);
    at += static_cast<size_t>(wrote);
  }
}

/// Takes what is there; false at the end of the stream.
bool read_some(int descriptor, std::string& into) {
  char buffer[65'536];
  const ssize_t got = ::read(descriptor, buffer, sizeof(buffer));
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer, static_cast<size_t>(got));
  return got > 0;
}

class ChildPool {
 public:
  ChildPool(const ChildPoolOptions& options, const std::function<std::string(uint64_t)>& work,
            const std::function<void(ChildResult)>& done)
      : options_(options), work_(work), done_(done) {}

  void run(uint64_t first, uint64_t count) {
    uint64_t next = first;
    const auto more = [&] {
      return next < first + count && !(options_.enough && options_.enough());
    };
    while (more() || !children_.empty()) {
      while (children_.size() < options_.jobs && more()) start(next++);
      wait();
      end_overdue();
    }
  }

 private:
  void start(uint64_t job) {
    const Pipe answer = make_pipe();
    const Pipe error = make_pipe();
    std::fflush(nullptr);
    const pid_t process = ::fork();
    VECTRON_ASSERT(process >= 0, "fork: {}", std::strerror(errno));
    if (process == 0) {
      ::dup2(error.write_end, STDERR_FILENO);
      write_whole(answer.write_end, work_(job));
      std::fflush(nullptr);
      std::exit(0);  // Runs the leak check of a sanitizer build.
    }
    ::close(answer.write_end);
    ::close(error.write_end);
    Child child;
    child.process = process;
    child.answer_pipe = answer.read_end;
    child.error_pipe = error.read_end;
    child.started = wall_nanoseconds();
    child.result.job = job;
    children_.push_back(std::move(child));
  }

  void wait() {
    std::vector<pollfd> polled;
    for (const Child& child : children_) {
      polled.push_back({.fd = child.answer_pipe, .events = POLLIN, .revents = 0});
      polled.push_back({.fd = child.error_pipe, .events = POLLIN, .revents = 0});
    }
    if (::poll(polled.data(), polled.size(), kPollMilliseconds) <= 0) return;
    for (size_t i = 0; i < children_.size(); ++i) {
      Child& child = children_[i];
      if (polled[2 * i].revents != 0) read_pipe(child.answer_pipe, child.result.answer);
      if (polled[2 * i + 1].revents != 0) read_pipe(child.error_pipe, child.result.error_tail);
      trim(child);
    }
    for (size_t i = children_.size(); i-- > 0;) {
      if (children_[i].answer_pipe < 0 && children_[i].error_pipe < 0) finish(i);
    }
  }

  static void read_pipe(int& descriptor, std::string& into) {
    if (descriptor < 0 || read_some(descriptor, into)) return;
    ::close(descriptor);
    descriptor = -1;
  }

  void trim(Child& child) const {
    std::string& tail = child.result.error_tail;
    if (tail.size() > kErrorTailBytesMax) {
      tail.erase(0, tail.size() - kErrorTailBytesMax);
    }
    VECTRON_ASSERT(child.result.answer.size() <= kAnswerBytesMax, "a child's answer is too long");
  }

  void end_overdue() {
    const uint64_t now = wall_nanoseconds();
    for (Child& child : children_) {
      const bool overdue = now - child.started > options_.wall_nanoseconds_max;
      if (!overdue || child.result.kind == ChildResult::Kind::hung) continue;
      child.result.kind = ChildResult::Kind::hung;
      ::kill(child.process, SIGKILL);
    }
  }

  void finish(size_t index) {
    Child child = std::move(children_[index]);
    children_.erase(children_.begin() + static_cast<ptrdiff_t>(index));
    int status = 0;
    rusage usage{};
    while (::wait4(child.process, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    const auto nanoseconds = [](const timeval& time) {
      return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 +
             static_cast<uint64_t>(time.tv_usec) * 1'000;
    };
    ChildResult& result = child.result;
    result.cpu_nanoseconds = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
    result.wall_nanoseconds = wall_nanoseconds() - child.started;
    if (result.kind != ChildResult::Kind::hung) {
      const bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      result.kind = fine ? ChildResult::Kind::answered : ChildResult::Kind::crashed;
    }
    done_(std::move(result));
  }

  const ChildPoolOptions& options_;
  const std::function<std::string(uint64_t)>& work_;
  const std::function<void(ChildResult)>& done_;
  std::vector<Child> children_;
};

}  // namespace

void run_in_children(uint64_t first, uint64_t count, const ChildPoolOptions& options,
                     const std::function<std::string(uint64_t job)>& work,
                     const std::function<void(ChildResult)>& done) {
  VECTRON_ASSERT(options.jobs > 0);
  ChildPool(options, work, done).run(first, count);
}

}  // namespace vectron::sim
