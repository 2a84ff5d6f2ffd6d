// The benches by name. Each compares Vectron with a yardstick in interleaved rounds of one run.
#pragma once

#include <string_view>
#include <vector>

#include "tests/bench/suite/report.h"
#include "tests/bench/suite/workbench.h"

namespace vectron::bench {

/// Queries a second over RPC, one client, one shard, linearizable reads, over plain hnswlib's on
/// one thread, both at a recall@10 of 0.99. Also 8 clients over hnswlib's two threads, and 4
/// shards.
Result<Report> bench_search(Workbench& bench);
/// The same over HTTP/JSON, one client.
Result<Report> bench_search_http(Workbench& bench);
/// Points a second until all are durable and in the graph, over hnswlib's building with as many
/// threads.
Result<Report> bench_ingest(Workbench& bench);
/// From the start of the process after a SIGKILL to its first right answer, over the time that the
/// building took.
Result<Report> bench_restart(Workbench& bench);
/// Simulated time over wall time in the loaded interval of the simulation's profile `loaded`.
Result<Report> bench_sim(Workbench& bench);
/// The 99th percentile of a search during ingest over that of a search alone.
Result<Report> bench_mixed(Workbench& bench);

struct BenchRow {
  std::string_view name;
  std::string_view meaning;
  Result<Report> (*run)(Workbench& bench);
};
const std::vector<BenchRow>& benches();

}  // namespace vectron::bench
