// The server's side of the protocol, spoken to in hand-made bytes.
#include "core/rpc/server.h"

#include <gtest/gtest.h>

#include <map>

#include "core/rpc/error_body.h"
#include "core/rpc/message_bounds.h"
#include "tests/core/rpc/rpc_env.h"

namespace vectron::rpc {
namespace {

using testing::kCountMethod;
using testing::kReadMethod;
using testing::kServerAddress;
using testing::kTellMethod;
using testing::kUnknownMethod;
using testing::kWriteMethod;
using testing::RpcEnv;
using testing::RpcWorld;
using testing::text;
using testing::WordServer;

struct Received {
  FrameHeader header;
  Bytes body;
  Status error() const { return decode_error(body); }
};

/// A client that says whatever a test wants.
class RawClient {
 public:
  explicit RawClient(RpcEnv& env) : env_(env), group_(env.scheduler()) { group_.spawn(run()); }

  void send(const FrameHeader& header, ByteView body = {}) { append_frame(outgoing, header, body); }
  void hello(const Identity& identity = {}, uint32_t frame_bytes_max = 0) {
    send({.kind = FrameKind::hello},
         encode_hello({.identity = identity, .frame_bytes_max = frame_bytes_max}));
  }
  void request(uint64_t call_id, std::string_view words, const MethodInfo& method = kWriteMethod,
               uint64_t remaining_us = kNoTimeLimit) {
    send({.kind = FrameKind::request,
          .method = method.id,
          .call_id = call_id,
          .remaining_us = remaining_us},
         as_bytes(words));
  }
  /// Writes what was said, lets the world run, and returns how many frames have come in all.
  size_t flush(Duration time = 100ms) {
    begin();
    env_.world().run_for(time);
    return frames.size();
  }

  /// Begins to write what was said; the world does not run.
  void begin() { group_.spawn(write(std::exchange(outgoing, {}))); }

  Bytes outgoing;
  std::vector<Received> frames;
  /// The server closed the connection.
  bool ended = false;

 private:
  Task<void> run() {
    auto connected = co_await env_.network().connect(kServerAddress);
    connection_ = *std::move(connected);
    FrameBuffer buffer(64 << 20);
    for (;;) {
      const auto frame = buffer.next();
      if (frame->has_value()) {
        frames.push_back({(*frame)->header, to_bytes((*frame)->body)});
        continue;
      }
      const auto count = co_await connection_->read_some(buffer.writable());
      if (!count.has_value() || *count == 0) break;
      buffer.filled(*count);
    }
    ended = true;
  }
  Task<void> write(Bytes bytes) {
    while (connection_ == nullptr) co_await env_.clock().sleep_for(1us);
    co_await write_all(connection_.get(), bytes);
  }

  RpcEnv& env_;
  std::unique_ptr<Connection> connection_;
  TaskGroup group_;
};

class ServerTest : public ::testing::Test {
 protected:
  RpcWorld world;
  RpcEnv server_env{world, 1h};
  RpcEnv client_env{world, 2h};
};

TEST_F(ServerTest, AnswersHelloAndRequests) {
  WordServer words(server_env, {.identity = {ClusterId(5), NodeId(6), 7}});
  RawClient client(client_env);
  client.hello();
  client.request(1, "echo");
  ASSERT_EQ(client.flush(), 2u);
  EXPECT_EQ(client.frames[0].header.kind, FrameKind::hello);
  EXPECT_EQ(decode_hello(client.frames[0].body)->identity.node, NodeId(6));
  EXPECT_EQ(client.frames[1].header.kind, FrameKind::response);
  EXPECT_EQ(client.frames[1].header.call_id, 1u);
  EXPECT_EQ(client.frames[1].body, text("you said echo"));
}

TEST_F(ServerTest, GivesTheHandlerTheContextOfTheHeader) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.send({.kind = FrameKind::request,
               .priority = 3,
               .method = kWriteMethod.id,
               .call_id = 1,
               .remaining_us = 5'000'000,
               .trace_id = 77,
               .idempotency_key = 88},
              as_bytes("sleep"));
  client.flush(0ns);
  world.run_for(1ms);
  ASSERT_EQ(words.contexts.size(), 1u);
  const RequestContext& context = words.contexts[0];
  EXPECT_EQ(context.trace_id, 77u);
  EXPECT_EQ(context.idempotency_key, 88u);
  EXPECT_EQ(context.priority, 3u);
  EXPECT_GT(context.deadline, server_env.in(4s));
  EXPECT_LE(context.deadline, server_env.in(5s));
}

// The error matrix: each fault has its own status, and the connection lives wherever it can.

TEST_F(ServerTest, SaysUnimplementedForAnUnknownMethodAndLivesOn) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "echo", kUnknownMethod);
  client.request(2, "echo", kTellMethod);  // Known, but not as a unary method.
  client.request(3, "echo");
  ASSERT_EQ(client.flush(), 4u);
  EXPECT_EQ(client.frames[1].error().code(), Code::unimplemented);
  EXPECT_EQ(client.frames[2].error().code(), Code::unimplemented);
  EXPECT_EQ(client.frames[3].header.kind, FrameKind::response);
  EXPECT_FALSE(client.ended);
}

