// A Plan: everything that one simulated run does, as data that a person can read and edit.
//
// seed -> generate_plan() -> Plan -> run -> verdict. A Plan fixes the cluster's shape, its knobs,
// the workload and each fault with its time and target. What is random inside the run comes from
// streams keyed by (seed, name), so deleting a fault from a Plan leaves all others as they were.
// Times are milliseconds of simulated time since the start of the workload (faults, loaded
// interval) or lengths; shares are parts per million.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/plan/fault_class.h"

namespace vectron::sim {

inline constexpr uint32_t kPlanFormatVersion = 1;
/// Nodes of each kind.
inline constexpr uint32_t kPlanNodesMax = 16;
/// Shards of a collection.
inline constexpr uint32_t kPlanShardsMax = 8;
/// Replicas of a shard.
inline constexpr uint32_t kPlanReplicationMax = 5;
/// Dimension of a collection.
inline constexpr uint32_t kPlanDimensionMax = 64;
/// Collections of a plan.
inline constexpr uint32_t kPlanCollectionsMax = 4;
/// Scheduled faults of a plan.
inline constexpr uint32_t kPlanFaultsMax = 256;
/// Length of a workload.
inline constexpr uint32_t kPlanDurationMsMax = 600'000;
/// Ranges of operations left out.
inline constexpr uint32_t kPlanSkipsMax = 4'096;

/// What the nodes are. Workers and placement nodes lie in zones round robin.
struct PlanShape {
  /// 1 or 3 (profile raft: 0).
  uint32_t placement_nodes = 3;
  /// Profile raft: replicas of the one group, 3 or 5.
  uint32_t workers = 5;
  /// Profile raft: 0.
  uint32_t gateways = 2;
  uint32_t clients = 6;
  uint32_t zones = 3;
  /// Which clients speak HTTP to the gateways, by number; the others speak RPC.
  std::vector<uint32_t> http_clients;
  bool operator==(const PlanShape&) const = default;
};

/// Configuration of the services (fault class `knobs` draws it at random).
struct PlanKnobs {
  /// Length of a Raft tick.
  uint32_t tick_ms = 50;
  /// Leader's heartbeat.
  uint32_t heartbeat_ticks = 1;
  /// Follower's patience; drawn anew up to twice as much.
  uint32_t election_ticks = 10;
  /// Entry bytes in one append message.
  uint32_t append_bytes_max = 65'536;
  /// Writes of a replica that wait for their entry.
  uint32_t proposals_max = 256;
  /// Entries kept behind the store for lagging followers.
  uint32_t log_entries_kept_max = 2'000;
  /// The same in bytes.
  uint32_t log_bytes_kept_max = 4'194'304;
  /// One chunk of a snapshot on the wire.
  uint32_t snapshot_chunk_bytes_max = 16'384;
  /// Applied writes that LMDB does not have yet.
  uint32_t overlay_bytes_max = 1'048'576;
  /// What one commit to LMDB takes.
  uint32_t flush_bytes_max = 262'144;
  /// A commit begins when this much waits.
  uint32_t flush_bytes_min = 32'768;
  /// A commit begins when something has waited this long.
  uint32_t flush_interval_ms = 1'000;
  /// A WAL file before the next one begins.
  uint32_t wal_segment_bytes = 262'144;
  /// Zeros written ahead of the log's records.
  uint32_t wal_prefill_bytes = 8'192;
  /// Kept for elections on a full disk.
  uint32_t wal_reserve_bytes = 0;
  /// A shard with fewer vectors has no graph.
  uint32_t graph_points_min = 0;
  /// A larger body is read on the Cpu pool.
  uint32_t http_inline_body_bytes = 131'072;
  /// How long fewer vectors wait to be linked.
  uint32_t index_linger_ms = 200;
  /// Vectors linked by one piece of background work.
  uint32_t index_batch_points = 8;
  /// How often a shard looks after its graph.
  uint32_t upkeep_interval_ms = 500;
  /// Changed points before a checkpoint of the graph.
  uint32_t checkpoint_points = 60;
  /// Between two checkpoints of a shard.
  uint32_t checkpoint_pause_ms = 3'000;
  uint32_t checkpoint_bytes_per_second = 1'048'576;
  /// Tombstones before a graph is built anew.
  uint32_t rebuild_tombstones = 40;
  /// Tombstones' share of a graph's slots before it is built anew.
  uint32_t rebuild_tombstones_ppm = 400'000;
  /// One piece of a rebuild.
  uint32_t rebuild_slice_points = 8;
  /// Of a worker's budget; 0: without a bound.
  uint32_t memory_bytes = 0;
  /// Worker to placement driver.
  uint32_t heartbeat_ms = 1'000;
  /// Deadline of each client operation.
  uint32_t client_deadline_ms = 4'000;
  bool operator==(const PlanKnobs&) const = default;
};

enum class PlanIds : uint8_t { number, text, both };
enum class PlanDistance : uint8_t { cosine, dot, euclidean };

struct PlanCollection {
  std::string name = "points";
  uint32_t dimension = 8;
  PlanDistance distance = PlanDistance::cosine;
  uint32_t shards = 4;
  uint32_t replication = 3;
  PlanIds ids = PlanIds::number;
  /// Size of the key space.
  uint32_t keys = 200;
  uint32_t m = 8;
  uint32_t ef_construction = 64;
  /// Candidates of a search.
  uint32_t ef_search = 64;
  /// About how long until it is removed and made again; 0: never.
  uint32_t lifetime_ms = 0;
  bool operator==(const PlanCollection&) const = default;
};

/// Relative weights of what clients do.
struct PlanMix {
  uint32_t upsert = 35;
  uint32_t get = 25;
  uint32_t remove = 10;
  uint32_t search = 30;
  bool operator==(const PlanMix&) const = default;
};

/// Operations that a client does not do: `count` of its arrivals, from number `first` on. All
/// others stay what they were, because each arrival draws from a stream of its own.
struct PlanSkip {
  uint32_t client = 0;
  uint32_t first = 0;
  uint32_t count = 0;
  bool operator==(const PlanSkip&) const = default;
};

struct PlanWorkload {
  std::vector<PlanCollection> collections;
  PlanMix mix;
  /// Points of one upsert request.
  uint32_t batch_points_max = 4;
  /// Of all clients together, as arrivals.
  uint32_t operations_per_second = 100;
  uint32_t duration_ms = 25'000;
  /// Of the searches.
  uint32_t exact_search_ppm = 500'000;
  /// Of gets and searches.
  uint32_t eventual_read_ppm = 200'000;
  /// Of writes: carry a request id, and are repeated.
  uint32_t request_id_ppm = 0;
  /// Of searches: short of time, and content with a part.
  uint32_t partial_search_ppm = 0;
  /// Of key choices: one of 8 hot keys, where clients collide.
  uint32_t hot_key_ppm = 200'000;
  /// What a shrunk plan leaves out.
  std::vector<PlanSkip> skipped;
  bool operator==(const PlanWorkload&) const = default;
};

/// The interval that speed ratios count.
struct PlanLoadedInterval {
  uint32_t from_ms = 0;
  uint32_t to_ms = 0;
  bool operator==(const PlanLoadedInterval&) const = default;
};

/// Behaviour that lasts for the whole run. Zero switches a thing off.
struct PlanIntensities {
  /// Base latency of a direction is drawn up to this.
  uint32_t delay_base_us_max = 0;
  /// Heavy tail above the base.
  uint32_t delay_tail_us_max = 0;
  /// Writes that get a tail.
  uint32_t delay_tail_ppm = 0;
  /// Blocks of 16 KiB at which the connection dies.
  uint32_t reset_ppm = 0;
  /// Of those resets: only one end learns of it.
  uint32_t half_open_ppm = 0;
  /// Reads and writes cut short.
  uint32_t short_io_ppm = 0;
  /// Writes that clog their direction.
  uint32_t stall_ppm = 0;
  /// For up to so long.
  uint32_t stall_us_max = 0;
  /// Connects that are refused.
  uint32_t refuse_ppm = 0;
  /// Connects that hang.
  uint32_t hang_ppm = 0;
  /// One-way messages that are lost.
  uint32_t message_lose_ppm = 0;
  /// One-way messages that are sent twice.
  uint32_t message_repeat_ppm = 0;
  /// One-way messages that go out behind later ones.
  uint32_t message_overtake_ppm = 0;
  /// Messages that no right node would send.
  uint32_t forged_per_second = 0;
  /// Each node's wall clock is off by up to this, either way.
  uint32_t clock_offset_ms_max = 0;
  /// Each node's clocks are fast or slow by up to this.
  uint32_t clock_drift_ppm_max = 0;
  /// Buggify points that are active in this run.
  uint32_t buggify_point_ppm = 0;
  /// How often an active one fires.
  uint32_t buggify_fire_ppm = 0;
  bool operator==(const PlanIntensities&) const = default;
};

enum class FaultDirection : uint8_t { both, outgoing, incoming };
/// stop: the process is told to end in order, as SIGTERM does: it hands over, drains and ends by
/// itself, or is killed when that takes longer than it is given.
enum class CrashMode : uint8_t { process_kill, power_loss, power_loss_in_commit, stop };
enum class ConnectMode : uint8_t { refuse, hang };
enum class IoKind : uint8_t { read, write };
/// store: a pair, its key or its value, under a running process. checkpoint: a graph checkpoint of
/// a worker, which the store makes up for: nothing is destroyed. pages: the structure of a store's
/// file, while its process is down. missing: a small file of a node or of a replica is gone, from a
/// time at which its process is down.
enum class RotKind : uint8_t { log, store, manifest, checkpoint, pages, missing };
enum class StepDirection : uint8_t { forward, backward };
/// unread: asks a lot and takes no answer. slow: begins large frames and bodies, and feeds them a
/// few bytes at a time. crowd: opens connections and leaves them idle. flood: sends small frames
/// that ask for nothing, as many as its system takes at once (door rpc).
enum class HostileKind : uint8_t { unread, slow, crowd, flood };
enum class HostileDoor : uint8_t { rpc, http };

/// One fault at one time. Fields that its class does not use stay at their defaults and are not
/// written.
struct PlannedFault {
  /// Names its random stream ("partition-3"); unique in the plan.
  std::string id;
  FaultClass fault_class = FaultClass::crash;
  uint32_t at_ms = 0;
  /// crash, kill_all: until the restart (stop: from its end on). lost_machine: until it comes back
  /// with an empty disk; 0: never. bit_rot: until its process is killed, so that the disk is read
  /// again; sync_failure: until its power fails, which takes what the syncs did not write; 0:
  /// neither.
  uint32_t duration_ms = 0;
  /// A node's name, a zone ("zone-1"), a kind ("placement", "workers", "gateways"), "all", or
  /// "leader" (who leads the most groups at that moment).
  std::string target;
  /// A node's name, a zone or a kind; "others": every node but the target; "durable": every other
  /// node with a disk, so that gateways and clients still reach the target.
  std::string peer;
  /// partition: what of the target's traffic stops.
  FaultDirection direction = FaultDirection::both;
  /// crash, kill_all.
  CrashMode mode = CrashMode::process_kill;
  /// partition of "leader": not one leader but so many of one group, one after another: each is cut
  /// off from its peers as soon as it leads, for up to duration_ms, and comes back when the next
  /// one is cut off (the Raft paper's figure 8).
  uint32_t rounds = 0;
  /// power_loss_in_commit: it strikes at this interposed call from then on.
  uint32_t commit_call = 0;
  /// crash by a loss of power: so long after its next start the power fails again, before the disk
  /// has what that start did; 0: it does not.
  uint32_t again_ms = 0;
  /// stop: how long it is given.
  uint32_t grace_ms = 0;
  /// connect.
  ConnectMode connect = ConnectMode::refuse;
  /// io_error: which calls fail.
  IoKind io = IoKind::write;
  /// io_error, sync_failure: how many fail.
  uint32_t calls = 0;
  /// bit_rot: what is struck.
  RotKind rot = RotKind::log;
  /// slow_disk: times as slow; 0: it does nothing.
  uint32_t factor = 0;
  /// clock_step: how far.
  uint32_t step_ms = 0;
  /// clock_step: which way.
  StepDirection step = StepDirection::forward;
  /// hostile: what its clients do.
  HostileKind hostile = HostileKind::unread;
  /// hostile: where (http: of gateways).
  HostileDoor door = HostileDoor::rpc;
  /// hostile: how many clients to each node.
  uint32_t connections = 0;
  bool operator==(const PlannedFault&) const = default;
};

/// See the top of this file.
struct Plan {
  uint32_t format_version = kPlanFormatVersion;
  uint64_t seed = 0;
  std::string profile = "cluster";
  PlanShape shape;
  PlanKnobs knobs;
  PlanWorkload workload;
  PlanIntensities intensities;
  /// A power loss loses a subset of what was not synced.
  bool lost_unsynced = false;
  /// It may also tear pages.
  bool torn_writes = false;
  std::vector<PlannedFault> faults;
  /// Planted bugs that are on.
  std::vector<std::string> planted;
  PlanLoadedInterval loaded;
  /// Fault classes that this plan uses, for the report.
  std::vector<std::string> switched_on;

