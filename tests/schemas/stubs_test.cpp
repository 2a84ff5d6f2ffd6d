// Generated clients and handlers, end to end over connections in memory.
#include <gtest/gtest.h>

#include <fstream>
#include <list>
#include <set>

#include "schemas/echo_rpc.h"
#include "schemas/placement_rpc.h"
#include "schemas/raft_rpc.h"
#include "schemas/vectron_rpc.h"
#include "schemas/worker_rpc.h"
#include "tests/core/rpc/rpc_env.h"

namespace vectron::test {
namespace {

using testing::Background;
using testing::RpcEnv;
using testing::RpcWorld;

const Address kAddress{"echo:1"};

class Echo final : public EchoHandler {
 public:
  explicit Echo(RpcEnv& env) : env_(env) {}

  Task<Result<EchoReply>> echo(RequestContext, EchoRequest request) override {
    if (request.delay_us > 0) {
      co_await env_.clock().sleep_for(std::chrono::microseconds(request.delay_us));
    }
    if (request.error_code != 0) {
      co_return fail(static_cast<Code>(request.error_code), "as asked", "error_code");
    }
    if (answer_bytes > 0) request.text.assign(answer_bytes, 'x');
    co_return EchoReply{std::move(request.text)};
  }
  Task<Result<EchoReply>> look(RequestContext context, EchoRequest request) override {
    return echo(std::move(context), std::move(request));
  }
  Task<Result<void>> count(RequestContext, CountRequest request,
                           rpc::StreamWriter<CountItem> stream) override {
    for (uint32_t i = 0; i < request.items; ++i) {
      CountItem item{i, Bytes(request.item_bytes)};
      const Result<void> sent = co_await stream.send(std::move(item));
      VECTRON_CO_CHECK_OK(sent);
    }
    if (request.fail) co_return fail(Code::aborted, "counted enough");
    co_return Result<void>();
  }
  void notify(RequestContext, EchoRequest request) override { notified.push_back(request.text); }

  std::vector<std::string> notified;
  size_t answer_bytes = 0;  // Then the answer is so long whatever was asked.

 private:
  RpcEnv& env_;
};

class StubsTest : public ::testing::Test {
 protected:
  StubsTest() {
    serve(server, handler);
    VECTRON_ASSERT(server.start(kAddress).has_value());
  }

