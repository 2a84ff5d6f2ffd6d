#include "core/http/client.h"

#include <gtest/gtest.h>

#include "tests/core/http/http_world.h"

namespace vectron::http {
namespace {

ClientRequest get(std::string target) {
  return {.method = Method::get, .target = std::move(target)};
}

ClientRequest post(std::string target, std::string body) {
  return {.method = Method::post, .target = std::move(target), .body = std::move(body)};
}

/// A server that says what a test tells it to say.
class ScriptedServer {
 public:
  explicit ScriptedServer(MemoryEnv& env) : tasks_(env.scheduler()) {
    auto listening = env.network().listen(address);
    VECTRON_ASSERT(listening.has_value());
    listener_ = *std::move(listening);
    tasks_.spawn(accept());
  }

  const Address address{"@scripted:1"};
  /// To each piece of bytes that comes; empty: the connection is reset.
  std::string answer;
  int connections = 0;
  int pieces = 0;

 private:
  Task<void> accept() {
    for (;;) {
      auto accepted = co_await listener_->accept();
      if (!accepted.has_value()) co_return;
      ++connections;
      tasks_.spawn(serve(*std::move(accepted)));
    }
  }
  Task<void> serve(std::unique_ptr<Connection> connection) {
    std::array<uint8_t, 4'096> bytes;
    for (;;) {
      const auto count = co_await connection->read_some(bytes);
      if (!count.has_value() || *count == 0) co_return;
      ++pieces;
      if (answer.empty()) co_return connection->close();
      const ByteView view = as_bytes(answer);
      const auto written = co_await write_all(connection.get(), view);
      if (!written.has_value()) co_return;
    }
  }

  std::unique_ptr<Listener> listener_;
  TaskGroup tasks_;
};

class HttpClient : public ::testing::Test {
 protected:
  Result<Response> ask(Client& client, ClientRequest request, Duration patience = 1s) {
    return world.env().run(
        client.send(std::move(request), world.env().clock().monotonic() + patience));
  }

  HttpWorld world;
};

TEST_F(HttpClient, AsksAgainOverTheSameConnection) {
  Client client(world.env(), kHttpAddress, {});
  for (int i = 0; i < 3; ++i) {
    const auto answer = ask(client, post("/echo", std::string(100'000, 'x')));
    ASSERT_TRUE(answer.has_value()) << answer.error().to_string();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body.size(), 100'000u);
    EXPECT_EQ(client.idle_connections(), 1u);
    EXPECT_EQ(world.server().connections(), 1u);
  }
  const auto missing = ask(client, get("/nowhere"));
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->status, 404);
}

TEST_F(HttpClient, DoesNotUseAConnectionThatWasIdleForLong) {
  Client client(world.env(), kHttpAddress, {.idle_timeout = 1s});
  ASSERT_TRUE(ask(client, get("/echo/a")).has_value());
  world.run_for(2s);
  ASSERT_TRUE(ask(client, get("/echo/b")).has_value());
  EXPECT_EQ(client.idle_connections(), 1u);
}

TEST_F(HttpClient, SaysThatNothingWasSentWhenNobodyListens) {
  Client client(world.env(), Address{"@nobody:1"}, {});
  const auto answer = ask(client, post("/echo", "x"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), Code::unavailable);
}

TEST_F(HttpClient, SaysThatTheOutcomeIsUnknownOnceARequestIsOnItsWay) {
  ScriptedServer server(world.env());
  Client client(world.env(), server.address, {});
  const auto reset = ask(client, post("/", "x"));
  ASSERT_FALSE(reset.has_value());
  EXPECT_EQ(reset.error().code(), Code::unknown_outcome);
  EXPECT_EQ(server.pieces, 1);  // And it was not sent again.
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
  const auto half = ask(client, post("/", "x"));
  ASSERT_FALSE(half.has_value());
  EXPECT_EQ(half.error().code(), Code::unknown_outcome);
  EXPECT_EQ(client.idle_connections(), 0u);
}

TEST_F(HttpClient, SaysThatTheOutcomeIsUnknownWhenTheTimeIsOver) {
  Client client(world.env(), kHttpAddress, {});
  const auto answer = ask(client, post("/slow", "x"), 50ms);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), Code::unknown_outcome);
  world.run_for(10ms);
  EXPECT_EQ(world.started(), 1u);
  EXPECT_EQ(world.cancelled(), 1u);  // The connection went with it.
}

TEST_F(HttpClient, KeepsNoConnectionThatTheServerEnds) {
  ScriptedServer server(world.env());
  Client client(world.env(), server.address, {});
  server.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  ASSERT_TRUE(ask(client, get("/")).has_value());
  EXPECT_EQ(client.idle_connections(), 0u);
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than was asked for";
  ASSERT_TRUE(ask(client, get("/")).has_value());
  EXPECT_EQ(client.idle_connections(), 0u);
  EXPECT_EQ(server.connections, 2);
}

TEST_F(HttpClient, RefusesWhatIsTooMuchAtOnce) {
  Client client(world.env(), kHttpAddress, {.requests_in_flight_max = 1});
  TaskGroup tasks(world.env().scheduler());
  std::optional<Result<Response>> slow;
  const auto wait = [](Client* from, Instant until,
                       std::optional<Result<Response>>* into) -> Task<void> {
    auto answer = co_await from->send({.target = "/slow"}, until);
    *into = std::move(answer);
  };
  tasks.spawn(wait(&client, world.env().clock().monotonic() + 10s, &slow));
  world.run_for(1ms);
  const auto refused = ask(client, get("/echo/a"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::resource_exhausted);
  world.open();
  world.run_for(1ms);
  ASSERT_TRUE(slow.has_value() && slow->has_value());
  EXPECT_TRUE(ask(client, get("/echo/a")).has_value());
}

}  // namespace
}  // namespace vectron::http
