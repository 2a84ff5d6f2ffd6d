#include "core/rpc/server_connection.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/async/combine.h"
#include "core/base/memory_refusal.h"
#include "core/env/goodbye.h"
#include "core/rpc/error_body.h"
#include "core/rpc/frame_cost.h"
#include "core/rpc/http_hint.h"
#include "core/rpc/message_bounds.h"

namespace vectron::rpc {
namespace {

constexpr size_t kHelloFrameBytesMax = 4'096;
/// For the first frame to come.
constexpr Duration kHelloTimeout = 5s;
constexpr Duration kGoodbyeTime = 1s;
constexpr uint64_t kSilentTicksMax = 3;
/// A connection is closed whose frame comes, or whose answers are taken, at less than this in
/// silence_max.
constexpr size_t kProgressBytesMin = 64 << 10;
constexpr uint64_t kRemainingMaxUs = 366ULL * 24 * 3600 * 1'000'000;  // More is no limit.

}  // namespace

ServerConnection::ServerConnection(Server& server, std::unique_ptr<Connection> connection)
    : server_(server),
      clock_(server.env_.clock()),
      place_(server.connections_.insert(server.connections_.end(), this)),
      connection_(std::move(connection)),
      share_(&server.bodies(), connection_->peer().text),
      buffer_(kHelloFrameBytesMax),
      buffer_held_(&share_),
      writer_(clock_, nullptr, server.env_.planted("unread_answers_are_free") ? nullptr : &share_),
      writer_ended_(clock_.scheduler()),
      tasks_(clock_.scheduler()),
      handlers_(clock_.scheduler()) {
  connection_->ask_before_closing([this] { return !calls_.empty() || writer_.queued_bytes() > 0; });
}

ServerConnection::~ServerConnection() {
  handlers_.cancel_all();
  for (auto& [call_id, call] : calls_) {
    call.cancellation.cancel();
    ended(call, Code::cancelled);
  }
  server_.requests_in_flight_ -= calls_.size();
  share_.requests_ended(calls_.size());
  server_.connections_.erase(place_);
}

HeldForPeer ServerConnection::held() const {
  HeldForPeer held{.peer = connection_->peer().text,
                   .arrived = buffer_.buffered().size(),
                   .waiting = writer_.memory_bytes(),
                   .buffers = buffer_.memory_bytes()};
  for (const auto& [id, call] : calls_) {
    // A stream may wait for the peer to take what it sends.
    if (call.stream == nullptr) ++held.running;
    const size_t making = call.answer.granted_bytes();
    held.making += making;
    if (making > BodyMemory::kSmallBytesMax) held.making_large += making;
  }
  return held;
}

Task<void> ServerConnection::run() {
  const Status reason = co_await serve();
  handlers_.cancel_all();
  // What the network did needs no answer; what the client did wrong is told to it.
  if (reason.code() == Code::unavailable) co_return;
  if (speaks_http_) {
    const Instant deadline = clock_.scheduler_time(clock_.monotonic() + kGoodbyeTime);
    auto answering = answer_http();
    co_await with_deadline(&clock_.scheduler(), deadline, std::move(answering));
    co_return;
  }
  server_.env_.log().warning("rpc", "closing the connection of {}: {}", connection_->peer().text,
                             reason.to_string());
  co_await say_goodbye(reason);
}

Task<Status> ServerConnection::serve() {
  tasks_.spawn(write_frames());
  const Instant deadline = clock_.scheduler_time(clock_.monotonic() + kHelloTimeout);
  auto welcoming = welcome();
  const auto welcomed = co_await with_deadline(&clock_.scheduler(), deadline, std::move(welcoming));
  if (!welcomed.has_value()) co_return Status(Code::deadline_exceeded, "no Hello came");
  if (!welcomed->has_value()) co_return welcomed->error();
  tasks_.spawn(watch());
  const Status reason = co_await read_until_lost();
  co_return reason;
}

Task<Result<void>> ServerConnection::welcome() {
  const Result<Hello> hello = co_await receive_hello();
  VECTRON_CO_CHECK_OK(hello);
  const size_t bytes_max = server_.config_.frame_bytes_max;
  const Hello own{.identity = server_.config_.identity,
                  .frame_bytes_max = static_cast<uint32_t>(bytes_max)};
  const Result<void> fits = check_hello(own, *hello);
  VECTRON_CO_CHECK_OK(fits);
  const Result<void> known = server_.check_incarnation(hello->identity);
  VECTRON_CO_CHECK_OK(known);
  peer_ = hello->identity;
  if (server_.env_.planted("hello_is_remembered")) server_.starts_[peer_.node] = peer_.incarnation;
  answer_bytes_max_ = frame_bytes_for(*hello, bytes_max);
  buffer_.set_frame_bytes_max(bytes_max);
  send(FrameKind::hello, 0, encode_hello(own));
  co_return Result<void>();
}

Task<Result<Hello>> ServerConnection::receive_hello() {
  for (;;) {
    const Result<std::optional<Frame>> next = buffer_.next();
    if (!next.has_value()) server_.env_.metrics().add(Metric::rpc_bad_frames);
    VECTRON_CO_CHECK_OK(next);
    const std::optional<Frame>& frame = *next;
    if (frame.has_value()) {
      if (frame->header.kind == FrameKind::hello) co_return decode_hello(frame->body);
      co_return fail(Code::invalid_argument, "the first frame must be a Hello");
    }
    const Result<void> more = co_await read_more();
    VECTRON_CO_CHECK_OK(more);
    speaks_http_ = speaks_http(buffer_.buffered());
    if (speaks_http_) co_return fail(Code::invalid_argument, "an HTTP request came");
  }
}

Task<Result<void>> ServerConnection::read_more() {
  const Result<size_t> count = co_await connection_->read_some(buffer_.writable());
  VECTRON_CO_CHECK_OK(count);
  if (*count == 0) co_return fail(Code::unavailable, "the client ended the connection");
  buffer_.filled(*count);
  ++reads_;
  co_return Result<void>();
}

// A frame for which there is no memory goes by; who sent it is told when it is through.
std::span<uint8_t> ServerConnection::make_room() {
  const size_t growth = buffer_.growth_bytes();
  const bool drops = is_too_long_one_way() || !share_.fits(growth, buffer_.frame_length());
  if (growth > 0 && drops) buffer_.drop_body();
  const std::span<uint8_t> room = buffer_.writable();
  buffer_held_.set(buffer_.held_bytes());
  return room;
}

// Whether the frame whose beginning is here is a one-way message of more bytes than are taken.
bool ServerConnection::is_too_long_one_way() const {
  return buffer_.frame_length() > kFrameHeaderBytes + kOneWayBytesTaken &&
         buffer_.frame_kind() == FrameKind::one_way;
}

Task<Status> ServerConnection::read_until_lost() {
  size_t turn_bytes = 0;  // Of frames that were taken in this event of the loop.
  uint64_t event = 0;
  for (;;) {
    // A client that does not take its answers is not asked for more questions.
    // Half of what waits is enough for it to be heard again, for its pings lie among the questions;
    // where memory is short, most of it.
    while (takes_answers_slowly()) {
      const size_t waiting = writer_.queued_bytes();
      const size_t half = share_.must_read_first(waiting) ? 0 : waiting / 2;
      const size_t bytes = std::max(share_.unread_bytes_max(), half);
      co_await writer_.wait_below(bytes);
    }
    const Result<std::optional<Frame>> next = buffer_.next();
    if (!next.has_value()) {
      server_.env_.metrics().add(Metric::rpc_bad_frames);
      co_return next.error();
    }
    const std::optional<Frame>& frame = *next;
    if (frame.has_value()) {
      ++frames_read_;
      buffer_held_.set(buffer_.held_bytes());  // Who takes the frame counts it.
      const size_t work_bytes = std::max(frame->body.size(), kFrameWorkBytesMin);
      if (turn_bytes > 0 && turn_bytes + work_bytes > kFrameBytesPerTurn) {
        co_await clock_.sleep_for(Duration::zero());
        turn_bytes = 0;
        event = clock_.scheduler().queue().events_run();
      }
      turn_bytes += work_bytes;
      server_.env_.cpu().worked_on_loop(frame_cost(frame->header.kind, frame->body.size()));
      if (frame->header.kind == FrameKind::one_way && frame->body.size() > kOneWayBytesMax) {
        co_await run_large_one_way(*frame);
        continue;
      }
      const Result<void> taken = on_frame(*frame);
      if (!taken.has_value()) co_return taken.error();
      continue;
    }
    const std::span<uint8_t> room = make_room();
    const Result<size_t> count = co_await connection_->read_some(room);
    if (!count.has_value()) co_return count.error();
    if (*count == 0) co_return Status(Code::unavailable, "the client ended the connection");
    // A read of what is there already is done in the same event.
    const uint64_t now = clock_.scheduler().queue().events_run();
    if (now != std::exchange(event, now)) turn_bytes = 0;
    buffer_.filled(*count);
    buffer_held_.set(buffer_.held_bytes());
    bytes_read_ += *count;
    ++reads_;
  }
}

// Whether it has answers waiting beyond its own bound, or any while all memory is used.
bool ServerConnection::takes_answers_slowly() const {
  const size_t waiting = writer_.queued_bytes();
  if (writer_.given_up()) return false;
  return waiting > std::max(server_.config_.queued_bytes_max, BodyShare::kUnreadBytesMax) ||
         share_.must_read_first(waiting);
}

Task<void> ServerConnection::write_frames() {
  const Result<void> result = co_await writer_.run(connection_.get());
  if (result.has_value()) {
    connection_->shutdown_write();
  } else {
    connection_->close();
  }
  writer_.give_up();
  writer_ended_.set();
}

// Ends a connection on which nothing moves, whose frame comes too slowly, or whose answers are
// taken too slowly. Counted in ticks that this process lived through: a paused process does not
// blame its clients.
Task<void> ServerConnection::watch() {
  const size_t tick_bytes_min = kProgressBytesMin / kSilentTicksMax;
  uint64_t silent_ticks = 0;
  uint64_t slow_ticks = 0;
  while (silent_ticks < kSilentTicksMax && slow_ticks < kSilentTicksMax) {
    const uint64_t reads = reads_;
    const uint64_t arrived = bytes_read_;
    const uint64_t taken = writer_.bytes_taken();
    const std::optional<uint64_t> frame =
        buffer_.mid_frame() ? std::optional(frames_read_) : std::nullopt;
    const std::optional<uint64_t> batch =
        writer_.queued_bytes() > 0 ? std::optional(writer_.batches_taken()) : std::nullopt;
    co_await clock_.sleep_for(server_.config_.silence_max / kSilentTicksMax);
    // Who does not take its answers is not read, so that its silence says nothing.
    const bool unread = takes_answers_slowly();
    const bool slow_frame = frame == frames_read_ && !unread &&
                            bytes_read_ - arrived < tick_bytes_min &&
                            !server_.env_.planted("slow_frames_stay");
    const bool slow_answers =
        batch == writer_.batches_taken() && writer_.bytes_taken() - taken < tick_bytes_min;
    slow_ticks = slow_frame || slow_answers ? slow_ticks + 1 : 0;
    // Who takes an answer lives, though it may have nothing to say.
    const bool moved = reads_ != reads || writer_.bytes_taken() != taken;
    silent_ticks = moved || unread ? 0 : silent_ticks + 1;
  }
  if (slow_ticks == kSilentTicksMax) server_.env_.metrics().add(Metric::rpc_slow_peers);
  connection_->close();
}

Task<void> ServerConnection::say_goodbye(Status reason) {
  send_error(0, reason);
  writer_.finish();
  // Closing with unread input would be a reset, and could overtake the error frame.
  const Instant deadline = clock_.scheduler_time(clock_.monotonic() + kGoodbyeTime);
  auto discarding = discard_input();
  co_await with_deadline(&clock_.scheduler(), deadline, std::move(discarding));
}

Task<bool> ServerConnection::discard_input() {
  co_await writer_ended_.wait();
  const bool ended = co_await vectron::discard_input(connection_.get());
  co_return ended;
}

// Nothing was framed on this connection, so nothing else writes to it.
Task<bool> ServerConnection::answer_http() {
  const std::string answer = http_hint(server_.http_place_);
  const ByteView bytes = as_bytes(answer);
  const Result<void> written = co_await write_all(connection_.get(), bytes);
  if (!written.has_value()) co_return false;
  writer_.finish();
  const bool ended = co_await discard_input();
  co_return ended;
}

Result<void> ServerConnection::on_frame(const Frame& frame) {
  switch (frame.header.kind) {
    case FrameKind::request:
      return on_request(frame);
    case FrameKind::one_way:
      on_one_way(frame);
      return {};
    case FrameKind::cancel:
      on_cancel(frame.header.call_id);
      return {};
    case FrameKind::credit:
      on_credit(frame.header);
      return {};
    case FrameKind::ping:
      writer_.push_pong();
      return {};
    case FrameKind::pong:
      return {};
    default:
      return fail(Code::invalid_argument, fmt::format("a client sent a frame of kind {}",
                                                      static_cast<int>(frame.header.kind)));
  }
}

Result<void> ServerConnection::on_request(const Frame& frame) {
  const uint64_t call_id = frame.header.call_id;
  if (call_id == 0 || calls_.contains(call_id)) {
    return fail(Code::invalid_argument, fmt::format("call id {} cannot be used", call_id));
  }
  server_.env_.metrics().add(Metric::rpc_requests);
  const Result<void> started = start_request(frame);
  if (started.has_value()) return {};
  server_.env_.metrics().add(Metric::rpc_refused);
  send_error(call_id, started.error());
  return {};
}

Result<void> ServerConnection::start_request(const Frame& frame) {
  const FrameHeader& header = frame.header;
  const bool streams = header.credit_bytes != 0;
  VECTRON_TRY(const Server::Method* method,
              find_method(header, streams ? MethodKind::server_stream : MethodKind::unary));
  Call call{.method = method,
            .task = 0,
            .cancellation = CancellationToken::create(),
            .body = HeldBytes(&share_),
            .answer = AnswerOfRequest(&share_, &server_.env_.metrics()),
            .subject = server_.observer_ == nullptr ? nullptr : std::make_shared<RequestSubject>(),
            .started = clock_.monotonic(),
            .request_bytes = frame.body.size(),
            .trace_id = header.trace_id,
            .stream = nullptr};
  const Result<void> begun = begin(method, frame, &call);
  if (!begun.has_value()) {
    ended(call, begun.error().code());
    return begun;
  }
  calls_.emplace(header.call_id, std::move(call));
  ++server_.requests_in_flight_;
  share_.request_began();
  return {};
}

Result<void> ServerConnection::begin(const Server::Method* method, const Frame& frame, Call* call) {
  const FrameHeader& header = frame.header;
  if (server_.requests_in_flight_ >= server_.config_.requests_in_flight_max ||
      share_.host_requests() >= server_.config_.host_requests_in_flight_max ||
      calls_.size() >= server_.config_.connection_requests_in_flight_max) {
    return fail(Code::resource_exhausted, "too many requests are running: retry later");
  }
  if (frame.dropped || !share_.fits(frame.body.size())) {
    return fail(memory_refusal("requests and answers"));
  }
  VECTRON_TRY(RequestContext context, make_context(header, *method->info));
  context.cancellation = call->cancellation;
  context.subject = call->subject;
  context.answer_room = call->answer.room();
  call->body.set(frame.body.size());
  const Instant deadline = context.deadline;
  if (method->info->kind == MethodKind::server_stream) {
    if (frame.body.size() > kStreamRequestBytesMax) {
      return fail(Code::invalid_argument,
                  fmt::format("the request of a stream has at most {} bytes, this one has {}",
                              kStreamRequestBytesMax, frame.body.size()));
    }
    call->stream = std::make_unique<ServerStream>(*this, clock_.scheduler(), header.call_id,
                                                  header.credit_bytes);
    VECTRON_TRY(auto handler, method->stream(std::move(context), frame.body, call->stream.get()));
    call->task = handlers_.spawn(run_stream(header.call_id, deadline, std::move(handler)));
  } else if (frame.body.size() >= FrameBuffer::kLargeBytesMin && method->large_unary) {
    auto handler = method->large_unary(std::move(context), buffer_.take(frame));
    call->task = handlers_.spawn(run_unary(header.call_id, deadline, std::move(handler)));
  } else {
    VECTRON_TRY(auto handler, method->unary(std::move(context), frame.body));
    call->task = handlers_.spawn(run_unary(header.call_id, deadline, std::move(handler)));
  }
  return {};
}

Result<const Server::Method*> ServerConnection::find_method(const FrameHeader& header,
                                                            MethodKind kind) const {
  const auto found = server_.methods_.find(header.method);
  if (found == server_.methods_.end() && server_.config_.starting) {
    return fail(Code::unavailable, "this node is starting: ask another one");
  }
  if (found == server_.methods_.end() || found->second.info->kind != kind) {
    return fail(
        Code::unimplemented,
        fmt::format("method {:08x} is not known here: is the server older?", header.method));
  }
  return &found->second;
}

Result<RequestContext> ServerConnection::make_context(const FrameHeader& header,
                                                      const MethodInfo& method) {
  RequestContext context;
  if (header.remaining_us == 0) {
    return fail(Code::deadline_exceeded, "the deadline passed before the request was begun");
  }
  if (header.remaining_us < kRemainingMaxUs) {
    context.deadline = clock_.monotonic() + std::chrono::microseconds(header.remaining_us);
  }
  context.trace_id = header.trace_id;
  context.priority = header.priority;
  context.idempotency_key = header.idempotency_key;
  context.peer = peer_.node;
  if (server_.interceptor_ != nullptr) {
    VECTRON_CHECK_OK(server_.interceptor_->admit(method, header.credential_slot, context));
  }
  return context;
}

void ServerConnection::on_one_way(const Frame& frame) {
  const auto run = [&]() -> Result<void> {
    VECTRON_TRY(const Server::Method* method, find_method(frame.header, MethodKind::one_way));
    if (frame.dropped) {
      return fail(Code::resource_exhausted, "it is too long, or there was no memory for it");
    }
    VECTRON_TRY(RequestContext context, make_context(frame.header, *method->info));
    return method->one_way(std::move(context), frame.body);
  };
  const Result<void> taken = run();
  if (!taken.has_value()) server_.env_.metrics().add(Metric::rpc_refused);
}

// Nodes of before that bound send such. What comes behind it on the connection waits for it.
Task<void> ServerConnection::run_large_one_way(Frame frame) {
  const HeldBytes held(&share_, frame.body.size());
  auto begun = begin_large_one_way(frame);
  Result<void> taken = fail(status_of(begun));
  if (begun.has_value()) {
    Task<Result<void>> running = *std::move(begun);
    taken = co_await running;
  }
  if (!taken.has_value()) server_.env_.metrics().add(Metric::rpc_refused);
}

Result<Task<Result<void>>> ServerConnection::begin_large_one_way(const Frame& frame) {
  VECTRON_TRY(const Server::Method* method, find_method(frame.header, MethodKind::one_way));
  if (frame.body.size() > kOneWayBytesTaken || method->large_one_way == nullptr) {
    return fail(Code::resource_exhausted, "it is too long");
  }
  VECTRON_TRY(RequestContext context, make_context(frame.header, *method->info));
  return method->large_one_way(std::move(context), buffer_.take(frame));
}

void ServerConnection::on_cancel(uint64_t call_id) {
  const auto found = calls_.find(call_id);
  if (found == calls_.end()) return;
  found->second.cancellation.cancel();
  handlers_.cancel(found->second.task);
  ended(found->second, Code::cancelled);
  forget(call_id);
}

void ServerConnection::on_credit(const FrameHeader& header) {
  const auto found = calls_.find(header.call_id);
  if (found == calls_.end() || found->second.stream == nullptr) return;
  found->second.stream->add_credit(header.credit_bytes);
}

Task<void> ServerConnection::run_unary(uint64_t call_id, Instant deadline,
                                       Task<Result<Bytes>> handler) {
  if (deadline == kNever) {
    Result<Bytes> answer = co_await handler;
    finish_unary(call_id, std::move(answer));
    co_return;
  }
  auto answer = co_await with_deadline(&clock_.scheduler(), clock_.scheduler_time(deadline),
                                       std::move(handler));
  if (answer.has_value()) {
    finish_unary(call_id, *std::move(answer));
  } else {
    finish_unary(call_id, fail(overdue(call_id)));
  }
}

Task<void> ServerConnection::run_stream(uint64_t call_id, Instant deadline,
                                        Task<Result<void>> handler) {
  const auto result = co_await with_deadline(&clock_.scheduler(), clock_.scheduler_time(deadline),
                                             std::move(handler));
  const Status status = result.has_value() ? status_of(*result) : overdue(call_id);
  ended(calls_.at(call_id), status.code());
  forget(call_id);
  if (status.ok()) {
    send(FrameKind::stream_end, call_id);
  } else {
    send_error(call_id, status);
  }
}

void ServerConnection::finish_unary(uint64_t call_id, Result<Bytes> answer) {
  Call& call = calls_.at(call_id);
  const MethodInfo& method = *call.method->info;
  const Code too_large = method.read_only ? Code::out_of_range : Code::unknown_outcome;
  if (server_.config_.watcher != nullptr &&
      call.answer.granted_bytes() > BodyMemory::kSmallBytesMax) {
    server_.config_.watcher->answer_made(&server_);
  }
  call.body.set(0);  // It makes room for the answer, which is counted where it waits.
  call.answer.end();
  const bool no_room = method.read_only && answer.has_value() &&
                       !share_.takes_answer(answer->size(), writer_.queued_bytes());
  const bool sent = answer.has_value() && !no_room && fits(answer->size());
  Code code = sent ? Code::ok : (no_room ? Code::resource_exhausted : too_large);
  if (!answer.has_value()) code = answer.error().code();
  ended(call, code, sent ? answer->size() : 0);
  forget(call_id);
  if (!answer.has_value()) return send_error(call_id, answer.error());
  // What a write did is told whatever there is room for; what was read can be read again.
  if (no_room) {
    server_.env_.metrics().add(Metric::rpc_answers_dropped);
    return send_error(call_id, no_room_for_answer());
  }
  if (sent) return send(FrameKind::response, call_id, *std::move(answer));
  send_error(call_id,
             Status(too_large, fmt::format("the answer of {} bytes is larger than {}: ask for less",
                                           answer->size(), answer_bytes_max_)));
}

bool ServerConnection::fits(size_t body_bytes) const {
  return body_bytes + kFrameHeaderBytes <= answer_bytes_max_;
}

Status ServerConnection::overdue(uint64_t call_id) {
  Call& call = calls_.at(call_id);
  call.cancellation.cancel();
  const bool read_only = call.method->info->read_only;
  return Status(read_only ? Code::deadline_exceeded : Code::unknown_outcome,
                "the deadline passed while the request ran");
}

void ServerConnection::ended(const Call& call, Code code, size_t reply_bytes) {
  if (server_.observer_ == nullptr) return;
  rpc::RequestEnd end;
  end.method = call.method->info;
  end.code = code;
  end.took = clock_.monotonic() - call.started;
  end.request_bytes = call.request_bytes;
  end.reply_bytes = reply_bytes;
  end.trace_id = call.trace_id;
  if (call.subject != nullptr) end.collection = call.subject->collection;
  server_.observer_->ended(end);
}

void ServerConnection::forget(uint64_t call_id) {
  const size_t erased = calls_.erase(call_id);
  VECTRON_ASSERT(erased == 1 && server_.requests_in_flight_ > 0);
  --server_.requests_in_flight_;
  share_.requests_ended();
}

void ServerConnection::send(FrameKind kind, uint64_t call_id, Bytes body) {
  FrameHeader header;
  header.kind = kind;
  header.call_id = call_id;
  writer_.push(header, std::move(body));
}

void ServerConnection::send_error(uint64_t call_id, const Status& status) {
  send(FrameKind::error, call_id, encode_error(status));
}

Task<Result<void>> ServerStream::send(Bytes item) {
  if (!connection_.fits(item.size())) {
    co_return fail(Code::invalid_argument, "an item is larger than a frame may be");
  }
  while (credit_bytes_ <= 0) co_await credited_.wait();
  credit_bytes_ -= static_cast<int64_t>(stream_item_cost(item.size()));
  connection_.send(FrameKind::stream_item, call_id_, std::move(item));
  co_return Result<void>();
}

void ServerStream::add_credit(uint32_t bytes) {
  credit_bytes_ += bytes;
  credited_.notify_all();
}

}  // namespace vectron::rpc
