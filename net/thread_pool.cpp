#include "net/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/assert.h"

namespace vectron {

namespace {

// Linux schedules by thread, and gives each step about a quarter less than the one before.
constexpr int kBackgroundNice = 10;

void yield_to_others() {
  const auto self = static_cast<id_t>(::gettid());
  // Anyone may be nicer. Where even that is forbidden, it is slower and not wrong.
  (void)::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + kBackgroundNice);
}

}  // namespace

ThreadPool::ThreadPool(const std::string& name, size_t threads, Priority priority) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  // Signals go to the threads that run loops.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back(
        [this, priority, thread_name = name.substr(0, 12) + "-" + std::to_string(i)] {
          work(thread_name, priority);
        });
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(std::function<void()> function, Turn turn) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    VECTRON_ASSERT(!stopping_, "a pool outlives its users");
    (turn == Turn::ahead ? ahead_ : in_line_).push_back(std::move(function));
    // A thread that was notified and has not run yet is not counted, so a burst wakes no thread
    // twice, and busy threads cost no system call at all.
    wake = sleeping_ > 0;
    if (wake) --sleeping_;
  }
  if (wake) wake_.notify_one();
}

std::deque<std::function<void()>>* ThreadPool::next_queue() {
  if (!ahead_.empty()) return &ahead_;
  return in_line_.empty() ? nullptr : &in_line_;
}

void ThreadPool::work(const std::string& thread_name, Priority priority) {
  ::pthread_setname_np(::pthread_self(), thread_name.substr(0, 15).c_str());
  if (priority == Priority::background) yield_to_others();
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto* queue = next_queue()) {
      std::function<void()> function = std::move(queue->front());
      queue->pop_front();
      lock.unlock();
      function();
      function = nullptr;
      lock.lock();
    } else if (stopping_) {
      return;
    } else {
      ++sleeping_;
      wake_.wait(lock);
    }
  }
}

}  // namespace vectron
