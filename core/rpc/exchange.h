// Exchanges: requests of a Channel that are under way.
#pragma once

#include <coroutine>
#include <deque>
#include <memory>
#include <optional>

#include "core/async/sync.h"
#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/rpc/frame.h"
#include "core/rpc/method.h"
#include "core/rpc/request_context.h"

namespace vectron::rpc {

class Channel;

/// A request from the moment it is queued until its end. Registered with its channel for as long as
/// it lives; destroying it before its end tells the server.
class Exchange {
 public:
  Exchange(Channel& channel, const MethodInfo& method, Instant deadline);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange();

  uint64_t call_id() const { return call_id_; }
  bool ended() const { return ended_; }
  /// Whether the request's first byte may have been handed to the connection.
  bool handed() const { return handed_; }

 protected:
  friend class Channel;

  virtual void on_response(FrameBody body) = 0;
  virtual void on_item(ByteView body) = 0;
  virtual void on_stream_end() = 0;
  virtual void on_error(Status status) = 0;

  /// What the loss of the connection means for this request.
  Status lost(const Status& reason) const;
  /// What the passing of the deadline means for this request.
  Status late() const;

  Channel& channel_;
  const MethodInfo& method_;
  Instant deadline_;
  uint64_t call_id_;
  bool handed_ = false;
  bool ended_ = false;
};

/// A unary call, awaited by one task. One event serves as its timer and as its wake-up.
class PendingCall final : public Exchange, private QueuedEvent {
 public:
  using Exchange::Exchange;

  bool await_ready() const noexcept { return ended_; }
  void await_suspend(std::coroutine_handle<> handle);
  Result<FrameBody> await_resume() { return std::move(result_); }

 private:
  void on_response(FrameBody body) override;
  void on_item(ByteView body) override;
  void on_stream_end() override;
  void on_error(Status status) override;
  void fire() override;
  void end(Result<FrameBody> result);

  Result<FrameBody> result_;  // Once ended().
  std::coroutine_handle<> handle_;
};

/// The receiving end of a server stream. The server sends no more than the window's bytes (and the
/// item that crosses it) before they are taken out here.
class ClientStream final : public Exchange {
 public:
  ClientStream(Channel& channel, const MethodInfo& method, Instant deadline, uint32_t window_bytes);

  /// Waits for the next item; empty at the end of the stream. Errors: as of a call; the stream is
  /// over then.
  Task<Result<std::optional<Bytes>>> next();

 private:
  void on_response(FrameBody body) override;
  void on_item(ByteView body) override;
  void on_stream_end() override;
  void on_error(Status status) override;
  /// False when the deadline passed.
  Task<bool> wait_for_change();
  Task<bool> wait_without_limit();
  Bytes take();

  uint32_t window_bytes_;
  uint64_t taken_bytes_ = 0;     // Not yet given back to the server as credit.
  uint64_t received_bytes_ = 0;  // Waiting in items_.
  std::deque<Bytes> items_;
  Status end_;  // Once ended(): why, or ok.
  Condition changed_;
};

}  // namespace vectron::rpc