  RpcWorld world;
  RpcEnv server_env{world, 1h};
  RpcEnv client_env{world, 2h};
  Echo handler{server_env};
  rpc::Server server{server_env, {}};
  std::shared_ptr<rpc::Channel> channel =
      std::make_shared<rpc::Channel>(client_env, kAddress, rpc::ClientConfig{});
};

TEST_F(StubsTest, CallAMethodAndReturnItsReply) {
  EchoClient client(channel);
  Background<Result<EchoReply>> reply(world.scheduler, client.echo({}, {.text = "hello"}));
  world.run_for(1ms);
  EXPECT_EQ(reply.get()->text, "hello");
}

TEST_F(StubsTest, ReturnTheHandlersError) {
  EchoClient client(channel);
  EchoRequest request{.error_code = static_cast<uint8_t>(Code::already_exists)};
  Background<Result<EchoReply>> reply(world.scheduler, client.look({}, request));
  world.run_for(1ms);
  EXPECT_EQ(reply.get().error(), Status(Code::already_exists, "as asked", "error_code"));
}

TEST_F(StubsTest, RunOnAfterTheClientAndTheLastHandleOfTheChannelAreGone) {
  auto task = EchoClient(channel).echo({}, {.text = "hello", .delay_us = 500});
  channel.reset();
  Background<Result<EchoReply>> reply(world.scheduler, std::move(task));
  world.run_for(1ms);
  EXPECT_EQ(reply.get()->text, "hello");
}

// On either side: request and answer, encoded and decoded.
TEST_F(StubsTest, LeaveLargeMessagesToThePool) {
  EchoClient client(channel);
  Background<Result<EchoReply>> small(world.scheduler, client.echo({}, {.text = "hello"}));
  world.run_for(1ms);
  EXPECT_EQ(small.get()->text, "hello");
  EXPECT_EQ(client_env.cpu().jobs, 0U);
  EXPECT_EQ(server_env.cpu().jobs, 0U);
  const std::string text(kPooledMessageBytesMin, 'x');
  Background<Result<EchoReply>> large(world.scheduler, client.echo({}, {.text = text}));
  world.run_for(1ms);
  EXPECT_EQ(large.get()->text, text);
  EXPECT_EQ(client_env.cpu().jobs, 2U);
  EXPECT_EQ(server_env.cpu().jobs, 2U);
}

// One after the other, in their order, whatever comes between them: what comes behind them does not
// wait for the pool, which may have other work for long.
TEST_F(StubsTest, TakeLargeOneWayMessagesInTheirOrderAndWithoutThePool) {
  server_env.cpu().takes = 1h;
  EchoClient client(channel);
  const std::string large(kPooledMessageBytesMin, 'x');
  ASSERT_TRUE(client.notify({.text = large + "1"}));
  ASSERT_TRUE(client.notify({.text = "2"}));
  ASSERT_TRUE(client.notify({.text = large + "3"}));
  world.run_for(1ms);
  EXPECT_EQ(handler.notified, (std::vector<std::string>{large + "1", "2", large + "3"}));
  EXPECT_EQ(server_env.cpu().jobs, 0U);
}

// Only nodes of before send such: what they unfold to is nothing for the loop.
TEST_F(StubsTest, DecodeOneWayMessagesOfBeforeOnThePool) {
  server_env.cpu().takes = 1ms;
  EchoClient client(channel);
  const std::string large(rpc::kOneWayBytesMax, 'x');
  ASSERT_TRUE(channel->send_one_way(kEchoNotifyMethod, encode(EchoRequest{.text = large})));
  ASSERT_TRUE(client.notify({.text = "2"}));
  world.run_for(500us);
  EXPECT_TRUE(handler.notified.empty());
  world.run_for(1ms);
  EXPECT_EQ(handler.notified, (std::vector<std::string>{large, "2"}));
  EXPECT_EQ(server_env.cpu().jobs, 1U);
}

TEST_F(StubsTest, DropALargeOneWayMessageThatCannotBeRead) {
  EXPECT_TRUE(channel->send_one_way(kEchoNotifyMethod, Bytes(kPooledMessageBytesMin, 1)));
  world.run_for(1ms);
  EXPECT_TRUE(handler.notified.empty());
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_refused), 1U);
  EXPECT_TRUE(channel->connected());
}

