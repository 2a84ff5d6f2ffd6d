// A flag by which work on another thread learns that nobody waits for its result any more.
//
// Tasks do not need it: a task is cancelled by destroying it. It is for functions on the Cpu pool,
// which cannot be.
#pragma once

#include <atomic>
#include <memory>

namespace vectron {

class CancellationToken {
 public:
  CancellationToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void cancel() { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

}  // namespace vectron
