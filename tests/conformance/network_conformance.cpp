#include "core/async/combine.h"
#include "core/env/refused.h"
#include "tests/conformance/world.h"
#include "tests/support/read_exactly.h"

namespace vectron::conformance {
namespace {

using Accepted = Result<std::unique_ptr<Connection>>;

Bytes pattern(size_t size, uint64_t seed) {
  RandomStream random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

/// Node 1 listens, node 0 connects.
struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};

Task<void> accept_one(Listener* listener, std::unique_ptr<Connection>* out) {
  Accepted accepted = co_await listener->accept();
  if (accepted.has_value()) *out = *std::move(accepted);
}

/// Connects and sends one byte, since a listener may learn of a connection by its bytes only.
Task<Accepted> connect_and_greet(Env* env, Address address) {
  Accepted connection = co_await env->network().connect(std::move(address));
  co_return connection;
}

std::unique_ptr<Listener> listen(Conformance* test, size_t node) {
  auto listener = test->env(node).network().listen(test->world().free_address(node));
  if (!listener.has_value()) throw std::runtime_error(listener.error().to_string());
  return *std::move(listener);
}

Pair connect(Conformance* test) {
  Pair pair;
  pair.listener = listen(test, 1);
  test->world().tasks(1).spawn(accept_one(pair.listener.get(), &pair.server));
  Accepted client = test->run(connect_and_greet(&test->env(0), pair.listener->address()));
  if (!client.has_value()) throw std::runtime_error(client.error().to_string());
  pair.client = *std::move(client);
  if (!test->run_until([&] { return pair.server != nullptr; }))
    throw std::runtime_error("not accepted");
  return pair;
}

/// What one side read, up to the end of the stream.
struct Reading {
  Bytes bytes;
  /// The end of the stream was read.
  bool ended = false;
  Status error;
  bool over() const { return ended || !error.ok(); }
};

Task<void> read_to_end(Connection* connection, size_t bytes_at_once, Reading* out) {
  Bytes buffer(bytes_at_once);
  while (true) {
    const auto count = co_await connection->read_some(buffer);
    if (!count.has_value()) {
      out->error = count.error();
      co_return;
    }
    if (*count == 0) {
      out->ended = true;
      co_return;
    }
    out->bytes.insert(out->bytes.end(), buffer.begin(),
                      buffer.begin() + static_cast<ptrdiff_t>(*count));
  }
}

/// Writes for ever, in pieces, until an error; counts what was taken.
struct Writing {
  uint64_t bytes = 0;
  Status error;
};
Task<void> write_for_ever(Connection* connection, Writing* out) {
  const Bytes piece = pattern(32 << 10, 9);
  while (true) {
    const auto count = co_await connection->write_some(piece);
    if (!count.has_value()) {
      out->error = count.error();
      co_return;
    }
    out->bytes += *count;
  }
}

Task<void> echo(Connection* connection) {
  Bytes buffer(16 << 10);
  while (true) {
    const auto count = co_await connection->read_some(buffer);
    if (!count.has_value() || *count == 0) break;
    const ByteView got = ByteView(buffer).first(*count);
    const auto written = co_await write_all(connection, got);
    if (!written.has_value()) co_return;
  }
  connection->shutdown_write();
}

Task<void> serve_echoes(Listener* listener, TaskGroup* tasks,
                        std::vector<std::unique_ptr<Connection>>* all) {
  while (true) {
    Accepted accepted = co_await listener->accept();
    if (!accepted.has_value()) co_return;
    all->push_back(*std::move(accepted));
    tasks->spawn(echo(all->back().get()));
  }
}

/// One request and its echo; returns whether it was the same.
Task<bool> ask(Connection* connection, Bytes request) {
  const auto written = co_await write_all(connection, request);
  if (!written.has_value()) co_return false;
  Bytes answer(request.size());
  const auto read = co_await read_exactly(connection, answer);
  co_return read.has_value() && answer == request;
}

Task<bool> connect_and_ask(Env* env, Address address, uint64_t seed) {
  Accepted connection = co_await env->network().connect(std::move(address));
  if (!connection.has_value()) co_return false;
  for (int round = 0; round < 3; ++round) {
    Bytes request = pattern(1 + (seed * 37 + static_cast<uint64_t>(round)) % 3000, seed);
    const bool same = co_await ask(connection->get(), std::move(request));
    if (!same) co_return false;
  }
  co_return true;
}

Task<void> sleep(Env* env, Duration duration) {
  co_await env->clock().sleep_for(duration);
}

Task<Code> connect_code(Env* env, Address address) {
  const Accepted connection = co_await env->network().connect(std::move(address));
  co_return status_of(connection).code();
}

Task<Result<size_t>> write_once(Connection* connection, Bytes bytes) {
  auto count = co_await connection->write_some(bytes);
  co_return count;
}

Task<Result<void>> write_whole(Connection* connection, Bytes bytes) {
  auto done = co_await write_all(connection, bytes);
  co_return done;
}

Task<Result<size_t>> read_once(Connection* connection) {
  Bytes buffer(64);
  auto count = co_await connection->read_some(buffer);
  co_return count;
}

TEST_P(NetworkConformance, EchoesWhatItIsSent) {
  Pair pair = connect(this);
  world().tasks(1).spawn(echo(pair.server.get()));
  for (const size_t size : {1, 2, 100, 5'000, 100'000}) {
    EXPECT_TRUE(run(ask(pair.client.get(), pattern(size, size)))) << size;
  }
}

TEST_P(NetworkConformance, AListenerHasARealPortAndAPeerAName) {
  Pair pair = connect(this);
  EXPECT_FALSE(pair.listener->address().text.ends_with(":0"));
  EXPECT_EQ(pair.client->peer(), pair.listener->address());
  EXPECT_FALSE(pair.server->peer().text.empty());
  const auto second = listen(this, 1);
  EXPECT_NE(second->address(), pair.listener->address());
}

TEST_P(NetworkConformance, AnAddressInUseIsUnavailable) {
  const auto first = listen(this, 0);
  EXPECT_EQ(status_of(env(0).network().listen(first->address())).code(), Code::unavailable);
}

TEST_P(NetworkConformance, WhatIsNoAddressIsAnInvalidArgument) {
  for (const char* text : {"", "nohost", "host:", "host:70000", "host:12x", ":12"}) {
    EXPECT_EQ(run(connect_code(&env(), Address{text})), Code::invalid_argument) << text;
    EXPECT_EQ(status_of(env().network().listen(Address{text})).code(), Code::invalid_argument)
        << text;
  }
}

TEST_P(NetworkConformance, AHalfClosedStreamStillFlowsTheOtherWay) {
  Pair pair = connect(this);
  Reading at_server, at_client;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 100, &at_server));
  ASSERT_TRUE(run(write_whole(pair.client.get(), Bytes{1, 2, 3})).has_value());
  pair.client->shutdown_write();
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_TRUE(at_server.ended);
  EXPECT_EQ(at_server.bytes, (Bytes{1, 2, 3}));

