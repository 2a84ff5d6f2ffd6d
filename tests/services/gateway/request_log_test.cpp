// Which requests get a line in the log, what it says, and how they are counted.
#include "services/gateway/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schemas/vectron_rpc.h"

namespace vectron::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeptLog final : public Log {
 public:
  bool enabled(LogLevel level) const override { return level >= lowest; }
  void write(LogLevel, std::string_view component, std::string_view text) override {
    lines.push_back(std::string(component) + " " + std::string(text));
  }
  LogLevel lowest = LogLevel::info;
  std::vector<std::string> lines;
};

rpc::RequestEnd end_of(Code code, Duration took) {
  rpc::RequestEnd end;
  end.method = &api::kVectronSearchMethod;
  end.code = code;
  end.took = took;
  end.request_bytes = 20;
  end.reply_bytes = 300;
  return end;
}

TEST(RequestLog, SaysWhatHappened) {
  rpc::RequestEnd end = end_of(Code::not_found, 1'250us);
  EXPECT_EQ(request_line(end),
            "operation=Search protocol=rpc code=not_found ms=1.250 request_bytes=20 "
            "reply_bytes=300");
  const std::string odd = "a\"b\n" + std::string(500, 'x');
  end.over_http = true;
  end.collection = odd;
  end.id = "7-1";
  end.trace_id = 9;
  const std::string line = request_line(end);
  EXPECT_THAT(line, HasSubstr("protocol=http"));
  EXPECT_THAT(line, HasSubstr("collection=\"a\\\"b\\n"));
  EXPECT_THAT(line, HasSubstr(" id=\"7-1\" trace=9"));
  EXPECT_LT(line.size(), 300U);
}

TEST(RequestLog, WritesTheOrdinaryOnesThatAreChosenAndAllOthers) {
  KeptLog kept;
  RequestLog log(&kept, RandomStream(1, "shares"),
                 {.level = LogLevel::info, .share_ppm = 100'000, .slow_min = 1s});
  for (int i = 0; i < 1'000; ++i) log.ended(end_of(Code::ok, 1ms));
  EXPECT_GT(kept.lines.size(), 50U);
  EXPECT_LT(kept.lines.size(), 200U);
  kept.lines.clear();
  log.ended(end_of(Code::ok, 1s));
  for (const Code code : {Code::internal, Code::unavailable, Code::unknown_outcome, Code::data_loss,
                          Code::deadline_exceeded}) {
    log.ended(end_of(code, 1ms));
  }
  EXPECT_EQ(kept.lines.size(), 6U);
}

TEST(RequestLog, IsSilentBelowTheLevelThatTheProcessLogs) {
  KeptLog kept;
  kept.lowest = LogLevel::warning;
  RequestLog quiet(&kept, RandomStream(1, "shares"), {});
  quiet.ended(end_of(Code::internal, 10s));
  EXPECT_TRUE(kept.lines.empty());
  RequestLog loud(&kept, RandomStream(1, "shares"), {.level = LogLevel::warning});
  loud.ended(end_of(Code::ok, 1ms));
  EXPECT_EQ(kept.lines.size(), 1U);
}

TEST(RequestMetrics, CountsInBucketsThatAreSums) {
  RequestMetrics metrics;
  for (const Duration took : std::initializer_list<Duration>{50us, 100us, 101us, 2ms, 61s})
    metrics.count(end_of(Code::ok, took));
  metrics.count(end_of(Code::cancelled, 2ms));
  std::string text;
  metrics.append_text(&text);
  const std::string row =
      R"(vectron_request_duration_seconds_bucket{operation="Search",protocol="rpc",le=)";
  for (const char* bucket :
       {"\"0.0001\"} 2\n", "\"0.00025\"} 3\n", "\"0.0025\"} 5\n", "\"60\"} 5\n", "\"+Inf\"} 6\n"}) {
    EXPECT_THAT(text, HasSubstr(row + bucket));
  }
  EXPECT_THAT(
      text, HasSubstr(R"(vectron_requests_total{operation="Search",protocol="rpc",code="ok"} 5)"));
  EXPECT_THAT(text, HasSubstr(R"(code="cancelled"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("unavailable")));
  EXPECT_THAT(text,
              HasSubstr(R"(vectron_reply_bytes_total{operation="Search",protocol="rpc"} 1800)"));
}

}  // namespace
}  // namespace vectron::gateway
