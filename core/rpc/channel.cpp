#include "core/rpc/channel.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/async/combine.h"
#include "core/base/need.h"
#include "core/rpc/error_body.h"
#include "core/rpc/message_bounds.h"
#include "core/rpc/node_address.h"

namespace vectron::rpc {
namespace {

constexpr size_t kHelloFrameBytesMax = 4'096;
/// Requests that wait to be written; more calls are refused.
constexpr size_t kQueuedBytesMax = 128 << 20;
/// A ping goes out when nothing came in, or nothing went out, for so long.
constexpr Duration kPingInterval = 1s;

}  // namespace

Result<void> ClientConfig::validate() const {
  VECTRON_CHECK_OK(need_at_least(frame_bytes_max, kHelloFrameBytesMax, "frame_bytes_max"));
  VECTRON_CHECK_OK(need_positive(calls_max, "calls_max"));
  VECTRON_CHECK_OK(need_at_least(stream_window_bytes, 2, "stream_window_bytes"));
  VECTRON_CHECK_OK(need_positive(connect_timeout, "connect_timeout"));
  VECTRON_CHECK_OK(need_positive(backoff_min, "backoff_min"));
  VECTRON_CHECK_OK(need(backoff_max >= backoff_min, "backoff_max", "must be at least backoff_min"));
  return need(silence_max >= 2 * kPingInterval, "silence_max", "must be at least 2 s");
}

Channel::Channel(Env& env, Address address, ClientConfig config)
    : env_(env),
      address_(std::move(address)),
      config_(config),
      request_bytes_max_(config.frame_bytes_max),
      random_(env.random("rpc[" + address_.text + "]")),
      writer_(env.clock(), this),
      buffer_(config_.frame_bytes_max),
      demand_(env.scheduler()),
      established_(env.scheduler()),
      connection_tasks_(env.scheduler()),
      tasks_(env.scheduler()) {
  VECTRON_ASSERT(config_.validate().has_value());
  tasks_.spawn(run());
}

Channel::~Channel() {
  VECTRON_ASSERT(exchanges_.empty(), "a call outlives its channel");
}

Task<Result<FrameBody>> Channel::ask(RequestContext context, const MethodInfo* method, Bytes body) {
  VECTRON_ASSERT(method->kind == MethodKind::unary);
  const Result<void> room = check_room(context, body.size());
  VECTRON_CO_CHECK_OK(room);
  PendingCall pending(*this, *method, context.deadline);
  push_request(pending, context, *method, std::move(body), 0);
  Result<FrameBody> answer = co_await pending;
  co_return answer;
}

Task<Result<Bytes>> Channel::call(RequestContext context, const MethodInfo* method, Bytes body) {
  auto answer = co_await ask(std::move(context), method, std::move(body));
  if (!answer.has_value()) co_return fail(std::move(answer).error());
  co_return (*std::move(answer)).to_bytes();
}

Task<Result<FrameBody>> Channel::ask_promptly(RequestContext context, Duration connect_timeout,
                                              const MethodInfo* method, Bytes body) {
  const Instant now = env_.clock().monotonic();
  const Duration patience = std::min(connect_timeout, (context.deadline - now) / 2);
  const Result<void> ready = co_await connected_by(now + patience);
  VECTRON_CO_CHECK_OK(ready);
  auto answer = co_await ask(std::move(context), method, std::move(body));
  co_return answer;
}

Task<Result<Bytes>> Channel::call_promptly(RequestContext context, Duration connect_timeout,
                                           const MethodInfo* method, Bytes body) {
  auto answer = co_await ask_promptly(std::move(context), connect_timeout, method, std::move(body));
  if (!answer.has_value()) co_return fail(std::move(answer).error());
  co_return (*std::move(answer)).to_bytes();
}

Task<Result<void>> Channel::connected_by(Instant deadline) {
  if (connected()) co_return Result<void>();
  Clock& clock = env_.clock();
  auto waiting = wait_for_connection();
  const auto waited = co_await with_deadline(&clock.scheduler(), clock.scheduler_time(deadline),
                                             std::move(waiting));
  if (!waited.has_value()) {
    // Between two attempts nothing is known but how the last one ended.
    const bool tried = !not_established_.ok();
    co_return fail(Code::unavailable,
                   fmt::format("there was no connection to {} in time{}{}", address_.text,
                               tried ? ": " : "", not_established_.message()),
                   not_established_.field());
  }
  co_return *waited;
}

// Succeeds, or fails with the next attempt that does: whoever asks may have other nodes to turn to.
Task<Result<void>> Channel::wait_for_connection() {
  // Something to send makes run() connect.
  if (writer_.empty()) push_control(FrameKind::ping, 0);
  demand_.notify_all();
  co_await established_.wait();
  if (connected()) co_return Result<void>();
  co_return fail(Code::unavailable,
                 fmt::format("no connection to {}: {}", address_.text, not_established_.message()),
                 not_established_.field());
}

Result<std::unique_ptr<ClientStream>> Channel::open_stream(const RequestContext& context,
                                                           const MethodInfo& method, Bytes body) {
  VECTRON_ASSERT(method.kind == MethodKind::server_stream);
  if (body.size() > kStreamRequestBytesMax) {
    return fail(Code::invalid_argument,
                fmt::format("the request of a stream has at most {} bytes, this one has {}",
                            kStreamRequestBytesMax, body.size()));
  }
  VECTRON_CHECK_OK(check_room(context, body.size()));
  const uint32_t window_bytes = config_.stream_window_bytes;
  auto stream = std::make_unique<ClientStream>(*this, method, context.deadline, window_bytes);
  push_request(*stream, context, method, std::move(body), window_bytes);
  return stream;
}

Result<void> Channel::check_room(const RequestContext& context, size_t body_bytes) {
  if (context.deadline <= env_.clock().monotonic()) {
    return fail(Code::deadline_exceeded, "the deadline passed before the request was sent");
  }
  if (body_bytes + kFrameHeaderBytes > request_bytes_max_) {
    return fail(Code::invalid_argument, fmt::format("a request of {} bytes is larger than {}",
                                                    body_bytes, request_bytes_max_));
  }
  if (exchanges_.size() >= config_.calls_max ||
      writer_.queued_bytes() + body_bytes > kQueuedBytesMax + config_.frame_bytes_max) {
    return fail(Code::resource_exhausted, fmt::format("{} calls to {} are waiting already",
                                                      exchanges_.size(), address_.text));
  }
  return {};
}

void Channel::push_request(const Exchange& exchange, const RequestContext& context,
                           const MethodInfo& method, Bytes body, uint32_t credit_bytes) {
  FrameHeader header;
  header.kind = FrameKind::request;
  header.priority = context.priority;
  header.method = method.id;
  header.credit_bytes = credit_bytes;
  header.call_id = exchange.call_id();
  header.trace_id = context.trace_id;
  header.idempotency_key = context.idempotency_key;
  writer_.push(header, std::move(body), context.deadline);
  demand_.notify_all();
}

void Channel::push_control(FrameKind kind, uint64_t call_id, uint32_t credit_bytes) {
  FrameHeader header;
  header.kind = kind;
  header.call_id = call_id;
  header.credit_bytes = credit_bytes;
  writer_.push(header);
}

bool Channel::send_one_way(const MethodInfo& method, Bytes body) {
  VECTRON_ASSERT(method.kind == MethodKind::one_way);
  const size_t bytes = frame_bytes(body.size());
  // One frame always has room, however large: a message above the bound must not be dropped for
  // ever.
  const size_t queued = writer_.queued_one_way_bytes();
  const bool full = queued > 0 && queued + bytes > config_.one_way_queued_bytes_max;
  if (backing_off_ || full || bytes > request_bytes_max_ || body.size() > kOneWayBytesTaken) {
    ++one_way_dropped_;
    return false;
  }
  // One-way messages promise nothing, and the simulation holds them to it.
  if (env_.buggify("rpc_one_way_lost")) return true;
  if (env_.buggify("rpc_one_way_duplicated")) queue_one_way(method, body);
  if (!held_back_.has_value() && env_.buggify("rpc_one_way_reordered")) {
    held_back_.emplace(FrameHeader{.kind = FrameKind::one_way, .method = method.id});
    held_back_body_ = std::move(body);
    return true;
  }
  queue_one_way(method, std::move(body));
  if (held_back_.has_value()) {
    writer_.push(*held_back_, std::move(held_back_body_));
    held_back_.reset();
  }
  return true;
}

void Channel::queue_one_way(const MethodInfo& method, Bytes body) {
  FrameHeader header;
  header.kind = FrameKind::one_way;
  header.method = method.id;
  writer_.push(header, std::move(body));
  demand_.notify_all();
}

bool Channel::admit(uint64_t call_id) {
  const auto found = exchanges_.find(call_id);
  if (found == exchanges_.end() || found->second->ended()) return false;
  found->second->handed_ = true;
  return true;
}

void Channel::abandon(const Exchange& exchange) {
  if (exchange.handed() && connected()) push_control(FrameKind::cancel, exchange.call_id());
}

void Channel::remove(const Exchange& exchange) {
  if (!exchange.ended()) abandon(exchange);
  exchanges_.erase(exchange.call_id());
}

Task<void> Channel::run() {
  for (;;) {
    while (writer_.empty()) co_await demand_.wait();
    const Result<void> established = co_await establish();
    if (!established.has_value()) {
      tell_other_node(established.error());
      backing_off_ = true;
      not_established_ = established.error();
      established_.notify_all();
      lose(established.error());
      co_await env_.clock().sleep_for(next_backoff());
      backing_off_ = false;
      continue;
    }
    failures_in_a_row_ = 0;
    told_other_node_ = false;
    not_established_ = Status();
    established_.notify_all();
    connection_tasks_.spawn(write_frames());
    connection_tasks_.spawn(keep_alive());
    const Status reason = co_await read_until_lost();
    lose(reason);
  }
}

// Nobody hears why one-way messages do not arrive; whoever looks after the node should.
void Channel::tell_other_node(const Status& failure) {
  if (failure.field() != kNodeField || std::exchange(told_other_node_, true)) return;
  env_.log().warning("rpc", "{}", failure.message());
}

Task<Result<void>> Channel::establish() {
  env_.metrics().add(Metric::rpc_connects);
  Clock& clock = env_.clock();
  const Instant deadline = clock.scheduler_time(clock.monotonic() + config_.connect_timeout);
  auto connecting = env_.network().connect(address_);
  auto connected = co_await with_deadline(&clock.scheduler(), deadline, std::move(connecting));
  if (!connected.has_value()) co_return fail(Code::unavailable, "connecting took too long");
  if (!connected->has_value()) co_return fail(std::move(*connected).error());
  connection_ = **std::move(connected);
  auto greeting = shake_hands();
  auto greeted = co_await with_deadline(&clock.scheduler(), deadline, std::move(greeting));
  if (!greeted.has_value()) co_return fail(Code::unavailable, "the server did not say Hello");
  co_return *std::move(greeted);
}

Task<Result<void>> Channel::shake_hands() {
  buffer_ = FrameBuffer(kHelloFrameBytesMax);
  const Hello own{.identity = config_.identity,
                  .frame_bytes_max = static_cast<uint32_t>(config_.frame_bytes_max)};
  Bytes frame;
  append_frame(frame, FrameHeader{.kind = FrameKind::hello}, encode_hello(own));
  const Result<void> sent = co_await write_all(connection_.get(), frame);
  VECTRON_CO_CHECK_OK(sent);
  const Result<Hello> peer = co_await receive_hello();
  VECTRON_CO_CHECK_OK(peer);
  const Result<void> fits = check_hello(own, *peer);
  VECTRON_CO_CHECK_OK(fits);
  const NodeId node = peer->identity.node;
  if (config_.expected_node && node != config_.expected_node) {
    co_return fail(Code::failed_precondition,
                   fmt::format("node {} answers at {}, where node {} should: check the addresses "
                               "and the numbers of the nodes",
                               node, address_.text, config_.expected_node),
                   std::string(kNodeField));
  }
  request_bytes_max_ = frame_bytes_for(*peer, config_.frame_bytes_max);
  buffer_.set_frame_bytes_max(config_.frame_bytes_max);
  welcomed_ = true;
  co_return Result<void>();
}

Task<Result<Hello>> Channel::receive_hello() {
  for (;;) {
    const Result<std::optional<Frame>> next = buffer_.next();
    VECTRON_CO_CHECK_OK(next);
    const std::optional<Frame>& frame = *next;
    if (frame.has_value()) {
      const FrameKind kind = frame->header.kind;
      if (kind == FrameKind::error) co_return fail(decode_error(frame->body));
      if (kind == FrameKind::hello) co_return decode_hello(frame->body);
      co_return fail(Code::invalid_argument, "the server did not begin with a Hello");
    }
    const Result<size_t> count = co_await connection_->read_some(buffer_.writable());
    VECTRON_CO_CHECK_OK(count);
    if (*count == 0) co_return fail(Code::unavailable, "the server ended the connection");
    buffer_.filled(*count);
  }
}

Task<void> Channel::write_frames() {
  const Result<void> result = co_await writer_.run(connection_.get());
  if (lost_because_.ok()) lost_because_ = status_of(result);
  connection_->close();
}

Task<void> Channel::keep_alive() {
  // Silence is counted in ticks that this process lived through, so a process that was paused does
  // not blame its peer.
  const auto ticks_max = static_cast<uint64_t>(config_.silence_max / kPingInterval);
  for (uint64_t silent_ticks = 0; silent_ticks < ticks_max;) {
    const uint64_t reads = reads_;
    const uint64_t taken = writer_.bytes_taken();
    const bool was_sending = writer_.queued_bytes() > 0;
    co_await env_.clock().sleep_for(kPingInterval);
    const bool heard = reads_ != reads;
    const bool sent = writer_.bytes_taken() != taken;
    const bool idle = writer_.queued_bytes() == 0;
    // While a long request leaves, the server has not been asked yet whether it lives.
    const bool says_nothing = was_sending && sent && !idle;
    silent_ticks = heard || says_nothing ? 0 : silent_ticks + 1;
    // Who only receives is heard of as well: the server, too, waits for a sign of life.
    if (idle && !(heard && sent)) push_control(FrameKind::ping, 0);
  }
  lost_because_ = Status(Code::unavailable, "the server fell silent");
  connection_->close();
}

Task<Status> Channel::read_until_lost() {
  for (;;) {
    const Result<std::optional<Frame>> next = buffer_.next();
    if (!next.has_value()) {
      env_.metrics().add(Metric::rpc_bad_frames);
      co_return next.error();
    }
    const std::optional<Frame>& frame = *next;
    if (frame.has_value()) {
      const Result<void> taken = on_frame(*frame);
      if (!taken.has_value()) co_return taken.error();
      continue;
    }
    const Result<size_t> count = co_await connection_->read_some(buffer_.writable());
    if (!count.has_value()) co_return lost_because_.ok() ? count.error() : lost_because_;
    if (*count == 0) co_return Status(Code::unavailable, "the server ended the connection");
    buffer_.filled(*count);
    ++reads_;
  }
}

Result<void> Channel::on_frame(const Frame& frame) {
  const FrameHeader& header = frame.header;
  if (header.kind == FrameKind::pong) return {};
  if (header.kind == FrameKind::ping) {
    writer_.push_pong();
    return {};
  }
  if (header.kind == FrameKind::error && header.call_id == 0) {
    return fail(decode_error(frame.body).with_context("the server gave the connection up"));
  }
  const auto found = exchanges_.find(header.call_id);
  const bool wanted = found != exchanges_.end() && !found->second->ended();
  switch (header.kind) {
    case FrameKind::response:
      if (wanted) found->second->on_response(buffer_.take(frame));
      return {};
    case FrameKind::stream_item:
      if (wanted) found->second->on_item(frame.body);
      return {};
    case FrameKind::stream_end:
      if (wanted) found->second->on_stream_end();
      return {};
    case FrameKind::error:
      if (wanted) found->second->on_error(decode_error(frame.body));
      return {};
    default:
      return fail(Code::invalid_argument,
                  fmt::format("a server sent a frame of kind {}", static_cast<int>(header.kind)));
  }
}

void Channel::lose(const Status& reason) {
  connection_tasks_.cancel_all();
  connection_.reset();
  welcomed_ = false;
  lost_because_ = Status();
  held_back_.reset();
  held_back_body_.clear();
  writer_.clear();
  for (const auto& [call_id, exchange] : exchanges_) {
    if (!exchange->ended()) exchange->on_error(exchange->lost(reason));
  }
}

Duration Channel::next_backoff() {
  constexpr uint64_t kDoublingsMax = 20;
  const uint64_t doublings = std::min(failures_in_a_row_++, kDoublingsMax);
  const Duration whole = std::min(config_.backoff_max, config_.backoff_min * (1 << doublings));
  return Duration(static_cast<int64_t>(random_.between(static_cast<uint64_t>(whole.count()) / 2,
                                                       static_cast<uint64_t>(whole.count()))));
}

}  // namespace vectron::rpc
