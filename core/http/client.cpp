#include "core/http/client.h"

#include <fmt/format.h>

#include <array>

#include "core/async/combine.h"
#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/http/response_parser.h"

namespace vectron::http {
namespace {

constexpr size_t kReadBytes = 16 << 10;  // Taken from the network at a time.

/// Counts one for as long as it lives, also when its task is destroyed.
class Counted {
 public:
  explicit Counted(size_t* count) : count_(count) { ++*count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*count_; }

 private:
  size_t* count_;
};

/// A connection in use. Unless it is kept, it ends with a reset: then the server stops working on
/// an answer that nobody waits for.
class Lease {
 public:
  explicit Lease(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (connection_ != nullptr) connection_->close();
  }

  Connection* get() const { return connection_.get(); }
  std::unique_ptr<Connection> keep() { return std::move(connection_); }

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace

Result<void> ClientConfig::validate() const {
  VECTRON_CHECK_OK(need_positive(requests_in_flight_max, "requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(idle_timeout, "idle_timeout"));
  return need_positive(connect_timeout, "connect_timeout");
}

Client::Client(Env& env, Address server, ClientConfig config)
    : env_(env), server_(std::move(server)), config_(config) {
  const Result<void> checked = config_.validate();
  VECTRON_ASSERT(checked.has_value(), "{}", checked.error().to_string());
}

Client::~Client() {
  VECTRON_ASSERT(in_flight_ == 0, "{} requests outlive their client", in_flight_);
}

Task<Result<Response>> Client::send(ClientRequest request, Instant deadline) {
  if (in_flight_ >= config_.requests_in_flight_max) {
    co_return fail(Code::resource_exhausted,
                   fmt::format("{} requests to {} run already", in_flight_, server_.text));
  }
  const Counted counted(&in_flight_);
  Clock& clock = env_.clock();
  Progress progress;
  Task<Result<Response>> task = env_.planted("http_duplicate_on_retry")
                                    ? exchange_twice(std::move(request), &progress)
                                    : exchange(std::move(request), &progress);
  auto answer =
      co_await with_deadline(&clock.scheduler(), clock.scheduler_time(deadline), std::move(task));
  if (!answer.has_value()) {
    co_return fail(progress.sent ? Code::unknown_outcome : Code::deadline_exceeded,
                   fmt::format("{} did not answer in time", server_.text));
  }
  if (answer->has_value()) co_return *std::move(answer);
  const Status failure = answer->error();
  co_return fail(progress.sent ? Code::unknown_outcome : Code::unavailable,
                 fmt::format("{}: {}", server_.text, failure.message()));
}

Task<Result<Response>> Client::exchange(ClientRequest request, Progress* progress) {
  auto connected = co_await connection();
  VECTRON_CO_CHECK_OK(connected);
  Lease connection(*std::move(connected));
  const std::string bytes = write_request(request, server_.text);
  // From here on the server may have the whole of it, whatever becomes of the connection.
  progress->sent = true;
  const ByteView view = as_bytes(bytes);
  const auto written = co_await write_all(connection.get(), view);
  // A server may answer and close before it has read everything (a body that is too large): what it
  // says counts more than that it no longer listens.
  bool reusable = written.has_value();
  const bool to_head = request.method == Method::head;
  Result<Response> response = co_await receive(connection.get(), to_head, &reusable);
  if (response.has_value() && reusable) put_back(connection.keep());
  co_return response;
}

Task<Result<Response>> Client::exchange_twice(ClientRequest request, Progress* progress) {
  ClientRequest again = request;
  Result<Response> first = co_await exchange(std::move(request), progress);
  if (first.has_value() || !progress->sent) co_return first;
  Result<Response> second = co_await exchange(std::move(again), progress);
  co_return second;
}

Task<Result<std::unique_ptr<Connection>>> Client::connection() {
  std::unique_ptr<Connection> kept = take_idle();
  if (kept != nullptr) co_return kept;
  Clock& clock = env_.clock();
  const Instant limit = clock.scheduler_time(clock.monotonic() + config_.connect_timeout);
  auto connecting = env_.network().connect(server_);
  auto connected = co_await with_deadline(&clock.scheduler(), limit, std::move(connecting));
  if (!connected.has_value()) co_return fail(Code::unavailable, "the connect hangs");
  co_return *std::move(connected);
}

Task<Result<Response>> Client::receive(Connection* from, bool to_head, bool* reusable) const {
  ResponseParser parser(config_.limits, to_head);
  Bytes waiting;  // Read but not taken yet.
  std::array<uint8_t, kReadBytes> buffer;
  while (!parser.done()) {
    const auto count = co_await from->read_some(buffer);
    VECTRON_CO_CHECK_OK(count);
    if (*count == 0) {
      *reusable = false;
      const Result<void> ended = parser.end();
      VECTRON_CO_CHECK_OK(ended);
      break;
    }
    waiting.insert(waiting.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(*count));
    const Result<size_t> taken = parser.feed(waiting);
    VECTRON_CO_CHECK_OK(taken);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(*taken));
  }
  // Bytes behind the answer were not asked for: such a connection is not to be trusted.
  *reusable = *reusable && waiting.empty() && parser.keep_alive();
  co_return parser.take();
}

std::unique_ptr<Connection> Client::take_idle() {
  const Instant oldest = env_.clock().monotonic() - config_.idle_timeout;
  while (!idle_.empty() && idle_.front().since < oldest) idle_.pop_front();
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(idle_.back().connection);
  idle_.pop_back();
  return connection;
}

void Client::put_back(std::unique_ptr<Connection> connection) {
  if (config_.idle_connections_max == 0) return;
  if (idle_.size() >= config_.idle_connections_max) idle_.pop_front();
  idle_.push_back({std::move(connection), env_.clock().monotonic()});
}

}  // namespace vectron::http