  ASSERT_TRUE(run(write_whole(pair.server.get(), Bytes{4, 5}), 1).has_value());
  pair.server->shutdown_write();
  world().tasks(0).spawn(read_to_end(pair.client.get(), 100, &at_client));
  ASSERT_TRUE(run_until([&] { return at_client.over(); }));
  EXPECT_TRUE(at_client.ended);
  EXPECT_EQ(at_client.bytes, (Bytes{4, 5}));
}

TEST_P(NetworkConformance, TheServerMayCloseItsHalfFirst) {
  Pair pair = connect(this);
  Reading at_server, at_client;
  pair.server->shutdown_write();
  world().tasks(0).spawn(read_to_end(pair.client.get(), 100, &at_client));
  ASSERT_TRUE(run_until([&] { return at_client.over(); }));
  EXPECT_TRUE(at_client.ended);
  ASSERT_TRUE(run(write_once(pair.client.get(), Bytes{7})).has_value());
  pair.client->shutdown_write();
  world().tasks(1).spawn(read_to_end(pair.server.get(), 100, &at_server));
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_EQ(at_server.bytes, (Bytes{7}));
}

TEST_P(NetworkConformance, TheEndOfTheStreamIsReadAgainAndAgain) {
  Pair pair = connect(this);
  pair.client->shutdown_write();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(read_once(pair.server.get()), 1).value(), 0u);
}

TEST_P(NetworkConformance, WritingAfterShuttingTheWritingSideFails) {
  Pair pair = connect(this);
  pair.client->shutdown_write();
  pair.client->shutdown_write();
  EXPECT_EQ(status_of(run(write_once(pair.client.get(), Bytes{1}))).code(), Code::unavailable);
}