// What comes without a bound of its own is looked at before it is decoded.
TEST_F(ServerTest, TakesNoOneWayMessageAndNoRequestOfAStreamThatWouldHoldItsLoop) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  const FrameHeader tell{.kind = FrameKind::one_way, .method = kTellMethod.id};
  client.send(tell, Bytes(kOneWayBytesTaken + 1, 'x'));
  client.send(tell, Bytes(48 << 20, 'x'));
  client.send(tell, Bytes(kOneWayBytesTaken, 'x'));
  client.send(
      {.kind = FrameKind::request, .method = kCountMethod.id, .credit_bytes = 1'000, .call_id = 1},
      Bytes(kStreamRequestBytesMax + 1, '1'));
  client.request(2, "echo");
  ASSERT_EQ(client.flush(), 3u);
  ASSERT_EQ(words.told.size(), 1u);
  EXPECT_EQ(words.told[0].size(), kOneWayBytesTaken);
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_refused), 3u);
  EXPECT_EQ(client.frames[1].error().code(), Code::invalid_argument);
  EXPECT_EQ(client.frames[2].header.kind, FrameKind::response);
  // Nor is memory taken for it.
  EXPECT_LT(words.server().body_bytes_in_flight_peak(), 16u << 20);
}

// A node of before sends it: it is counted while it is worked at, and what comes behind it waits.
TEST_F(ServerTest, TakesAOneWayMessageOfBeforeInItsOrder) {
  WordServer words(server_env);
  words.large_takes = 1s;
  RawClient client(client_env);
  client.hello();
  const FrameHeader tell{.kind = FrameKind::one_way, .method = kTellMethod.id};
  client.send(tell, Bytes(kOneWayBytesMax + 1, 'x'));
  client.send(tell, text("behind"));
  client.flush();
  EXPECT_EQ(words.told.size(), 0u);
  EXPECT_GE(words.server().body_bytes_in_flight(), kOneWayBytesMax);
  world.run_for(1s);
  ASSERT_EQ(words.told.size(), 2u);
  EXPECT_EQ(words.told[0].size(), kOneWayBytesMax + 1);
  EXPECT_EQ(words.told[1], "behind");
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
}

TEST_F(ServerTest, EndsWhileItWorksAtAOneWayMessageOfBefore) {
  auto words = std::make_unique<WordServer>(server_env);
  words->large_takes = 1s;
  RawClient client(client_env);
  client.hello();
  const FrameHeader tell{.kind = FrameKind::one_way, .method = kTellMethod.id};
  client.send(tell, Bytes(kOneWayBytesMax + 1, 'x'));
  client.flush();
  EXPECT_GE(words->server().body_bytes_in_flight(), kOneWayBytesMax);
  words.reset();  // Asserts that nothing is held any more.
  world.run_for(2s);
}

TEST_F(ServerTest, WorksThroughFramesThatCameTogetherOverSeveralTurns) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.flush();
  for (uint64_t id = 1; id <= 1'000; ++id) client.request(id, "sleep");
  client.begin();
  const Server& server = words.server();
  size_t most = 0;
  for (size_t before = 0; before < 1'000 && world.run_one();) {
    const size_t begun = server.requests_in_flight();
    most = std::max(most, begun - before);
    before = begun;
  }
  EXPECT_EQ(server.requests_in_flight(), 1'000u);
  EXPECT_GT(most, 1u);
  EXPECT_LE(most, kFrameBytesPerTurn / kFrameWorkBytesMin);
}

TEST_F(ServerTest, SaysDataLossForABadChecksumAndCloses) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "echo");
  client.outgoing[client.outgoing.size() - 16] ^= 1;
  ASSERT_EQ(client.flush(), 2u);
  EXPECT_EQ(client.frames[1].header.call_id, 0u);
  EXPECT_EQ(client.frames[1].error().code(), Code::data_loss);
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(words.started, 0);
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_bad_frames), 1u);
}

