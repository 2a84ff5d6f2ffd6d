#include "core/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/http/http_world.h"

namespace vectron::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string get(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + more + "\r\n";
}
std::string post(const std::string& path, const std::string& body, const std::string& more = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + more + "\r\n" + body;
}

TEST(HttpServer, AnswersARequestAndKeepsTheConnection) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/echo/one"));
  world.run_for(1ms);
  EXPECT_EQ(client->received(), plain_response("one"));
  client->send(post("/echo", "two"));
  world.run_for(1ms);
  EXPECT_EQ(client->received(), plain_response("one") + plain_response("two"));
  EXPECT_FALSE(client->ended());
  EXPECT_EQ(world.server().body_bytes_in_flight(), 0U);
}

TEST(HttpServer, AnswersTheSameWhereverTheBytesAreCut) {
  const std::string script = get("/echo/a%2Fb") + post("/echo", "body") +
                             "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n" +
                             get("/echo/last", "Connection: close\r\n");
  const std::string expected = plain_response("a/b") + plain_response("body") +
                               plain_response("abcde") +
                               plain_response("last", "Connection: close\r\n");
  for (size_t cut = 0; cut <= script.size(); ++cut) {
    HttpWorld world;
    auto client = world.client();
    client->send(script.substr(0, cut));
    world.run_for(1ms);
    client->send(script.substr(cut));
    world.run_for(1ms);
    ASSERT_EQ(client->received(), expected) << "cut at " << cut;
    ASSERT_TRUE(client->ended());
  }
}

TEST(HttpServer, AnswersRequestsThatComeByteByByte) {
  HttpWorld world;
  auto client = world.client();
  for (const char letter : post("/echo", "slow but steady")) {
    client->send(std::string(1, letter));
    world.run_for(1us);
  }
  EXPECT_EQ(client->received(), plain_response("slow but steady"));
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/slow") + get("/echo/after") + get("/slow"));
  world.run_for(1ms);
  EXPECT_EQ(client->received(), "");  // The second is answered, but the first comes first.
  EXPECT_EQ(world.started(), 2U);     // What only reads runs side by side.
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(200, 200, 200));
  EXPECT_LT(client->received().find("application/json"), client->received().find("after"));
}

TEST(HttpServer, RunsAWriteAloneOnItsConnection) {
  HttpWorld world;
  auto client = world.client();
  client->send(post("/slow", "") + post("/slow", "") + get("/slow"));
  world.run_for(1ms);
  EXPECT_EQ(world.started(), 1U);
  world.open();
  world.run_for(1ms);
  EXPECT_EQ(world.started(), 3U);
  EXPECT_THAT(statuses(client->received()), ElementsAre(200, 200, 200));
}

TEST(HttpServer, HoldsABoundedNumberOfRequestsOfOneConnection) {
  ServerConfig config;
  config.pipelined_requests_max = 4;
  HttpWorld world(config);
  auto client = world.client();
  std::string many;
  for (int i = 0; i < 20; ++i) many += get("/slow");
  client->send(many);
  world.run_for(1ms);
  EXPECT_EQ(world.started(), 4U);
  EXPECT_EQ(world.server().requests_in_flight(), 4U);
  world.open();
  world.run_for(1ms);
  EXPECT_EQ(statuses(client->received()).size(), 20U);
}

TEST(HttpServer, RefusesRequestsBeyondThoseOfTheWholeServer) {
  ServerConfig config;
  config.requests_in_flight_max = 2;
  HttpWorld world(config);
  auto first = world.client();
  auto second = world.client();
  first->send(get("/slow") + get("/slow"));
  world.run_for(1ms);
  second->send(get("/slow"));
  world.run_for(1ms);
  EXPECT_THAT(statuses(second->received()), ElementsAre(503));
  EXPECT_THAT(second->received(), HasSubstr(R"("code":"unavailable")"));
  EXPECT_EQ(world.server().requests_in_flight(), 2U);
}

TEST(HttpServer, TellsConnectionsBeyondTheBoundAndClosesThem) {
  ServerConfig config;
  config.connections_max = 1;
  HttpWorld world(config);
  auto first = world.client();
  world.run_for(1ms);
  auto second = world.client();
  world.run_for(1ms);
  EXPECT_TRUE(second->ended());
  EXPECT_THAT(statuses(second->received()), ElementsAre(503));
  EXPECT_THAT(second->received(), HasSubstr("as many connections as it may"));
  EXPECT_THAT(second->received(), HasSubstr("Connection: close"));
  EXPECT_FALSE(first->ended());
  EXPECT_EQ(world.env().metrics().value(Metric::http_connections_refused), 1U);
}