TEST_P(NetworkConformance, DestroyingAnEndLetsThePeerReadWhatWasSent) {
  Pair pair = connect(this);
  const Bytes sent = pattern(10'000, 1);
  const auto written = run(write_all(pair.client.get(), sent));
  ASSERT_TRUE(written.has_value());
  pair.client.reset();
  Reading at_server;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 999, &at_server));
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_TRUE(at_server.ended) << at_server.error.to_string();
  EXPECT_EQ(at_server.bytes, sent);
}

TEST_P(NetworkConformance, DestroyingAnEndFailsThePeersWrites) {
  Pair pair = connect(this);
  pair.server.reset();
  Writing writing;
  world().tasks(0).spawn(write_for_ever(pair.client.get(), &writing));
  ASSERT_TRUE(run_until([&] { return !writing.error.ok(); }));
  EXPECT_EQ(writing.error.code(), Code::unavailable);
}

TEST_P(NetworkConformance, CloseIsSeenByBothEndsAsAnError) {
  Pair pair = connect(this);
  Reading at_server, at_client;
  world().tasks(0).spawn(read_to_end(pair.client.get(), 100, &at_client));
  world().tasks(1).spawn(read_to_end(pair.server.get(), 100, &at_server));
  run(sleep(&env(), 1ms));
  pair.client->close();
  ASSERT_TRUE(run_until([&] { return at_client.over() && at_server.over(); }));
  EXPECT_EQ(at_client.error.code(), Code::unavailable);
  EXPECT_EQ(at_server.error.code(), Code::unavailable);
  // And for ever after: a reset must never turn into an orderly end.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_of(run(read_once(pair.client.get()))).code(), Code::unavailable);
    EXPECT_EQ(status_of(run(read_once(pair.server.get()), 1)).code(), Code::unavailable);
    EXPECT_EQ(status_of(run(write_once(pair.server.get(), Bytes{1}), 1)).code(), Code::unavailable);
  }
  pair.client->close();
}

TEST_P(NetworkConformance, AResetFirstMetByAWriterIsNoEndForTheReader) {
  Pair pair = connect(this);
  pair.client->close();
  Writing writing;
  world().tasks(1).spawn(write_for_ever(pair.server.get(), &writing));
  ASSERT_TRUE(run_until([&] { return !writing.error.ok(); }));
  EXPECT_EQ(status_of(run(read_once(pair.server.get()), 1)).code(), Code::unavailable);
}

TEST_P(NetworkConformance, DestroyingAnEndWithUnreadBytesResetsThePeer) {
  Pair pair = connect(this);
  const Bytes sent = pattern(5'000, 1);
  ASSERT_TRUE(run(write_all(pair.client.get(), sent)).has_value());
  // One byte is read, so that the rest has arrived (it was sent in one piece) or will arrive later.
  Bytes one(1);
  ASSERT_TRUE(run(pair.server->read_some(one), 1).has_value());
  pair.server.reset();
  Reading at_client;
  world().tasks(0).spawn(read_to_end(pair.client.get(), 100, &at_client));
  ASSERT_TRUE(run_until([&] { return at_client.over(); }));
  EXPECT_TRUE(at_client.ended || at_client.error.code() == Code::unavailable);
  EXPECT_TRUE(at_client.bytes.empty());
}

TEST_P(NetworkConformance, CloseEndsAWaitingWriter) {
  Pair pair = connect(this);
  Writing writing;
  world().tasks(0).spawn(write_for_ever(pair.client.get(), &writing));
  run(sleep(&env(), 20ms));
  pair.client->close();
  ASSERT_TRUE(run_until([&] { return !writing.error.ok(); }));
  EXPECT_EQ(writing.error.code(), Code::unavailable);
}

TEST_P(NetworkConformance, ShortReadsPutTheStreamTogetherAgain) {
  Pair pair = connect(this);
  const Bytes sent = pattern(20'000, 5);
  Reading at_server;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 7, &at_server));
  ASSERT_TRUE(run(write_all(pair.client.get(), sent)).has_value());
  pair.client->shutdown_write();
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_EQ(at_server.bytes, sent);
}

TEST_P(NetworkConformance, ManyPiecesArriveInOrder) {
  Pair pair = connect(this);
  Reading at_server;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 64 << 10, &at_server));
  Bytes sent;
  RandomStream random(8);
  for (int i = 0; i < 500; ++i) {
    const Bytes piece = pattern(1 + random.below(300), random.next());
    ASSERT_TRUE(run(write_all(pair.client.get(), piece)).has_value());
    sent.insert(sent.end(), piece.begin(), piece.end());
  }
  pair.client->shutdown_write();
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_EQ(at_server.bytes, sent);
}