TEST_F(ServerTest, SaysInvalidArgumentForAnOversizeFrameAndCloses) {
  WordServer words(server_env, {.frame_bytes_max = 1'000});
  RawClient client(client_env);
  client.hello();
  client.request(1, std::string(1'000, 'x'));
  ASSERT_EQ(client.flush(), 2u);
  EXPECT_EQ(client.frames[1].header.call_id, 0u);
  EXPECT_EQ(client.frames[1].error().code(), Code::invalid_argument);
  EXPECT_TRUE(client.ended);
}

TEST_F(ServerTest, SaysInvalidArgumentForABodyThatFailsVerificationAndLivesOn) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "refuse");
  client.request(2, "echo");
  ASSERT_EQ(client.flush(), 3u);
  EXPECT_EQ(client.frames[1].error().code(), Code::invalid_argument);
  EXPECT_EQ(client.frames[1].error().field(), "points[3].vector");
  EXPECT_EQ(client.frames[2].header.kind, FrameKind::response);
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(words.server().requests_in_flight(), 0u);
}

TEST_F(ServerTest, RefusesAnotherCluster) {
  WordServer words(server_env, {.identity = {.cluster = ClusterId(5)}});
  RawClient client(client_env);
  client.hello({.cluster = ClusterId(6)});
  client.request(1, "echo");
  ASSERT_EQ(client.flush(), 1u);
  EXPECT_EQ(client.frames[0].error().code(), Code::failed_precondition);
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(words.started, 0);
}

TEST_F(ServerTest, RefusesAnOlderIncarnationAndClosesTheOneThatIsReplaced) {
  WordServer words(server_env);
  RawClient first(client_env);
  first.hello({.node = NodeId(9), .incarnation = 2});
  first.flush();
  RawClient second(client_env);
  second.hello({.node = NodeId(9), .incarnation = 3});
  second.flush();
  words.server().know_starts({{NodeId(9), 3}});
  first.flush();
  EXPECT_TRUE(first.ended);
  EXPECT_FALSE(second.ended);
  RawClient stale(client_env);
  stale.hello({.node = NodeId(9), .incarnation = 2});
  ASSERT_EQ(stale.flush(), 1u);
  EXPECT_EQ(stale.frames[0].error().code(), Code::failed_precondition);
  EXPECT_TRUE(stale.ended);
  RawClient next(client_env);
  next.hello({.node = NodeId(9), .incarnation = 4});
  next.flush();
  EXPECT_FALSE(next.ended);
  EXPECT_FALSE(second.ended);
}

TEST_F(ServerTest, BelievesNoHelloThatShutsAnotherNodeOut) {
  WordServer words(server_env);
  RawClient gateway(client_env);
  gateway.hello({.node = NodeId(9), .incarnation = 2});
  gateway.flush();
  RawClient forger(client_env);
  forger.hello({.node = NodeId(9), .incarnation = UINT64_MAX});
  forger.flush();
  EXPECT_FALSE(gateway.ended);
  RawClient again(client_env);
  again.hello({.node = NodeId(9), .incarnation = 3});
  again.flush();
  EXPECT_FALSE(again.ended);
}

TEST_F(ServerTest, LetsNewNodesInHoweverManyHaveSaidHello) {
  ServerConfig config;
  config.nodes_known_max = 2;
  WordServer words(server_env, config);
  words.server().know_starts({{NodeId(1), 5}, {NodeId(2), 5}, {NodeId(3), 5}});
  for (uint64_t node = 1; node <= 9; ++node) {
    RawClient client(client_env);
    client.hello({.node = NodeId(node), .incarnation = 5});
    client.flush();
    EXPECT_FALSE(client.ended) << node;
  }
}

TEST_F(ServerTest, RefusesAPassedDeadlineBeforeTheHandlerRuns) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "echo", kWriteMethod, 0);
  ASSERT_EQ(client.flush(), 2u);
  EXPECT_EQ(client.frames[1].error().code(), Code::deadline_exceeded);
  EXPECT_EQ(words.started, 0);
  EXPECT_FALSE(client.ended);
}

TEST_F(ServerTest, DestroysTheHandlerWhenItsDeadlinePasses) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep", kWriteMethod, 50'000);
  client.request(2, "sleep", kReadMethod, 50'000);
  ASSERT_EQ(client.flush(20ms), 1u);
  EXPECT_EQ(words.alive, 2);
  world.run_for(50ms);
  EXPECT_EQ(words.alive, 0);
  ASSERT_EQ(client.frames.size(), 3u);
  EXPECT_EQ(client.frames[1].error().code(), Code::unknown_outcome);
  EXPECT_EQ(client.frames[2].error().code(), Code::deadline_exceeded);
  EXPECT_TRUE(words.contexts[0].cancellation.cancelled());
}

TEST_F(ServerTest, DestroysTheHandlerThatIsCancelled) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep");
  client.request(2, "sleep");
  client.flush();
  EXPECT_EQ(words.alive, 2);
  client.send({.kind = FrameKind::cancel, .call_id = 1});
  client.send({.kind = FrameKind::cancel, .call_id = 1});    // Too late: nothing happens.
  client.send({.kind = FrameKind::cancel, .call_id = 123});  // Never there.
  client.flush();
  EXPECT_EQ(words.alive, 1);
  EXPECT_EQ(words.server().requests_in_flight(), 1u);
  EXPECT_TRUE(words.contexts[0].cancellation.cancelled());
  EXPECT_FALSE(words.contexts[1].cancellation.cancelled());
  EXPECT_EQ(client.frames.size(), 1u);
}

TEST_F(ServerTest, DestroysAllHandlersOfALostConnection) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep");
  client.flush();
  EXPECT_EQ(words.alive, 1);
  world.network.wire()->reset();
  world.run_for(1ms);
  EXPECT_EQ(words.alive, 0);
  EXPECT_EQ(words.server().connections(), 0u);
  EXPECT_EQ(words.server().requests_in_flight(), 0u);
  EXPECT_TRUE(words.contexts[0].cancellation.cancelled());
}

TEST_F(ServerTest, RefusesRequestsBeyondItsBoundsAtOnce) {
  WordServer words(server_env,
                   {.requests_in_flight_max = 3, .connection_requests_in_flight_max = 2});
  RawClient one(client_env);
  one.hello();
  for (uint64_t call_id = 1; call_id <= 3; ++call_id) one.request(call_id, "sleep");
  ASSERT_EQ(one.flush(), 2u);
  EXPECT_EQ(one.frames[1].header.call_id, 3u);
  EXPECT_EQ(one.frames[1].error().code(), Code::resource_exhausted);
  RawClient two(client_env);
  two.hello();
  two.request(1, "sleep");
  two.request(2, "sleep");
  ASSERT_EQ(two.flush(), 2u);
  EXPECT_EQ(two.frames[1].header.call_id, 2u);
  EXPECT_EQ(two.frames[1].error().code(), Code::resource_exhausted);
}

