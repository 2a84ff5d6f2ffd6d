#include "core/rpc/exchange.h"

#include <fmt/core.h>

#include "core/async/combine.h"
#include "core/rpc/channel.h"

namespace vectron::rpc {

Exchange::Exchange(Channel& channel, const MethodInfo& method, Instant deadline)
    : channel_(channel), method_(method), deadline_(deadline), call_id_(++channel.last_call_id_) {
  channel_.exchanges_.emplace_hint(channel_.exchanges_.end(), call_id_, this);
}

Exchange::~Exchange() {
  channel_.remove(*this);
}

Status Exchange::lost(const Status& reason) const {
  const std::string context =
      fmt::format("{}.{} to {}", method_.service, method_.name, channel_.address().text);
  if (handed_ && !method_.read_only) {
    return Status(Code::unknown_outcome,
                  fmt::format("{}: sent, but no answer came: {}", context, reason.message()));
  }
  // A refusal at Hello keeps its code: asking again would not help.
  const bool refused = !handed_ && reason.code() == Code::failed_precondition;
  return Status(refused ? Code::failed_precondition : Code::unavailable,
                fmt::format("{}: {}", context, reason.message()), reason.field());
}

Status Exchange::late() const {
  const bool unknown = handed_ && !method_.read_only;
  return Status(unknown ? Code::unknown_outcome : Code::deadline_exceeded,
                fmt::format("{}.{} to {}: the deadline passed {}", method_.service, method_.name,
                            channel_.address().text,
                            handed_ ? "before an answer came" : "before it was sent"));
}

void PendingCall::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  if (deadline_ == kNever) return;
  Clock& clock = channel_.env_.clock();
  channel_.env_.scheduler().post_at(*this, clock.scheduler_time(deadline_));
}

void PendingCall::end(Result<FrameBody> result) {
  if (ended_) return;
  ended_ = true;
  result_ = std::move(result);
  if (!handle_) return;
  cancel();
  channel_.env_.scheduler().post(*this);
}

void PendingCall::fire() {
  if (!ended_) {
    channel_.abandon(*this);
    ended_ = true;
    result_ = fail(late());
  }
  handle_.resume();
}

void PendingCall::on_response(FrameBody body) {
  end(std::move(body));
}

void PendingCall::on_item(ByteView) {
  end(fail(Code::internal, "the server answered a unary call with a stream"));
}

void PendingCall::on_stream_end() {
  on_item({});
}

void PendingCall::on_error(Status status) {
  end(fail(std::move(status)));
}

ClientStream::ClientStream(Channel& channel, const MethodInfo& method, Instant deadline,
                           uint32_t window_bytes)
    : Exchange(channel, method, deadline),
      window_bytes_(window_bytes),
      changed_(channel.env_.scheduler()) {}

Task<Result<std::optional<Bytes>>> ClientStream::next() {
  while (items_.empty() && !ended_) {
    const bool in_time = co_await wait_for_change();
    if (in_time || ended_) continue;
    channel_.abandon(*this);
    on_error(late());
  }
  if (!items_.empty()) co_return std::optional<Bytes>(take());
  if (end_.ok()) co_return std::optional<Bytes>();
  co_return fail(end_);
}

Task<bool> ClientStream::wait_for_change() {
  Clock& clock = channel_.env_.clock();
  if (deadline_ == kNever) {
    co_await changed_.wait();
    co_return true;
  }
  const std::optional<bool> changed = co_await with_deadline(
      &clock.scheduler(), clock.scheduler_time(deadline_), wait_without_limit());
  co_return changed.has_value();
}

Task<bool> ClientStream::wait_without_limit() {
  co_await changed_.wait();
  co_return true;
}

Bytes ClientStream::take() {
  Bytes item = std::move(items_.front());
  items_.pop_front();
  const size_t cost = stream_item_cost(item.size());
  received_bytes_ -= cost;
  taken_bytes_ += cost;
  if (!ended_ && taken_bytes_ >= window_bytes_ / 2) {
    channel_.push_control(FrameKind::credit, call_id_, static_cast<uint32_t>(taken_bytes_));
    taken_bytes_ = 0;
  }
  return item;
}

void ClientStream::on_response(FrameBody) {
  on_error(Status(Code::internal, "the server answered a stream with a unary response"));
}

void ClientStream::on_item(ByteView body) {
  if (ended_) return;
  if (received_bytes_ > window_bytes_) {
    channel_.abandon(*this);
    on_error(Status(Code::internal, "the server sent more than it was allowed to"));
    return;
  }
  received_bytes_ += stream_item_cost(body.size());
  items_.push_back(to_bytes(body));
  changed_.notify_all();
}

void ClientStream::on_stream_end() {
  on_error(Status());
}

void ClientStream::on_error(Status status) {
  if (ended_) return;
  ended_ = true;
  end_ = std::move(status);
  changed_.notify_all();
}

}  // namespace vectron::rpc
