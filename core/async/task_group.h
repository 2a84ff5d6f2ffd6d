// TaskGroup: owns tasks that run beside their creator.
//
// Destroying the group destroys its tasks where they stand, newest first. A class that spawns tasks
// which use its members declares the group as its LAST member, so that the tasks go first.
#pragma once

#include <cstdint>
#include <memory>

#include "core/async/event_queue.h"
#include "core/async/task.h"

namespace vectron {

/// Single-threaded, as everything on a Scheduler. Must not be destroyed by one of its own tasks.
class TaskGroup {
 public:
  /// A spawned task's number, for cancel(). Never reused within a group.
  using TaskNumber = uint64_t;

  explicit TaskGroup(Scheduler& scheduler) : scheduler_(scheduler) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { cancel_all(); }

  /// Starts `task` through the scheduler (never inline) and owns it until it ends.
  TaskNumber spawn(Task<void> task);
  /// Destroys a task where it stands; does nothing when it has ended. Must not be called by that
  /// task itself.
  void cancel(TaskNumber number);
  /// Destroys all tasks, newest first.
  void cancel_all();
  size_t size() const { return size_; }

 private:
  class Root;
  struct RootTask;
  static RootTask run_root(TaskGroup* group, Root* root);

  void unlink(Root* root);

  Scheduler& scheduler_;
  Root* newest_ = nullptr;
  size_t size_ = 0;
  TaskNumber next_number_ = 1;
};

}  // namespace vectron
