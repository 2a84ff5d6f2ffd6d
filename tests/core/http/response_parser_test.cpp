#include "core/http/response_parser.h"

#include <gtest/gtest.h>

#include "core/http/request_writer.h"

namespace vectron::http {
namespace {

/// Feeds `bytes` in pieces of `piece` bytes, as a connection would.
Result<Response> parse(std::string_view bytes, size_t piece, ParserLimits limits = {},
                       bool to_head = false) {
  ResponseParser parser(limits, to_head);
  std::string waiting;
  for (size_t at = 0; at < bytes.size() && !parser.done(); at += piece) {
    waiting += bytes.substr(at, piece);
    VECTRON_TRY(const size_t taken, parser.feed(as_bytes(waiting)));
    waiting.erase(0, taken);
  }
  if (!parser.done()) VECTRON_CHECK_OK(parser.end());
  return parser.take();
}

constexpr std::string_view kPlain =
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-Thing: a b\r\nContent-Length: "
    "5\r\n\r\n"
    "hello";
constexpr std::string_view kChunked =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n";
constexpr std::string_view kUntilEnd = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";

TEST(ResponseParser, DoesNotDependOnWhereTheBytesWereCut) {
  for (const std::string_view bytes : {kPlain, kChunked, kUntilEnd}) {
    for (size_t piece = 1; piece <= bytes.size(); ++piece) {
      const auto response = parse(bytes, piece);
      ASSERT_TRUE(response.has_value())
          << response.error().to_string() << " in pieces of " << piece;
      EXPECT_EQ(response->status, bytes == kPlain ? 404 : 200);
      EXPECT_EQ(response->body, "hello");
    }
  }
}

TEST(ResponseParser, TellsTheHeaderFields) {
  const auto response = parse(kPlain, 1'000);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->content_type, "text/plain");
  const std::string* thing = find_field(response->headers, "x-thing");
  ASSERT_NE(thing, nullptr);
  EXPECT_EQ(*thing, "a b");
}

TEST(ResponseParser, RefusesAnAnswerThatEndsInTheMiddle) {
  for (size_t length = 0; length < kPlain.size(); ++length) {
    const auto response = parse(kPlain.substr(0, length), 7);
    ASSERT_FALSE(response.has_value()) << length;
    EXPECT_EQ(response.error().code(), Code::data_loss);
  }
}

TEST(ResponseParser, HasNoBodyInTheAnswerToHead) {
  const auto response = parse(kPlain.substr(0, kPlain.size() - 5), 9, {}, true);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "");
}

TEST(ResponseParser, KeepsItsLimits) {
  const ParserLimits small{.head_bytes_max = 64, .headers_max = 2, .body_bytes_max = 4};
  const std::string long_head = "HTTP/1.1 200 OK\r\nA: " + std::string(100, 'a') + "\r\n\r\n";
  const std::string many = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
  const std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  for (const std::string& bytes : {long_head, many, large, chunks}) {
    for (const size_t piece : {size_t{1}, size_t{13}, size_t{1'000}}) {
      const auto response = parse(bytes, piece, small);
      ASSERT_FALSE(response.has_value()) << bytes;
      EXPECT_EQ(response.error().code(), Code::data_loss);
    }
  }
}

TEST(RequestWriter, WritesWhatTheParserReads) {
  const ClientRequest request{.method = Method::post,
                              .target = "/v1/" + percent_encode("a b/\xc3\xa9") + "?x=1",
                              .headers = {{"X-Request-Timeout-Ms", "5"}},
                              .body = "{}"};
  const std::string bytes = write_request(request, "gateway:8080");
  RequestParser parser({});
  const auto taken = parser.feed(as_bytes(bytes));
  ASSERT_TRUE(taken.has_value()) << taken.error().reason.to_string();
  EXPECT_EQ(*taken, bytes.size());
  ASSERT_EQ(parser.stage(), RequestParser::Stage::done);
  EXPECT_TRUE(parser.keep_alive());
  const Request read = parser.take();
  EXPECT_EQ(read.method, Method::post);
  EXPECT_EQ(read.segments, (std::vector<std::string>{"v1", "a b/\xc3\xa9"}));
  EXPECT_EQ(read.query, (std::vector<Field>{{"x", "1"}}));
  EXPECT_EQ(*read.header("host"), "gateway:8080");
  EXPECT_EQ(*read.header("x-request-timeout-ms"), "5");
  EXPECT_EQ(*read.header("content-type"), "application/json");
  EXPECT_EQ(read.body, "{}");
}

TEST(RequestWriter, TellsTheLengthOfAnEmptyBodyOnlyWhereOneIsExpected) {
  const std::string get = write_request({}, "h");
  EXPECT_EQ(get, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string post = write_request({.method = Method::post}, "h");
  EXPECT_EQ(post, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace vectron::http
