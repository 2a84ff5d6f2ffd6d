#include "core/http/server_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/async/combine.h"
#include "core/base/memory_refusal.h"
#include "core/env/goodbye.h"
#include "core/http/response_writer.h"

namespace vectron::http {
namespace {

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kBodyReadBytes = 256 << 10;
constexpr Duration kLingerTime = 1s;
/// Probes at a time, over all connections, while their handlers run.
constexpr size_t kProbesInFlightMax = 256;
/// Answers of one connection that wait; above it, it is not read and nothing more is begun.
constexpr size_t kWaitingAnswerBytesMax = 1 << 20;
/// Taken of an answer within write_timeout, and come of a body in each quarter of body_timeout,
/// where they do not end before.
constexpr size_t kProgressBytesMin = 64 << 10;

Refusal too_busy() {
  return {503, Status(Code::unavailable, "too many requests are running: retry later")};
}

Refusal stopping() {
  return {503, Status(Code::unavailable, "this server is stopping: ask another one")};
}

Response given_up(bool only_reads) {
  if (only_reads) return error_response(stopping().http_status, stopping().reason);
  return error_response(Status(Code::unknown_outcome, "this server stopped while the request ran"));
}

}  // namespace

ServerConnection::ServerConnection(Server& server, std::unique_ptr<Connection> connection)
    : server_(server),
      clock_(server.env_.clock()),
      place_(server.connections_.insert(server.connections_.end(), this)),
      connection_(std::move(connection)),
      share_(&server.bodies(), connection_->peer().text),
      parser_(server.config_.limits),
      parser_body_(&share_),
      body_window_({}, {}),
      last_activity_(clock_.monotonic()),
      changed_(clock_.scheduler()),
      ended_(clock_.scheduler()),
      handlers_(clock_.scheduler()),
      tasks_(clock_.scheduler()) {
  connection_->ask_before_closing([this] { return !slots_.empty(); });
}

ServerConnection::~ServerConnection() {
  tasks_.cancel_all();
  handlers_.cancel_all();
  for (const auto& slot : slots_) {
    slot->cancellation.cancel();
    uncount(*slot);
    uncount_probe(slot.get());
  }
  server_.connections_.erase(place_);
}

Task<void> ServerConnection::run() {
  reader_ = tasks_.spawn(read_requests());
  tasks_.spawn(write_answers());
  co_await ended_.wait();
  tasks_.cancel(reader_);
  if (lost_) co_return;
  co_await linger();
}

void ServerConnection::drain() {
  ends_when_idle_ = true;
  if (arriving()) {
    tasks_.cancel(reader_);
    refuse(stopping());
    reading_ended_ = true;
  }
  changed_.notify_all();
}

void ServerConnection::give_up() {
  drain();
  for (const auto& slot : slots_) {
    if (slot->ready) continue;
    handlers_.cancel(slot->handler);
    slot->cancellation.cancel();
    finish(slot.get(), given_up(slot->only_reads));
  }
}

HeldForPeer ServerConnection::held() const {
  HeldForPeer out{.peer = connection_->peer().text,
                  .arrived = parser_.body_bytes(),
                  .waiting = 0,
                  .buffers = input_.capacity()};
  for (const auto& slot : slots_) {
    out.waiting += slot->bytes.size() + slot->large_body.size();
    if (!slot->ready) ++out.running;
  }
  return out;
}

bool ServerConnection::owes() const {
  return !slots_.empty() || arriving() || cut_;
}

// Whether a request was begun and has no slot yet.
bool ServerConnection::arriving() const {
  return !reading_ended_ && phase_deadline_ != kNever;
}

// Closing with unread input would be a reset, and could overtake the last answer.
Task<void> ServerConnection::linger() {
  connection_->shutdown_write();
  const Instant deadline = clock_.scheduler_time(clock_.monotonic() + kLingerTime);
  auto discarding = discard_input(connection_.get());
  co_await with_deadline(&clock_.scheduler(), deadline, std::move(discarding));
}

Task<void> ServerConnection::read_requests() {
  for (;;) {
    const Read read = co_await read_request();
    if (read == Read::lost) {
      lost_ = true;
      ended_.set();
      co_return;
    }
    if (read != Read::request) break;
    co_await start_request();
    if (!slots_.empty() && slots_.back()->last) break;
  }
  reading_ended_ = true;
  changed_.notify_all();
}

Task<ServerConnection::Read> ServerConnection::read_request() {
  parser_ = RequestParser(server_.config_.limits);
  phase_deadline_ = kNever;
  for (;;) {
    if (input_begin_ < input_end_) {
      const Read taken = take_input();
      if (taken != Read::ended) co_return taken;
    }
    const Read more = co_await read_more();
    if (more != Read::request) co_return more;
  }
}

// Feeds the parser with what is there. `ended` here means that it wants more.
ServerConnection::Read ServerConnection::take_input() {
  const Instant now = clock_.monotonic();
  if (phase_deadline_ == kNever) phase_deadline_ = now + server_.config_.head_timeout;
  const RequestParser::Stage before = parser_.stage();
  const auto taken =
      parser_.feed(ByteView(input_).subspan(input_begin_, input_end_ - input_begin_));
  if (!taken.has_value()) return refuse(taken.error());
  input_begin_ += *taken;
  const size_t grown = parser_.body_bytes() - parser_body_.bytes();
  const bool fits = share_.fits(grown, parser_.body_bytes());
  parser_body_.set(parser_.body_bytes());
  body_window_.moved(grown);
  if (!fits) return refuse(too_busy());
  if (before == RequestParser::Stage::body && parser_.stage() == before &&
      !body_window_.goes_on(now)) {
    return refuse(too_slow());
  }
  if (parser_.stage() == RequestParser::Stage::done) return Read::request;
  if (parser_.stage() == before) return Read::ended;
  phase_deadline_ = now + server_.config_.body_timeout;
  body_window_ = ProgressWindow({server_.config_.body_timeout / 4, kProgressBytesMin}, now);
  if (parser_.expects_continue() && input_begin_ == input_end_) return expect_body();
  return Read::ended;
}

// The client waits before it sends a body: it need not when nobody would take it.
ServerConnection::Read ServerConnection::expect_body() {
  Slot* slot = add_slot();
  std::optional<Response> refusal = judge_head(slot, true);
  if (refusal.has_value()) {
    slot->last = true;
    cut_ = true;
    finish(slot, *std::move(refusal));
    return Read::refused;
  }
  slot->bytes = kContinue;
  slot->ready = true;
  changed_.notify_all();
  return Read::ended;
}

// `request` here means that bytes came.
Task<ServerConnection::Read> ServerConnection::read_more() {
  if (input_begin_ == input_end_) {
    input_begin_ = input_end_ = 0;
    const bool in_body = parser_.stage() == RequestParser::Stage::body;
    // Never more than has come and counts: a beginning alone takes no memory.
    const size_t wanted =
        in_body && parser_body_.bytes() > kBodyReadBytes ? kBodyReadBytes : kReadBytes;
    if (input_.size() != wanted) input_ = Bytes(wanted);
  } else if (input_end_ == input_.size()) {
    std::copy(input_.begin() + static_cast<ptrdiff_t>(input_begin_), input_.end(), input_.begin());
    input_end_ -= input_begin_;
    input_begin_ = 0;
    // The parser refuses before what it leaves behind passes its limits, so this ends.
    if (input_end_ * 2 > input_.size()) input_.resize(input_.size() * 2);
  }
  const bool waiting = phase_deadline_ == kNever;
  const Duration idle_timeout = server_.config_.idle_timeout;
  const Instant idle_since = slots_.empty() ? last_activity_ : clock_.monotonic();
  const bool in_body = !waiting && parser_.stage() == RequestParser::Stage::body;
  const Instant deadline = waiting   ? idle_since + idle_timeout
                           : in_body ? std::min(phase_deadline_, body_window_.end())
                                     : phase_deadline_;
  Task<Result<size_t>> reading = connection_->read_some(std::span(input_).subspan(input_end_));
  const auto count = co_await with_deadline(&clock_.scheduler(), clock_.scheduler_time(deadline),
                                            std::move(reading));
  if (!count.has_value()) {
    const Instant now = clock_.monotonic();
    if (in_body && now < phase_deadline_ && body_window_.goes_on(now)) co_return Read::request;
    if (!waiting) co_return refuse(too_slow());
    const bool idle = slots_.empty() && clock_.monotonic() - last_activity_ >= idle_timeout;
    co_return idle ? Read::ended : Read::request;
  }
  if (!count->has_value()) co_return Read::lost;
  if (**count == 0) co_return Read::ended;
  input_end_ += **count;
  last_activity_ = clock_.monotonic();
  co_return Read::request;
}

bool ServerConnection::may_start(bool reads) const {
  const size_t owed = static_cast<size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const auto& slot) { return slot->of_request; }));
  if (owed >= server_.config_.pipelined_requests_max) return false;
  const size_t waiting = waiting_answer_bytes();
  if (waiting > kWaitingAnswerBytesMax) return false;
  if (waiting > 0 && !share_.fits(BodyMemory::kSmallBytesMax)) return false;
  if (share_.must_read_first(waiting)) return false;
  return std::all_of(slots_.begin(), slots_.end(),
                     [&](const auto& slot) { return slot->ready || (reads && slot->only_reads); });
}

