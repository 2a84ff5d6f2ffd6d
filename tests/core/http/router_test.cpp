#include "core/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/http/target.h"

namespace vectron::http {
namespace {

using testing::ElementsAre;

Handler answer(int status) {
  return [status](const Request&) {
    const auto make = [](int code) -> Task<Response> {
      Response response;
      response.status = code;
      co_return response;
    };
    return make(status);
  };
}

// Runs a handler that never waits.
int run(const Handler& handler, Request request) {
  Task<Response> task = handler(std::move(request));
  task.handle().resume();
  return task.handle().promise().take().status;
}

int status_at(const Router& router, Method method, const std::string& path) {
  Request request;
  request.method = method;
  request.segments = parse_target(path)->segments;
  const auto handler = router.match(&request);
  return handler.has_value() ? run(*handler->handler, request) : handler.error().status;
}

TEST(HttpRouter, PrefersLiteralSegmentsFromTheLeft) {
  Router router;
  router.add(Method::get, "/c/{name}/{id}", answer(201));
  router.add(Method::get, "/c/{name}/search", answer(202));
  router.add(Method::get, "/c/x/{id}", answer(203));
  EXPECT_EQ(status_at(router, Method::get, "/c/a/b"), 201);
  EXPECT_EQ(status_at(router, Method::get, "/c/a/search"), 202);
  EXPECT_EQ(status_at(router, Method::get, "/c/x/search"), 203);
  EXPECT_EQ(status_at(router, Method::head, "/c/x/search"), 203);
}

TEST(HttpRouter, FallsBackToAPatternThatHasTheMethod) {
  Router router;
  router.add(Method::get, "/points/{id}", answer(201));
  router.add(Method::post, "/points/search", answer(202));
  EXPECT_EQ(status_at(router, Method::get, "/points/search"), 201);
  EXPECT_EQ(status_at(router, Method::post, "/points/search"), 202);
  EXPECT_EQ(status_at(router, Method::post, "/points/7"), 405);
}

TEST(HttpRouter, GivesParametersDecoded) {
  Router router;
  router.add(Method::get, "/c/{name}/{id}", answer(200));
  Request request;
  request.segments = parse_target("/c/a%2Fb/%C3%A9")->segments;
  ASSERT_TRUE(router.match(&request).has_value());
  EXPECT_THAT(request.parameters, ElementsAre(Field{"name", "a/b"}, Field{"id", "\xC3\xA9"}));
}

TEST(HttpRouter, KnowsNoEmptySegments) {
  Router router;
  router.add(Method::get, "/c/{name}", answer(200));
  EXPECT_EQ(status_at(router, Method::get, "/c/"), 404);
  EXPECT_EQ(status_at(router, Method::get, "/c/a/"), 404);
  EXPECT_EQ(status_at(router, Method::get, "/"), 404);
}

TEST(HttpTarget, SplitsBeforeItDecodes) {
  const auto target = parse_target("/a%2Fb/c+d?x=1%262&y+z=a+b&&w");
  ASSERT_TRUE(target.has_value());
  EXPECT_THAT(target->segments, ElementsAre("a/b", "c+d"));
  EXPECT_THAT(target->query, ElementsAre(Field{"x", "1&2"}, Field{"y z", "a b"}, Field{"w", ""}));
  EXPECT_THAT(parse_target("http://host:1/a?b")->segments, ElementsAre("a"));
  EXPECT_TRUE(parse_target("http://host")->segments.empty());
}

TEST(HttpTarget, RefusesWhatIsNoPath) {
  for (const char* bad : {"", "*", "a/b", "/%", "/%1", "/%zz", "/a#b", "?x", "/?a=%"}) {
    EXPECT_FALSE(parse_target(bad).has_value()) << bad;
  }
}

TEST(HttpTarget, SaysInWhichPartAPercentSignIsWrong) {
  EXPECT_TRUE(parse_target("/%zz?a=1").error().message().starts_with("in the path: a '%'"));
  EXPECT_TRUE(parse_target("/c?a=%2").error().message().starts_with("in the query: a '%'"));
}

}  // namespace
}  // namespace vectron::http