// What is decoded while its caller goes away ends by itself; the next call is served.
TEST_F(StubsTest, OutliveCallsThatEndWhileThePoolHasTheirMessages) {
  server_env.cpu().takes = 1ms;
  client_env.cpu().takes = 1ms;
  EchoClient client(channel);
  const std::string large(kPooledMessageBytesMin, 'x');
  for (const Duration after : {500us, 1'500us, 2'500us, 3'500us}) {
    {
      Background<Result<EchoReply>> given_up(world.scheduler, client.look({}, {.text = large}));
      world.run_for(after);
    }
    RequestContext context;
    context.deadline = client_env.clock().monotonic() + std::min<Duration>(after, 2'500us);
    Background<Result<EchoReply>> late(world.scheduler,
                                       client.look(std::move(context), {.text = large}));
    world.run_for(10ms);
    ASSERT_FALSE(late.get().has_value());
    EXPECT_EQ(late.get().error().code(), Code::deadline_exceeded);
    Background<Result<EchoReply>> served(world.scheduler, client.look({}, {.text = large}));
    world.run_for(10ms);
    EXPECT_EQ(served.get()->text, large);
  }
  EXPECT_EQ(server_env.cpu().done, server_env.cpu().jobs) << "also those that nobody waits for";
}

TEST_F(StubsTest, EndWithTheirServerWhileThePoolHasTheirMessages) {
  for (const Duration after : {500us, 1'500us}) {
    RpcEnv env{world, 3h};
    env.cpu().takes = 1ms;
    Echo echo{env};
    auto short_lived = std::make_unique<rpc::Server>(env, rpc::ServerConfig{});
    serve(*short_lived, echo);
    ASSERT_TRUE(short_lived->start(Address{"short:1"}).has_value());
    const auto there =
        std::make_shared<rpc::Channel>(client_env, Address{"short:1"}, rpc::ClientConfig{});
    EchoClient client(there);
    const std::string large(kPooledMessageBytesMin, 'x');
    Background<Result<EchoReply>> reply(world.scheduler, client.echo({}, {.text = large}));
    world.run_for(after);
    short_lived.reset();
    world.run_for(10ms);
    ASSERT_FALSE(reply.get().has_value());
    EXPECT_EQ(reply.get().error().code(), Code::unknown_outcome);
  }
}

// An answer counts while it is made: those that wait for the pool are as bounded as those that
// wait for their readers.
TEST_F(StubsTest, RefuseLargeAnswersToReadsForWhichThereIsNoRoom) {
  RpcEnv env{world, 3h};
  env.cpu().takes = 1ms;
  Echo echo{env};
  echo.answer_bytes = 900'000;
  rpc::ServerConfig config;
  config.frame_bytes_max = 1 << 20;
  config.body_bytes_in_flight_max = 3 << 20;
  rpc::Server narrow{env, config};
  serve(narrow, echo);
  ASSERT_TRUE(narrow.start(Address{"narrow:1"}).has_value());
  const auto there =
      std::make_shared<rpc::Channel>(client_env, Address{"narrow:1"}, rpc::ClientConfig{});
  EchoClient client(there);
  std::list<Background<Result<EchoReply>>> replies;
  for (int i = 0; i < 6; ++i) {
    replies.emplace_back(world.scheduler, client.look({}, {.text = "x"}));
  }
  world.run_for(20ms);
  int refused = 0;
  for (auto& reply : replies) {
    if (reply.get().has_value()) {
      EXPECT_EQ(reply.get()->text.size(), 900'000U);
    } else {
      EXPECT_EQ(reply.get().error().code(), Code::resource_exhausted);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 5) << "answers have a half of the bound";
  EXPECT_EQ(env.cpu().jobs, 6U - refused) << "nothing is encoded for nobody";
  EXPECT_EQ(env.metrics().value(Metric::rpc_answers_dropped), refused);
}

TEST_F(StubsTest, RefuseALargeRequestThatCannotBeRead) {
  Background<Result<Bytes>> reply(
      world.scheduler, channel->call({}, &kEchoEchoMethod, Bytes(kPooledMessageBytesMin, 1)));
  world.run_for(1ms);
  EXPECT_EQ(reply.get().error().code(), Code::invalid_argument);
  EXPECT_EQ(server_env.cpu().jobs, 1U);
  EXPECT_TRUE(channel->connected());
}

TEST_F(StubsTest, RefuseARequestThatCannotBeRead) {
  Background<Result<Bytes>> reply(
      world.scheduler,
      channel->call({}, &kEchoEchoMethod, to_bytes(as_bytes("nonsense nonsense"))));
  world.run_for(1ms);
  EXPECT_EQ(reply.get().error().code(), Code::invalid_argument);
  EXPECT_TRUE(channel->connected());
}

TEST_F(StubsTest, StreamTypedItems) {
  EchoClient client(channel);
  auto reader = client.count({}, {.items = 3, .item_bytes = 5, .fail = true});
  ASSERT_TRUE(reader.has_value());
  for (uint32_t i = 0; i < 3; ++i) {
    Background<Result<std::optional<CountItem>>> item(world.scheduler, reader->next());
    world.run_for(1ms);
    EXPECT_EQ(item.get().value()->number, i);
  }
  Background<Result<std::optional<CountItem>>> end(world.scheduler, reader->next());
  world.run_for(1ms);
  EXPECT_EQ(end.get().error().code(), Code::aborted);
}

TEST_F(StubsTest, LeaveLargeItemsOfStreamsToThePool) {
  EchoClient client(channel);
  auto reader = client.count({}, {.items = 1, .item_bytes = 1 << 20});
  ASSERT_TRUE(reader.has_value());
  Background<Result<std::optional<CountItem>>> item(world.scheduler, reader->next());
  world.run_for(1ms);
  EXPECT_EQ(item.get().value()->data.size(), 1u << 20);
  EXPECT_EQ(server_env.cpu().jobs, 1U);
  EXPECT_EQ(client_env.cpu().jobs, 1U);
}

TEST_F(StubsTest, DeliverOneWayMessages) {
  EchoClient client(channel);
  EXPECT_TRUE(client.notify({.text = "once"}));
  world.run_for(1ms);
  EXPECT_EQ(handler.notified, std::vector<std::string>{"once"});
}

std::vector<const rpc::MethodInfo*> product_methods() {
  std::vector<const rpc::MethodInfo*> methods;
  for (const auto table : {api::vectron_service_methods(), wire::worker_service_methods(),
                           wire::placement_service_methods(), wire::group_peer_service_methods(),
                           wire::raft_service_methods()}) {
    methods.insert(methods.end(), table.begin(), table.end());
  }
  return methods;
}

TEST(MethodTables, CarryTheAttributesOfTheSchema) {
  EXPECT_EQ(kEchoEchoMethod.permission, "test.echo");
  EXPECT_EQ(kEchoEchoMethod.http, "POST /v1/echo");
  EXPECT_FALSE(kEchoEchoMethod.read_only);
  EXPECT_TRUE(kEchoLookMethod.read_only);
  EXPECT_EQ(kEchoCountMethod.kind, rpc::MethodKind::server_stream);
  EXPECT_EQ(kEchoNotifyMethod.kind, rpc::MethodKind::one_way);
  EXPECT_EQ(echo_service_methods().size(), 4u);
}

TEST(MethodTables, GiveEveryMethodAPermissionAndAnIdOfItsOwn) {
  std::set<uint32_t> ids;
  const auto methods = product_methods();
  for (const rpc::MethodInfo* method : methods) {
    ids.insert(method->id);
    EXPECT_FALSE(method->permission.empty()) << method->name;
    EXPECT_EQ(method->http.empty(), method->service != "VectronService") << method->name;
  }
  EXPECT_EQ(ids.size(), methods.size());
}

TEST(MethodTables, AreThoseOfTheProtocolPage) {
  std::set<std::string> ours;
  for (const rpc::MethodInfo* method : product_methods()) {
    const bool one_way = method->kind == rpc::MethodKind::one_way;
    ours.insert(fmt::format("| `0x{:08x}` | {}.{} | {}{} | {} |", method->id, method->service,
                            method->name, one_way ? "one_way" : "unary",
                            method->read_only ? ", read-only" : "", method->permission));
  }
  std::set<std::string> page;
  std::ifstream in(VECTRON_SOURCE_DIR "/docs/protocol.md");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| `0x")) page.insert(line);
  }
  EXPECT_EQ(page, ours);
}

TEST(MethodTables, KeepTheNumbersOfThePublicContract) {
  std::map<std::string_view, uint32_t> ids;
  for (const rpc::MethodInfo* method : api::vectron_service_methods())
    ids[method->name] = method->id;
  const std::map<std::string_view, uint32_t> pinned = {{"CreateCollection", 0xc6ab1f65},
                                                       {"ListCollections", 0xb000139e},
                                                       {"ListWorkers", 0xf27398c4},
                                                       {"GetCollectionStatus", 0x2c7b025d},
                                                       {"Upsert", 0x65cd7eb6},
                                                       {"Get", 0x9eee8573},
                                                       {"Delete", 0x82962a56},
                                                       {"DeleteCollection", 0x54a0848e},
                                                       {"Search", 0x47a7453d}};
  EXPECT_EQ(ids, pinned);
}

}  // namespace
}  // namespace vectron::test
