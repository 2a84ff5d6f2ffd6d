#include "core/rpc/channel.h"

#include <gtest/gtest.h>

#include "core/rpc/channel_pool.h"
#include "core/rpc/message_bounds.h"
#include "tests/core/rpc/rpc_env.h"

namespace vectron::rpc {
namespace {

using testing::Background;
using testing::kCountMethod;
using testing::kReadMethod;
using testing::kServerAddress;
using testing::kTellMethod;
using testing::kWriteMethod;
using testing::RpcEnv;
using testing::RpcWorld;
using testing::text;
using testing::WordServer;

using Call = Background<Result<Bytes>>;
using Item = Background<Result<std::optional<Bytes>>>;

class ChannelTest : public ::testing::Test {
 protected:
  RpcWorld world;
  RpcEnv server_env{world, 1h};
  RpcEnv client_env{world, 2h};

  std::unique_ptr<Channel> make_channel(ClientConfig config = {}) {
    return std::make_unique<Channel>(client_env, kServerAddress, config);
  }
  Call call(Channel& channel, std::string_view words, const MethodInfo& method = kWriteMethod,
            Duration limit = 1h) {
    RequestContext context;
    context.deadline = client_env.in(limit);
    return Call(world.scheduler, channel.call(std::move(context), &method, text(words)));
  }
  Call call_promptly(Channel& channel, std::string_view words, Duration connect_timeout,
                     Duration limit) {
    RequestContext context;
    context.deadline = client_env.in(limit);
    return Call(world.scheduler, channel.call_promptly(std::move(context), connect_timeout,
                                                       &kWriteMethod, text(words)));
  }
  Code outcome(const Call& call) {
    return call.done() ? status_of(call.get()).code() : Code::unknown;
  }
};

TEST_F(ChannelTest, ConnectsWhenItIsNeededAndAnswersCalls) {
  WordServer words(server_env);
  auto channel = make_channel();
  world.run_for(1s);
  EXPECT_EQ(world.network.connects, 0u);
  Call one = call(*channel, "one");
  Call two = call(*channel, "two");
  world.run_for(1ms);
  EXPECT_EQ(one.get().value(), text("you said one"));
  EXPECT_EQ(two.get().value(), text("you said two"));
  EXPECT_EQ(world.network.connects, 1u);
  EXPECT_EQ(channel->calls_waiting(), 0u);
}

// Each message of it is made by an event of its own, all at one instant.
Task<void> tell_often(Scheduler* scheduler, Channel* channel, int times) {
  for (int i = 0; i < times; ++i) {
    EXPECT_TRUE(channel->send_one_way(kTellMethod, text("hear")));
    SleepAwaiter others(*scheduler, scheduler->now());
    co_await others;
  }
}

TEST_F(ChannelTest, WritesAllFramesOfATurnTogether) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call hello = call(*channel, "hello");
  world.run_for(1ms);
  ASSERT_TRUE(hello.done());
  const size_t before = world.network.wire()->writes;
  TaskGroup tasks(world.scheduler);
  tasks.spawn(tell_often(&world.scheduler, channel.get(), 5));
  world.run_for(1ms);
  EXPECT_EQ(world.network.wire()->writes - before, 1u);
}

TEST_F(ChannelTest, KeepsNoMemoryForFramesThatWereWritten) {
  auto connecting = client_env.network().connect(kServerAddress);
  WordServer words(server_env);
  Background<Result<std::unique_ptr<Connection>>> connected(world.scheduler, std::move(connecting));
  world.run_for(1ms);
  FrameWriter writer(client_env.clock(), nullptr);
  Background<Result<void>> writing(world.scheduler, writer.run(connected.get()->get()));
  for (int i = 0; i < 100; ++i) writer.push({.kind = FrameKind::ping}, Bytes(1'000));
  writer.push({.kind = FrameKind::ping}, Bytes(100'000));
  world.run_for(1ms);
  EXPECT_EQ(writer.queued_bytes(), 0u);
  EXPECT_GE(writer.bytes_taken(), 100'000u);
  EXPECT_LE(writer.spare_bytes(), 4u << 10);
}

TEST_F(ChannelTest, MatchesAnswersThatComeInAnotherOrder) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call slow = call(*channel, "later");
  Call quick = call(*channel, "quick");
  world.run_for(1ms);
  EXPECT_FALSE(slow.done());
  EXPECT_EQ(quick.get().value(), text("you said quick"));
  world.run_for(20ms);
  EXPECT_EQ(slow.get().value(), text("you said later"));
}

TEST_F(ChannelTest, WorksOverReadsAndWritesOfOneByte) {
  world.network.faults.chunk_bytes_max = 1;
  WordServer words(server_env);
  auto channel = make_channel();
  Call small = call(*channel, "small");
  Call large = call(*channel, "big 40001");
  world.run_for(1ms);
  EXPECT_EQ(small.get().value(), text("you said small"));
  EXPECT_EQ(large.get().value().size(), 40'001u);
}

TEST_F(ChannelTest, CarriesLargeBodiesAmongSmallOnes) {
  WordServer words(server_env);
  auto channel = make_channel();
  std::deque<Call> calls;
  for (int i = 0; i < 20; ++i) {
    calls.emplace_back(world.scheduler,
                       channel->call({}, &kWriteMethod, Bytes(i % 3 * 33'333 + i, 'x')));
  }
  world.run_for(1ms);
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].get().value().size(), 9 + i % 3 * 33'333 + i);
  }
}

// Its checksum stands before it. Others' events run while it is summed up, and what was queued
// before it is on its way.
TEST_F(ChannelTest, SumsUpAHugeBodyInPieces) {
  auto connecting = client_env.network().connect(kServerAddress);
  WordServer words(server_env);
  Background<Result<std::unique_ptr<Connection>>> connected(world.scheduler, std::move(connecting));
  world.run_for(1ms);
  FrameWriter writer(client_env.clock(), nullptr);
  Background<Result<void>> writing(world.scheduler, writer.run(connected.get()->get()));
  world.run_for(1ms);
  const size_t before = world.network.wire()->writes;
  const auto events_until_writes = [&](size_t writes) {
    int events = 0;
    for (; world.network.wire()->writes < before + writes; ++events) {
      VECTRON_ASSERT(world.run_one());
    }
    return events;
  };
  writer.push({.kind = FrameKind::ping});
  writer.push({.kind = FrameKind::ping}, Bytes(2 * FrameWriter::kSummedBytesMax + 1, 'x'));
  EXPECT_LE(events_until_writes(1), 2);
  EXPECT_GE(events_until_writes(2), 3);
}

TEST_F(ChannelTest, CarriesHugeBodiesAmongSmallOnes) {
  WordServer words(server_env);
  auto channel = make_channel();
  std::deque<Call> calls;
  constexpr size_t kHuge = FrameWriter::kSummedBytesMax;
  const std::vector<size_t> sizes = {1, kHuge + 1, 100'000, 2 * kHuge, 5, 3 * kHuge + 7, kHuge};
  for (const size_t size : sizes) {
    calls.emplace_back(world.scheduler, channel->call({}, &kWriteMethod, Bytes(size, 'x')));
  }
  world.run_for(10ms);
  for (size_t i = 0; i < sizes.size(); ++i) {
    ASSERT_TRUE(calls[i].get().has_value()) << calls[i].get().error().to_string();
    EXPECT_EQ(calls[i].get()->size(), 9 + sizes[i]);
  }
}

// What was summed up of it belongs to no other frame: another sum would end the connection, and
// with it all that others wait for.
TEST_F(ChannelTest, AHugeRequestThatIsGivenUpWhileItIsSummedUpHarmsNoOther) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call first = call(*channel, "one");
  world.run_for(10ms);
  constexpr size_t kHuge = 2 * FrameWriter::kSummedBytesMax + 1;
  for (const size_t size : {kHuge, kHuge - 2, 3 * kHuge / 2}) {
    for (int events = 0; events < 6; ++events) {
      Call given_up(world.scheduler, channel->call({}, &kWriteMethod, Bytes(kHuge, 'x')));
      for (int i = 0; i < events; ++i) world.run_one();
      given_up.destroy();
      Call other(world.scheduler, channel->call({}, &kWriteMethod, Bytes(size, 'y')));
      world.run_for(10ms);
      ASSERT_TRUE(other.done() && other.get().has_value()) << size << " after " << events;
    }
  }
  EXPECT_EQ(server_env.metrics().value(Metric::rpc_bad_frames), 0u);
}

TEST_F(ChannelTest, BringsBackTheStatusOfTheServerWithItsDetail) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call failed = call(*channel, "fail");
  world.run_for(1ms);
  const Status& status = failed.get().error();
  EXPECT_EQ(status.code(), Code::unavailable);
  EXPECT_EQ(status.message(), "not the leader");
  EXPECT_EQ(status.field(), "shard_id");
  EXPECT_EQ(status.detail(), text("ask node 7"));
}

TEST_F(ChannelTest, SaysUnavailableWhenTheConnectIsRefused) {
  auto channel = make_channel();
  Call refused = call(*channel, "one");
  world.run_for(1ms);
  EXPECT_EQ(outcome(refused), Code::unavailable);
}

TEST_F(ChannelTest, TriesAgainWithGrowingPauses) {
  auto channel = make_channel({.backoff_min = 10ms, .backoff_max = 200ms});
  for (int i = 0; i < 4'000; ++i) {
    Call refused = call(*channel, "one");
    world.run_for(1ms);
  }
  // About 10, 20, 40, 80, 160 ms, then 200 ms each, less a random half.
  EXPECT_GT(world.network.connects, 18u);
  EXPECT_LT(world.network.connects, 48u);
  WordServer words(server_env);
  Call good = call(*channel, "one");
  world.run_for(300ms);
  EXPECT_EQ(outcome(good), Code::ok);
}

TEST_F(ChannelTest, GivesUpAConnectThatHangs) {
  world.network.faults.hang = true;
  auto channel = make_channel({.connect_timeout = 2s});
  Call hanging = call(*channel, "one");
  Call impatient = call(*channel, "two", kWriteMethod, 1s);
  world.run_for(1'500ms);
  EXPECT_FALSE(hanging.done());
  EXPECT_EQ(outcome(impatient), Code::deadline_exceeded);
  world.run_for(1s);
  EXPECT_EQ(outcome(hanging), Code::unavailable);
}

TEST_F(ChannelTest, LeavesTimeToAskAnotherNodeWhenOneCannotBeConnectedTo) {
  WordServer words(server_env);
  auto channel = make_channel();
  world.network.faults.hang = true;
  Call patient = call_promptly(*channel, "one", 1s, 10s);
  Call hurried = call_promptly(*channel, "two", 1s, 1s);
  world.run_for(600ms);
  EXPECT_EQ(outcome(hurried), Code::unavailable) << "half of its time is left";
  EXPECT_FALSE(patient.done());
  world.run_for(500ms);
  EXPECT_EQ(outcome(patient), Code::unavailable);
  world.network.faults.hang = false;
  world.run_for(10s);
  EXPECT_EQ(words.started, 0) << "nothing is sent later";
  Call good = call_promptly(*channel, "three", 1s, 10s);
  world.run_for(1ms);
  EXPECT_EQ(outcome(good), Code::ok);
}

TEST_F(ChannelTest, SaysAtOnceThatAConnectionWasRefused) {
  auto channel = make_channel();
  Call refused = call_promptly(*channel, "one", 1s, 10s);
  world.run_for(1ms);
  EXPECT_EQ(outcome(refused), Code::unavailable);
}

TEST_F(ChannelTest, DoesNotSendWhatIsNoLongerWanted) {
  world.network.faults.hang = true;
  WordServer words(server_env);
  auto channel = make_channel({.connect_timeout = 2s, .backoff_min = 1s, .backoff_max = 1s});
  Call first = call(*channel, "one");
  world.run_for(2100ms);
  Call late = call(*channel, "two", kWriteMethod, 100ms);
  Call good = call(*channel, "three");
  world.network.faults.hang = false;
  world.run_for(3s);
  EXPECT_EQ(outcome(late), Code::deadline_exceeded);
  EXPECT_EQ(outcome(good), Code::ok);
  EXPECT_EQ(words.started, 1);
}

TEST_F(ChannelTest, SaysUnknownOutcomeWhenASentWriteGetsNoAnswer) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call write = call(*channel, "sleep");
  Call read = call(*channel, "sleep", kReadMethod);
  world.run_for(1ms);
  world.network.wire()->reset();
  world.run_for(1ms);
  EXPECT_EQ(outcome(write), Code::unknown_outcome);
  EXPECT_EQ(outcome(read), Code::unavailable);
}

TEST_F(ChannelTest, SaysUnknownOutcomeWhenTheDeadlineOfASentWritePasses) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call write = call(*channel, "sleep", kWriteMethod, 1s);
  Call read = call(*channel, "sleep", kReadMethod, 1s);
  world.run_for(500ms);
  EXPECT_EQ(words.alive, 2);
  world.run_for(600ms);
  EXPECT_EQ(outcome(write), Code::unknown_outcome);
  EXPECT_EQ(outcome(read), Code::deadline_exceeded);
  EXPECT_EQ(words.alive, 0);
}

TEST_F(ChannelTest, RefusesWhatIsOverdueOrTooLargeBeforeAnythingIsSent) {
  WordServer words(server_env);
  auto channel = make_channel({.frame_bytes_max = 8'192});
  Call overdue = call(*channel, "one", kWriteMethod, 0s);
  Call large(world.scheduler, channel->call({}, &kWriteMethod, Bytes(10'000)));
  world.run_for(1ms);
  EXPECT_EQ(outcome(overdue), Code::deadline_exceeded);
  EXPECT_EQ(outcome(large), Code::invalid_argument);
  EXPECT_EQ(words.started, 0);
  EXPECT_EQ(world.network.connects, 0u);
}

TEST_F(ChannelTest, SendsNothingThatIsLargerThanItsServerTakes) {
  WordServer words(server_env, {.frame_bytes_max = 8'192});
  auto channel = make_channel();
  Call first = call(*channel, "hello");
  world.run_for(1ms);
  Call large(world.scheduler, channel->call({}, &kWriteMethod, Bytes(10'000)));
  world.run_for(1ms);
  EXPECT_EQ(outcome(first), Code::ok);
  EXPECT_EQ(outcome(large), Code::invalid_argument);
  EXPECT_TRUE(channel->connected());
}

TEST_F(ChannelTest, RefusesCallsBeyondItsBound) {
  WordServer words(server_env);
  auto channel = make_channel({.calls_max = 2});
  Call one = call(*channel, "sleep");
  Call two = call(*channel, "sleep");
  Call three = call(*channel, "three");
  world.run_for(1ms);
  EXPECT_EQ(outcome(three), Code::resource_exhausted);
  EXPECT_FALSE(one.done() || two.done());
}

TEST_F(ChannelTest, CancelsTheHandlerOfACallThatIsDestroyed) {
  WordServer words(server_env);
  auto channel = make_channel();
  Call one = call(*channel, "sleep");
  Call two = call(*channel, "later");
  world.run_for(1ms);
  EXPECT_EQ(words.alive, 2);
  one.destroy();
  two.destroy();
  world.run_for(1ms);
  EXPECT_EQ(words.alive, 0);
  Call three = call(*channel, "three");
  world.run_for(20ms);
  EXPECT_EQ(outcome(three), Code::ok);
  EXPECT_EQ(world.network.connects, 1u);
}

TEST_F(ChannelTest, ConnectsAgainAfterALoss) {
  WordServer words(server_env);
  auto channel = make_channel();
  for (int i = 0; i < 3; ++i) {
    Call good = call(*channel, "one");
    world.run_for(1ms);
    EXPECT_EQ(outcome(good), Code::ok);
    world.network.wire()->reset();
    world.run_for(1ms);
    EXPECT_FALSE(channel->connected());
  }
  EXPECT_EQ(world.network.connects, 3u);
}

TEST_F(ChannelTest, GivesUpAConnectionWhosePeerIsGoneWithoutAWord) {
  WordServer words(server_env);
  auto channel = make_channel({.silence_max = 5s});
  Call good = call(*channel, "one");
  world.run_for(60s);
  EXPECT_EQ(outcome(good), Code::ok);
  EXPECT_TRUE(channel->connected()) << "pings keep an idle connection alive";
  world.network.wire()->half_open = true;
  Call lost = call(*channel, "two");
  world.run_for(7s);
  EXPECT_EQ(outcome(lost), Code::unknown_outcome);
  Call again = call(*channel, "three");
  world.run_for(1s);
  EXPECT_EQ(outcome(again), Code::ok);
}

/// A server at the end of a slow line: so many bytes a second, each way.
class SlowServer {
 public:
  SlowServer(RpcEnv& env, size_t second_bytes)
      : env_(env), second_bytes_(second_bytes), tasks_(env.scheduler()) {
    listener_ = *env.network().listen(kServerAddress);
    tasks_.spawn(serve());
  }

  int pings = 0;
  /// Of what a request is answered.
  size_t answer_bytes = 0;

 private:
  Task<void> serve() {
    auto accepted = co_await listener_->accept();
    connection_ = *std::move(accepted);
    Bytes hello;
    append_frame(hello, {.kind = FrameKind::hello}, encode_hello({}));
    co_await write_all(connection_.get(), hello);
    FrameBuffer buffer(1 << 20);
    for (;;) {
      for (auto frame = *buffer.next(); frame.has_value(); frame = *buffer.next()) on_frame(*frame);
      const auto count = co_await connection_->read_some(
          buffer.writable().first(std::min<size_t>(second_bytes_ / 10, buffer.writable().size())));
      if (!count.has_value() || *count == 0) co_return;
      buffer.filled(*count);
      co_await env_.clock().sleep_for(100ms);
    }
  }
  void on_frame(const Frame& frame) {
    Bytes out;
    if (frame.header.kind == FrameKind::ping) {
      ++pings;
      append_frame(out, {.kind = FrameKind::pong}, {});
    } else if (frame.header.kind == FrameKind::request) {
      append_frame(out, {.kind = FrameKind::response, .call_id = frame.header.call_id},
                   Bytes(answer_bytes));
    }
    const bool writing = !outgoing_.empty();
    outgoing_.insert(outgoing_.end(), out.begin(), out.end());
    if (!writing && !outgoing_.empty()) tasks_.spawn(write());
  }
  Task<void> write() {
    while (!outgoing_.empty()) {
      const Bytes some(
          outgoing_.begin(),
          outgoing_.begin() + static_cast<ptrdiff_t>(std::min(outgoing_.size(), second_bytes_)));
      const auto written = co_await write_all(connection_.get(), some);
      if (!written.has_value()) co_return;
      outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<ptrdiff_t>(some.size()));
      co_await env_.clock().sleep_for(1s);
    }
  }

  RpcEnv& env_;
  size_t second_bytes_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Connection> connection_;
  Bytes outgoing_;
  TaskGroup tasks_;
};

TEST_F(ChannelTest, WaitsWhileALongRequestLeavesOverASlowLine) {
  world.network.faults.pipe_bytes_max = 20'000;
  SlowServer server(server_env, 20'000);
  auto channel = make_channel({.silence_max = 5s});
  Call large = call(*channel, std::string(400'000, 'x'));
  world.run_for(15s);
  EXPECT_FALSE(large.done());
  world.run_for(15s);
  EXPECT_EQ(outcome(large), Code::ok);
  EXPECT_EQ(world.network.connects, 1u);
  EXPECT_TRUE(channel->connected());
}

TEST_F(ChannelTest, ShowsThatItLivesWhileItReceives) {
  SlowServer server(server_env, 20'000);
  server.answer_bytes = 400'000;
  auto channel = make_channel({.silence_max = 5s});
  Call large = call(*channel, "small", kReadMethod);
  world.run_for(15s);
  EXPECT_FALSE(large.done());
  EXPECT_GE(server.pings, 5);
}

TEST_F(ChannelTest, KeepsTheCodeOfARefusedHello) {
  WordServer words(server_env, {.identity = {ClusterId(1), NodeId(2), 1}});
  auto stranger = make_channel({.identity = {.cluster = ClusterId(9)}});
  Call refused = call(*stranger, "one");
  world.run_for(2s);
  EXPECT_EQ(outcome(refused), Code::failed_precondition);
  auto picky = make_channel({.identity = {.cluster = ClusterId(1)}, .expected_node = NodeId(3)});
  Call other = call(*picky, "one");
  world.run_for(2s);
  EXPECT_EQ(outcome(other), Code::failed_precondition);
  EXPECT_EQ(status_of(other.get()).field(), kNodeField);
  EXPECT_NE(status_of(other.get()).message().find("node 2 answers at"), std::string::npos);
  auto right = make_channel({.identity = {.cluster = ClusterId(1)}, .expected_node = NodeId(2)});
  Call good = call(*right, "one");
  world.run_for(2s);
  EXPECT_EQ(outcome(good), Code::ok);
  EXPECT_EQ(words.started, 1);
}

// Linearizability of clients rests on this: a status that says "not done" is never wrong, wherever
// the connection dies.
TEST_F(ChannelTest, NeverSaysNotDoneOfAWriteThatWasDoneWhereverTheConnectionDies) {
  size_t unknown = 0;
  size_t not_done = 0;
  for (size_t cut = 1;; ++cut) {
    RpcWorld fresh;
    RpcEnv env(fresh);
    fresh.network.faults.reset_after_bytes = cut;
    WordServer words(env);
    Channel channel(env, kServerAddress, {});
    Call write(fresh.scheduler, channel.call({}, &kWriteMethod, text("write")));
    fresh.run_for(5ms);
    ASSERT_TRUE(write.done()) << cut;
    const Code code = status_of(write.get()).code();
    if (code == Code::ok) break;
    if (certainly_not_done(code)) {
      ++not_done;
      EXPECT_EQ(words.started, 0) << cut;
    } else {
      ++unknown;
      EXPECT_EQ(code, Code::unknown_outcome) << cut;
    }
  }
  EXPECT_GE(not_done, 2 * frame_bytes(48) - 1) << "both Hellos";
  EXPECT_GE(unknown, frame_bytes(5) + frame_bytes(14) - 1) << "the request and its answer";
}

TEST_F(ChannelTest, LeavesNothingBehindWhereverANodeCrashes) {
  for (int events = 0; events < 200; ++events) {
    RpcWorld fresh;
    fresh.network.faults.chunk_bytes_max = 50;
    RpcEnv server(fresh);
    RpcEnv client(fresh);
    WordServer words(server);
    {
      Channel channel(client, kServerAddress, {});
      Call write(fresh.scheduler, channel.call({}, &kWriteMethod, text("later")));
      Call big(fresh.scheduler, channel.call({}, &kWriteMethod, Bytes(500)));
      auto stream = channel.open_stream({}, kCountMethod, text("10 100"));
      Item item(fresh.scheduler, (*stream)->next());
      for (int i = 0; i < events && fresh.run_one();) ++i;
    }
    fresh.run_for(100ms);
    EXPECT_EQ(words.alive, 0) << events;
    EXPECT_EQ(words.server().connections(), 0u) << events;
  }
}

TEST_F(ChannelTest, TakesOneWayMessagesAboveTheBoundOfTheQueueOneAtATime) {
  WordServer words(server_env);
  auto channel = make_channel({.one_way_queued_bytes_max = frame_bytes(2)});
  EXPECT_TRUE(channel->send_one_way(kTellMethod, text("longer than the bound")));
  EXPECT_FALSE(channel->send_one_way(kTellMethod, text("ab"))) << "now the queue is full";
  world.run_for(100ms);
  EXPECT_EQ(words.told, std::vector<std::string>{"longer than the bound"});
}

TEST_F(ChannelTest, DeliversOneWayMessagesInOrderAndDropsThemWhenTheQueueIsFull) {
  WordServer words(server_env);
  auto channel = make_channel({.one_way_queued_bytes_max = 5 * frame_bytes(2)});
  std::vector<std::string> expected;
  for (int i = 10; i < 20; ++i) {
    if (channel->send_one_way(kTellMethod, text(std::to_string(i))))
      expected.push_back(std::to_string(i));
  }
  EXPECT_EQ(expected.size(), 5u);
  EXPECT_EQ(channel->one_way_dropped(), 5u);
  world.run_for(1ms);
  EXPECT_EQ(words.told, expected);
  EXPECT_TRUE(channel->send_one_way(kTellMethod, text("again")));
  world.run_for(1ms);
  EXPECT_EQ(words.told.back(), "again");
}

// Of any message that decoding would hold the receiver's event loop with.
TEST_F(ChannelTest, SendsNoOneWayMessageAndNoRequestOfAStreamThatWouldNotBeTaken) {
  WordServer words(server_env);
  auto channel = make_channel();
  EXPECT_FALSE(channel->send_one_way(kTellMethod, Bytes(kOneWayBytesTaken + 1)));
  EXPECT_EQ(channel->one_way_dropped(), 1u);
  EXPECT_TRUE(channel->send_one_way(kTellMethod, Bytes(kOneWayBytesTaken)));
  const auto stream =
      channel->open_stream({}, kCountMethod, Bytes(kStreamRequestBytesMax + 1, '1'));
  EXPECT_EQ(status_of(stream).code(), Code::invalid_argument);
  world.run_for(100ms);
  ASSERT_EQ(words.told.size(), 1u);
  EXPECT_EQ(words.told[0].size(), kOneWayBytesTaken);
}

TEST_F(ChannelTest, DropsOneWayMessagesWhileTheAddressDoesNotAnswer) {
  auto channel = make_channel({.backoff_min = 1s, .backoff_max = 1s});
  EXPECT_TRUE(channel->send_one_way(kTellMethod, text("into the void")));
  world.run_for(1ms);
  EXPECT_FALSE(channel->send_one_way(kTellMethod, text("not even queued")));
}

TEST_F(ChannelTest, LosesDuplicatesAndReordersOneWayMessagesInSimulation) {
  WordServer words(server_env);
  auto channel = make_channel();
  std::string wanted;
  client_env.buggified = [&](std::string_view point) { return point == wanted; };
  const auto tell = [&](std::string_view words_to_say, std::string_view fault) {
    wanted = fault;
    EXPECT_TRUE(channel->send_one_way(kTellMethod, text(words_to_say)));
  };
  tell("a", "rpc_one_way_lost");
  tell("b", "rpc_one_way_duplicated");
  tell("c", "rpc_one_way_reordered");
  tell("d", "");
  world.run_for(1ms);
  EXPECT_EQ(words.told, (std::vector<std::string>{"b", "b", "d", "c"}));
}

TEST_F(ChannelTest, StreamsItemsWithinTheWindowAndThenTheEnd) {
  WordServer words(server_env);
  auto channel = make_channel({.stream_window_bytes = 1'000});
  auto stream = channel->open_stream({}, kCountMethod, text("20 136"));
  world.run_for(1ms);
  EXPECT_EQ(words.items_sent, 5) << "the server waits for credit";
  for (int i = 0; i < 20; ++i) {
    Item item(world.scheduler, (*stream)->next());
    world.run_for(1ms);
    EXPECT_EQ(item.get().value(), Bytes(136, static_cast<uint8_t>(i)));
    EXPECT_LE(words.items_sent, i + 1 + 8);
  }
  Item end(world.scheduler, (*stream)->next());
  world.run_for(1ms);
  EXPECT_EQ(end.get().value(), std::nullopt);
}

TEST_F(ChannelTest, TakesItemsLargerThanTheWindowOneAtATime) {
  WordServer words(server_env);
  auto channel = make_channel({.stream_window_bytes = 100});
  auto stream = channel->open_stream({}, kCountMethod, text("3 70000"));
  world.run_for(1ms);
  EXPECT_EQ(words.items_sent, 1);
  for (int i = 0; i < 3; ++i) {
    Item item(world.scheduler, (*stream)->next());
    world.run_for(1ms);
    EXPECT_EQ(item.get().value()->size(), 70'000u);
  }
}

TEST_F(ChannelTest, EndsAStreamWithTheHandlersError) {
  WordServer words(server_env);
  auto channel = make_channel();
  auto stream = channel->open_stream({}, kCountMethod, text("1 10 fail"));
  Item item(world.scheduler, (*stream)->next());
  world.run_for(1ms);
  EXPECT_TRUE(item.get().has_value());
  Item end(world.scheduler, (*stream)->next());
  world.run_for(1ms);
  EXPECT_EQ(end.get().error().code(), Code::aborted);
}

TEST_F(ChannelTest, CancelsAStreamThatIsDestroyed) {
  WordServer words(server_env);
  auto channel = make_channel({.stream_window_bytes = 1'000});
  auto stream = channel->open_stream({}, kCountMethod, text("1000 136"));
  world.run_for(1ms);
  EXPECT_EQ(words.alive, 1);
  stream->reset();
  world.run_for(1ms);
  EXPECT_EQ(words.alive, 0);
}

TEST_F(ChannelTest, EndsAStreamWhoseConnectionIsLost) {
  WordServer words(server_env);
  auto channel = make_channel({.stream_window_bytes = 1'000});
  auto stream = channel->open_stream({}, kCountMethod, text("100 136"));
  world.run_for(1ms);
  world.network.wire()->reset();
  world.run_for(1ms);
  for (int i = 0; i < 6; ++i) {
    Item item(world.scheduler, (*stream)->next());
    world.run_for(1ms);
    EXPECT_EQ(status_of(item.get()).code(), i < 5 ? Code::ok : Code::unavailable);
  }
}

TEST_F(ChannelTest, EndsAStreamAtItsDeadlineAndCancelsIt) {
  WordServer words(server_env);
  auto channel = make_channel();
  RequestContext context;
  context.deadline = client_env.in(1s);
  auto stream = channel->open_stream(context, kCountMethod, text("1 10 sleep"));
  Item first(world.scheduler, (*stream)->next());
  world.run_for(1ms);
  EXPECT_TRUE(first.get().has_value());
  Item end(world.scheduler, (*stream)->next());
  world.run_for(998ms);
  EXPECT_FALSE(end.done());
  world.run_for(2ms);
  EXPECT_EQ(end.get().error().code(), Code::deadline_exceeded);
  EXPECT_EQ(words.alive, 0);
}

TEST_F(ChannelTest, PoolKeepsOneChannelForEachAddressAndForgetsTheOldest) {
  ChannelPool pool(client_env, {}, 2);
  const auto a = pool.channel({"a:1"});
  const auto b = pool.channel({"b:1"});
  EXPECT_EQ(pool.channel({"a:1"}), a);
  pool.channel({"c:1"});
  EXPECT_EQ(pool.size(), 2u);
  EXPECT_EQ(pool.channel({"a:1"}), a);
  EXPECT_NE(pool.channel({"b:1"}), b);
  // Whoever means a node does not share the connection of who means another one, or any.
  const auto first = pool.channel({NodeId(1), {"a:1"}});
  EXPECT_NE(first, a);
  EXPECT_NE(pool.channel({NodeId(2), {"a:1"}}), first);
}

TEST_F(ChannelTest, RefusesAConfigurationThatMakesNoSense) {
  EXPECT_TRUE(ClientConfig{}.validate().has_value());
  EXPECT_EQ(ClientConfig{.calls_max = 0}.validate().error().field(), "calls_max");
  EXPECT_EQ(ClientConfig{.silence_max = 1'999ms}.validate().error().field(), "silence_max");
  EXPECT_TRUE(ServerConfig{}.validate().has_value());
  EXPECT_EQ(ServerConfig{.connections_max = 0}.validate().error().field(), "connections_max");
}

}  // namespace
}  // namespace vectron::rpc
