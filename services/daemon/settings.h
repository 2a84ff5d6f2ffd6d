// Settings: all that a `vectron` process can be told, and what each role makes of it.
//
// Plain data with the defaults of the services' own configurations. The options (options.h) are
// names for its fields; `vectron up` and `vectron serve` both build their nodes from it, so that a
// role is configured in one way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/env/log.h"
#include "services/gateway/gateway_service.h"
#include "services/placement/placement_service.h"
#include "services/worker/worker_service.h"

namespace vectron {

/// What a process runs as. `up` is all of them in one.
enum class Role : uint8_t { up, placement, worker, gateway };
inline constexpr std::array<Role, 4> kRoles = {Role::up, Role::placement, Role::worker,
                                               Role::gateway};
std::string_view role_name(Role role);

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
  /// Said with the option `http`: an address, or none. Not said, the role decides (http_of).
  std::optional<Address> http;
  bool http_said = false;
  /// Where others reach a worker, when not at `rpc`.
  std::optional<Address> advertise;
  /// The placement driver's nodes.
  std::vector<PlacementConfig::Member> members;
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

  /// Where `role` serves HTTP; absent for nowhere. `up` does so on loopback when nothing is said.
  std::optional<Address> http_of(Role role) const;
  /// What `role` needs and was not told, and what does not fit together. Errors: invalid_argument
  /// with the option's name as the field.
  Result<void> validate(Role role) const;
};

/// The configuration of a node of each role: identity, addresses and bounds from `settings`. The
/// caller adds what only it knows (a stop event, whom to tell).
PlacementConfig placement_config(const Settings& settings);
/// `workers` run on this machine and share its memory, where no bound is set.
WorkerConfig worker_config(const Settings& settings, uint64_t workers);
GatewayConfig gateway_config(const Settings& settings);

}  // namespace vectron
