// HeldAnswer: the room that a server's connection gives to the answer of one request while it is
// made. It may outlive the request and its connection, in a context that somebody still has; then
// it counts nothing.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "core/base/body_memory.h"
#include "core/env/metrics.h"
#include "core/rpc/request_context.h"

namespace vectron::rpc {

class HeldAnswer final : public AnswerRoom {
 public:
  /// Both live until end().
  HeldAnswer(BodyShare* share, Metrics* metrics)
      : share_(share),
        metrics_(metrics),
        held_(std::in_place, share, 0, HeldBytes::Of::answer_in_the_making) {}

  bool hold(size_t bytes) override {
    if (!held_.has_value()) return false;
    const size_t held = held_->bytes();
    const bool fits =
        bytes <= held || (bytes <= BodyMemory::kSmallBytesMax ? share_->fits(bytes - held, bytes)
                                                              : share_->fits_answer(bytes - held));
    if (fits) {
      granted_bytes_ = bytes;
      held_->set(bytes);
    } else if (!std::exchange(refused_, true)) {
      metrics_->add(Metric::rpc_answers_dropped);
    }
    return fits;
  }
  void end() {
    granted_bytes_ = 0;
    held_.reset();
  }
  /// What was told that there is room for, whatever is counted.
  size_t granted_bytes() const { return granted_bytes_; }

 private:
  BodyShare* share_;
  Metrics* metrics_;
  std::optional<HeldBytes> held_;
  size_t granted_bytes_ = 0;
  /// Who asks again is not counted again.
  bool refused_ = false;
};

/// Ends one when the request is over.
class AnswerOfRequest {
 public:
  AnswerOfRequest(BodyShare* share, Metrics* metrics)
      : room_(std::make_shared<HeldAnswer>(share, metrics)) {}
  AnswerOfRequest(AnswerOfRequest&&) = default;
  AnswerOfRequest& operator=(AnswerOfRequest&&) = delete;
  ~AnswerOfRequest() { end(); }

  std::shared_ptr<AnswerRoom> room() const { return room_; }
  void end() {
    if (room_ != nullptr) room_->end();
  }
  size_t granted_bytes() const { return room_ == nullptr ? 0 : room_->granted_bytes(); }

 private:
  std::shared_ptr<HeldAnswer> room_;
};

}  // namespace vectron::rpc