/// Remembers the server that it is told of.
struct OneWatcher final : PeerWatcher {
  void began(const PeerHolder* holder) override { server = holder; }
  void ended(const PeerHolder*) override { server = nullptr; }
  void turned_away(const PeerHolder*, std::string_view peer) override { turned.emplace_back(peer); }
  void answer_made(const PeerHolder*) override {}
  const PeerHolder* server = nullptr;
  std::vector<std::string> turned;
};

TEST(HttpServer, LetsNoHostHaveMoreThanItsShareOfConnections) {
  OneWatcher watcher;
  ServerConfig config;
  config.connections_max = 9;
  config.host_connections_max = 2;
  config.watcher = &watcher;
  HttpWorld world(config);
  auto first = world.client();
  auto second = world.client();
  world.run_for(1ms);
  auto third = world.client();
  world.run_for(1ms);
  EXPECT_THAT(statuses(third->received()), ElementsAre(503));
  EXPECT_FALSE(second->ended());
  EXPECT_EQ(watcher.turned.size(), 1U);
  first.reset();
  world.run_for(1ms);
  auto fourth = world.client();
  world.run_for(1ms);
  EXPECT_FALSE(fourth->ended());
}

// As after a pause of the process: it accepts first, and then sees who has gone.
TEST(HttpServer, LooksOnceMoreForRoomBeforeItTurnsSomebodyAway) {
  OneWatcher watcher;
  ServerConfig config;
  config.connections_max = 1;
  config.watcher = &watcher;
  HttpWorld world(config);
  auto first = world.client();
  world.run_for(1ms);
  auto second = world.client();
  first.reset();
  world.run_for(5ms);
  EXPECT_TRUE(watcher.turned.empty());
  EXPECT_FALSE(second->ended());
}

TEST(HttpServer, LetsNoHostHaveMoreThanItsShareOfRequests) {
  ServerConfig config;
  config.host_requests_in_flight_max = 1;
  HttpWorld world(config);
  auto first = world.client();
  first->send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  world.run_for(1ms);
  EXPECT_THAT(statuses(world.exchange("GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n")),
              ElementsAre(503));
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(first->received()), ElementsAre(200));
  EXPECT_THAT(statuses(world.exchange("GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n")),
              ElementsAre(200));
}