TEST_F(ServerTest, RefusesWhatItHasNoMemoryForUntilSomeIsFree) {
  WordServer words(server_env, {.frame_bytes_max = 200'000, .body_bytes_in_flight_max = 600'000});
  std::optional<RawClient> one;
  one.emplace(client_env);
  one->hello();
  const std::string large = "sleep" + std::string(190'000, '.');
  one->request(1, large);
  one->request(4, large);
  one->flush();
  one->request(2, large);
  ASSERT_EQ(one->flush(), 2u) << "380,000 of the first, and a quarter of 600,000 is for small ones";
  EXPECT_EQ(one->frames[1].header.call_id, 2u);
  EXPECT_EQ(one->frames[1].error().code(), Code::resource_exhausted);
  EXPECT_EQ(words.started, 2);

  RawClient two(client_env);
  two.hello();
  two.request(1, "echo");
  ASSERT_EQ(two.flush(), 2u);
  EXPECT_EQ(two.frames[1].header.kind, FrameKind::response) << "there is room for small ones";

  one->send({.kind = FrameKind::cancel, .call_id = 1});
  one->request(3, large);
  ASSERT_EQ(one->flush(), 2u);
  EXPECT_EQ(words.started, 4);
  EXPECT_FALSE(one->ended);
  one.reset();
  world.run_for(1s);
  EXPECT_LT(words.server().body_bytes_in_flight(), 1'000u);
}

TEST_F(ServerTest, TellsConnectionsBeyondItsBoundAndClosesThem) {
  WordServer words(server_env, {.connections_max = 1});
  RawClient one(client_env);
  one.hello();
  one.flush();
  RawClient two(client_env);
  two.hello();
  two.flush();
  EXPECT_FALSE(one.ended);
  EXPECT_TRUE(two.ended);
  ASSERT_EQ(two.frames.size(), 1u);
  EXPECT_EQ(two.frames[0].header.kind, FrameKind::error);
  EXPECT_EQ(two.frames[0].header.call_id, 0u);
  EXPECT_EQ(two.frames[0].error().code(), Code::unavailable);
  EXPECT_EQ(words.server().connections(), 1u);
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_connections_refused), 1u);
}

TEST_F(ServerTest, LetsNoHostHaveMoreThanItsShareOfConnections) {
  // All clients of this network are of one host; a connection of another one is held beside them.
  BodyMemory bodies({.bytes_max = 1'000'000});
  const BodyShare other(&bodies, "elsewhere:1");
  WordServer words(server_env,
                   {.connections_max = 9, .host_connections_max = 2, .bodies = &bodies});
  std::optional<RawClient> one(std::in_place, client_env);
  RawClient two(client_env);
  two.flush();
  RawClient three(client_env);
  three.flush();
  EXPECT_FALSE(two.ended);
  EXPECT_TRUE(three.ended);
  ASSERT_EQ(three.frames.size(), 1u);
  EXPECT_EQ(three.frames[0].error().code(), Code::unavailable);
  one.reset();
  RawClient four(client_env);
  four.flush();
  EXPECT_FALSE(four.ended) << "there is room again";
}

TEST_F(ServerTest, LetsNoHostHaveMoreThanItsShareOfRequests) {
  BodyMemory bodies({.bytes_max = 1'000'000});
  BodyShare other(&bodies, "elsewhere:1");
  other.request_began();
  WordServer words(
      server_env,
      {.requests_in_flight_max = 9, .host_requests_in_flight_max = 2, .bodies = &bodies});
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep");
  client.flush();
  RawClient same_host(client_env);
  same_host.hello();
  same_host.request(1, "sleep");
  same_host.request(2, "echo");
  ASSERT_EQ(same_host.flush(), 2u);
  EXPECT_EQ(same_host.frames[1].error().code(), Code::resource_exhausted);
  client.send({.kind = FrameKind::cancel, .call_id = 1});
  client.flush();
  same_host.request(3, "echo");
  ASSERT_EQ(same_host.flush(), 3u);
  EXPECT_EQ(same_host.frames[2].header.kind, FrameKind::response) << "there is room again";
  other.requests_ended();
}