Task<void> ServerConnection::start_request() {
  const auto match = server_.router_.match(&parser_.request());
  const RouteKind kind = match.has_value() ? match->kind : RouteKind::reads;
  Verdict verdict = server_.router_.judge(
      parser_.request(), match.has_value() ? std::optional(match->kind) : std::nullopt);
  while (!may_start(kind != RouteKind::writes)) co_await changed_.wait();
  phase_deadline_ = kNever;
  if (!slots_.empty() && slots_.back()->last) co_return;

  Request request = parser_.take();
  Slot* slot = add_slot();
  slot->of_request = true;
  slot->last = !parser_.keep_alive();
  slot->http_1_0 = parser_.is_http_1_0();
  slot->only_reads = kind != RouteKind::writes;
  slot->without_body = request.method == Method::head;
  slot->body.set(parser_body_.bytes());
  parser_body_.set(0);
  slot->request_bytes = request.body.size();
  slot->cancellation = request.cancellation;
  slot->fields = std::move(verdict.fields);
  if (match.has_value()) slot->route = match->route;
  if (verdict.refusal.has_value()) {
    finish(slot, *std::move(verdict.refusal));
  } else if (!match.has_value()) {
    finish(slot, match.error());
  } else if (!count(slot, kind)) {
    finish(slot, error_response(too_busy().http_status, too_busy().reason));
  } else {
    slot->handled = true;
    slot->outcome = request.outcome = std::make_shared<Outcome>();
    slot->handler = handlers_.spawn(run_handler(slot, (*match->handler)(std::move(request))));
  }
}

