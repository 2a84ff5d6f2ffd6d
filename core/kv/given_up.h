// GivenUp: how a function on another thread learns that nobody waits for it any more.
//
// Such a function ends by itself, also when the task that waits for it is destroyed, and whoever
// destroys the Env waits until it has ended. So one that reads a whole store looks at this now and
// then, and ends early: a node that is told to stop while it starts does not read it to the end.
#pragma once

#include <atomic>
#include <memory>

namespace vectron {

/// Copied into the function. An empty one is never given up.
class GivenUp {
 public:
  explicit operator bool() const { return flag_ != nullptr && flag_->load(); }

 private:
  friend class GiveUpAtEnd;
  std::shared_ptr<const std::atomic<bool>> flag_;
};

/// Stands in the frame of the task that waits: what was taken from it is given up when it ends.
class GiveUpAtEnd {
 public:
  GiveUpAtEnd() = default;
  GiveUpAtEnd(const GiveUpAtEnd&) = delete;
  GiveUpAtEnd& operator=(const GiveUpAtEnd&) = delete;
  ~GiveUpAtEnd() { flag_->store(true); }

  GivenUp given_up() const {
    GivenUp out;
    out.flag_ = flag_;
    return out;
  }

 private:
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace vectron