TEST_F(ServerTest, ShowsWhatLiesHereForItsPeers) {
  struct Watcher final : PeerWatcher {
    void began(const PeerHolder* holder) override { holders.push_back(holder); }
    void ended(const PeerHolder* holder) override { std::erase(holders, holder); }
    void turned_away(const PeerHolder*, std::string_view) override { ++turned; }
    void answer_made(const PeerHolder*) override {}
    std::vector<const PeerHolder*> holders;
    int turned = 0;
  };
  Watcher watcher;
  {
    WordServer words(server_env, {.connections_max = 1, .watcher = &watcher});
    RawClient slow(client_env);
    slow.hello();
    slow.flush();
    // All but the end of a frame of 200,000 bytes.
    slow.request(1, std::string(200'000, '.'));
    slow.outgoing.resize(150'000);
    slow.flush();
    ASSERT_EQ(watcher.holders.size(), 1u);
    const auto held = watcher.holders[0]->held_for_peers();
    ASSERT_EQ(held.size(), 1u);
    EXPECT_EQ(held[0].arrived, 150'000u);
    EXPECT_EQ(held[0].waiting, 0u);
    EXPECT_GE(watcher.holders[0]->counter().bytes(), 150'000u);
    RawClient other(client_env);
    other.flush();
    EXPECT_EQ(watcher.turned, 1);
  }
  EXPECT_TRUE(watcher.holders.empty());
}

TEST_F(ServerTest, ClosesAConnectionThatDoesNotSayHello) {
  WordServer words(server_env);
  RawClient rude(client_env);
  rude.request(1, "echo");
  ASSERT_EQ(rude.flush(), 1u);
  EXPECT_EQ(rude.frames[0].error().code(), Code::invalid_argument);
  EXPECT_TRUE(rude.ended);
  RawClient silent(client_env);
  silent.flush(4s);
  EXPECT_FALSE(silent.ended);
  silent.flush(2s);
  EXPECT_TRUE(silent.ended);
  EXPECT_EQ(words.server().connections(), 0u);
}

TEST_F(ServerTest, TakesOnlySmallFramesBeforeHello) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.send({.kind = FrameKind::hello}, Bytes(8'000));
  ASSERT_EQ(client.flush(), 1u);
  EXPECT_EQ(client.frames[0].error().code(), Code::invalid_argument);
  EXPECT_TRUE(client.ended);
}

TEST_F(ServerTest, ClosesAConnectionThatReusesACallIdOrSendsAServersFrame) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep");
  client.request(1, "sleep");
  ASSERT_EQ(client.flush(), 2u);
  EXPECT_EQ(client.frames[1].error().code(), Code::invalid_argument);
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(words.alive, 0);
  RawClient other(client_env);
  other.hello();
  other.send({.kind = FrameKind::response, .call_id = 1});
  ASSERT_EQ(other.flush(), 2u);
  EXPECT_EQ(other.frames[1].error().code(), Code::invalid_argument);
  EXPECT_TRUE(other.ended);
}

TEST_F(ServerTest, ClosesAConnectionOnWhichNothingComes) {
  WordServer words(server_env, {.silence_max = 9s});
  RawClient client(client_env);
  client.hello();
  client.flush(8s);
  EXPECT_FALSE(client.ended);
  client.send({.kind = FrameKind::ping});
  client.flush(8s);
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(client.frames.back().header.kind, FrameKind::pong);
  client.flush(10s);
  EXPECT_TRUE(client.ended);
}

class OnlyReads final : public Interceptor {
 public:
  Result<void> admit(const MethodInfo& method, uint32_t slot, RequestContext& context) override {
    if (method.permission != "test.read") return fail(Code::permission_denied, "you may only read");
    context.principal = fmt::format("user {}", slot);
    return {};
  }
};

TEST_F(ServerTest, AsksItsInterceptorBeforeTheHandlerRuns) {
  OnlyReads interceptor;
  WordServer words(server_env);
  words.server().set_interceptor(&interceptor);
  RawClient client(client_env);
  client.hello();
  client.request(1, "echo");
  client.send(
      {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = 2, .credential_slot = 4},
      as_bytes("echo"));
  ASSERT_EQ(client.flush(), 3u);
  EXPECT_EQ(client.frames[1].error().code(), Code::permission_denied);
  EXPECT_EQ(client.frames[2].header.kind, FrameKind::response);
  ASSERT_EQ(words.contexts.size(), 1u);
  EXPECT_EQ(words.contexts[0].principal, "user 4");
}

TEST_F(ServerTest, ReadsNoFurtherWhileTheClientTakesNoAnswers) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.queued_bytes_max = 100'000});
  auto connecting = client_env.network().connect(kServerAddress);
  testing::Background<Result<std::unique_ptr<Connection>>> connected(world.scheduler,
                                                                     std::move(connecting));
  world.run_for(1ms);
  Connection* connection = connected.get()->get();
  Bytes wire;
  append_frame(wire, {.kind = FrameKind::hello}, encode_hello({}));
  for (uint64_t call_id = 1; call_id <= 1'000; ++call_id) {
    append_frame(wire, {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = call_id},
                 as_bytes("big 10000"));
  }
  testing::Background<Result<void>> writing(world.scheduler, write_all(connection, wire));
  world.run_for(1s);
  EXPECT_LT(words.started, 500);
  EXPECT_GT(words.started, 5);
  EXPECT_FALSE(writing.done());
}

TEST_F(ServerTest, AnswersThatNobodyTakesCountUntilTheirConnectionGoes) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(
      server_env,
      {.frame_bytes_max = 200'000, .body_bytes_in_flight_max = 600'000, .silence_max = 30s});
  auto connecting = client_env.network().connect(kServerAddress);
  testing::Background<Result<std::unique_ptr<Connection>>> connected(world.scheduler,
                                                                     std::move(connecting));
  world.run_for(1ms);
  Bytes wire;
  append_frame(wire, {.kind = FrameKind::hello}, encode_hello({}));
  for (uint64_t call_id = 1; call_id <= 2; ++call_id) {
    append_frame(wire, {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = call_id},
                 as_bytes("big 190000"));
  }
  testing::Background<Result<void>> writing(world.scheduler,
                                            write_all(connected.get()->get(), wire));
  world.run_for(1s);
  EXPECT_GT(words.server().body_bytes_in_flight(), 300'000u);
  world.run_for(40s);
  EXPECT_EQ(words.server().connections(), 0u);
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
}

/// A client that writes and never reads.
class DeafClient {
 public:
  explicit DeafClient(RpcEnv& env) : env_(env), tasks_(env.scheduler()) {
    tasks_.spawn(connect());
    env.world().run_for(1ms);
    append_frame(outgoing, {.kind = FrameKind::hello}, encode_hello({}));
  }
  void send(Duration time) {
    tasks_.spawn(write(std::exchange(outgoing, {})));
    env_.world().run_for(time);
  }

  Bytes outgoing;
  /// A write failed.
  bool ended = false;

 private:
  Task<void> connect() {
    auto connected = co_await env_.network().connect(kServerAddress);
    connection_ = *std::move(connected);
  }
  Task<void> write(Bytes bytes) {
    const Result<void> written = co_await write_all(connection_.get(), bytes);
    ended = ended || !written.has_value();
  }

  RpcEnv& env_;
  std::unique_ptr<Connection> connection_;
  TaskGroup tasks_;
};

TEST_F(ServerTest, HoldsNothingForPingsWhosePongsNobodyReads) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env);
  DeafClient client(client_env);
  for (int i = 0; i < 100'000; ++i) append_frame(client.outgoing, {.kind = FrameKind::ping}, {});
  client.send(10s);
  EXPECT_LT(words.server().body_bytes_in_flight_peak(), 100'000u);
}

TEST_F(ServerTest, ReadsNothingFromThoseWhoLeaveTheirAnswersWhileMemoryIsShort) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.frame_bytes_max = 200'000, .body_bytes_in_flight_max = 600'000});
  std::vector<std::unique_ptr<DeafClient>> clients;
  for (int c = 0; c < 20; ++c) {
    clients.push_back(std::make_unique<DeafClient>(client_env));
    for (uint64_t call_id = 1; call_id <= 2'000; ++call_id) {
      append_frame(clients.back()->outgoing,
                   {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = call_id},
                   as_bytes(call_id % 2 == 0 ? "big 150000" : "big 1000"));
    }
    clients.back()->send(10ms);
  }
  // Whatever all others have, each may have 64 KiB waiting and the refusals of one read.
  EXPECT_LT(words.server().body_bytes_in_flight_peak(), 600'000u + 20u * 128u * 1024);
  EXPECT_GT(server_env.metrics().value(Metric::rpc_answers_dropped), 0u);
  world.run_for(60s);
  EXPECT_EQ(words.server().connections(), 0u);
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
}

// A write that was done cannot be had again: its answer is told, and what was read is not.
TEST_F(ServerTest, TellsWhatAWriteDidWhileMemoryIsShort) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.frame_bytes_max = 200'000, .body_bytes_in_flight_max = 600'000});
  DeafClient deaf(client_env);
  for (uint64_t call_id = 1; call_id <= 2; ++call_id) {
    append_frame(deaf.outgoing,
                 {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = call_id},
                 as_bytes("big 190000"));
  }
  deaf.send(100ms);
  ASSERT_GT(words.server().body_bytes_in_flight(), 300'000u);
  RawClient client(client_env);
  client.hello();
  client.request(1, "big 150000", kWriteMethod);
  client.request(2, "big 150000", kReadMethod);
  client.flush(1s);
  ASSERT_EQ(client.frames.size(), 3u);
  std::map<uint64_t, FrameKind> kinds;
  for (const Received& frame : client.frames) kinds[frame.header.call_id] = frame.header.kind;
  EXPECT_EQ(kinds[1], FrameKind::response);
  EXPECT_EQ(kinds[2], FrameKind::error);
}