TEST_P(NetworkConformance, EightMegabytesArriveUnharmedBothWaysAtOnce) {
  Pair pair = connect(this);
  const Bytes there = pattern(8 << 20, 1);
  const Bytes back = pattern(8 << 20, 2);
  Reading at_server, at_client;
  world().tasks(0).spawn(read_to_end(pair.client.get(), 64 << 10, &at_client));
  world().tasks(1).spawn(read_to_end(pair.server.get(), 50'001, &at_server));
  std::vector<Task<Result<void>>> writes;
  writes.push_back(write_all(pair.client.get(), there));
  writes.push_back(write_all(pair.server.get(), back));
  for (const auto& written : run(when_all(std::move(writes)))) ASSERT_TRUE(written.has_value());
  pair.client->shutdown_write();
  pair.server->shutdown_write();
  ASSERT_TRUE(run_until([&] { return at_server.over() && at_client.over(); }));
  EXPECT_EQ(hash64(at_server.bytes), hash64(there));
  EXPECT_EQ(hash64(at_client.bytes), hash64(back));
  EXPECT_EQ(at_server.bytes.size(), there.size());
}

TEST_P(NetworkConformance, AWriterWithoutAReaderStopsAndGoesOnWhenOneComes) {
  constexpr uint64_t kFarTooMuch = 256 << 20;
  Pair pair = connect(this);
  Writing writing;
  const auto writer = world().tasks(0).spawn(write_for_ever(pair.client.get(), &writing));
  uint64_t before = 1;
  while (writing.bytes != before && writing.bytes < kFarTooMuch) {
    before = writing.bytes;
    run(sleep(&env(), 50ms));
  }
  EXPECT_GT(writing.bytes, 0u);
  EXPECT_LT(writing.bytes, kFarTooMuch);
  const uint64_t stopped_at = writing.bytes;
  Reading at_server;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 64 << 10, &at_server));
  ASSERT_TRUE(run_until([&] { return writing.bytes > stopped_at + (1 << 20); }));
  world().tasks(0).cancel(writer);
  pair.client.reset();
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_TRUE(at_server.ended);
  EXPECT_GE(at_server.bytes.size(), stopped_at);
}

