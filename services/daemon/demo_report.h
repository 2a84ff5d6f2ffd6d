// What the demo measured, and whether that is good enough.
#pragma once

#include <cstdint>
#include <string>

namespace vectron::demo {

/// Figures of one run.
struct Report {
  /// Points to load.
  uint64_t points = 0;
  /// Queries of each timed search.
  uint64_t queries = 0;
  /// Points a second, over the time in which a server was loaded.
  double ingest_per_s = 0;
  /// From the end of the load until every point is in the graph.
  double index_wait_s = 0;
  /// Against the exact answers, before the second kill.
  double recall_at_10 = 0;
  /// Searches a second over RPC, all callers together.
  double rpc_qps = 0;
  /// Of one such search, as its caller sees it.
  double p50_ms = 0;
  /// Likewise.
  double p99_ms = 0;
  /// Of one search when nobody else asks.
  double lone_p50_ms = 0;
  /// As ingest_per_s, of the part that was loaded over HTTP.
  double http_ingest_per_s = 0;
  /// As recall_at_10, of the same queries over HTTP.
  double http_recall_at_10 = 0;
  /// As rpc_qps, over HTTP with JSON.
  double http_qps = 0;
  /// Of one such search.
  double http_p50_ms = 0;
  /// Likewise.
  double http_p99_ms = 0;
  /// How many the cluster consists of.
  uint64_t processes = 1;
  /// Concurrent callers of load and search.
  uint64_t callers = 0;
  /// SIGKILLs survived.
  uint64_t kills = 0;
  /// Points acknowledged before a kill that did not come back.
  uint64_t acknowledged_lost = 0;
  /// Batches that a kill left without an answer.
  uint64_t unknown_batches = 0;
  /// From the start after the second kill to the first right answer.
  double restart_s = 0;
  double recall_at_10_after_kill = 0;
  /// As the collection's status reports.
  uint64_t points_after_kill = 0;
  /// The whole run.
  double total_s = 0;
};

/// The recall that a run must reach, before and after the kill.
inline constexpr double kRecallMin = 0.98;

bool good_enough(const Report& report);

/// One JSON object, one line.
std::string to_json(const Report& report);

/// A table for a person.
std::string to_table(const Report& report);

}  // namespace vectron::demo