TEST_F(ServerTest, CountsAFrameWhileItComes) {
  WordServer words(server_env, {.frame_bytes_max = 200'000, .body_bytes_in_flight_max = 600'000});
  auto client = std::make_unique<RawClient>(client_env);
  client->hello();
  client->request(1, std::string(150'000, 'x'));
  client->outgoing.resize(client->outgoing.size() - 1);
  client->flush(1s);
  EXPECT_GE(words.server().body_bytes_in_flight(), 150'000u);
  client.reset();
  world.run_for(1s);
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
}

TEST_F(ServerTest, CutsOffAClientThatTakesItsAnswersByteByByte) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.silence_max = 9s});
  auto connecting = client_env.network().connect(kServerAddress);
  testing::Background<Result<std::unique_ptr<Connection>>> connected(world.scheduler,
                                                                     std::move(connecting));
  world.run_for(1ms);
  Connection* connection = connected.get()->get();
  Bytes wire;
  append_frame(wire, {.kind = FrameKind::hello}, encode_hello({}));
  append_frame(wire, {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = 1},
               as_bytes("big 1000000"));
  testing::Background<Result<void>> writing(world.scheduler, write_all(connection, wire));
  world.run_for(1s);
  std::array<uint8_t, 100> some;
  Bytes ping;
  append_frame(ping, {.kind = FrameKind::ping}, {});
  int seconds = 0;
  for (; seconds < 30 && words.server().connections() > 0; ++seconds) {
    testing::Background<Result<size_t>> reading(world.scheduler, connection->read_some(some));
    testing::Background<Result<void>> pinging(world.scheduler, write_all(connection, ping));
    world.run_for(1s);
  }
  EXPECT_EQ(words.server().connections(), 0u);
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_slow_peers), 1u);
}

