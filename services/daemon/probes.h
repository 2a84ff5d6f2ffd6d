// Probes: /healthz, /livez, /readyz and /metrics of a node that has no public API of its own.
//
// Owned by a RoleNode, on the node's event loop. A gateway answers them itself.
#pragma once

#include <functional>
#include <string>

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/http/browser_policy.h"
#include "core/http/router.h"
#include "core/http/server.h"
#include "services/daemon/process_metrics.h"

namespace vectron {

class Probes {
 public:
  /// What tells how far the node is. /readyz says 503 until `ready` is set, and once one of the
  /// others is.
  struct Life {
    const Event* ready;
    const Event* stopping;
    const Completion<Result<void>>* ended;
  };

  struct Config {
    Address listen;
    /// Names by which clients may call it, besides loopback's and that of `listen`; "*" for any.
    std::vector<std::string> hosts;

    /// Errors: invalid_argument with the field.
    Result<void> validate() const;
  };
  /// Requires: config.validate(). All outlive the probes.
  Probes(Env* env, ProcessMetrics* process, Life life, const Config& config);

  /// Begins to listen. Errors: of Network::listen.
  Result<void> start() { return server_.start(listen_); }
  /// With the real port. Requires: start() succeeded.
  std::vector<Address> addresses() const { return server_.addresses(); }

 private:
  Task<http::Response> alive();
  Task<http::Response> ready();
  Task<http::Response> metrics();

  Env* env_;
  ProcessMetrics* process_;
  Life life_;
  Address listen_;
  http::BrowserPolicy browsers_;
  http::Router router_;
  http::Server server_;
};

}  // namespace vectron
