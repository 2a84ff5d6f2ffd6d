#include "core/http/router.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/http/target.h"

namespace vectron::http {

void Router::add(Method method, std::string_view pattern, Handler handler,
                 std::optional<RouteKind> kind) {
  const RouteKind by_method = method == Method::get ? RouteKind::reads : RouteKind::writes;
  Route route{.method = method,
              .name = fmt::format("{} {}", method_name(method), pattern),
              .handler = std::move(handler),
              .kind = kind.value_or(by_method)};
  Result<Target> target = parse_target(pattern);
  VECTRON_ASSERT(target.has_value(), "\"{}\" is not a pattern", pattern);
  for (std::string& text : target->segments) {
    const bool parameter = text.size() > 2 && text.front() == '{' && text.back() == '}';
    route.segments.push_back({parameter ? text.substr(1, text.size() - 2) : text, parameter});
  }
  for (const Route& other : routes_) {
    const bool same_path =
        !more_literal(route, other) && !more_literal(other, route) &&
        std::equal(route.segments.begin(), route.segments.end(), other.segments.begin(),
                   other.segments.end(), [](const Segment& a, const Segment& b) {
                     return a.parameter == b.parameter && (a.parameter || a.text == b.text);
                   });
    VECTRON_ASSERT(!same_path || other.method != method, "\"{}\" is routed twice", pattern);
  }
  routes_.push_back(std::move(route));
}

bool Router::fits(const Route& route, const std::vector<std::string>& path) {
  return std::equal(route.segments.begin(), route.segments.end(), path.begin(), path.end(),
                    [](const Segment& segment, const std::string& text) {
                      return segment.parameter ? !text.empty() : segment.text == text;
                    });
}

bool Router::more_literal(const Route& route, const Route& than) {
  const size_t count = std::min(route.segments.size(), than.segments.size());
  for (size_t i = 0; i < count; ++i) {
    if (route.segments[i].parameter != than.segments[i].parameter)
      return than.segments[i].parameter;
  }
  return false;
}

std::expected<Router::Match, Response> Router::match(Request* request) const {
  const Method wanted = request->method == Method::head ? Method::get : request->method;
  const Route* best = nullptr;
  for (const Route& route : routes_) {
    if (route.method != wanted || !fits(route, request->segments)) continue;
    if (best == nullptr || more_literal(route, *best)) best = &route;
  }
  if (best == nullptr) return std::unexpected(without_route(*request));
  request->parameters.clear();
  for (size_t i = 0; i < best->segments.size(); ++i) {
    if (!best->segments[i].parameter) continue;
    request->parameters.push_back({best->segments[i].text, request->segments[i]});
  }
  return Match{.handler = &best->handler, .kind = best->kind, .route = best->name};
}

Verdict Router::judge(const Request& request, std::optional<RouteKind> kind) const {
  return gate_ ? gate_(request, kind) : Verdict();
}

Response Router::without_route(const Request& request) const {
  std::string allowed;
  for (const Route& route : routes_) {
    if (!fits(route, request.segments)) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += method_name(route.method);
    if (route.method == Method::get) allowed += ", HEAD";
  }
  if (allowed.empty()) {
    return error_response(404, Status(Code::not_found, "there is nothing at this path"));
  }
  if (request.method == Method::options) {
    Response response;
    response.status = 204;
    response.content_type.clear();
    response.headers.push_back({"Allow", allowed + ", OPTIONS"});
    return response;
  }
  Response response = error_response(
      405, Status(Code::unimplemented, fmt::format("this path takes only {}", allowed)));
  response.headers.push_back({"Allow", std::move(allowed)});
  return response;
}

}  // namespace vectron::http