/// A client that says what it is given and reads so many bytes as it is told to.
class PacedClient {
 public:
  explicit PacedClient(RpcEnv& env) : env_(env), tasks_(env.scheduler()) {
    tasks_.spawn(connect());
    env.world().run_for(1ms);
    append_frame(outgoing, {.kind = FrameKind::hello}, encode_hello({}));
  }
  void send() {
    tasks_.spawn(write(std::exchange(outgoing, {})));
    env_.world().run_for(1ms);
  }
  void read(size_t bytes, Duration time) {
    tasks_.spawn(take(bytes));
    env_.world().run_for(time);
  }

  Bytes outgoing;
  size_t taken = 0;
  bool ended = false;

 private:
  Task<void> connect() {
    auto connected = co_await env_.network().connect(kServerAddress);
    connection_ = *std::move(connected);
  }
  Task<void> write(Bytes bytes) { co_await write_all(connection_.get(), bytes); }
  Task<void> take(size_t bytes) {
    Bytes into(bytes);
    for (size_t left = bytes; left > 0;) {
      const auto count = co_await connection_->read_some(std::span(into).first(left));
      ended = !count.has_value() || *count == 0;
      if (ended) co_return;
      left -= *count;
      taken += *count;
    }
  }

  RpcEnv& env_;
  std::unique_ptr<Connection> connection_;
  TaskGroup tasks_;
};

