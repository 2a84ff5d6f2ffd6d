// A fixed number of threads that run functions for event loops.
//
// One pool is shared by all nodes of a process; each node reaches it through an Offload
// (net/offload.h), which bounds what that node may have in it and brings completions back to the
// node's loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vectron {

class ThreadPool {
 public:
  enum class Priority : uint8_t {
    normal,
    /// The system gives its threads about a tenth of what a busy event loop gets, and lets the loop
    /// interrupt them at once.
    background,
  };
  /// `name` is shown by debuggers (its first 12 bytes). `threads` 0 means one for each core.
  ThreadPool(const std::string& name, size_t threads, Priority priority = Priority::normal);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Runs what is still queued, then joins.
  ~ThreadPool();

  size_t threads() const { return threads_.size(); }
  enum class Turn : uint8_t {
    /// Behind everything that waits.
    in_line,
    /// Before everything that waits in line: for quick work that somebody waits for.
    ahead,
  };
  /// Runs `function` on one of the threads; those of one turn first in, first out. Thread-safe.
  /// Bounded by its users' bounds.
  void submit(std::function<void()> function, Turn turn = Turn::in_line);

 private:
  void work(const std::string& thread_name, Priority priority);
  /// Requires: mutex_ is held.
  std::deque<std::function<void()>>* next_queue();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> ahead_;
  std::deque<std::function<void()>> in_line_;
  size_t sleeping_ = 0;  // Threads inside wake_.wait that nobody has notified yet.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vectron
