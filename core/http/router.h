// Router: which handler answers which method and path.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "core/http/gate.h"
#include "core/http/message.h"

namespace vectron::http {

/// Filled once, then only asked.
class Router {
 public:
  struct Match {
    const Handler* handler = nullptr;
    RouteKind kind = RouteKind::reads;
    /// "POST /v1/collections".
    std::string_view route;
  };

  /// `pattern` is like "/v1/collections/{name}/points": a segment in braces takes any one that is
  /// not empty and becomes a parameter of the request. Requires: the method has no such pattern yet
  /// (whatever its parameters are called). Without a `kind`, what is not GET writes.
  void add(Method method, std::string_view pattern, Handler handler,
           std::optional<RouteKind> kind = std::nullopt);

  /// Asked of every request, whether it has a route or not; all pass without one. It outlives the
  /// router.
  void set_gate(Gate gate) { gate_ = std::move(gate); }
  Verdict judge(const Request& request, std::optional<RouteKind> kind) const;

  /// The handler for `request`, whose parameters it fills in. A path that fits several patterns
  /// goes to the one that says more of it literally, from the left. HEAD goes where GET goes. Or
  /// the answer: 404 when no pattern fits the path, 405 with Allow when none of those has the
  /// method, and what OPTIONS asks for: 204 with Allow. Lives as long as the router. O(patterns).
  std::expected<Match, Response> match(Request* request) const;

 private:
  struct Segment {
    /// Literal, or the parameter's name.
    std::string text;
    bool parameter = false;
  };
  struct Route {
    Method method = Method::get;
    /// "POST /v1/collections".
    std::string name;
    std::vector<Segment> segments;
    Handler handler;
    RouteKind kind = RouteKind::reads;
  };

  static bool fits(const Route& route, const std::vector<std::string>& path);
  static bool more_literal(const Route& route, const Route& than);
  Response without_route(const Request& request) const;

  std::vector<Route> routes_;
  Gate gate_;
};

}  // namespace vectron::http
