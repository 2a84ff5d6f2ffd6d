// Signals, log lines and the Env of a process.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "net/log_sink.h"
#include "net/production_env.h"
#include "net/signals.h"
#include "tests/net/production_world.h"

namespace vectron {
namespace {

TEST(StopSignals, SigtermSetsItsEvent) {
  EventLoop loop;
  for (const int signal : {SIGTERM, SIGINT}) {
    StopSignals signals(loop);
    EXPECT_FALSE(signals.requested().is_set());
    ASSERT_EQ(::raise(signal), 0);
    EXPECT_TRUE(run_loop(loop, [&] { return signals.requested().is_set(); }, 60s));
  }
}

TEST(StopSignals, ASecondSignalKillsAsUsual) {
  EXPECT_EXIT(
      {
        EventLoop loop;
        StopSignals signals(loop);
        ::raise(SIGTERM);
        ::raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignals, ABrokenPipeDoesNotKill) {
  EventLoop loop;
  const StopSignals signals(loop);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

std::string logged(LogLevel lowest, const std::function<void(Log&)>& body) {
  testing::internal::CaptureStderr();
  {
    LogSink sink(lowest);
    NodeLog log(sink, "worker-1");
    body(log);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(LogSink, WritesOneLineWithItsFields) {
  const std::string text =
      logged(LogLevel::info, [](Log& log) { log.info("raft", "became leader of {}", 7); });
  EXPECT_THAT(text, testing::ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info "
                                           "node=worker-1 component=raft became leader of 7\n$"));
}

TEST(LogSink, DropsWhatIsBelowItsLevel) {
  EXPECT_EQ(logged(LogLevel::warning, [](Log& log) { log.info("raft", "quiet"); }), "");
  EXPECT_THAT(logged(LogLevel::debug, [](Log& log) { log.debug("wal", "x"); }),
              testing::HasSubstr(" debug node"));
}

TEST(LogSink, ATextCannotForgeALine) {
  const std::string text =
      logged(LogLevel::error, [](Log& log) { log.error("http", "bad name '{}'", "a\nb\x1b[0m"); });
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_THAT(text, testing::HasSubstr("bad name 'a\\nb?[0m'"));
}

TEST(LogSink, ParsesLevels) {
  EXPECT_EQ(parse_log_level("warning").value(), LogLevel::warning);
  EXPECT_EQ(status_of(parse_log_level("loud")).code(), Code::invalid_argument);
}

TEST(ProductionEnv, ItsStreamsAreStableByNameAndDifferFromLifeToLife) {
  ProductionWorld world(ProductionWorld::Links::tcp);
  const uint64_t first = world.node(0).random("a").next();
  EXPECT_EQ(world.node(0).random("a").next(), first);
  EXPECT_NE(world.node(0).random("b").next(), first);
  EXPECT_NE(world.node(1).random("a").next(), first);
  world.restart(0, conformance::Stop::orderly);
  EXPECT_NE(world.node(0).random("a").next(), first);
  EXPECT_FALSE(world.node(0).buggify("x"));
  EXPECT_FALSE(world.node(0).planted("x"));
}

}  // namespace
}  // namespace vectron
