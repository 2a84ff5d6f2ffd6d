// The demo: real vectors into a real server that is killed twice, over RPC and HTTP, and a
// comparison with the truth.
#pragma once

#include <string>

#include "core/base/result.h"
#include "services/daemon/demo_progress.h"
#include "services/daemon/demo_report.h"

namespace vectron::demo {

struct DemoOptions {
  /// The path of `vectron`.
  std::string binary;
  /// An empty folder for the server's data, log and ours.
  std::string folder;
  std::string dataset = "/usr/share/datasets/fashion-mnist";
  /// The first so many training images.
  size_t points = 60'000;
  /// The first so many test images.
  size_t queries = 10'000;
  size_t batch_points = 100;
  size_t callers = 8;
  uint32_t shards = 1;
  /// 0: one copy in one process, three over several.
  uint32_t replication = 0;
  /// Three placement nodes, three workers and a gateway, each a process.
  bool processes = false;
  /// 0: the collection's own.
  uint32_t ef = 0;
};

/// Loads, kills, restarts, searches. Errors: not_found (no dataset), unavailable (the server did
/// not start, or an operation failed for good).
Result<Report> run_demo(const DemoOptions& options, Progress& progress);

}  // namespace vectron::demo