TEST_F(ServerTest, WaitsForAClientThatOnlyTakesItsAnswer) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.silence_max = 9s});
  PacedClient client(client_env);
  append_frame(client.outgoing,
               {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = 1},
               as_bytes("big 1000000"));
  client.send();
  for (int second = 0; second < 40; ++second) client.read(25'000, 1s);
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(client.taken, 1'000'000u);
  client.read(1'000, 20s);
  EXPECT_TRUE(client.ended) << "it is silent now";
}

TEST_F(ServerTest, ReadsOnWhenHalfOfWhatWaitedIsTaken) {
  world.network.faults.pipe_bytes_max = 20'000;
  WordServer words(server_env, {.queued_bytes_max = 1'000'000});
  PacedClient client(client_env);
  for (uint64_t call_id = 1; call_id <= 12; ++call_id) {
    append_frame(client.outgoing,
                 {.kind = FrameKind::request, .method = kReadMethod.id, .call_id = call_id},
                 as_bytes("big 100000"));
    client.send();
  }
  EXPECT_EQ(words.started, 10);
  client.read(300'000, 1s);
  EXPECT_EQ(words.started, 10);
  client.read(400'000, 1s);
  EXPECT_EQ(words.started, 12);
}

TEST_F(ServerTest, CutsOffAFrameThatComesByteByByte) {
  WordServer words(server_env, {.silence_max = 9s});
  RawClient client(client_env);
  client.hello();
  client.flush();
  Bytes frame;
  append_frame(frame, {.kind = FrameKind::request, .method = kWriteMethod.id, .call_id = 1},
               Bytes(2'000'000));
  client.outgoing = Bytes(frame.begin(), frame.begin() + 1'000'000);
  client.flush();
  EXPECT_GE(words.server().body_bytes_in_flight(), 1'000'000u);
  EXPECT_LT(words.server().body_bytes_in_flight(), 1'100'000u) << "what has come, not what will";
  for (size_t at = 1'000'000; at < 1'000'030 && !client.ended; ++at) {
    client.outgoing = Bytes(1, frame[at]);
    client.flush(1s);
  }
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(words.server().body_bytes_in_flight(), 0u);
}

TEST_F(ServerTest, LetsAFrameComeAtAModestRate) {
  WordServer words(server_env, {.silence_max = 9s});
  RawClient client(client_env);
  client.hello();
  client.flush();
  Bytes frame;
  append_frame(frame, {.kind = FrameKind::request, .method = kWriteMethod.id, .call_id = 1},
               Bytes(400'000));
  for (size_t at = 0; at < frame.size(); at += 8'000) {
    const auto end = std::min(frame.size(), at + 8'000);
    client.outgoing = Bytes(frame.begin() + static_cast<ptrdiff_t>(at),
                            frame.begin() + static_cast<ptrdiff_t>(end));
    client.flush(1s);
  }
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(words.started, 1);
}

TEST_F(ServerTest, LetsNoHostHoldMoreThanItsShare) {
  WordServer words(server_env, {.frame_bytes_max = 100'000,
                                .body_bytes_in_flight_max = 10'000'000,
                                .host_bytes_in_flight_max = 300'000});
  RawClient client(client_env);  // All clients of this network are of one host.
  RawClient other(client_env);
  client.hello();
  other.hello();
  const std::string large = "sleep" + std::string(90'000, '.');
  client.request(1, large);
  client.request(2, large);
  client.flush();
  other.request(1, large);
  other.request(2, "echo");
  ASSERT_EQ(other.flush(), 3u);
  EXPECT_EQ(other.frames[1].error().code(), Code::resource_exhausted);
  EXPECT_EQ(other.frames[2].header.kind, FrameKind::response) << "there is room for small ones";
}

TEST_F(ServerTest, SaysThatAnAnswerIsTooLarge) {
  WordServer words(server_env, {.frame_bytes_max = 1'000});
  RawClient client(client_env);
  client.hello();
  client.request(1, "big 2000", kReadMethod);
  client.request(2, "big 2000", kWriteMethod);
  ASSERT_EQ(client.flush(), 3u);
  EXPECT_EQ(client.frames[1].error().code(), Code::out_of_range);
  EXPECT_EQ(client.frames[2].error().code(), Code::unknown_outcome);
  EXPECT_FALSE(client.ended);
}

// It would end the connection, and with it all that goes on there.
TEST_F(ServerTest, SaysThatAnAnswerIsLargerThanItsClientTakes) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello({}, 1'000);
  client.request(1, "big 2000", kReadMethod);
  client.request(2, "big 2000", kWriteMethod);
  client.request(3, "big 900", kReadMethod);
  ASSERT_EQ(client.flush(), 4u);
  EXPECT_EQ(decode_hello(client.frames[0].body)->frame_bytes_max, ServerConfig().frame_bytes_max);
  EXPECT_EQ(client.frames[1].error().code(), Code::out_of_range);
  EXPECT_NE(client.frames[1].error().message().find("larger than 1000"), std::string::npos);
  EXPECT_EQ(client.frames[2].error().code(), Code::unknown_outcome);
  EXPECT_EQ(client.frames[3].header.kind, FrameKind::response);
  EXPECT_FALSE(client.ended);
}

TEST_F(ServerTest, SendsNoMoreOfAStreamThanItHasCreditFor) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.send(
      {.kind = FrameKind::request, .method = kCountMethod.id, .credit_bytes = 1'000, .call_id = 1},
      as_bytes("50 136"));  // Each item costs 64 + 136 = 200 bytes.
  EXPECT_EQ(client.flush(), 1u + 5u);
  EXPECT_EQ(words.items_sent, 5);
  client.send({.kind = FrameKind::credit, .credit_bytes = 100, .call_id = 1});
  EXPECT_EQ(client.flush(), 1u + 6u);
  client.send({.kind = FrameKind::credit, .credit_bytes = 100'000, .call_id = 1});
  ASSERT_EQ(client.flush(), 1u + 50u + 1u);
  EXPECT_EQ(client.frames.back().header.kind, FrameKind::stream_end);
  EXPECT_EQ(words.alive, 0);
}

TEST_F(ServerTest, StopsWithEverythingThatRuns) {
  WordServer words(server_env);
  RawClient client(client_env);
  client.hello();
  client.request(1, "sleep");
  client.flush();
  words.server().stop();
  world.run_for(1ms);
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(words.alive, 0);
  EXPECT_EQ(words.server().connections(), 0u);
}

Task<void> ask_in_http(Env* env, std::string question, std::string* received, bool* ended) {
  auto connected = co_await env->network().connect(kServerAddress);
  VECTRON_ASSERT(connected.has_value());
  const ByteView bytes = as_bytes(question);
  const auto written = co_await write_all(connected->get(), bytes);
  VECTRON_ASSERT(written.has_value());
  std::array<uint8_t, 1'024> piece;
  for (;;) {
    const auto count = co_await (*connected)->read_some(piece);
    if (!count.has_value() || *count == 0) break;
    *received += as_text(ByteView(piece).first(*count));
  }
  *ended = true;
}

// A browser or curl that finds the wrong port is told so in its own language.
TEST_F(ServerTest, AnswersHttpWithWhereToGo) {
  struct Place {
    std::optional<Address> at;
    std::string told;
  };
  const std::vector<Place> places = {
      {Address{"127.0.0.1:8080"}, "HTTP is at http://127.0.0.1:8080"},
      {Address{"0.0.0.0:8080"}, "HTTP is at port 8080 of this host"},
      {Address{"[::]:8080"}, "HTTP is at port 8080 of this host"},
      {std::nullopt, "serves no HTTP"}};
  for (const Place& place : places) {
    RpcWorld own;
    RpcEnv server{own, 1h};
    RpcEnv client{own, 2h};
    WordServer words(server);
    words.server().set_http_place(place.at);
    std::string received;
    bool ended = false;
    TaskGroup tasks(client.scheduler());
    tasks.spawn(ask_in_http(&client, "GET / HTTP/1.1\r\n\r\n", &received, &ended));
    own.run_for(100ms);
    EXPECT_TRUE(received.starts_with("HTTP/1.1 400 ")) << received;
    EXPECT_TRUE(received.ends_with("}\n"));
    EXPECT_NE(received.find(place.told), std::string::npos) << received;
    EXPECT_TRUE(ended);
  }
}

// Whatever the method is called, and however short the request: nobody waits for a whole frame
// head.
TEST_F(ServerTest, AnswersAShortHttpRequestOfAnyMethod) {
  for (const std::string question : {"FOO / HTTP/1.1\r\n\r\n", "A / HTTP/1.0\r\n", "PROPFIND /"}) {
    RpcWorld own;
    RpcEnv server{own, 1h};
    RpcEnv client{own, 2h};
    WordServer words(server);
    std::string received;
    bool ended = false;
    TaskGroup tasks(client.scheduler());
    tasks.spawn(ask_in_http(&client, question, &received, &ended));
    own.run_for(100ms);
    EXPECT_TRUE(received.starts_with("HTTP/1.1 400 ")) << question << received;
    EXPECT_TRUE(ended) << question;
  }
}

}  // namespace
}  // namespace vectron::rpc
