// An HTTP server in virtual time, and clients that speak bytes to it.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "core/async/combine.h"
#include "core/http/server.h"
#include "net/in_process_network.h"
#include "tests/support/memory_env.h"

namespace vectron::http {

inline const Address kHttpAddress{"@http:1"};

/// A client's connection: sends what it is told, keeps all that it is sent.
class ByteClient {
 public:
  explicit ByteClient(MemoryEnv& env) : tasks_(env.scheduler()) {
    auto connected = env.run(env.network().connect(kHttpAddress));
    VECTRON_ASSERT(connected.has_value());
    connection_ = *std::move(connected);
    tasks_.spawn(receive());
  }

  void send(std::string text) { tasks_.spawn(write(std::move(text))); }
  void end() { connection_->shutdown_write(); }
  void reset() { connection_->close(); }
  const std::string& received() const { return received_; }
  /// The server ended its side, or the connection.
  bool ended() const { return ended_; }

 private:
  Task<void> write(std::string text) {
    const auto written = co_await write_all(connection_.get(), as_bytes(text));
    (void)written;
  }
  Task<void> receive() {
    std::array<uint8_t, 4'096> bytes;
    for (;;) {
      const auto count = co_await connection_->read_some(bytes);
      if (!count.has_value() || *count == 0) break;
      received_ += as_text(ByteView(bytes).first(*count));
    }
    ended_ = true;
  }

  std::unique_ptr<Connection> connection_;
  std::string received_;
  bool ended_ = false;
  TaskGroup tasks_;
};

/// Routes: GET /echo/{text} and POST /echo answer what they were given, GET /large/{bytes} so many;
/// GET or POST /slow answers when open() is called, and so do POST /question, which only reads, and
/// GET /check, a probe; GET /probe is a probe. What is told of all but probes is in `told`.
class HttpWorld {
 public:
  /// `around`: what the server and its clients see in the place of the network.
  explicit HttpWorld(ServerConfig config = {}, const std::function<Network*(Network*)>& around = {})
      : network_(env_.scheduler(), nullptr), gate_(env_.scheduler()) {
    env_.links = around ? around(&network_) : &network_;
    router_.add(Method::get, "/echo/{text}", [](const Request& request) {
      return answer(*find_field(request.parameters, "text"));
    });
    router_.add(Method::get, "/large/{bytes}", [this](const Request& request) {
      watch(request);
      std::string body(std::stoul(*find_field(request.parameters, "bytes")), 'x');
      large_made_at_ = body.data();
      return answer(std::move(body));
    });
    router_.add(Method::post, "/echo", [](const Request& request) { return answer(request.body); });
    const auto slow = [this](Request request) { return wait(std::move(request)); };
    router_.add(Method::get, "/slow", slow);
    router_.add(Method::post, "/slow", slow);
    router_.add(Method::post, "/question", slow, RouteKind::reads);
    router_.add(Method::get, "/check", slow, RouteKind::probe);
    router_.add(
        Method::get, "/probe", [](const Request&) { return answer("alive"); }, RouteKind::probe);
    server_ = std::make_unique<Server>(env_, router_, config);
    const Result<void> started = server_->start(kHttpAddress);
    VECTRON_ASSERT(started.has_value());
  }

  struct Told {
    Code code = Code::ok;
    size_t reply_bytes = 0;
    bool operator==(const Told&) const = default;
  };
  std::vector<Told> told;

  MemoryEnv& env() { return env_; }
  Server& server() { return *server_; }
  void open() { gate_.set(); }
  /// Where the last answer of /large lay.
  const void* large_made_at() const { return large_made_at_; }
  uint64_t started() const { return started_; }
  uint64_t cancelled() const {
    return static_cast<uint64_t>(
        std::count_if(tokens_.begin(), tokens_.end(), [](const auto& t) { return t.cancelled(); }));
  }
  std::unique_ptr<ByteClient> client() { return std::make_unique<ByteClient>(env_); }
  void run_for(Duration time) { env_.run_for(time); }

  /// Sends `bytes` on a connection of its own, ends it, and returns all that came back.
  std::string exchange(const std::string& bytes) {
    auto one = client();
    one->send(bytes);
    run_for(1ms);
    one->end();
    run_for(1ms);
    return one->received();
  }

 private:
  static Task<Response> answer(std::string text) {
    Response response;
    response.content_type = "text/plain";
    response.body = std::move(text);
    co_return response;
  }
  void watch(const Request& request) {
    request.outcome->watch([this](Code code, size_t bytes) { told.push_back({code, bytes}); });
  }
  Task<Response> wait(Request request) {
    ++started_;
    watch(request);
    tokens_.push_back(request.cancellation);
    co_await gate_.wait();
    co_return Response();
  }

  MemoryEnv env_;
  InProcessNetwork network_;
  Event gate_;
  uint64_t started_ = 0;
  const void* large_made_at_ = nullptr;
  std::vector<CancellationToken> tokens_;
  Router router_;
  std::unique_ptr<Server> server_;
};

/// The status lines in what a server sent.
inline std::vector<int> statuses(std::string_view received) {
  std::vector<int> out;
  for (size_t at = received.find("HTTP/1.1 "); at != std::string_view::npos;
       at = received.find("HTTP/1.1 ", at + 1)) {
    out.push_back(std::stoi(std::string(received.substr(at + 9, 3))));
  }
  return out;
}

/// A response as the server writes it at the beginning of virtual time.
inline std::string plain_response(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

}  // namespace vectron::http
