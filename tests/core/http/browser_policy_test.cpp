// Which requests pass that a web page may have sent.
#include "core/http/browser_policy.h"

#include <gtest/gtest.h>

namespace vectron::http {
namespace {

Request request(Method method, std::vector<Field> headers, std::string body = {}) {
  Request out;
  out.method = method;
  out.headers = std::move(headers);
  out.body = std::move(body);
  return out;
}

int status_under(const BrowserPolicy::Config& config, const Request& asked,
                 RouteKind kind = RouteKind::writes) {
  const Verdict verdict = BrowserPolicy(config).judge(asked, kind);
  return verdict.refusal.has_value() ? verdict.refusal->status : 200;
}

TEST(BrowserPolicy, KnowsItselfByItsNames) {
  struct Case {
    const char* listen;
    const char* host;
    bool known;
  };
  constexpr Case kCases[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080", true},
      {"127.0.0.1:8080", "localhost", true},
      {"127.0.0.1:8080", "LOCALHOST:99", true},
      {"127.0.0.1:8080", "localhost.:8080", true},
      {"127.0.0.1:8080", "db.localhost:8080", true},
      {"127.0.0.1:8080", "[::1]:8080", true},
      {"127.0.0.1:8080", "127.9.9.9", true},
      {"127.0.0.1:8080", "10.0.0.5:8080", false},
      {"127.0.0.1:8080", "evil.example", false},
      {"127.0.0.1:8080", "localhost.evil.example", false},
      {"127.0.0.1:8080", "127.0.0.1.evil.example", false},
      {"127.0.0.1:8080", "127.evil.example", false},
      {"127.0.0.1:8080", "", false},
      {"10.0.0.5:8080", "10.0.0.5:8080", true},
      {"10.0.0.5:8080", "10.0.0.6:8080", false},
      {"db.internal:8080", "DB.internal", true},
      {"*:8080", "10.0.0.6:8080", true},
      {"0.0.0.0:8080", "[2001:db8::1]:8080", true},
      {"[::]:8080", "192.0.2.7", true},
      {"*:8080", "evil.example", false},
      {"*:8080", "300.1.1.1", false},
      {"*:8080", "::1:8080", false},
  };
  for (const Case& one : kCases) {
    const BrowserPolicy::Config config{.listen = {Address{one.listen}}, .hosts = {}, .origins = {}};
    EXPECT_EQ(status_under(config, request(Method::post, {{"host", one.host}})),
              one.known ? 200 : 421)
        << one.listen << " asked as " << one.host;
  }
  const Request foreign = request(Method::post, {{"host", "db.example:1"}});
  EXPECT_EQ(status_under({.listen = {}, .hosts = {"DB.example"}, .origins = {}}, foreign), 200);
  EXPECT_EQ(status_under({.listen = {}, .hosts = {"*"}, .origins = {}}, foreign), 200);
  EXPECT_EQ(status_under({.listen = {}, .hosts = {}, .origins = {}}, foreign, RouteKind::probe),
            200);
  EXPECT_EQ(status_under({.listen = {}, .hosts = {}, .origins = {}}, foreign, RouteKind::report),
            421)
      << "what a report says is not for the pages of others";
  // HTTP/1.0 needs no Host, and browsers do not speak it.
  EXPECT_EQ(status_under({}, request(Method::post, {})), 200);
}

TEST(BrowserPolicy, AsksForTheOriginOfWhatDoesMoreThanLook) {
  const auto with = [](Method method, const char* origin) {
    return request(method, {{"host", "localhost:8080"}, {"origin", origin}});
  };
  const BrowserPolicy::Config none;
  EXPECT_EQ(status_under(none, with(Method::post, "http://evil.example")), 403);
  EXPECT_EQ(status_under(none, with(Method::delete_, "null")), 403);
  EXPECT_EQ(status_under(none, with(Method::options, "http://evil.example")), 403);
  EXPECT_EQ(status_under(none, with(Method::post, "http://localhost:3000")), 403);
  EXPECT_EQ(status_under(none, with(Method::get, "http://evil.example")), 200);
  // A page that came from here.
  EXPECT_EQ(status_under(none, with(Method::post, "http://LocalHost:8080")), 200);
  const BrowserPolicy::Config some{.listen = {}, .hosts = {}, .origins = {"https://app.example"}};
  EXPECT_EQ(status_under(some, with(Method::post, "https://app.example")), 200);
  EXPECT_EQ(status_under(some, with(Method::post, "https://app.example:444")), 403);
  EXPECT_EQ(status_under(some, with(Method::post, "http://app.example")), 403);
  const BrowserPolicy::Config any{.listen = {}, .hosts = {}, .origins = {"*"}};
  EXPECT_EQ(status_under(any, with(Method::post, "http://evil.example")), 200);
}

TEST(BrowserPolicy, TakesBodiesThatSayTheyAreJson) {
  for (const char* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"", " application/json ; a=b"}) {
    EXPECT_TRUE(is_json_type(type)) << type;
  }
  for (const char* type : {"", "text/plain", "text/plain;application/json", "application/json2",
                           "application/json; charset=latin1", "text/json"}) {
    EXPECT_FALSE(is_json_type(type)) << type;
  }
  EXPECT_EQ(status_under({}, request(Method::post, {}, "{}")), 415);
  EXPECT_EQ(status_under({}, request(Method::post, {{"content-type", "application/json"}}, "{}")),
            200);
  EXPECT_EQ(status_under({}, request(Method::post, {{"content-type", "text/plain"}})), 200);
}

TEST(BrowserPolicy, AsksForTheTypeOfABodyThatIsToCome) {
  Request waits = request(Method::post, {{"host", "localhost"}, {"content-type", "text/plain"}});
  EXPECT_EQ(status_under({}, waits), 200) << "it has no body";
  waits.body_follows = true;
  EXPECT_EQ(status_under({}, waits), 415);
}

TEST(BrowserPolicy, RefusesNamesThatAreNone) {
  for (const char* host : {"", "a/b", "http://a", "a b", "a:b:c"}) {
    const BrowserPolicy::Config config{.listen = {}, .hosts = {host}, .origins = {}};
    EXPECT_EQ(status_of(config.validate()).field(), "hosts") << host;
  }
  for (const char* origin : {"", "app.example", "https://app.example/", "https://", "null"}) {
    const BrowserPolicy::Config config{.listen = {}, .hosts = {}, .origins = {origin}};
    EXPECT_EQ(status_of(config.validate()).field(), "origins") << origin;
  }
  const BrowserPolicy::Config good{.listen = {},
                                   .hosts = {"*", "db.example", "[::1]", "10.0.0.1"},
                                   .origins = {"*", "https://a.example:8443", "http://[::1]:80"}};
  EXPECT_TRUE(good.validate().has_value());
}

}  // namespace
}  // namespace vectron::http