TEST(HttpServer, TakesNoLargeBufferForABodyThatHasOnlyBegun) {
  OneWatcher watcher;
  ServerConfig config;
  config.watcher = &watcher;
  HttpWorld world(config);
  std::vector<std::unique_ptr<ByteClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(world.client());
    clients.back()->send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
        "Content-Length: 1000000\r\n\r\n" +
        std::string(20'000, 'x'));
  }
  world.run_for(1s);
  size_t buffers = 0;
  size_t arrived = 0;
  for (const HeldForPeer& peer : watcher.server->held_for_peers()) {
    buffers += peer.buffers;
    arrived += peer.arrived;
  }
  EXPECT_EQ(arrived, 20U * 20'000);
  EXPECT_LE(buffers, arrived);
  EXPECT_EQ(watcher.server->counter().bytes(), arrived);
}

TEST(HttpServer, BeginsNothingMoreWhileAnswersWaitBeyondTheBound) {
  ServerConfig config;
  config.write_timeout = 5s;
  HttpWorld world(config);
  MemoryEnv& env = world.env();
  auto connected = env.run(env.network().connect(kHttpAddress));
  ASSERT_TRUE(connected.has_value());
  std::string requests;
  for (int i = 0; i < 14; ++i) requests += post("/echo", std::string(600'000, 'x'));
  TaskGroup tasks(env.scheduler());
  const auto write = [](Connection* connection, std::string text) -> Task<void> {
    const auto written = co_await write_all(connection, as_bytes(text));
    (void)written;
  };
  tasks.spawn(write(connected->get(), requests));
  world.run_for(1s);
  // Two answers, more than a MiB, and the request that waits behind them.
  EXPECT_GT(world.server().body_bytes_in_flight(), 600'000U);
  EXPECT_LT(world.server().body_bytes_in_flight_peak(), 2'500'000U);
  world.run_for(20s);
  EXPECT_EQ(world.server().connections(), 0U);
  EXPECT_EQ(world.server().body_bytes_in_flight(), 0U);
  EXPECT_EQ(env.metrics().value(Metric::http_slow_peers), 1U);
}

TEST(HttpServer, GivesUpAReadWhoseAnswerHasNoRoom) {
  ServerConfig config;
  config.limits.body_bytes_max = 100'000;
  config.body_bytes_in_flight_max = 200'000;
  HttpWorld world(config);
  EXPECT_THAT(statuses(world.exchange(get("/large/140000"))), ElementsAre(200));
  EXPECT_THAT(statuses(world.exchange(get("/large/170000"))), ElementsAre(429));
  EXPECT_EQ(world.env().metrics().value(Metric::http_answers_dropped), 1U);
  EXPECT_EQ(world.server().body_bytes_in_flight(), 0U);
}

/// Connections whose clients write and never read.
class DeafClients {
 public:
  explicit DeafClients(MemoryEnv& env) : env_(env), tasks_(env.scheduler()) {}
  void send(std::string text) {
    auto connected = env_.run(env_.network().connect(kHttpAddress));
    VECTRON_ASSERT(connected.has_value());
    connections_.push_back(*std::move(connected));
    tasks_.spawn(write(connections_.back().get(), std::move(text)));
  }

 private:
  static Task<void> write(Connection* connection, std::string text) {
    const auto written = co_await write_all(connection, as_bytes(text));
    (void)written;
  }
  MemoryEnv& env_;
  std::vector<std::unique_ptr<Connection>> connections_;
  TaskGroup tasks_;
};

TEST(HttpServer, HoldsFewSmallAnswersOfThoseWhoDoNotReadWhileMemoryIsShort) {
  ServerConfig config;
  config.limits.body_bytes_max = 100'000;
  config.body_bytes_in_flight_max = 1'000'000;
  HttpWorld world(config);
  DeafClients clients(world.env());
  std::string many;
  for (int i = 0; i < 16; ++i) many += get("/large/50000");
  for (int i = 0; i < 40; ++i) clients.send(many);
  world.run_for(1s);
  // Whatever all others have, each may have 64 KiB waiting, one more answer, and its refusals.
  EXPECT_LT(world.server().body_bytes_in_flight_peak(), 1'000'000U + 40 * 128 * 1'024);
  EXPECT_GT(world.env().metrics().value(Metric::http_answers_dropped), 0U);
  // Who reads is served.
  EXPECT_THAT(statuses(world.exchange(get("/echo/one"))), ElementsAre(200));
}

/// Writes down from where in memory a server writes.
class WatchedNetwork final : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const Address& address) override {
    VECTRON_TRY(auto listener, inner->listen(address));
    return std::make_unique<WatchedListener>(this, std::move(listener));
  }
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override {
    return inner->connect(std::move(address));
  }

  Network* inner = nullptr;
  std::vector<const void*> written_from;

 private:
  class WatchedConnection final : public Connection {
   public:
    WatchedConnection(WatchedNetwork* network, std::unique_ptr<Connection> connection)
        : network_(network), inner_(std::move(connection)) {}
    Task<Result<size_t>> read_some(std::span<uint8_t> into) override {
      return inner_->read_some(into);
    }
    Task<Result<size_t>> write_some(ByteView bytes) override {
      network_->written_from.push_back(bytes.data());
      return inner_->write_some(bytes);
    }
    void shutdown_write() override { inner_->shutdown_write(); }
    void close() override { inner_->close(); }
    const Address& peer() const override { return inner_->peer(); }

   private:
    WatchedNetwork* network_;
    std::unique_ptr<Connection> inner_;
  };
  class WatchedListener final : public Listener {
   public:
    WatchedListener(WatchedNetwork* network, std::unique_ptr<Listener> listener)
        : network_(network), inner_(std::move(listener)) {}
    Task<Result<std::unique_ptr<Connection>>> accept() override {
      Result<std::unique_ptr<Connection>> accepted = co_await inner_->accept();
      if (!accepted.has_value()) co_return accepted;
      accepted = std::make_unique<WatchedConnection>(network_, *std::move(accepted));
      co_return accepted;
    }
    const Address& address() const override { return inner_->address(); }

   private:
    WatchedNetwork* network_;
    std::unique_ptr<Listener> inner_;
  };
};

TEST(HttpServer, WritesALargeAnswerFromWhereItsHandlerMadeIt) {
  WatchedNetwork network;
  HttpWorld world({}, [&network](Network* inner) {
    network.inner = inner;
    return &network;
  });
  const std::string received = world.exchange(get("/large/1000000"));
  EXPECT_TRUE(received.ends_with(std::string(1'000'000, 'x')));
  EXPECT_THAT(network.written_from, testing::Contains(world.large_made_at()));
}

TEST(HttpServer, RunsABoundedNumberOfProbes) {
  HttpWorld world;
  const auto ask = [&world](int times) {
    auto client = world.client();
    std::string requests;
    for (int i = 0; i < times; ++i) requests += get("/check");
    client->send(requests);
    world.run_for(1ms);
    return client;
  };
  std::vector<decltype(world.client())> others;
  for (int i = 0; i < 25; ++i) others.push_back(ask(10));
  auto client = ask(7);
  EXPECT_EQ(world.started(), 256U);
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(200, 200, 200, 200, 200, 200, 503));
  EXPECT_THAT(statuses(world.exchange(get("/check"))), ElementsAre(200));
}

TEST(HttpServer, TellsAHandlerWhatItsClientWasTold) {
  ServerConfig config;
  config.limits.body_bytes_max = 100'000;
  config.body_bytes_in_flight_max = 200'000;
  HttpWorld world(config);
  world.exchange(get("/large/140000"));
  const std::string refusal = world.exchange(get("/large/170000"));
  const size_t refusal_bytes = refusal.size() - (refusal.find("\r\n\r\n") + 4);
  ASSERT_GT(refusal_bytes, 0U);
  EXPECT_THAT(world.told, ElementsAre(HttpWorld::Told{Code::ok, 140'000},
                                      HttpWorld::Told{Code::resource_exhausted, refusal_bytes}));
  world.told.clear();
  auto gone = world.client();
  gone->send(get("/slow"));
  world.run_for(1ms);
  gone->reset();
  world.run_for(1ms);
  EXPECT_THAT(world.told, ElementsAre(HttpWorld::Told{Code::cancelled, 0}));
  world.told.clear();
  auto reader = world.client();
  auto writer = world.client();
  reader->send(get("/slow"));
  world.run_for(1ms);
  writer->send(post("/slow", ""));
  world.run_for(1ms);
  world.server().drain();
  world.server().give_up();
  ASSERT_EQ(world.told.size(), 2U);
  EXPECT_EQ(world.told[0].code, Code::unavailable);
  EXPECT_EQ(world.told[1].code, Code::unknown_outcome);
  EXPECT_GT(world.told[0].reply_bytes, 0U);
}

/// What a server answered by itself.
class Refusals final : public RefusalObserver {
 public:
  void refused(const RefusedRequest& request) override {
    lines.push_back(
        fmt::format("{} {} {}", request.route, code_name(request.code), request.request_bytes));
  }
  std::vector<std::string> lines;
};

TEST(HttpServer, TellsOfRequestsThatNoHandlerSaw) {
  Refusals refusals;
  ServerConfig config;
  config.limits.body_bytes_max = 10;
  config.requests_in_flight_max = 1;
  config.refusals = &refusals;
  HttpWorld world(config);
  world.exchange(get("/nothing"));
  world.exchange(post("/probe", "abc"));
  world.exchange("nonsense\r\n\r\n");
  world.exchange(post("/echo", "more than ten bytes"));
  auto busy = world.client();
  busy->send(get("/slow"));
  world.run_for(1ms);
  world.exchange(get("/slow"));
  EXPECT_THAT(refusals.lines,
              ElementsAre(" not_found 0", " unimplemented 3", " invalid_argument 0",
                          "POST /echo invalid_argument 0", "GET /slow unavailable 0"));
  world.exchange(get("/echo/one"));
  EXPECT_EQ(refusals.lines.size(), 6U) << "busy still";
  world.open();
  world.run_for(1ms);
  world.exchange(get("/echo/one"));
  EXPECT_EQ(refusals.lines.size(), 6U) << "a handler's";
}

TEST(HttpServer, CutsOffAClientThatTakesItsAnswerByteByByte) {
  ServerConfig config;
  config.write_timeout = 5s;
  HttpWorld world(config);
  MemoryEnv& env = world.env();
  auto connected = env.run(env.network().connect(kHttpAddress));
  ASSERT_TRUE(connected.has_value());
  const auto trickle = [](Env* env, Connection* connection, std::string text) -> Task<void> {
    const auto written = co_await write_all(connection, as_bytes(text));
    (void)written;
    std::array<uint8_t, 100> some;
    while (true) {
      const auto count = co_await connection->read_some(some);
      if (!count.has_value() || *count == 0) co_return;
      co_await env->clock().sleep_for(100ms);
    }
  };
  TaskGroup tasks(env.scheduler());
  tasks.spawn(trickle(&env, connected->get(), get("/large/3000000")));
  world.run_for(4s);
  EXPECT_EQ(world.server().connections(), 1U);
  world.run_for(10s);
  EXPECT_EQ(world.server().connections(), 0U);
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  HttpWorld world;
  const std::string answer = world.exchange("HEAD /echo/four HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(HttpServer, ClosesWhenAskedAndTellsOldClientsThatItDoesNot) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/echo/a", "Connection: close\r\n") + get("/echo/never"));
  world.run_for(1ms);
  EXPECT_EQ(client->received(), plain_response("a", "Connection: close\r\n"));
  EXPECT_TRUE(client->ended());
  auto old = world.client();
  old->send("GET /echo/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  world.run_for(1ms);
  EXPECT_THAT(old->received(), HasSubstr("Connection: keep-alive"));
  EXPECT_FALSE(old->ended());
  old->send("GET /echo/b HTTP/1.0\r\n\r\n");
  world.run_for(1ms);
  EXPECT_TRUE(old->ended());
}

TEST(HttpServer, SaysContinueBeforeABodyThatWaitsForIt) {
  HttpWorld world;
  auto client = world.client();
  client->send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  world.run_for(1ms);
  EXPECT_EQ(client->received(), "HTTP/1.1 100 Continue\r\n\r\n");
  client->send("ok");
  world.run_for(1ms);
  EXPECT_EQ(client->received(), "HTTP/1.1 100 Continue\r\n\r\n" + plain_response("ok"));
}

TEST(HttpServer, RefusesABodyThatIsTooLargeBeforeItComes) {
  ServerConfig config;
  config.limits.body_bytes_max = 1'000;
  HttpWorld world(config);
  auto client = world.client();
  client->send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(413));
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, RefusesBodiesBeyondThoseOfTheWholeServer) {
  ServerConfig config;
  config.limits.body_bytes_max = 1'000;
  config.body_bytes_in_flight_max = 1'500;
  HttpWorld world(config);
  auto first = world.client();
  auto second = world.client();
  first->send(post("/slow", std::string(900, 'x')));
  world.run_for(1ms);
  second->send(post("/slow", std::string(900, 'x')));
  world.run_for(1ms);
  EXPECT_THAT(statuses(second->received()), ElementsAre(503));
  world.open();
  world.run_for(2s);
  EXPECT_EQ(world.server().body_bytes_in_flight(), 0U);
}

TEST(HttpServer, GivesUpAHeadThatComesTooSlowly) {
  HttpWorld world;
  auto client = world.client();
  const std::string request = get("/echo/x");
  for (int second = 0; second < 9; ++second) {
    client->send(request.substr(static_cast<size_t>(second), 1));
    world.run_for(1s);
  }
  EXPECT_EQ(client->received(), "");
  world.run_for(2s);
  EXPECT_THAT(statuses(client->received()), ElementsAre(408));
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, GivesUpABodyThatComesTooSlowly) {
  HttpWorld world;
  auto client = world.client();
  client->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  for (int second = 0; second < 14; ++second) {
    world.run_for(1s);
    client->send("x");
  }
  EXPECT_EQ(client->received(), "");
  world.run_for(2s);
  EXPECT_THAT(statuses(client->received()), ElementsAre(408));
  EXPECT_EQ(world.env().metrics().value(Metric::http_slow_peers), 1U);
}

TEST(HttpServer, GivesUpABodyThatComesAtAModestRateWhenItsWholeTimeIsOver) {
  HttpWorld world;
  auto client = world.client();
  client->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  for (int second = 0; second < 59; ++second) {
    world.run_for(1s);
    client->send(std::string(5'000, 'x'));
  }
  EXPECT_EQ(client->received(), "");
  world.run_for(2s);
  EXPECT_THAT(statuses(client->received()), ElementsAre(408));
}

TEST(HttpServer, ClosesIdleConnectionsButNotThoseThatWaitForAnAnswer) {
  ServerConfig config;
  config.idle_timeout = 5s;
  HttpWorld world(config);
  auto idle = world.client();
  auto waiting = world.client();
  waiting->send(get("/slow"));
  world.run_for(4s);
  EXPECT_FALSE(idle->ended());
  world.run_for(2s);
  EXPECT_TRUE(idle->ended());
  EXPECT_EQ(idle->received(), "");
  world.run_for(20s);
  EXPECT_FALSE(waiting->ended());
  world.open();
  world.run_for(1s);
  EXPECT_THAT(statuses(waiting->received()), ElementsAre(200));
  world.run_for(10s);
  EXPECT_TRUE(waiting->ended());
}

TEST(HttpServer, GivesUpAClientThatDoesNotTakeItsAnswer) {
  ServerConfig config;
  config.write_timeout = 5s;
  HttpWorld world(config);
  MemoryEnv& env = world.env();
  auto connected = env.run(env.network().connect(kHttpAddress));
  ASSERT_TRUE(connected.has_value());
  const std::string request = post("/echo", std::string(1 << 20, 'x'));
  TaskGroup tasks(env.scheduler());
  const auto write = [](Connection* connection, std::string text) -> Task<void> {
    const auto written = co_await write_all(connection, as_bytes(text));
    (void)written;
  };
  tasks.spawn(write(connected->get(), request));
  world.run_for(4s);
  EXPECT_EQ(world.server().connections(), 1U);
  world.run_for(10s);
  EXPECT_EQ(world.server().connections(), 0U);
}

TEST(HttpServer, DestroysRequestsWhoseConnectionIsLost) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/slow"));
  world.run_for(1ms);
  EXPECT_EQ(world.server().requests_in_flight(), 1U);
  client->reset();
  world.run_for(1ms);
  EXPECT_EQ(world.server().requests_in_flight(), 0U);
  EXPECT_EQ(world.server().connections(), 0U);
  EXPECT_EQ(world.cancelled(), 1U);
}

TEST(HttpServer, AnswersAClientThatOnlyEndedItsOwnSide) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/slow"));
  world.run_for(1ms);
  client->end();
  world.run_for(1ms);
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(200));
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, DrainingAnswersWhatRunsAndEndsTheRest) {
  HttpWorld world;
  auto idle = world.client();
  auto busy = world.client();
  busy->send(get("/slow"));
  world.run_for(1ms);
  world.server().drain();
  world.run_for(1ms);
  EXPECT_TRUE(idle->ended());
  EXPECT_FALSE(busy->ended());
  EXPECT_EQ(world.server().connections_owing(), 1U);
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(busy->received()), ElementsAre(200));
  EXPECT_THAT(busy->received(), HasSubstr("Connection: close"));
  EXPECT_TRUE(busy->ended());
}

