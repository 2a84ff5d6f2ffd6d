// Each class of network faults changes what a client sees; switched off, the client sees a calm
// network.
#include <gmock/gmock.h>

#include "core/async/combine.h"
#include "sim/world/world.h"
#include "tests/sim/world/run_task.h"
#include "tests/support/read_exactly.h"

namespace vectron::sim {
namespace {

/// What the client of one echo session saw.
struct Seen {
  Duration slowest_answer{};
  uint64_t answers = 0;
  uint64_t failed_calls = 0;
  uint64_t failed_connects = 0;
  uint64_t timed_out_connects = 0;
  uint64_t timed_out_answers = 0;
  uint64_t short_writes = 0;
  Duration slowest_connect{};
};

Task<void> echo(std::unique_ptr<Connection> connection) {
  Bytes buffer(4096);
  for (;;) {
    const auto size = co_await connection->read_some(buffer);
    if (!size.has_value() || *size == 0) co_return;
    const auto sent = co_await write_all(connection.get(), std::span(buffer).first(*size));
    if (!sent.has_value()) co_return;
  }
}

Task<void> serve(Env* env) {
  TaskGroup sessions(env->scheduler());
  auto listener = env->network().listen(Address{"server:7"});
  if (!listener.has_value()) co_return;
  for (;;) {
    auto connection = co_await (*listener)->accept();
    if (!connection.has_value()) co_return;
    sessions.spawn(echo(*std::move(connection)));
  }
}

Task<Result<void>> call(Connection* connection, Bytes message, Seen* seen) {
  const auto first = co_await connection->write_some(message);
  VECTRON_CO_CHECK_OK(first);
  if (*first < message.size()) {
    ++seen->short_writes;
    const auto rest = co_await write_all(connection, ByteView(message).subspan(*first));
    VECTRON_CO_CHECK_OK(rest);
  }
  Bytes back(message.size());
  const auto read = co_await read_exactly(connection, back);
  VECTRON_CO_CHECK_OK(read);
  VECTRON_ASSERT(back == message, "a connection delivers bytes in order or dies");
  co_return Result<void>();
}

Task<void> talk(Env* env, Seen* seen, Duration between) {
  std::unique_ptr<Connection> connection;
  uint8_t next = 0;
  for (;;) {
    const Instant begin = env->clock().monotonic();
    if (connection == nullptr) {
      const Address server{"server:7"};
      auto made = co_await with_deadline(&env->scheduler(), env->scheduler().now() + 2s,
                                         env->network().connect(server));
      seen->slowest_connect = std::max(seen->slowest_connect, env->clock().monotonic() - begin);
      if (!made.has_value()) {
        ++seen->timed_out_connects;
      } else if (!made->has_value()) {
        ++seen->failed_connects;
        co_await env->clock().sleep_for(50ms);
      } else {
        connection = **std::move(made);
      }
      continue;
    }
    Bytes message(100, ++next);
    const auto answer = co_await with_deadline(&env->scheduler(), env->scheduler().now() + 3s,
                                               call(connection.get(), std::move(message), seen));
    if (answer.has_value() && answer->has_value()) {
      ++seen->answers;
      seen->slowest_answer = std::max(seen->slowest_answer, env->clock().monotonic() - begin);
    } else {
      ++(answer.has_value() ? seen->failed_calls : seen->timed_out_answers);
      connection.reset();
    }
    co_await env->clock().sleep_for(between);
  }
}

struct Session {
  Session(uint64_t seed, WorldConfig config)
      : world(seed, std::move(config)),
        client(world.add_node("client")),
        server(world.add_node("server")) {
    server.start([](Env& env) { return serve(&env); });
    client.start([this](Env& env) { return talk(&env, &seen, 10ms); });
    world.run_for(1s);
  }
  SimNetwork& network() { return world.network(); }
  uint64_t fired(FaultClass c) const { return world.faults().count(c); }
  Seen seen;  // Before the world, whose client uses it.
  SimWorld world;
  SimNode& client;
  SimNode& server;
};

WorldConfig without(FaultClass fault_class, WorldConfig config = {}) {
  config.fault_classes.remove(fault_class);
  return config;
}

TEST(NetworkFaults, ACalmNetworkAnswersEverything) {
  Session calm(1, {});
  calm.world.run_for(100s);
  EXPECT_GT(calm.seen.answers, 9'000u);
  EXPECT_EQ(calm.seen.failed_calls + calm.seen.failed_connects + calm.seen.timed_out_answers, 0u);
  EXPECT_LT(calm.seen.slowest_answer, 1ms);
  EXPECT_EQ(calm.world.faults(), FaultCounters());
}

TEST(NetworkFaults, Delay) {
  WorldConfig config;
  config.network.latency_max = 20ms;
  config.network.delay_tail_ppm = 50'000;
  config.network.delay_tail_max = 900ms;
  Session on(1, config);
  Session off(1, without(FaultClass::delay, config));
  on.world.run_for(100s);
  off.world.run_for(100s);
  EXPECT_GT(on.seen.slowest_answer, 100ms);
  EXPECT_LT(off.seen.slowest_answer, 1ms);
  EXPECT_GT(on.fired(FaultClass::delay), 0u);
  EXPECT_EQ(off.fired(FaultClass::delay), 0u);
}

TEST(NetworkFaults, Reset) {
  WorldConfig config;
  config.network.reset_ppm = 10'000;
  Session on(1, config);
  Session off(1, without(FaultClass::reset, config));
  on.world.run_for(100s);
  off.world.run_for(100s);
  EXPECT_GT(on.seen.failed_calls, 10u);
  EXPECT_GE(on.fired(FaultClass::reset), on.seen.failed_calls);
  EXPECT_EQ(off.seen.failed_calls, 0u);
}

TEST(NetworkFaults, ScheduledReset) {
  Session on(1, {});
  EXPECT_EQ(on.network().reset_all(on.client, on.server), 1u);
  Session off(1, without(FaultClass::reset));
  EXPECT_EQ(off.network().reset_all(off.client, off.server), 0u);
  on.world.run_for(1s);
  off.world.run_for(1s);
  EXPECT_EQ(on.seen.failed_calls, 1u);
  EXPECT_EQ(off.seen.failed_calls, 0u);
}

TEST(NetworkFaults, ShortIo) {
  WorldConfig config;
  config.network.short_io_ppm = 200'000;
  Session on(1, config);
  Session off(1, without(FaultClass::short_io, config));
  on.world.run_for(10s);
  off.world.run_for(10s);
  EXPECT_GT(on.seen.short_writes, 50u);
  EXPECT_GT(on.fired(FaultClass::short_io), on.seen.short_writes);
  EXPECT_EQ(off.seen.short_writes, 0u);
}

// Counts bytes from 0 on over each connection that comes, as far as they come in order.
Task<void> count_bytes(std::unique_ptr<Connection> connection, uint64_t* in_order, bool* gap) {
  Bytes buffer(512);
  uint8_t next = 0;
  for (;;) {
    const auto size = co_await connection->read_some(buffer);
    if (!size.has_value() || *size == 0) co_return;
    for (size_t i = 0; i < *size; ++i) *gap = *gap || buffer[i] != next++;
    *in_order += *size;
  }
}

Task<void> count_all(Env* env, uint64_t* in_order, bool* gap) {
  TaskGroup sessions(env->scheduler());
  auto listener = env->network().listen(Address{"server:7"});
  if (!listener.has_value()) co_return;
  for (;;) {
    auto connection = co_await (*listener)->accept();
    if (!connection.has_value()) co_return;
    sessions.spawn(count_bytes(*std::move(connection), in_order, gap));
  }
}

// Writes on without waiting for anything, for 200 ms a connection.
Task<void> write_on(Env* env) {
  for (;;) {
    const Address server{"server:7"};
    auto made = co_await with_deadline(&env->scheduler(), env->scheduler().now() + 37ms,
                                       env->network().connect(server));
    if (!made.has_value() || !made->has_value()) continue;
    const std::unique_ptr<Connection> connection = **std::move(made);
    uint8_t next = 0;
    for (int i = 0; i < 100; ++i) {
      Bytes bytes(64);
      for (uint8_t& byte : bytes) byte = next++;
      const auto written = co_await write_all(connection.get(), bytes);
      if (!written.has_value()) break;
      co_await env->clock().sleep_for(2ms);
    }
    co_await env->clock().sleep_for(2ms);
  }
}

// Resets that only the peer is to get come late, or are lost, where the way is clogged or cut.
TEST(NetworkFaults, NoByteIsMissingBeforeBytesThatArrive) {
  WorldConfig config;
  config.network.reset_ppm = 10'000;
  config.network.half_open_ppm = 1'000'000;
  config.network.stall_ppm = 100'000;
  config.network.stall_max = 20ms;
  uint64_t in_order = 0;
  bool gap = false;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimWorld world(seed, config);
    SimNode& client = world.add_node("client");
    SimNode& server = world.add_node("server");
    server.start([&](Env& env) { return count_all(&env, &in_order, &gap); });
    world.run_for(1s);
    client.start([](Env& env) { return write_on(&env); });
    for (int i = 0; i < 1'000; ++i) {
      world.network().partition(client, server, Direction::forward, world.now() + 3ms);
      world.run_for(50ms);
    }
    EXPECT_GT(world.faults().count(FaultClass::half_open), 20u);
    world.stop_all();
  }
  EXPECT_FALSE(gap);
  EXPECT_GT(in_order, 100'000u);
}

TEST(NetworkFaults, HalfOpen) {
  Session on(1, {});
  Session off(1, without(FaultClass::half_open));
  // The server forgets the connection; the client believes in it until its next call gets a reset
  // for an answer.
  EXPECT_EQ(on.network().half_open(on.client, on.server), 1u);
  EXPECT_EQ(off.network().half_open(off.client, off.server), 0u);
  on.world.run_for(1s);
  off.world.run_for(1s);
  EXPECT_EQ(on.seen.failed_calls, 1u);
  EXPECT_EQ(off.seen.failed_calls, 0u);
  EXPECT_EQ(on.fired(FaultClass::half_open), 1u);
}

TEST(NetworkFaults, HalfOpenInTheOtherDirectionIsSilence) {
  // The client's end dies of a reset; the server waits for ever on a connection that nobody uses.
  Session on(1, {});
  on.network().half_open(on.server, on.client);
  on.world.run_for(1s);
  EXPECT_EQ(on.seen.failed_calls, 1u);
  EXPECT_EQ(on.network().connections(), 2u);
}

TEST(NetworkFaults, Stall) {
  const auto play = [](Session* session) {
    session->network().clog(session->client, session->server, Direction::both,
                            session->world.now() + 2s);
    session->world.run_for(10s);
  };
  Session on(1, {});
  Session off(1, without(FaultClass::stall));
  play(&on);
  play(&off);
  EXPECT_GT(on.seen.slowest_answer, 1900ms);
  EXPECT_EQ(on.seen.failed_calls, 0u);
  EXPECT_LT(off.seen.slowest_answer, 1ms);
  EXPECT_GT(on.fired(FaultClass::stall), 0u);
}

TEST(NetworkFaults, RandomStalls) {
  WorldConfig config;
  config.network.stall_ppm = 5'000;
  config.network.stall_max = 2s;
  Session on(1, config);
  Session off(1, without(FaultClass::stall, config));
  on.world.run_for(100s);
  off.world.run_for(100s);
  EXPECT_GT(on.seen.slowest_answer, 100ms);
  EXPECT_LT(off.seen.slowest_answer, 1ms);
}

TEST(NetworkFaults, Partition) {
  const auto play = [](Session* session) {
    session->network().partition(session->client, session->server, Direction::both,
                                 session->world.now() + 10s);
    session->world.run_for(20s);
  };
  Session on(1, {});
  Session off(1, without(FaultClass::partition));
  play(&on);
  play(&off);
  EXPECT_GT(on.seen.timed_out_answers, 0u);
  EXPECT_GT(on.seen.timed_out_connects, 2u);
  EXPECT_EQ(off.seen.timed_out_answers + off.seen.timed_out_connects, 0u);
  EXPECT_GT(on.fired(FaultClass::partition), 0u);
  // It heals by itself.
  const uint64_t before = on.seen.answers;
  on.world.run_for(1s);
  EXPECT_GT(on.seen.answers, before + 50);
}

TEST(NetworkFaults, AnAsymmetricPartitionStopsOneDirection) {
  uint64_t delivered[2];
  for (const bool towards_server : {true, false}) {
    Session session(1, {});
    SimNode& from = towards_server ? session.client : session.server;
    SimNode& to = towards_server ? session.server : session.client;
    session.network().partition(from, to, Direction::forward, kNever);
    const uint64_t before = session.network().bytes_delivered();
    session.world.run_for(2s);
    delivered[towards_server ? 0 : 1] = session.network().bytes_delivered() - before;
    session.network().heal(session.client, session.server);
    const uint64_t answers = session.seen.answers;
    session.world.run_for(5s);
    EXPECT_GT(session.seen.answers, answers);
  }
  EXPECT_EQ(delivered[0], 0u);
  EXPECT_EQ(delivered[1], 100u);  // The request arrived; the answer did not.
}

TEST(NetworkFaults, APartitionLosesNoByteOfALivingConnection) {
  Session session(1, {});
  session.network().partition(session.client, session.server, Direction::both,
                              session.world.now() + 2s);
  session.world.run_for(10s);
  EXPECT_EQ(session.seen.failed_calls + session.seen.timed_out_answers, 0u);
  EXPECT_GT(session.seen.slowest_answer, 1900ms);
}

Task<void> wait_for_reset(Connection* connection, Env* env, Instant* when) {
  Bytes buffer(10);
  const auto size = co_await connection->read_some(buffer);
  if (!size.has_value()) *when = env->scheduler().now();
}

TEST(NetworkFaults, ALongPartitionKillsTheConnectionOfAWriterAlone) {
  SimWorld world(1, {});
  SimNode& a = world.add_node("a");
  SimNode& server = world.add_node("server");
  server.start([](Env& env) { return serve(&env); });
  a.start();
  world.run_for(1s);
  auto connection = value(run(a, a.env().network().connect(Address{"server:7"})));
  world.network().partition(a, server, Direction::both, kNever);
  const Bytes message(10);
  value(run(a, connection->write_some(message)));
  Instant reset_at = kNever;
  a.tasks().spawn(wait_for_reset(connection.get(), &a.env(), &reset_at));
  const Instant begin = world.now();
  world.run_for(100s);
  EXPECT_GE(reset_at, begin + 30s);
  EXPECT_LE(reset_at, begin + 31s);
  EXPECT_EQ(world.network().connections(), 1u) << "the server knows nothing of it";
}

TEST(NetworkFaults, ConnectsRefused) {
  const auto play = [](Session* session) {
    const Instant until = session->world.now() + 2s;
    session->network().refuse_connects(session->client, session->server, until);
    session->network().reset_all(session->client, session->server);
    session->world.run_for(5s);
  };
  Session on(1, {});
  Session off(1, without(FaultClass::connect));
  play(&on);
  play(&off);
  EXPECT_GT(on.seen.failed_connects, 10u);
  EXPECT_EQ(off.seen.failed_connects, 0u);
  EXPECT_EQ(on.fired(FaultClass::connect), on.seen.failed_connects);
}

TEST(NetworkFaults, ConnectsHang) {
  const auto play = [](Session* session) {
    const Instant until = session->world.now() + 3s;
    session->network().hang_connects(session->client, session->server, until);
    session->network().reset_all(session->client, session->server);
    session->world.run_for(8s);
  };
  Session on(1, {});
  Session off(1, without(FaultClass::connect));
  play(&on);
  play(&off);
  EXPECT_GE(on.seen.timed_out_connects, 1u);
  EXPECT_EQ(off.seen.timed_out_connects, 0u);
  EXPECT_LT(off.seen.slowest_connect, 1ms);
}

TEST(NetworkFaults, AKilledProcessResetsOrEndsItsConnectionsAndAPowerLossSaysNothing) {
  for (const CrashKind kind : {CrashKind::process_kill, CrashKind::power_loss}) {
    Session session(1, {});
    session.server.crash(kind);
    session.world.run_for(2900ms);
    const bool told = session.seen.failed_calls + session.seen.failed_connects > 0;
    EXPECT_EQ(told, kind == CrashKind::process_kill);
    session.server.start([](Env& env) { return serve(&env); });
    const uint64_t before = session.seen.answers;
    session.world.run_for(10s);
    EXPECT_GT(session.seen.answers, before + 100);
    EXPECT_EQ(session.network().connections(), 1u);
  }
}

struct ClosesWhenItDies {
  std::unique_ptr<Connection> connection;
  ~ClosesWhenItDies() { connection->close(); }
};

Task<void> hold_for_ever(Env* env, std::unique_ptr<Connection> connection) {
  ClosesWhenItDies holder{std::move(connection)};
  Event never(env->scheduler());
  co_await never.wait();
}

TEST(NetworkFaults, APowerLossSaysNothingEvenThroughDestructors) {
  SimWorld world(1, {});
  SimNode& a = world.add_node("a");
  SimNode& server = world.add_node("server");
  server.start([](Env& env) { return serve(&env); });
  a.start();
  world.run_for(1s);
  auto connection = value(run(a, a.env().network().connect(Address{"server:7"})));
  a.tasks().spawn(hold_for_ever(&a.env(), std::move(connection)));
  world.run_for(1s);
  a.crash(CrashKind::power_loss);
  world.run_for(100s);
  EXPECT_EQ(world.network().connections(), 1u) << "the server still believes in it";
}

TEST(NetworkFaults, LinksDrawFromStreamsOfTheirOwn) {
  // A third node's faults do not move the draws of the first two.
  const auto delays = [](bool noise) {
    WorldConfig config;
    config.network.latency_max = 20ms;
    config.network.delay_tail_ppm = 50'000;
    config.network.delay_tail_max = 900ms;
    Seen ignored;
    Session session(7, config);
    if (noise) {
      SimNode& other = session.world.add_node("other");
      other.start([&ignored](Env& env) { return talk(&env, &ignored, 1ms); });
    }
    session.world.run_for(20s);
    return std::pair(session.seen.slowest_answer, session.seen.answers);
  };
  EXPECT_EQ(delays(false), delays(true));
}

}  // namespace
}  // namespace vectron::sim
