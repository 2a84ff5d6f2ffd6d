// A flag by which work on another thread learns that nobody waits for its result any more.
//
// Tasks do not need it: a task is cancelled by destroying it. It is for functions on the Cpu pool,
// which cannot be.
#pragma once

#include <atomic>
#include <memory>

namespace vectron {

/// Copies share the flag.
class CancellationToken {
 public:
  /// One that nobody cancels: it costs nothing.
  CancellationToken() = default;
  static CancellationToken create() {
    CancellationToken token;
    token.flag_ = std::make_shared<std::atomic<bool>>(false);
    return token;
  }

  /// Does nothing where the token was not made by create().
  void cancel() {
    if (flag_ != nullptr) flag_->store(true, std::memory_order_relaxed);
  }
  bool cancelled() const { return flag_ != nullptr && flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

}  // namespace vectron