TEST(HttpServer, DrainingAnswersProbesOfNewConnections) {
  HttpWorld world;
  world.server().drain();
  auto late = world.client();
  world.run_for(1ms);
  EXPECT_FALSE(late->ended());
  EXPECT_EQ(world.server().connections_owing(), 0U);
  late->send(get("/probe"));
  world.run_for(1ms);
  EXPECT_EQ(late->received(), plain_response("alive", "Connection: close\r\n"));
  EXPECT_TRUE(late->ended());
}

TEST(HttpServer, DrainingRefusesARequestThatIsStillArriving) {
  const std::string request = post("/slow", "a body");
  for (size_t cut = 1; cut < request.size(); ++cut) {
    HttpWorld world;
    auto client = world.client();
    client->send(request.substr(0, cut));
    world.run_for(1ms);
    EXPECT_EQ(world.server().connections_owing(), 1U);
    world.server().drain();
    client->send(request.substr(cut));
    world.run_for(1ms);
    ASSERT_THAT(statuses(client->received()), ElementsAre(503)) << "cut at " << cut;
    EXPECT_TRUE(client->ended());
    EXPECT_EQ(world.started(), 0U);
  }
}

TEST(HttpServer, DrainingRefusesWhatWaitsForItsTurnAfterWhatRuns) {
  HttpWorld world;
  auto client = world.client();
  client->send(post("/slow", "") + post("/slow", "second"));
  world.run_for(1ms);
  world.server().drain();
  world.open();
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(200, 503));
  EXPECT_EQ(world.started(), 1U);
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, GivingUpAnswersWhatStillRuns) {
  HttpWorld world;
  auto reads = world.client();
  auto writes = world.client();
  auto asks = world.client();
  reads->send(get("/slow") + get("/slow"));
  writes->send(post("/slow", ""));
  asks->send(post("/question", ""));
  world.run_for(1ms);
  world.server().drain();
  world.run_for(1ms);
  world.server().give_up();
  EXPECT_EQ(world.cancelled(), 4U);
  world.run_for(1ms);
  EXPECT_THAT(statuses(reads->received()), ElementsAre(503, 503));
  EXPECT_THAT(statuses(asks->received()), ElementsAre(503));
  EXPECT_THAT(statuses(writes->received()), ElementsAre(504));
  EXPECT_THAT(writes->received(), HasSubstr(R"("code":"unknown_outcome")"));
  for (auto* client : {&reads, &writes, &asks}) EXPECT_TRUE((*client)->ended());
  EXPECT_EQ(world.server().requests_in_flight(), 0U);
}

