// Settings: all that a `vectron` process can be told, and what each service makes of it.
//
// Plain data with the defaults of the services' own configurations. The options
// (services/daemon/option.h) are names for its fields; `vectron up` and `vectron serve` both build
// their nodes from it, so that a service is configured in one way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/env/log.h"
#include "services/gateway/gateway_service.h"
#include "services/placement/placement_service.h"
#include "services/worker/worker_service.h"

namespace vectron {

/// See the top of this file.
struct Settings {
  static constexpr uint32_t kWorkersMax = 64;

  // The process.
  /// Everything that must not be lost; made when absent.
  std::string data = "./vectron-data";
  /// Written when the process is ready; empty for none.
  std::string ready_file;
  LogLevel log_level = LogLevel::warning;
  /// For searches and indexing; 0: one for each core.
  size_t cpu_threads = 0;
  size_t file_threads = 4;
  size_t key_value_threads = 4;
  /// For what is in flight, and for handing leadership over.
  Duration drain_max = 5s;

  // Who and where it is.
  ClusterId cluster;
  NodeId node;
  /// Port 0 takes a free one.
  Address rpc{"127.0.0.1:7700"};
  /// Said with the option `http`: an address, or none. Not said, the role decides.
  std::optional<Address> http;
  bool http_said = false;
  /// Where others reach a worker, when not at `rpc`.
  std::optional<Address> advertise;
  /// The placement driver's nodes.
  std::vector<GroupMember> members;
  bool bootstrap = false;
  /// Of `up`.
  uint32_t workers = 1;

  // What the roles share, and what is theirs alone.
  Duration request_timeout = 10s;
  ReplicaConfig replica;
  WalConfig wal;
  PlacementConfig placement;
  WorkerConfig worker;
  GatewayConfig gateway;
};

/// The configuration of a node of each service: identity, addresses and bounds from `settings`. The
/// caller adds what only it knows (a stop event, whom to tell).
PlacementConfig placement_config(const Settings& settings);
WorkerConfig worker_config(const Settings& settings);
GatewayConfig gateway_config(const Settings& settings);

}  // namespace vectron
