#include "net/signals.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

#include "core/base/assert.h"

namespace vectron {

namespace {

// A signal handler reaches nothing but globals: the descriptor that it writes to, or -1.
std::atomic<int> signal_pipe = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  const int saved = errno;
  const uint64_t one = 1;
  const int pipe = signal_pipe.load();
  if (pipe >= 0) (void)!::write(pipe, &one, sizeof(one));
  errno = saved;
}

void set_handler(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  VECTRON_ASSERT(::sigaction(signal, &action, nullptr) == 0);
}

bool is_ignored(int signal) {
  struct sigaction action = {};
  VECTRON_ASSERT(::sigaction(signal, nullptr, &action) == 0);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

StopSignals::StopSignals(EventLoop& loop)
    : requested_(loop.scheduler()),
      pipe_(loop, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      tasks_(loop.scheduler()) {
  int none = -1;
  VECTRON_ASSERT(signal_pipe.compare_exchange_strong(none, pipe_.descriptor()),
                 "one StopSignals at a time");
  set_handler(SIGPIPE, SIG_IGN, 0);
  // Reset on delivery: who sends a second one wants no grace.
  for (const int signal : {SIGTERM, SIGINT}) {
    set_handler(signal, on_signal, static_cast<int>(SA_RESETHAND) | SA_RESTART);
  }
  if (!is_ignored(SIGHUP)) set_handler(SIGHUP, on_signal, SA_RESTART);
  tasks_.spawn(watch());
}

StopSignals::~StopSignals() {
  for (const int signal : {SIGTERM, SIGINT}) set_handler(signal, SIG_DFL, 0);
  if (!is_ignored(SIGHUP)) set_handler(SIGHUP, SIG_DFL, 0);
  signal_pipe.store(-1);
}

Task<void> StopSignals::watch() {
  uint64_t count = 0;
  while (::read(pipe_.descriptor(), &count, sizeof(count)) < 0) {
    auto readable = pipe_.ready(Readiness::readable);
    co_await readable;
  }
  requested_.set();
}

}  // namespace vectron
