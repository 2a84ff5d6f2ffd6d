#include "core/async/task_group.h"

namespace vectron {

// A spawned task. The frame of `task` transfers to `epilogue` when it ends, and the epilogue
// deletes the Root.
class TaskGroup::Root final : public QueuedEvent {
 public:
  TaskGroup* group = nullptr;
  TaskNumber number = 0;
  Root* older = nullptr;
  Root* newer = nullptr;
  Task<void> task;
  std::coroutine_handle<> epilogue;
  bool running = false;

  ~Root() override {
    task.destroy();
    if (epilogue) epilogue.destroy();
  }

 protected:
  void fire() override {
    // `this` may be gone when resume() returns.
    task.handle().resume();
  }
};

// A coroutine whose only work is to remove its Root once the root's task has ended.
struct TaskGroup::RootTask {
  struct promise_type {
    Root* root = nullptr;
    RootTask get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Remove {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> handle) noexcept {
        Root* root = handle.promise().root;
        root->group->unlink(root);
        delete root;  // Destroys this frame too, which is suspended here.
      }
      void await_resume() noexcept {}
    };
    Remove final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

TaskGroup::RootTask TaskGroup::run_root(TaskGroup*, Root*) {
  co_return;
}

TaskGroup::TaskNumber TaskGroup::spawn(Task<void> task) {
  VECTRON_ASSERT(task.valid());
  auto* root = new Root;
  root->group = this;
  root->number = next_number_++;
  root->task = std::move(task);
  const RootTask epilogue = run_root(this, root);
  epilogue.handle.promise().root = root;
  root->epilogue = epilogue.handle;
  root->task.handle().promise().continuation = epilogue.handle;
  root->older = newest_;
  if (newest_ != nullptr) newest_->newer = root;
  newest_ = root;
  ++size_;
  scheduler_.post(*root);
  return root->number;
}

void TaskGroup::cancel(TaskNumber number) {
  for (Root* root = newest_; root != nullptr && root->number >= number; root = root->older) {
    if (root->number != number) continue;
    unlink(root);
    delete root;
    return;
  }
}

void TaskGroup::cancel_all() {
  while (newest_ != nullptr) {
    Root* root = newest_;
    unlink(root);
    delete root;
  }
}

void TaskGroup::unlink(Root* root) {
  if (root->newer != nullptr) root->newer->older = root->older;
  if (root->older != nullptr) root->older->newer = root->newer;
  if (newest_ == root) newest_ = root->older;
  --size_;
}

}  // namespace vectron
