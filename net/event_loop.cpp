// The only file that knows Asio.
#include "net/event_loop.h"

#include <time.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "net/spin_budget.h"
#include "net/watched_descriptor.h"

namespace vectron {

namespace asio = boost::asio;

namespace {
// After so many events the sockets get a look, however many more events are due.
constexpr size_t kEventsPerTurnMax = 256;
}  // namespace

Instant machine_monotonic() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant(Duration(now.tv_sec * 1'000'000'000LL + now.tv_nsec));
}

struct EventLoop::Impl final : public Scheduler {
  EventQueue events;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> keep_waiting{io.get_executor()};
  asio::steady_timer timer{io};
  Instant timer_set_for = kNever;
  std::atomic<bool> stop_requested = false;

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;  // Guarded by posted_mutex.
  bool asleep = false;  // Guarded by posted_mutex: a poster must wake the loop.
  std::vector<std::function<void()>> taken;

  std::unique_ptr<IdleWork> idle_work;
  int idle_work_turns = 0;
  size_t computing_elsewhere = 0;
  LoopTurns turns;
  Instant turn_began{};
  SpinBudget spin_budget{std::thread::hardware_concurrency()};

  Impl() { events.advance_to(machine_monotonic()); }

  EventQueue& queue() override { return events; }
  void post(QueuedEvent& event) override { events.add(event, events.now(), 0); }
  void post_at(QueuedEvent& event, Instant when) override { events.add(event, when, 0); }

  /// One turn: readiness of sockets (waiting for it only when nothing is due), then what other
  /// threads posted, then what is due.
  void turn() {
    const Instant next = events.next_time();
    const Instant now = machine_monotonic();
    const bool is_busy = next <= now || has_posted();
    turn_began = now;
    if (is_busy || idle_work != nullptr) {
      const bool io_is_ready = io.poll_one() > 0;
      if (is_busy || io_is_ready) {
        give_idle_work_away();
      } else {
        std::exchange(idle_work, nullptr)->run_here();
      }
    } else {
      if (!spin(now, next) && fall_asleep()) {
        set_timer(next);
        io.run_one();
      }
      turn_began = machine_monotonic();  // What was waited for is no part of the turn.
    }
    run_posted();
    run_due();
    turns.add(machine_monotonic() - turn_began);
  }

  bool has_posted() {
    const std::lock_guard lock(posted_mutex);
    return !posted.empty() || stop_requested.load();
  }

  /// From here on a poster must wake the loop. False when there is something to run.
  bool fall_asleep() {
    const std::lock_guard lock(posted_mutex);
    asleep = posted.empty() && !stop_requested.load();
    return asleep;
  }

  /// Looks for sockets and posters for a while. True when there was something.
  bool spin(Instant begin, Instant next) {
    if (computing_elsewhere > 0 || !spin_budget.should_spin()) return false;
    const Instant end = std::min(next, begin + kSpinTimeMax);
    bool found = false;
    while (!found && machine_monotonic() < end) found = io.poll_one() > 0 || has_posted();
    spin_budget.spun(found);
    return found || end == next;
  }

  void give_idle_work_away() {
    if (idle_work == nullptr || ++idle_work_turns < kIdleWorkTurnsMax) return;
    std::exchange(idle_work, nullptr)->run_elsewhere();
  }

  void set_timer(Instant when) {
    // A timer that goes off too early costs one empty turn, moving it costs a system call:
    // deadlines are nearly always cancelled, so moving it back each time would cost more.
    if (timer_set_for <= when) return;
    timer_set_for = when;
    timer.expires_at(std::chrono::steady_clock::time_point(when.time_since_epoch()));
    timer.async_wait([this](const boost::system::error_code& error) {
      if (!error) timer_set_for = kNever;
    });
  }

  void run_posted() {
    {
      const std::lock_guard lock(posted_mutex);
      asleep = false;
      std::swap(posted, taken);
    }
    for (std::function<void()>& function : taken) function();
    taken.clear();
  }

  void run_due() {
    events.advance_to(machine_monotonic());
    for (size_t count = 0; count < kEventsPerTurnMax; ++count) {
      if (events.next_time() > events.now()) return;
      events.run_next();
      if (machine_monotonic() - turn_began > kTurnTimeMax) return;
    }
  }

  void wake() {
    asio::post(io, [] {});
  }
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() {
  // What they own may belong to the loop: it goes while the loop still stands.
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(impl_->posted_mutex);
    std::swap(posted, impl_->posted);
  }
  impl_->idle_work.reset();
}

Scheduler& EventLoop::scheduler() {
  return *impl_;
}

void EventLoop::run() {
  run_until([] { return false; });
}

void EventLoop::run_until(const std::function<bool()>& done) {
  while (!done()) {
    if (impl_->stop_requested.exchange(false)) return;
    impl_->turn();
  }
}

void EventLoop::stop() {
  impl_->stop_requested.store(true);
  bool wake = false;
  {
    const std::lock_guard lock(impl_->posted_mutex);
    wake = std::exchange(impl_->asleep, false);
  }
  if (wake) impl_->wake();
}

void EventLoop::post_from_thread(std::function<void()> function) {
  bool wake = false;
  {
    const std::lock_guard lock(impl_->posted_mutex);
    impl_->posted.push_back(std::move(function));
    wake = std::exchange(impl_->asleep, false);
  }
  if (wake) impl_->wake();
}

std::unique_ptr<IdleWork> EventLoop::offer_idle(std::unique_ptr<IdleWork> work) {
  if (impl_->idle_work != nullptr) return work;
  impl_->idle_work = std::move(work);
  impl_->idle_work_turns = 0;
  return nullptr;
}

void EventLoop::computing_elsewhere_begins() {
  ++impl_->computing_elsewhere;
}

void EventLoop::computing_elsewhere_ends() {
  VECTRON_ASSERT(impl_->computing_elsewhere > 0);
  --impl_->computing_elsewhere;
}

const LoopTurns& EventLoop::turns() const {
  return impl_->turns;
}

/// Outlives the WatchedDescriptor while Asio still holds a wait of it.
struct WatchedDescriptor::State : std::enable_shared_from_this<WatchedDescriptor::State> {
  explicit State(EventLoop::Impl& loop) : scheduler(loop), handle(loop.io) {}

  Scheduler& scheduler;
  asio::posix::stream_descriptor handle;
  std::array<Awaiter*, 2> waiting{};
  std::array<bool, 2> wait_started{};

  void wake(size_t side) {
    Awaiter* awaiter = std::exchange(waiting[side], nullptr);
    if (awaiter != nullptr) scheduler.post(*awaiter);
  }

  void start_wait(size_t side) {
    // An earlier awaiter may have left its wait behind; it serves the next one as well.
    if (wait_started[side]) return;
    wait_started[side] = true;
    const auto what = side == static_cast<size_t>(Readiness::readable)
                          ? asio::posix::descriptor_base::wait_read
                          : asio::posix::descriptor_base::wait_write;
    handle.async_wait(what, [self = shared_from_this(), side](const boost::system::error_code&) {
      self->wait_started[side] = false;
      self->wake(side);
    });
  }
};

WatchedDescriptor::WatchedDescriptor(EventLoop& loop, int descriptor)
    : state_(std::make_shared<State>(*loop.impl_)) {
  VECTRON_ASSERT(descriptor >= 0);
  boost::system::error_code error;
  (void)state_->handle.assign(descriptor, error);
  // Only a kernel out of memory or watches refuses; the descriptor then behaves as one that was
  // closed.
  if (error) ::close(descriptor);
}

WatchedDescriptor::~WatchedDescriptor() {
  if (state_ != nullptr) close();
}

int WatchedDescriptor::descriptor() const {
  return state_->handle.is_open() ? state_->handle.native_handle() : -1;
}

void WatchedDescriptor::close() {
  boost::system::error_code ignored;
  (void)state_->handle.close(ignored);
  for (size_t side = 0; side < state_->waiting.size(); ++side) state_->wake(side);
}

WatchedDescriptor::Awaiter::~Awaiter() {
  Awaiter*& waiting = state_->waiting[static_cast<size_t>(readiness_)];
  if (waiting == this) waiting = nullptr;
}

void WatchedDescriptor::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  const auto side = static_cast<size_t>(readiness_);
  handle_ = handle;
  VECTRON_ASSERT(state_->waiting[side] == nullptr, "one waiter for each readiness");
  state_->waiting[side] = this;
  if (state_->handle.is_open()) {
    state_->start_wait(side);
  } else {
    state_->wake(side);
  }
}

}  // namespace vectron