  /// Checks bounds, names and targets. Errors: invalid_argument, naming the field.
  Result<void> validate() const;
  bool operator==(const Plan&) const = default;
};

/// Whether faults of this class may destroy what a node holds for ever: bit_rot, sync_failure,
/// lost_machine.
bool is_destructive(FaultClass fault_class);
/// Whether this one may: rot of a checkpoint may not.
bool is_destructive(const PlannedFault& fault);
/// The nodes that a plan's destructive faults strike, sorted.
std::vector<std::string> nodes_at_risk(const Plan& plan);
struct PlanService;
/// How many nodes of a service may be at risk so that whatever they hold keeps a majority, whatever
/// is destroyed.
uint32_t nodes_at_risk_max(const Plan& plan, const PlanService& service);
/// False when more copies are at risk than the system promises to survive: then a run expects that
/// nothing wrong is said, but neither availability nor that everything is still there.
bool within_risk_budget(const Plan& plan);

/// Whether nothing that lasts for the whole run is wrong with the network.
bool leaves_network_alone(const PlanIntensities& intensities);

/// The names of the nodes of a shape that have a disk, in order: "placement-0", ..., "worker-0",
/// ...
std::vector<std::string> durable_node_names(const PlanShape& shape);
/// All nodes: the durable ones, then "gateway-0", ..., "client-0", ...
std::vector<std::string> node_names(const PlanShape& shape);
/// The zone of the node `index` of its kind: "zone-0", ...
std::string zone_name(const PlanShape& shape, uint32_t index);

/// The plan as JSON text that parse_plan() reads back to an equal plan.
std::string plan_to_json(const Plan& plan);
/// Reads and validates a plan. Errors: invalid_argument; an unknown field is an error that names
/// it.
Result<Plan> parse_plan(std::string_view text);

}  // namespace vectron::sim
