// The gateway: the stateless door of a cluster. It checks public requests, finds the shards that
// they concern and asks the workers that hold them.
//
// One task on one node's Env, in production and in simulation. It keeps nothing on disk: any number
// of gateways may run, and any of them may die.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/async/task.h"
#include "core/base/peer_holder.h"
#include "core/env/env.h"
#include "core/model/collection.h"
#include "core/rpc/node_address.h"
#include "services/gateway/request_log.h"
#include "services/node/node_config.h"

namespace vectron {

/// All that a gateway must be told. Every bound has its unit in its name.
struct GatewayConfig : NodeConfig {
  /// Where HTTP clients connect; absent for no HTTP.
  std::optional<Address> http_listen;
  /// The placement driver's nodes, at least one.
  std::vector<rpc::NodeAddress> placement;

  /// No request may take longer, whatever deadline it names. At least request_timeout.
  Duration request_timeout_max = 60s;
  /// How long one replica or placement node may think about a read before another one is asked.
  /// Writes are never cut short by it: their outcome would be unknown.
  Duration read_attempt_timeout = 2s;
  /// How long connecting to a node may take before another one is asked; also of writes, for
  /// nothing was sent yet.
  Duration connect_timeout = 1s;
  /// The pause before the second attempt of a round; each further pause is twice as long, up to the
  /// next line, and each is shortened by up to a half at random.
  Duration backoff_min = 10ms;
  Duration backoff_max = 500ms;
  /// Attempts of one shard operation (or placement call), hints followed included. They end with
  /// the deadline too.
  uint32_t attempts_max = 64;

  /// Of memory for routes; the oldest go first.
  size_t route_bytes_max = 64 << 20;
  /// Connections to workers and placement nodes.
  size_t worker_channels_max = 1'024;
  /// Clients connected at once, over RPC and over HTTP each; of one host half of it, over both.
  size_t connections_max = 4'096;
  /// Of one host half of it.
  size_t requests_in_flight_max = 4'096;
  size_t requests_in_flight_per_connection_max = 1'024;
  /// Bounds and times of HTTP connections: as of http::ServerConfig, of the same names.
  size_t http_head_bytes_max = 16 << 10;
  size_t http_pipelined_requests_max = 16;
  Duration http_idle_timeout = 75s;
  Duration http_head_timeout = 10s;
  Duration http_body_timeout = 60s;
  Duration http_write_timeout = 30s;
  /// The largest request or reply. An upsert that is larger is refused.
  size_t frame_bytes_max = 64 << 20;
  /// Requests that arrive or are worked on, and answers that wait for their readers, of all clients
  /// together, over RPC and HTTP; of the clients of one host half of it. At least three times
  /// frame_bytes_max.
  size_t body_bytes_in_flight_max = 256 << 20;
  /// Points of one upsert.
  size_t batch_points_max = kBatchPointsMax;
  /// JSON of an HTTP request that is larger is read by a thread of the Cpu pool, not by the event
  /// loop, which a MiB of numbers would hold for 7 ms.
  size_t http_inline_body_bytes_max = 128 << 10;
  /// Vectors and payloads of one log entry: a shard's part of an upsert is written in pieces of at
  /// most so many bytes, one after the other, in the order of the request.
  size_t write_bytes_max = kWritePieceBytesMax;
  /// And of so many points: a worker applies an entry in one turn of its event loop. At most what
  /// the workers take (WorkerConfig::write_operations_max).
  size_t write_points_max = kWriteOperationsMax;

  /// Of RPC connections, as of rpc::ServerConfig.
  Duration rpc_silence_max = 30s;
  /// The simulation's; may be null; outlives the gateway.
  PeerWatcher* watcher = nullptr;

  /// /readyz says 503 before it is set, whatever the gateway thinks: for a process that has more to
  /// wait for. May be null; outlives the gateway.
  const Event* ready_after = nullptr;
  /// Of the other nodes in this process, on the same event loop: /metrics adds them to its own.
  /// They outlive the gateway.
  std::vector<const Metrics*> metrics_beside;
  /// Of the program, for GET /.
  std::string version = "unknown";

  /// Names by which HTTP clients may call this gateway besides loopback's and those of http_listen;
  /// "*" for any.
  std::vector<std::string> http_hosts;
  /// Origins whose web pages may use the API; "*" for any.
  std::vector<std::string> http_origins;
  gateway::RequestLogConfig request_log;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Runs a gateway until `config.stop` is set, or until the task is destroyed. `env` outlives it.
/// Errors: invalid_argument (a bad config), unavailable (cannot listen), failed_precondition (every
/// placement node says that it belongs to another cluster).
Task<Result<void>> run_gateway(Env* env, GatewayConfig config);

}  // namespace vectron
