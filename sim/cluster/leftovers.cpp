#include "sim/cluster/leftovers.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/wal/wal_format.h"

namespace vectron::sim {

namespace {

constexpr std::string_view kReplicasFolder = "replicas";
constexpr std::string_view kLogFolder = "wal";

bool is_whole(const ClusterNodes::Node* node) {
  return node != nullptr && node->machine->running() && !node->hurt;
}

Result<StoredLog> read_log(SimDisk& disk, NodeId node) {
  const auto names = disk.list(std::string(kLogFolder));
  if (!names.has_value()) return fail(names.error());
  std::vector<StoredSegment> segments;
  for (const std::string& name : *names) {
    const auto number = wal_format::parse_segment_name(name);
    if (!number.has_value()) continue;
    auto content = disk.content(fmt::format("{}/{}", kLogFolder, name));
    if (!content.has_value()) return fail(content.error());
    segments.push_back({*number, *std::move(content)});
  }
  std::ranges::sort(segments, {}, &StoredSegment::number);
  return read_stored_log(kSimulatedCluster, node, segments);
}

WorkerHoldings holdings_of(ClusterNodes::Node& node) {
  SimDisk& disk = node.machine->disk();
  WorkerHoldings holdings{.wanted = {}, .folders = {}, .log = read_log(disk, node.id)};
  const auto replicas = disk.list(std::string(kReplicasFolder));
  if (!replicas.has_value()) return holdings;
  for (const std::string& replica : *replicas) {
    const auto names = disk.list(fmt::format("{}/{}", kReplicasFolder, replica));
    std::set<std::string>& folder = holdings.folders[replica];
    if (names.has_value()) folder.insert(names->begin(), names->end());
  }
  return holdings;
}

}  // namespace

std::optional<Leftover> find_leftover(ClusterNodes& nodes,
                                      std::span<const Incarnation> incarnations) {
  for (const Incarnation& each : incarnations) {
    const bool all_run = std::ranges::all_of(each.replicas, [&](const auto& replica) {
      return is_whole(nodes.find(NodeId(replica.node_id)));
    });
    if (!each.removed || !all_run || each.forgotten) continue;
    return Leftover{
        "", fmt::format("placement still waits for workers of removed collection id {}", each.id)};
  }
  for (const auto& node : nodes.nodes()) {
    if (node->kind != ServiceId::worker || !is_whole(node.get())) continue;
    WorkerHoldings holdings = holdings_of(*node);
    for (const Incarnation& each : incarnations) {
      for (const Incarnation::Replica& replica : each.replicas) {
        if (each.removed || replica.node_id != node->id.value()) continue;
        holdings.wanted.emplace(replica.replica_id, replica.shard_id);
      }
    }
    auto left = leftover_in(holdings);
    if (!left.has_value()) continue;
    left->text = fmt::format("{} {}", node->machine->name(), left->text);
    return left;
  }
  return std::nullopt;
}

}  // namespace vectron::sim
