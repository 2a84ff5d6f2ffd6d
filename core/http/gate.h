// Gate: what a server asks of every request before its route's handler may run.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/http/message.h"

namespace vectron::http {

/// The kind of a route, which a server has to know beside its handler.
enum class RouteKind : uint8_t {
  /// Runs beside others of its connection that only read.
  reads,
  /// Runs alone on its connection; cut short, nobody knows whether it was done.
  writes,
  /// Reads, and is answered however busy the server is.
  probe,
  /// As a probe; but what it tells is not for everybody.
  report,
};

/// Whether it is served outside of the bound on requests, so that whoever looks after the server
/// hears of it.
constexpr bool is_always_served(RouteKind kind) {
  return kind == RouteKind::probe || kind == RouteKind::report;
}

struct Verdict {
  /// Of the answer, whatever it becomes.
  std::vector<Field> fields;
  /// The answer, where the handler may not run.
  std::optional<Response> refusal;
};

/// `kind` is that of the request's route; none where it has no route.
using Gate = std::function<Verdict(const Request&, std::optional<RouteKind> kind)>;

}  // namespace vectron::http