Task<void> write_text(Connection* connection, std::string text) {
  const auto written = co_await write_all(connection, as_bytes(text));
  (void)written;
}

Task<std::string> read_to_the_end(Connection* connection) {
  std::string text;
  std::array<uint8_t, 4'096> bytes;
  for (;;) {
    const auto count = co_await connection->read_some(bytes);
    if (!count.has_value() || *count == 0) co_return text;
    text += as_text(ByteView(bytes).first(*count));
  }
}

// The second one is a write that was done, and its answer waits behind that of the first.
TEST(HttpServer, GivingUpLeavesAnswersAloneThatWaitForTheirReader) {
  HttpWorld world;
  MemoryEnv& env = world.env();
  auto connected = env.run(env.network().connect(kHttpAddress));
  ASSERT_TRUE(connected.has_value());
  TaskGroup tasks(env.scheduler());
  tasks.spawn(write_text(connected->get(), get("/large/500000") + post("/echo", "kept")));
  world.run_for(100ms);
  ASSERT_EQ(world.told.size(), 1U);
  world.server().drain();
  world.server().give_up();
  const std::string received = env.run(read_to_the_end(connected->get()));
  EXPECT_THAT(statuses(received), ElementsAre(200, 200));
  EXPECT_THAT(received, HasSubstr("kept"));
  EXPECT_EQ(world.told.size(), 1U);
}

