#include "sim/explore/probes.h"

namespace vectron::sim {

const std::vector<ProbeInfo>& probes() {
  using R = const RunReport&;
  static const std::vector<ProbeInfo> kProbes = {
      {"leader_changes", "a replica became leader", [](R r) { return r.leader_changes; }},
      {"snapshots_installed", "a replica caught up by a snapshot",
       [](R r) { return r.snapshots_installed; }},
      {"restarts", "a process started again", [](R r) { return r.restarts; }},
      {"orderly_stops", "a process that was told to stop ended in order",
       [](R r) { return r.orderly_stops; }},
      {"unknown_outcomes", "a client was told that a write may have happened",
       [](R r) { return r.operations.unknown; }},
      {"refused_operations", "a client was told that nothing happened",
       [](R r) { return r.operations.failed; }},
      {"http_operations", "an operation was done over HTTP", [](R r) { return r.http_ok; }},
      {"exact_searches", "an exact search was compared with the model",
       [](R r) { return r.recall.exact_searches; }},
      {"checkpoints_written", "a graph checkpoint became durable",
       [](R r) { return r.checkpoints_written; }},
      {"indexes_restored", "an index came back from a checkpoint",
       [](R r) { return r.indexes_restored; }},
      {"checkpoints_refused", "a graph checkpoint was found damaged, and the graph learnt anew",
       [](R r) { return r.checkpoints_refused; }},
      {"indexes_rebuilt", "an index without tombstones took another's place",
       [](R r) { return r.indexes_rebuilt; }},
      {"indexes_mended", "a graph was looked through, and stood still until it was whole",
       [](R r) { return r.indexes_mended; }},
      {"memory_refusals", "a write was refused for want of memory",
       [](R r) { return r.memory_refusals; }},
      {"peers_filled", "more than a MiB lay for peers at one node",
       [](R r) { return r.peer_bytes_peak >> 20; }},
      {"large_answers", "a large answer came over both protocols, to a quiet cluster",
       [](R r) { return r.large_answers; }},
      {"missed_neighbours", "an approximate search missed a neighbour",
       [](R r) { return r.recall.expected - r.recall.found; }},
  };
  return kProbes;
}

}  // namespace vectron::sim
