// The queue of frames that wait to be written to one connection, and the task that writes them.
//
// Frames of one turn of the event loop are written together; a large body is written from where it
// lies. Owned by a Channel or by a server's connection.
#pragma once

#include <deque>
#include <optional>

#include "core/async/sync.h"
#include "core/base/body_memory.h"
#include "core/env/clock.h"
#include "core/env/network.h"
#include "core/rpc/frame.h"

namespace vectron::rpc {

/// Asked, just before a request's first byte is handed to the connection, whether it is still
/// wanted.
class Admission {
 public:
  virtual ~Admission() = default;
  virtual bool admit(uint64_t call_id) = 0;
};

class FrameWriter {
 public:
  /// What is queued counts in `share`, where that is given.
  FrameWriter(Clock& clock, Admission* admission, BodyShare* share = nullptr)
      : clock_(clock), admission_(admission), held_(share), drained_(clock.scheduler()) {}

  /// Queues a frame. `deadline` becomes its remaining time when it is written. The caller keeps the
  /// queue within bounds.
  void push(FrameHeader header, Bytes body = {}, Instant deadline = kNever);

  /// Answers a ping. One pong answers all pings before it: further ones wait for none of their own.
  void push_pong();

  /// What it holds on to for frames to come.
  size_t spare_bytes() const { return batch_.capacity() + large_.capacity(); }
  /// Bytes that the connection has taken since the beginning.
  uint64_t bytes_taken() const { return bytes_taken_; }
  /// How many times all that was handed to the connection was taken.
  uint64_t batches_taken() const { return batches_taken_; }
  /// Bytes of frames queued or being written.
  size_t queued_bytes() const { return queued_bytes_; }
  /// What they take in memory, added up where they lie.
  size_t memory_bytes() const;
  /// How many of them belong to one-way frames that are not being written yet.
  size_t queued_one_way_bytes() const { return queued_one_way_bytes_; }
  bool empty() const { return queue_.empty(); }
  /// Drops what is queued. Requires: run() is not running.
  void clear();

  /// Writes frames until the connection fails, or until all is written after finish(). Requires:
  /// `connection` outlives the task. Errors: unavailable.
  Task<Result<void>> run(Connection* connection);
  /// Lets run() end once the queue is empty.
  void finish();

  /// run() ended: nobody waits for it any longer.
  void give_up();
  bool given_up() const { return given_up_; }

  /// Waits until no more than `bytes` are queued, or give_up() was called.
  Task<void> wait_below(size_t bytes);

  /// So much of a body is summed up in one turn of the event loop (the checksum); a longer one
  /// takes several turns before it is written.
  static constexpr size_t kSummedBytesMax = 4 << 20;

 private:
  struct Item {
    FrameHeader header;
    Bytes body;
    Instant deadline;
  };

  /// What run() waits on while nothing is queued. It is woken at the end of the turn that queued
  /// something, so that all frames of a turn leave together.
  class Idle final : public QueuedEvent {
   public:
    explicit Idle(FrameWriter* writer) : writer_(writer) {}
    ~Idle() override {
      if (writer_->idle_ == this) writer_->idle_ = nullptr;
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      writer_->idle_ = this;
    }
    void await_resume() const noexcept { writer_->idle_ = nullptr; }

   protected:
    void fire() override { handle_.resume(); }

   private:
    FrameWriter* writer_;
    std::coroutine_handle<> handle_;
  };

  void wake();
  Task<Result<void>> write(Connection* connection, ByteView bytes);
  void count();
  bool is_huge(const Item& item) const { return item.body.size() > kSummedBytesMax; }
  /// Sums up some more of the first frame's body, where that is huge. True when it was not all.
  bool sum_up_some();
  /// Moves frames into `batch_`, up to one that is not summed up yet; a large body stays in
  /// `large_`.
  void fill_batch();
  void written();

  Clock& clock_;
  Admission* admission_;
  std::deque<Item> queue_;
  Bytes batch_;
  Bytes large_;
  std::optional<ChecksumStream> sum_;  // Of the first frame's body, where that is huge:
  size_t summed_ = 0;                  // so many of its bytes.
  size_t padding_bytes_ = 0;           // Owed after `large_`.
  size_t batch_frame_bytes_ = 0;
  size_t queued_bytes_ = 0;
  HeldBytes held_;  // Of them.
  size_t queued_one_way_bytes_ = 0;
  uint64_t bytes_taken_ = 0;
  uint64_t batches_taken_ = 0;
  bool pong_queued_ = false;
  bool finishing_ = false;
  bool given_up_ = false;
  Idle* idle_ = nullptr;  // While run() waits.
  Condition drained_;
};

}  // namespace vectron::rpc