TEST_P(NetworkConformance, ADestroyedReaderLeavesTheStreamWhole) {
  Pair pair = connect(this);
  Reading lost, kept;
  const auto reader = world().tasks(1).spawn(read_to_end(pair.server.get(), 100, &lost));
  run(sleep(&env(), 1ms));
  world().tasks(1).cancel(reader);
  const Bytes sent = pattern(1'000, 3);
  ASSERT_TRUE(run(write_all(pair.client.get(), sent)).has_value());
  world().tasks(1).spawn(read_to_end(pair.server.get(), 100, &kept));
  pair.client->shutdown_write();
  ASSERT_TRUE(run_until([&] { return kept.over(); }));
  EXPECT_EQ(kept.bytes, sent);
  EXPECT_TRUE(lost.bytes.empty());
}

TEST_P(NetworkConformance, ADestroyedWriterLeavesAPrefix) {
  Pair pair = connect(this);
  Writing writing;
  const auto writer = world().tasks(0).spawn(write_for_ever(pair.client.get(), &writing));
  run(sleep(&env(), 20ms));
  world().tasks(0).cancel(writer);
  pair.client->shutdown_write();
  Reading at_server;
  world().tasks(1).spawn(read_to_end(pair.server.get(), 64 << 10, &at_server));
  ASSERT_TRUE(run_until([&] { return at_server.over(); }));
  EXPECT_TRUE(at_server.ended);
  EXPECT_EQ(at_server.bytes.size(), writing.bytes);
}

TEST_P(NetworkConformance, AReaderWithADeadlineCanReadAgain) {
  Pair pair = connect(this);
  Clock& clock = env(1).clock();
  for (int i = 0; i < 3; ++i) {
    const Instant deadline = clock.scheduler_time(clock.monotonic() + 1ms);
    const auto nothing =
        run(with_deadline(&env(1).scheduler(), deadline, read_once(pair.server.get())), 1);
    EXPECT_FALSE(nothing.has_value());
  }
  ASSERT_TRUE(run(write_once(pair.client.get(), Bytes{1})).has_value());
  EXPECT_EQ(run(read_once(pair.server.get()), 1).value(), 1u);
}

TEST_P(NetworkConformance, ConnectingWhereNobodyListensIsRefused) {
  auto listener = listen(this, 1);
  const Address address = listener->address();
  listener.reset();
  EXPECT_EQ(run(connect_code(&env(0), address)), Code::unavailable);
  const auto connected = run(env(0).network().connect(address));
  EXPECT_EQ(status_of(connected).field(), kRefusedField);
  EXPECT_TRUE(status_of(connected).message().ends_with(kNobodyListens))
      << status_of(connected).message();
}

TEST_P(NetworkConformance, ADestroyedListenerRefusesAndItsPortIsFree) {
  Pair pair = connect(this);
  const Address address = pair.listener->address();
  pair.listener.reset();
  EXPECT_EQ(run(connect_code(&env(0), address)), Code::unavailable);
  world().tasks(1).spawn(echo(pair.server.get()));
  EXPECT_TRUE(run(ask(pair.client.get(), Bytes{1, 2, 3}))) << "an accepted connection lives on";
  EXPECT_TRUE(env(1).network().listen(address).has_value());
}

TEST_P(NetworkConformance, AConnectionNobodyAcceptedEndsWithItsListener) {
  auto listener = listen(this, 1);
  Accepted client = run(connect_and_greet(&env(0), listener->address()));
  ASSERT_TRUE(client.has_value());
  listener.reset();
  Reading at_client;
  world().tasks(0).spawn(read_to_end(client->get(), 10, &at_client));
  ASSERT_TRUE(run_until([&] { return at_client.over(); }));
  EXPECT_EQ(at_client.error.code(), Code::unavailable);
}

TEST_P(NetworkConformance, ADestroyedAcceptLosesNoConnection) {
  auto listener = listen(this, 1);
  std::unique_ptr<Connection> never, server;
  const auto accept = world().tasks(1).spawn(accept_one(listener.get(), &never));
  run(sleep(&env(), 1ms));
  world().tasks(1).cancel(accept);
  Accepted client = run(connect_and_greet(&env(0), listener->address()));
  ASSERT_TRUE(client.has_value());
  world().tasks(1).spawn(accept_one(listener.get(), &server));
  EXPECT_TRUE(run_until([&] { return server != nullptr; }));
  EXPECT_EQ(never, nullptr);
}

TEST_P(NetworkConformance, ManyConnectionsAtOnceAreServed) {
  constexpr uint64_t kConnections = 200;
  auto listener = listen(this, 1);
  std::vector<std::unique_ptr<Connection>> accepted;
  {
    world().tasks(1).spawn(serve_echoes(listener.get(), &world().tasks(1), &accepted));
    std::vector<Task<bool>> clients;
    for (uint64_t i = 0; i < kConnections; ++i) {
      clients.push_back(connect_and_ask(&env(i % 2), listener->address(), i));
    }
    const std::vector<bool> same = run(when_all(std::move(clients)));
    EXPECT_EQ(std::ranges::count(same, true), static_cast<ptrdiff_t>(kConnections));
  }
  world().tasks(1).cancel_all();
}

TEST_P(NetworkConformance, ANodeMayStopWithConnectionsInUse) {
  auto listener = listen(this, 1);
  std::vector<std::unique_ptr<Connection>> accepted;
  world().tasks(1).spawn(serve_echoes(listener.get(), &world().tasks(1), &accepted));
  world().tasks(0).spawn(sleep(&env(0), 1h));
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(run(connect_and_ask(&env(0), listener->address(), i)));
  }
  // Tasks hold connections in mid-flight when the node goes.
  for (uint64_t i = 0; i < 5; ++i) {
    world().tasks(0).spawn([](Env* env, Address address, uint64_t seed) -> Task<void> {
      while (true) {
        const bool same = co_await connect_and_ask(env, address, seed);
        if (!same) co_return;
      }
    }(&env(0), listener->address(), i));
  }
  run(sleep(&env(1), 5ms), 1);
  world().restart(0, Stop::orderly);
  EXPECT_TRUE(run(connect_and_ask(&env(0), listener->address(), 99)));
  world().tasks(1).cancel_all();
}

}  // namespace
}  // namespace vectron::conformance