// False when there are as many requests of its kind as there may be.
bool ServerConnection::count(Slot* slot, RouteKind kind) {
  if (is_always_served(kind)) {
    if (server_.probes_in_flight_ >= kProbesInFlightMax) return false;
    slot->probes = true;
    ++server_.probes_in_flight_;
    return true;
  }
  if (server_.requests_in_flight_ >= server_.config_.requests_in_flight_max) return false;
  if (share_.host_requests() >= server_.config_.host_requests_in_flight_max) return false;
  slot->counted = true;
  ++server_.requests_in_flight_;
  share_.request_began();
  return true;
}

// An answer that waits is bounded by its bytes, and keeps nobody else from being looked after.
void ServerConnection::uncount_probe(Slot* slot) {
  if (std::exchange(slot->probes, false)) --server_.probes_in_flight_;
}

void ServerConnection::uncount(const Slot& slot) {
  if (!slot.counted) return;
  --server_.requests_in_flight_;
  share_.requests_ended();
}

Task<void> ServerConnection::run_handler(Slot* slot, Task<Response> handler) {
  Response response = co_await handler;
  finish(slot, std::move(response));
}

ServerConnection::Slot* ServerConnection::add_slot() {
  slots_.push_back(std::make_unique<Slot>(&share_));
  return slots_.back().get();
}

void ServerConnection::finish(Slot* slot, Response response) {
  slot->body.set(0);
  uncount_probe(slot);
  if (keeps_out(*slot, response)) {
    server_.env_.metrics().add(Metric::http_answers_dropped);
    Response refusal = error_response(memory_refusal("answers that wait for their readers"));
    std::ranges::move(response.headers, std::back_inserter(refusal.headers));
    response = std::move(refusal);
  }
  tell(slot, response);
  slot->last = slot->last || (server_.draining_ && slot == slots_.back().get());
  Framing framing;
  framing.now = clock_.wall();
  framing.closes = slot->last;
  framing.http_1_0 = slot->http_1_0;
  framing.without_body = slot->without_body;
  framing.fields = slot->fields;
  slot->bytes = write_response_head(response, framing);
  if (has_body(response, framing)) {
    if (response.body.size() > BodyMemory::kSmallBytesMax) {
      slot->large_body = std::move(response.body);
    } else {
      slot->bytes += response.body;
    }
  }
  const bool free = server_.env_.planted("unread_answers_are_free");
  slot->answer.set(free ? 0 : slot->bytes.size() + slot->large_body.size());
  slot->ready = true;
  changed_.notify_all();
}

