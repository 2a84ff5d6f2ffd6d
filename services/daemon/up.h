// `vectron up`: a whole durable cluster in one process: a placement node, workers and a gateway on
// one event loop.
//
// The nodes are the same code as in a cluster of machines. They speak the same protocol with one
// another, over connections inside the process (net/in_process_network.h); clients come over TCP.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/env/log.h"
#include "core/env/network.h"

namespace vectron {

struct UpConfig {
  static constexpr uint32_t kWorkersMax = 64;

  std::string data = "./vectron-data";  ///< Everything that must not be lost; made when absent.
  Address rpc{"127.0.0.1:7700"};        ///< Where clients connect. Port 0 takes a free one.
  std::optional<Address> http;          ///< Where HTTP clients connect; absent for no HTTP.
  uint32_t workers = 1;                 ///< 1 to kWorkersMax; never fewer than before.
  size_t cpu_threads = 0;               ///< For searches and indexing; 0: one for each core.
  LogLevel log_level = LogLevel::warning;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Runs until SIGTERM or SIGINT. Prints "vectron is ready: rpc ADDRESS" (and " http ADDRESS" where
/// there is HTTP) on standard output when
/// every collection that was there has leaders and the gateway answers. Errors: failed_precondition
/// (another process uses the data folder, or it needs more workers), invalid_argument, data_loss,
/// unavailable (cannot listen).
Result<void> run_up(const UpConfig& config);

}  // namespace vectron