TEST(HttpServer, AnswersProbesHoweverBusyItIs) {
  ServerConfig config;
  config.requests_in_flight_max = 1;
  HttpWorld world(config);
  auto busy = world.client();
  busy->send(get("/slow"));
  world.run_for(1ms);
  auto prober = world.client();
  prober->send(get("/echo/no") + get("/probe"));
  world.run_for(1ms);
  EXPECT_THAT(statuses(prober->received()), ElementsAre(503, 200));
  EXPECT_THAT(prober->received(), HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(world.server().requests_in_flight(), 1U);
}

TEST(HttpServer, RunsWhatOnlyReadsSideBySideWhateverItsMethod) {
  HttpWorld world;
  auto client = world.client();
  client->send(post("/question", "") + post("/question", "") + post("/slow", ""));
  world.run_for(1ms);
  EXPECT_EQ(world.started(), 2U);
}

TEST(HttpServer, AsksForNoBodyThatNobodyTakes) {
  HttpWorld world;
  auto client = world.client();
  client->send(
      "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  world.run_for(1ms);
  EXPECT_THAT(statuses(client->received()), ElementsAre(404));
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, StopsWithRequestsInFlight) {
  HttpWorld world;
  auto client = world.client();
  client->send(get("/slow") + "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  world.run_for(1ms);
  world.server().stop();
  EXPECT_EQ(world.server().connections(), 0U);
}

struct BadRequest {
  const char* what;
  std::string bytes;
  int http_status;
};

class HttpServerRefuses : public testing::TestWithParam<BadRequest> {};

TEST_P(HttpServerRefuses, AndClosesTheConnection) {
  ServerConfig config;
  config.limits = {.head_bytes_max = 1'024, .headers_max = 10, .body_bytes_max = 100};
  config.body_bytes_in_flight_max = 1'000;
  // Cut at every place: the answer is the same.
  for (size_t cut = 0; cut < GetParam().bytes.size(); cut += 1 + GetParam().bytes.size() / 100) {
    HttpWorld world(config);
    auto client = world.client();
    client->send(GetParam().bytes.substr(0, cut));
    world.run_for(1ms);
    client->send(GetParam().bytes.substr(cut));
    world.run_for(1ms);
    ASSERT_THAT(statuses(client->received()), ElementsAre(GetParam().http_status))
        << GetParam().what << " cut at " << cut << ": " << client->received();
    EXPECT_THAT(client->received(), HasSubstr("Connection: close"));
    EXPECT_THAT(client->received(), HasSubstr(R"({"error":{"code":")"));
    EXPECT_TRUE(client->ended());
  }
}

INSTANTIATE_TEST_SUITE_P(
    , HttpServerRefuses,
    testing::Values(
        BadRequest{"NoHttp", "hello there\r\n\r\n", 400},
        BadRequest{"NewerVersion", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        BadRequest{"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        BadRequest{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        BadRequest{"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        BadRequest{"BadEscape", "GET /%g0 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        BadRequest{"NoPath", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        BadRequest{"Fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        BadRequest{"HeadTooLong", get("/" + std::string(2'000, 'x')), 431},
        BadRequest{"HeadersTooLong", get("/", "X: " + std::string(1'000, 'x') + "\r\n"), 431},
        BadRequest{"EndlessHeader", "GET / HTTP/1.1\r\nX: " + std::string(2'000, 'x'), 431},
        BadRequest{
            "TooManyHeaders",
            get("/", "A:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n"),
            431},
        BadRequest{"BodyTooLong", post("/echo", std::string(101, 'x')), 413},
        BadRequest{"NegativeLength", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
                   400},
        BadRequest{
            "TwoLengths",
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400},
        BadRequest{"LengthAndChunks",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   400},
        BadRequest{"ChunksAndLength",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                   "Content-Length: 1\r\n\r\n",
                   400},
        BadRequest{"ForeignCoding",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        BadRequest{"CodedBody", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n\r\n",
                   415},
        BadRequest{"ChunkedNotLast",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
                   501},
        BadRequest{"CodingInOldHttp", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                   400},
        BadRequest{"BadChunkSize",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                   400},
        BadRequest{"HugeChunk",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "ffffffffffffffff\r\n",
                   413},
        BadRequest{"ChunksTooLong",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "40\r\n" +
                       std::string(64, 'x') + "\r\n40\r\n" + std::string(64, 'x') + "\r\n",
                   413},
        BadRequest{"EndlessChunkLine",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                       std::string(2'000, 'x'),
                   431},
        BadRequest{"OtherExpectation",
                   "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n",
                   417}),
    [](const auto& info) { return info.param.what; });

TEST(HttpServer, NamesWhatAPathTakes) {
  HttpWorld world;
  const std::string wrong_method = world.exchange(get("/echo"));
  EXPECT_THAT(statuses(wrong_method), ElementsAre(405));
  EXPECT_THAT(wrong_method, HasSubstr("Allow: POST\r\n"));
  EXPECT_THAT(world.exchange("BREW /slow HTTP/1.1\r\nHost: h\r\n\r\n"),
              HasSubstr("Allow: GET, HEAD, POST\r\n"));
  const std::string nothing = world.exchange(get("/nothing"));
  EXPECT_THAT(statuses(nothing), ElementsAre(404));
  EXPECT_THAT(nothing, Not(HasSubstr("Connection: close")));
}

TEST(HttpServer, SaysWhichOptionIsWrong) {
  ServerConfig config;
  config.body_bytes_in_flight_max = 1;
  EXPECT_EQ(config.validate().error().field(), "body_bytes_in_flight_max");
}

}  // namespace
}  // namespace vectron::http