void ServerConnection::tell(Slot* slot, const Response& response) {
  const size_t reply_bytes = slot->without_body ? 0 : response.body.size();
  if (slot->outcome != nullptr) slot->outcome->tell(response.code, reply_bytes);
  if (slot->handled || server_.config_.refusals == nullptr) return;
  server_.config_.refusals->refused({.route = slot->route,
                                     .code = response.code,
                                     .request_bytes = slot->request_bytes,
                                     .reply_bytes = reply_bytes});
}

// Whether an answer is too large for the memory that is left, and can be had again. What a write
// did is told whatever there is room for, and so is what a probe asks.
bool ServerConnection::keeps_out(const Slot& slot, const Response& response) const {
  return slot.counted && slot.only_reads &&
         !share_.takes_answer(response.body.size(), waiting_answer_bytes());
}

size_t ServerConnection::waiting_answer_bytes() const {
  size_t bytes = 0;
  for (const auto& slot : slots_) bytes += slot->answer.bytes();
  return bytes;
}

Refusal ServerConnection::too_slow() {
  server_.env_.metrics().add(Metric::http_slow_peers);
  return {408, Status(Code::deadline_exceeded, "the request took too long to come")};
}

ServerConnection::Read ServerConnection::refuse(const Refusal& refusal) {
  Slot* slot = add_slot();
  if (parser_.knows_head()) (void)judge_head(slot, false);
  slot->request_bytes = parser_body_.bytes();
  slot->last = true;
  cut_ = true;
  finish(slot, error_response(refusal.http_status, refusal.reason));
  return Read::refused;
}

std::optional<Response> ServerConnection::judge_head(Slot* slot, bool body_follows) {
  Request head = parser_.head();
  head.body_follows = body_follows;
  const auto match = server_.router_.match(&head);
  Verdict verdict =
      server_.router_.judge(head, match.has_value() ? std::optional(match->kind) : std::nullopt);
  slot->without_body = head.method == Method::head;
  slot->fields = std::move(verdict.fields);
  if (match.has_value()) slot->route = match->route;
  if (!verdict.refusal.has_value() && !match.has_value()) return match.error();
  return std::move(verdict.refusal);
}

Task<void> ServerConnection::write_answers() {
  for (;;) {
    while (slots_.empty() || !slots_.front()->ready) {
      const bool between_requests = phase_deadline_ == kNever;
      if (slots_.empty() && (reading_ended_ || (ends_when_idle_ && between_requests))) {
        ended_.set();
        co_return;
      }
      co_await changed_.wait();
    }
    const bool written = co_await write_slot(slots_.front().get());
    if (!written) {
      lost_ = true;
      connection_->close();
      ended_.set();
      co_return;
    }
    const std::unique_ptr<Slot> done = std::move(slots_.front());
    slots_.pop_front();
    uncount(*done);
    last_activity_ = clock_.monotonic();
    changed_.notify_all();
    if (done->last) {
      ended_.set();
      co_return;
    }
  }
}

Task<bool> ServerConnection::write_slot(const Slot* slot) {
  const ByteView head = as_bytes(slot->bytes);
  const bool wrote_head = co_await write_in_time(head);
  if (!wrote_head || slot->large_body.empty()) co_return wrote_head;
  const ByteView body = as_bytes(slot->large_body);
  const bool wrote_body = co_await write_in_time(body);
  co_return wrote_body;
}

Task<bool> ServerConnection::write_in_time(ByteView rest) {
  ProgressWindow window({server_.config_.write_timeout, kProgressBytesMin}, clock_.monotonic());
  while (!rest.empty()) {
    const Instant deadline = clock_.scheduler_time(window.end());
    Task<Result<size_t>> writing = connection_->write_some(rest);
    const auto count = co_await with_deadline(&clock_.scheduler(), deadline, std::move(writing));
    if (count.has_value()) {
      if (!count->has_value()) co_return false;
      window.moved(**count);
      rest = rest.subspan(**count);
    }
    if (!rest.empty() && !window.goes_on(clock_.monotonic())) {
      server_.env_.metrics().add(Metric::http_slow_peers);
      co_return false;
    }
  }
  co_return true;
}

}  // namespace vectron::http
