#include "sim/oracle/peer_watch.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

/// A server whose connections are as a test says.
class FakeServer final : public PeerHolder {
 public:
  std::vector<HeldForPeer> held_for_peers() const override { return peers; }
  const BodyMemory& counter() const override { return memory; }

  BodyMemory memory{{.bytes_max = 3'000'000, .host_bytes_max = 1'500'000}};
  std::vector<HeldForPeer> peers;
};

class PeerWatchTest : public ::testing::Test {
 protected:
  PeerWatchTest() { door_->began(&server_); }

  std::string verdict() {
    watch_.look(1s);
    return log_.empty() ? "" : log_.kept()[0].kind;
  }

  ViolationLog log_;
  bool awake_ = true;
  FakeServer server_;
  PeerWatch watch_{[] { return Instant(5s); }, 20s, &log_};
  PeerWatcher* door_ = watch_.of_node("gateway-0", [this] { return awake_; });
};

TEST_F(PeerWatchTest, ObjectsToWhatIsNotCounted) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 200'000);
  server_.peers = {{.peer = "client-1:9", .arrived = 60'000, .waiting = 200'000, .buffers = 9}};
  EXPECT_EQ(verdict(), "") << "what came of a small thing need not count";
  server_.peers[0].arrived = 70'000;
  EXPECT_EQ(verdict(), "uncounted");
}

TEST_F(PeerWatchTest, ObjectsToBuffersThatAreLargerThanWhatCame) {
  server_.peers.assign(30, {.peer = "client-1:9", .arrived = 10, .waiting = 0, .buffers = 65'536});
  EXPECT_EQ(verdict(), "");
  server_.peers[7].buffers = 262'144;
  EXPECT_EQ(verdict(), "buffers");
}

TEST_F(PeerWatchTest, ObjectsToMoreThanTheBoundAndToMoreThanAShare) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 10'000'000);
  server_.peers = {{.peer = "client-1:9", .arrived = 0, .waiting = 1'500'000, .buffers = 0},
                   {.peer = "client-2:9", .arrived = 0, .waiting = 1'500'000, .buffers = 0}};
  EXPECT_EQ(verdict(), "");
  server_.peers[1].peer = "client-1:8";
  EXPECT_EQ(verdict(), "share");
}

TEST_F(PeerWatchTest, ObjectsToMoreThanTheBound) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 10'000'000);
  const std::vector<std::string> names = {"a:1", "b:1", "c:1", "d:1"};
  for (const std::string& name : names) {
    server_.peers.push_back({.peer = name, .arrived = 0, .waiting = 1'600'000, .buffers = 0});
  }
  EXPECT_EQ(verdict(), "bound");
}

TEST_F(PeerWatchTest, CountsAnswersThatAreBeingMade) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 700'000);
  server_.peers = {{.peer = "client-1:9", .waiting = 400'000, .making = 300'000}};
  EXPECT_EQ(verdict(), "");
  server_.peers[0].making = 301'000;
  EXPECT_EQ(verdict(), "uncounted");
}

// It lies there for a moment only, between two looks.
TEST_F(PeerWatchTest, LooksWhenALargeAnswerIsFinished) {
  server_.peers = {{.peer = "client-1:9", .making = 300'000, .making_large = 300'000}};
  EXPECT_TRUE(log_.empty());
  door_->answer_made(&server_);
  ASSERT_FALSE(log_.empty());
  EXPECT_EQ(log_.kept()[0].kind, "uncounted");
}

// A connection of its own has what goes unchecked; an answer in the making has nothing of it.
TEST_F(PeerWatchTest, ObjectsToAnswersThatAreMadeBeyondAShare) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 10'000'000);
  server_.peers = {{.peer = "client-1:9", .waiting = 500'000, .making = 1'500'000}};
  EXPECT_EQ(verdict(), "");
  server_.peers[0].making = 1'500'001;
  EXPECT_EQ(verdict(), "share");
}

TEST_F(PeerWatchTest, ObjectsToLargeAnswersOfMoreThanHalfABound) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 10'000'000);
  for (const char* const name : {"a:1", "b:1", "c:1"}) {
    server_.peers.push_back({.peer = name, .making = 600'000, .making_large = 500'000});
  }
  EXPECT_EQ(verdict(), "");
  server_.peers[2].making_large = 500'001;
  EXPECT_EQ(verdict(), "answers") << "of all hosts";
}

TEST_F(PeerWatchTest, ObjectsToLargeAnswersOfMoreThanHalfAShare) {
  BodyShare share(&server_.memory, "client-1:9");
  HeldBytes held(&share, 10'000'000);
  server_.peers = {{.peer = "a:1", .making = 400'000, .making_large = 400'000},
                   {.peer = "a:2", .making = 350'000, .making_large = 350'000}};
  EXPECT_EQ(verdict(), "");
  server_.peers[1] = {.peer = "a:2", .making = 350'001, .making_large = 350'001};
  EXPECT_EQ(verdict(), "answers");
}

TEST_F(PeerWatchTest, ObjectsToAHostileConnectionThatStaysInTimeThatWasLived) {
  server_.peers = {{.peer = "hostile:9", .arrived = 5, .waiting = 0, .buffers = 0},
                   {.peer = "client-1:9", .arrived = 5, .waiting = 0, .buffers = 0}};
  for (int second = 0; second < 19; ++second) watch_.look(1s);
  awake_ = false;
  for (int second = 0; second < 19; ++second) watch_.look(1s);
  awake_ = true;
  EXPECT_EQ(verdict(), "");
  server_.peers[0].running = 1;
  for (int second = 0; second < 19; ++second) watch_.look(1s);
  server_.peers[0].running = 0;
  EXPECT_TRUE(log_.empty()) << "how long a request runs is the server's doing";
  // Another one of the same host begins at nothing.
  server_.peers[0].peer = "hostile:10";
  for (int second = 0; second < 20; ++second) watch_.look(1s);
  EXPECT_TRUE(log_.empty());
  EXPECT_EQ(verdict(), "endless");
}

TEST_F(PeerWatchTest, ObjectsWhenSomebodyElseHasNoRoom) {
  door_->turned_away(&server_, "hostile:9");
  EXPECT_EQ(verdict(), "");
  door_->turned_away(&server_, "client-1:9");
  EXPECT_EQ(verdict(), "turned_away");
}

TEST_F(PeerWatchTest, NamesWhatIsLeftOver) {
  EXPECT_FALSE(watch_.left_over().has_value());
  {
    BodyShare share(&server_.memory, "client-1:9");
    HeldBytes held(&share, 70'000);
    EXPECT_EQ(watch_.left_over(), "gateway-0 still holds 70000 bytes for its peers");
  }
  server_.peers = {{.peer = "hostile:9", .arrived = 0, .waiting = 0, .buffers = 0}};
  EXPECT_EQ(watch_.left_over(), "gateway-0 still has 1 connections of hostile clients");
  door_->ended(&server_);
  EXPECT_FALSE(watch_.left_over().has_value());
}

}  // namespace
}  // namespace vectron::sim
