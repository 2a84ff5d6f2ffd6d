#include "sim/plan/generate.h"
#include "sim/plan/plan_services.h"

#include <algorithm>

#include "core/base/random.h"
#include "sim/plan/scenarios.h"

namespace vectron::sim {

namespace {

/// Half of them, so that faults do not mask one another.
constexpr uint64_t kClassOnPpm = 500'000;
constexpr uint32_t kCrashesMax = 5;
/// More than a process needs to stop in order.
constexpr uint32_t kGraceMs = 20'000;
/// Scheduled faults of each class of disks.
constexpr uint32_t kDiskFaultsMax = 2;
constexpr uint32_t kPausesMax = 3;
constexpr uint32_t kClockStepsMax = 3;
/// Seeds with bit rot whose checkpoints rot too.
constexpr uint64_t kCheckpointRotPpm = 600'000;
constexpr uint32_t kCheckpointRotsMax = 3;
constexpr uint32_t kHostileFaultsMax = 3;
constexpr uint64_t kPowerAgainMsMax = 2'000;
/// At once, from one fault to one node: each is many frames.
constexpr uint32_t kFloodsMax = 2;
/// Scheduled faults of each network class.
constexpr uint32_t kNetworkFaultsMax = 5;
/// A follower's patience in production.
constexpr uint32_t kElectionMs = 1'000;
/// The end of the workload has no new faults.
constexpr uint32_t kFaultQuietEndMs = 1'500;
/// Seeds that play scenarios.
constexpr uint64_t kScenariosPpm = 500'000;
/// Of the seeds that play scenarios: those without other faults.
constexpr uint64_t kUndisturbedPpm = 500'000;

template <typename T>
T pick(RandomStream& random, std::initializer_list<T> values) {
  return values.begin()[random.below(values.size())];
}

class Generator {
 public:
  Generator(uint64_t seed, const GenerateOptions& options) : options_(options) {
    plan_.seed = seed;
    plan_.profile = options.profile;
    plan_.planted = options.planted;
  }

  Plan take() {
    draw_classes();
    draw_shape();
    draw_workload();
    const bool with_knobs = drawn_.contains(FaultClass::knobs);
    PlanKnobs knobs = with_knobs ? draw_knobs() : plan_.knobs;
    outlast_elections(knobs);
    if (with_knobs && !raft()) knobs.memory_bytes = draw_memory(knobs.memory_bytes);
    if (on(FaultClass::knobs)) plan_.knobs = knobs;
    draw_intensities();
    draw_victims();
    const bool undisturbed = draw_acts(knobs);
    if (undisturbed && plays("full_restart")) leave_network_alone();
    if (!undisturbed) draw_faults();
    outlast_hunts(knobs);
    // Ids settle ties: the standard library's stable sort uses what clang calls deprecated.
    std::ranges::sort(plan_.faults, {},
                      [](const PlannedFault& fault) { return std::tie(fault.at_ms, fault.id); });
    plan_.loaded = {.from_ms = 0, .to_ms = plan_.workload.duration_ms};
    for (const FaultClassInfo& info : fault_classes()) {
      if (on(info.fault_class) && (!undisturbed || is_used(info.fault_class))) {
        plan_.switched_on.emplace_back(info.name);
      }
    }
    return std::move(plan_);
  }

 private:
  bool raft() const { return plan_.profile == "raft"; }
  bool loaded() const { return plan_.profile == "loaded"; }
  bool on(FaultClass fault_class) const { return on_.contains(fault_class); }
  RandomStream stream(std::string_view name) const {
    return RandomStream(plan_.seed, fmt::format("plan.{}", name));
  }

  void draw_classes() {
    for (const FaultClassInfo& info : fault_classes()) {
      RandomStream random = stream(fmt::format("class.{}", info.name));
      const bool allowed = options_.allowed.contains(info.fault_class);
      const bool drawn = options_.force_allowed ? allowed : random.chance_ppm(kClassOnPpm);
      // Speed is compared from version to version, so it is measured on one configuration, and
      // with nobody else asking.
      const bool calm = loaded() && (info.fault_class == FaultClass::knobs ||
                                     info.fault_class == FaultClass::forgery);
      const bool possible =
          !calm && (info.fault_class != FaultClass::hostile || plan_.profile == "cluster");
      if (drawn && possible) drawn_.add(info.fault_class);
      if (drawn && possible && allowed) on_.add(info.fault_class);
    }
    // What is lost or torn shows only when the power goes: these classes bring crashes along.
    power_loss_ = on(FaultClass::lost_unsynced) || on(FaultClass::torn_write);
    plan_.lost_unsynced = on(FaultClass::lost_unsynced);
    plan_.torn_writes = on(FaultClass::torn_write);
  }

  void draw_shape() {
    RandomStream random = stream("shape");
    PlanShape& shape = plan_.shape;
    shape.clients = static_cast<uint32_t>(random.between(4, 8));
    const bool single_placement = random.chance_ppm(150'000);
    const bool five_replicas = random.chance_ppm(500'000);
    if (raft()) {
      shape = {.placement_nodes = 0,
               .workers = five_replicas ? 5u : 3u,
               .gateways = 0,
               // One group has fewer who can go on while it cannot: more of them try.
               .clients = std::min(3 * shape.clients, 16u),
               .zones = 1};
      return;
    }
    // About a third of the clients.
    for (uint32_t client = 1; client < shape.clients; client += 3) {
      shape.http_clients.push_back(client);
    }
    shape.placement_nodes = single_placement && !loaded() ? 1 : 3;
    shape.workers = 5;
    shape.gateways = 2;
    shape.zones = loaded() ? 3 : static_cast<uint32_t>(random.between(1, 5));
  }

  void draw_workload() {
    RandomStream random = stream("workload");
    PlanWorkload& workload = plan_.workload;
    workload.duration_ms = static_cast<uint32_t>(random.between(18'000, 26'000));
    workload.operations_per_second = static_cast<uint32_t>(random.between(100, 140));
    workload.batch_points_max = static_cast<uint32_t>(random.between(1, 8));
    workload.exact_search_ppm = static_cast<uint32_t>(random.between(300'000, 800'000));
    workload.eventual_read_ppm = static_cast<uint32_t>(random.below(400'000));
    workload.hot_key_ppm = static_cast<uint32_t>(random.between(100'000, 600'000));
    workload.mix = {.upsert = static_cast<uint32_t>(random.between(25, 50)),
                    .get = static_cast<uint32_t>(random.between(15, 35)),
                    .remove = static_cast<uint32_t>(random.between(5, 20)),
                    .search = static_cast<uint32_t>(random.between(20, 40))};
    if (raft()) {
      workload.mix.search = 0;
      workload.mix.remove = 0;
      workload.batch_points_max = 1;
      // Nothing gets done while its one group has no leader, so more is asked for in between.
      workload.operations_per_second += workload.operations_per_second / 2;
    }
    const uint64_t collections = raft() || loaded() ? 1 : random.between(1, 2);
    for (uint64_t i = 0; i < collections; ++i) workload.collections.push_back(collection(i));
    if (loaded()) set_loaded_workload();
    if (plan_.profile == "cluster") draw_public_operations();
  }

  /// What not every run has: a collection that comes and goes, writes that are repeated, searches
  /// that are content with a part.
  void draw_public_operations() {
    PlanWorkload& workload = plan_.workload;
    RandomStream lives = stream("lives");
    if (lives.chance_ppm(500'000)) {
      PlanCollection fleeting = collection(workload.collections.size());
      fleeting.name = "fleeting";
      fleeting.keys = std::min(fleeting.keys, 60u);
      fleeting.lifetime_ms = static_cast<uint32_t>(lives.between(1'000, 6'000));
      workload.collections.push_back(std::move(fleeting));
    }
    RandomStream requests = stream("requests");
    if (requests.chance_ppm(600'000)) {
      workload.request_id_ppm = static_cast<uint32_t>(requests.between(50'000, 700'000));
    }
    RandomStream partial = stream("partial");
    if (partial.chance_ppm(500'000)) {
      workload.partial_search_ppm = static_cast<uint32_t>(partial.between(50'000, 500'000));
    }
  }

  void set_loaded_workload() {
    PlanWorkload& workload = plan_.workload;
    workload.duration_ms = 60'000;
    // Each point of a batch is an operation: about 235 a second, a third of them searches, and what
    // an outage holds up is done after it.
    workload.operations_per_second = 190;
    workload.batch_points_max = 3;
    workload.mix = {.upsert = 19, .get = 20, .remove = 9, .search = 31};
    workload.collections[0].shards = 8;
    workload.collections[0].replication = 3;
    workload.collections[0].dimension = 32;
    workload.collections[0].keys = 2'000;
    workload.collections[0].m = 8;
    workload.collections[0].ef_construction = 32;
    workload.collections[0].ef_search = 32;
    plan_.shape.clients = 8;
    // Graphs are looked after as in production: this profile measures speed, and the others play
    // with checkpoints and rebuilds every few seconds.
    plan_.knobs.upkeep_interval_ms = 1'000;
    plan_.knobs.checkpoint_points = 10'000;
    plan_.knobs.checkpoint_pause_ms = 60'000;
    plan_.knobs.checkpoint_bytes_per_second = 64 << 20;
    plan_.knobs.rebuild_tombstones = 10'000;
    plan_.knobs.rebuild_tombstones_ppm = 300'000;
    plan_.knobs.rebuild_slice_points = 32;
    plan_.knobs.graph_points_min = 1'000;
  }

  PlanCollection collection(uint64_t number) const {
    RandomStream random = stream(fmt::format("collection.{}", number));
    PlanCollection out;
    out.name = fmt::format("points-{}", number);
    out.dimension = static_cast<uint32_t>(random.between(1, kPlanDimensionMax));
    out.distance = pick(random, {PlanDistance::cosine, PlanDistance::dot, PlanDistance::euclidean});
    out.shards = raft() ? 1 : static_cast<uint32_t>(random.between(1, number == 0 ? 8 : 3));
    const uint32_t most = std::min(plan_.shape.workers, kPlanReplicationMax);
    out.replication = random.chance_ppm(600'000) ? std::min(3u, most)
                                                 : static_cast<uint32_t>(random.between(1, most));
    if (raft()) out.replication = plan_.shape.workers;
    out.ids =
        raft() ? PlanIds::number : pick(random, {PlanIds::number, PlanIds::text, PlanIds::both});
    out.keys = static_cast<uint32_t>(random.between(40, 400));
    out.m = static_cast<uint32_t>(random.between(4, 12));
    out.ef_construction = static_cast<uint32_t>(random.between(16, 64));
    out.ef_search = static_cast<uint32_t>(random.between(24, 64));
    return out;
  }

  PlanKnobs draw_knobs() const {
    RandomStream random = stream("knobs");
    const auto uniform = [&](uint64_t low, uint64_t high) {
      return static_cast<uint32_t>(random.between(low, high));
    };
    const auto tail = [&](uint64_t low, uint64_t high) {
      return static_cast<uint32_t>(random.heavy_tail(low, high));
    };
    PlanKnobs knobs = plan_.knobs;
    knobs.tick_ms = uniform(30, 100);
    knobs.heartbeat_ticks = uniform(1, 2);
    knobs.election_ticks = knobs.heartbeat_ticks * uniform(6, 14);
    knobs.append_bytes_max = tail(1'024, 262'144);
    knobs.proposals_max = uniform(32, 512);
    knobs.log_entries_kept_max = tail(10, 4'000);
    knobs.log_bytes_kept_max = tail(16'384, 4'194'304);
    knobs.snapshot_chunk_bytes_max = tail(1'024, 65'536);
    knobs.overlay_bytes_max = tail(65'536, 1'048'576);
    knobs.flush_bytes_max = tail(16'384, 262'144);
    knobs.flush_bytes_min = uniform(1'024, knobs.overlay_bytes_max / 2);
    knobs.flush_interval_ms = tail(5, 3'000);
    knobs.wal_segment_bytes = tail(16'384, 1'048'576);
    knobs.index_batch_points = tail(1, 64);
    knobs.index_linger_ms = tail(1, 1'000);
    knobs.heartbeat_ms = uniform(300, 3'000);
    // Whoever waits for one group that cannot go on tries nothing else meanwhile.
    knobs.client_deadline_ms = raft() ? uniform(1'000, 3'000) : uniform(1'500, 6'000);
    knobs.upkeep_interval_ms = uniform(100, 1'500);
    knobs.checkpoint_points = uniform(5, 400);
    knobs.checkpoint_pause_ms = uniform(500, 8'000);
    knobs.checkpoint_bytes_per_second = tail(16'384, 16'777'216);
    knobs.rebuild_tombstones = uniform(10, 200);
    knobs.rebuild_tombstones_ppm = uniform(150'000, 700'000);
    knobs.rebuild_slice_points = tail(1, 64);
    RandomStream log = stream("knobs.log");
    knobs.wal_prefill_bytes = static_cast<uint32_t>(log.below(2) * log.below(60'000));
    knobs.wal_reserve_bytes = static_cast<uint32_t>(log.between(4'096, 262'144));
    RandomStream graphs = stream("knobs.graphs");
    if (graphs.chance_ppm(400'000)) {
      knobs.graph_points_min = static_cast<uint32_t>(graphs.between(1, 150));
    }
    RandomStream bodies = stream("knobs.bodies");
    if (bodies.chance_ppm(500'000)) {
      knobs.http_inline_body_bytes = static_cast<uint32_t>(bodies.below(500));
    }
    return knobs;
  }

  /// Nobody works while a leader is missed and the next one elected: where that takes longer than
  /// in production the run is longer in proportion, or its clients would mostly wait.
  void outlast_elections(const PlanKnobs& knobs) {
    const uint32_t election_ms = knobs.election_ticks * knobs.tick_ms;
    uint32_t& duration_ms = plan_.workload.duration_ms;
    duration_ms += duration_ms / kElectionMs * (std::max(election_ms, kElectionMs) - kElectionMs);
  }

  /// Two in five runs have workers with little memory: at the least, about what is live on the
  /// fullest of them twice (an index is built anew beside the old one). Request ids are never given
  /// back in a run.
  uint32_t draw_memory(uint32_t unbounded) const {
    RandomStream random = stream("memory");
    if (!random.chance_ppm(400'000)) return unbounded;
    constexpr uint64_t kWorkerBytes = 16'384;
    /// Entries that the log keeps, and the smallest table of a store's keys.
    constexpr uint64_t kShardBytes = 10'240;
    constexpr uint64_t kPointBytes = 240;
    constexpr uint64_t kRequestBytes = 64 + 24;  // A place among the keys of a store included.
    const PlanWorkload& workload = plan_.workload;
    uint64_t shards = 0;
    uint64_t requests = 0;
    uint64_t live = 0;
    for (const PlanCollection& each : workload.collections) {
      const uint64_t bytes =
          each.keys * (each.dimension * sizeof(float) + uint64_t{each.m} * 8 + kPointBytes);
      const uint64_t held = shards_of_fullest(each);
      shards += held;
      live += bytes * held / each.shards;
      requests += requests_of(each) * held / each.shards / workload.collections.size();
    }
    return static_cast<uint32_t>(kWorkerBytes + shards * kShardBytes + requests * kRequestBytes +
                                 live * random.between(18, 30) / 10);
  }

  /// How many shards of a collection the fullest worker holds: copies go to different zones, and
  /// the smallest zone has the fewest workers to share its part.
  uint64_t shards_of_fullest(const PlanCollection& collection) const {
    const uint64_t zones = plan_.shape.zones;
    const uint64_t sharing = zones * (plan_.shape.workers / zones);
    const uint64_t copies = (collection.shards * collection.replication - 1) / sharing + 1;
    return std::min<uint64_t>(copies, collection.shards);
  }

  /// How many request ids the shards of a collection remember in the end, were all operations of
  /// the run on it: each shard that has a part of a batch remembers the batch's.
  uint64_t requests_of(const PlanCollection& collection) const {
    const PlanWorkload& workload = plan_.workload;
    const auto& mix = workload.mix;
    const uint64_t arrivals =
        uint64_t{workload.operations_per_second} * workload.duration_ms / 1000;
    const uint64_t all = mix.upsert + mix.remove + mix.get + mix.search;
    const uint64_t parts_twice =
        std::min<uint64_t>(2 * collection.shards, 1 + workload.batch_points_max);
    const uint64_t upserts = arrivals * mix.upsert * parts_twice / 2 / all;
    const uint64_t removes = arrivals * mix.remove / all;
    return (upserts + removes) * workload.request_id_ppm / 1'000'000;
  }

  void draw_intensities() {
    PlanIntensities& intensities = plan_.intensities;
    const auto tail = [](RandomStream& random, uint64_t low, uint64_t high) {
      return static_cast<uint32_t>(random.heavy_tail(low, high));
    };
    RandomStream delay = stream("intensity.delay");
    RandomStream reset = stream("intensity.reset");
    RandomStream half_open = stream("intensity.half_open");
    RandomStream short_io = stream("intensity.short_io");
    RandomStream stall = stream("intensity.stall");
    RandomStream connect = stream("intensity.connect");
    RandomStream buggify = stream("intensity.buggify");
    if (on(FaultClass::delay)) {
      intensities.delay_base_us_max = tail(delay, 300, 8'000);
      intensities.delay_tail_us_max = tail(delay, 5'000, 300'000);
      intensities.delay_tail_ppm = tail(delay, 2'000, 80'000);
    }
    if (on(FaultClass::reset)) intensities.reset_ppm = tail(reset, 200, 20'000);
    if (on(FaultClass::half_open)) intensities.half_open_ppm = tail(half_open, 50'000, 1'000'000);
    if (on(FaultClass::short_io)) intensities.short_io_ppm = tail(short_io, 5'000, 150'000);
    if (on(FaultClass::stall)) {
      intensities.stall_ppm = tail(stall, 20, 1'000);
      intensities.stall_us_max = tail(stall, 20'000, 1'000'000);
    }
    if (on(FaultClass::connect)) {
      intensities.refuse_ppm = tail(connect, 2'000, 100'000);
      intensities.hang_ppm = tail(connect, 2'000, 50'000);
    }
    if (on(FaultClass::message)) {
      RandomStream message = stream("intensity.message");
      intensities.message_lose_ppm = tail(message, 1'000, 100'000);
      intensities.message_repeat_ppm = tail(message, 1'000, 100'000);
      intensities.message_overtake_ppm = tail(message, 1'000, 100'000);
    }
    if (on(FaultClass::forgery)) {
      RandomStream forgery = stream("intensity.forgery");
      intensities.forged_per_second = tail(forgery, 10, 200);
    }
    if (on(FaultClass::clock_skew)) {
      RandomStream skew = stream("intensity.clock_skew");
      intensities.clock_offset_ms_max = tail(skew, 10, 86'400'000);
      intensities.clock_drift_ppm_max = tail(skew, 100, 50'000);
    }
    // Not a fault but rare, legal behaviour: half of the runs make some of it common.
    if (buggify.chance_ppm(500'000)) {
      intensities.buggify_point_ppm = static_cast<uint32_t>(buggify.between(100'000, 600'000));
      intensities.buggify_fire_ppm = tail(buggify, 1'000, 100'000);
    }
  }

  /// The nodes that destructive faults may strike: a minority of whatever they belong to.
  void draw_victims() {
    RandomStream random = stream("victims");
    for (const PlanService& service : plan_services()) {
      if (!service.keeps_data) continue;
      draw_victims_of(random, service.name, plan_.shape.*service.nodes,
                      nodes_at_risk_max(plan_, service));
    }
  }

  void draw_victims_of(RandomStream& random, std::string_view kind, uint32_t nodes,
                       uint32_t victims) {
    std::vector<std::string> names;
    names.reserve(nodes);
    for (uint32_t i = 0; i < nodes; ++i) names.push_back(fmt::format("{}-{}", kind, i));
    for (uint32_t i = 0; i < victims; ++i) {
      const auto chosen = names.begin() + static_cast<ptrdiff_t>(random.below(names.size()));
      victims_.push_back(std::move(*chosen));
      names.erase(chosen);
    }
  }

  void draw_faults() {
    add_faults(FaultClass::reset, 1, kNetworkFaultsMax);
    add_faults(FaultClass::half_open, 1, kNetworkFaultsMax);
    add_faults(FaultClass::stall, 1, kNetworkFaultsMax);
    add_faults(FaultClass::partition, 1, kNetworkFaultsMax);
    add_faults(FaultClass::connect, 1, kNetworkFaultsMax);
    add_faults(FaultClass::clock_step, 1, kClockStepsMax);
    add_faults(FaultClass::bit_rot, 1, 2);
    add_faults(FaultClass::io_error, 1, kDiskFaultsMax);
    add_faults(FaultClass::sync_failure, 1, 2);
    add_faults(FaultClass::disk_full, 1, kDiskFaultsMax);
    add_faults(FaultClass::slow_disk, 1, kDiskFaultsMax);
    add_faults(FaultClass::pause, 1, kPausesMax);
    add_faults(FaultClass::lost_machine, 1, 1);
    add_faults(FaultClass::crash, 1, kCrashesMax);
    add_faults(FaultClass::kill_all, 1, 2);
    add_faults(FaultClass::descriptors, 1, kDiskFaultsMax);
    add_faults(FaultClass::hostile, 1, kHostileFaultsMax);
    if (power_loss_ && options_.allowed.contains(FaultClass::crash)) add_power_losses();
    if (on(FaultClass::bit_rot) && !raft()) add_checkpoint_rot();
  }

  /// Plays scenarios in a share of the seeds. True when nothing else is to disturb them. What is
  /// drawn depends on no flag, so that switching a class off leaves the other classes' faults.
  bool draw_acts(const PlanKnobs& knobs) {
    RandomStream random = stream("scenarios");
    const bool wanted = random.chance_ppm(kScenariosPpm) && !loaded();
    // A group that stands alone can take one thing at a time.
    const bool undisturbed = random.chance_ppm(kUndisturbedPpm) || raft();
    if (!wanted) return false;
    const ScenarioStage stage{
        .plan = &plan_, .knobs = knobs, .classes = drawn_, .victims = victims_};
    const std::vector<PlannedFault> acts = draw_scenarios(stage, fault_ms_max());
    std::ranges::copy(acts, std::back_inserter(plan_.faults));
    return undisturbed && !acts.empty();
  }

  bool plays(std::string_view scenario) const {
    const std::string prefix = fmt::format("{}-", scenario);
    return std::ranges::any_of(
        plan_.faults, [&](const PlannedFault& fault) { return fault.id.starts_with(prefix); });
  }

  /// Nothing lasting is wrong with the network: then the oracle `full_disk` can tell what full
  /// disks alone do.
  void leave_network_alone() {
    using enum FaultClass;
    for (const FaultClass lasting : {delay, reset, half_open, stall, connect, message, forgery}) {
      on_.remove(lasting);
    }
    const PlanIntensities drawn = plan_.intensities;
    plan_.intensities = {.short_io_ppm = drawn.short_io_ppm,
                         .clock_offset_ms_max = drawn.clock_offset_ms_max,
                         .clock_drift_ppm_max = drawn.clock_drift_ppm_max,
                         .buggify_point_ppm = drawn.buggify_point_ppm,
                         .buggify_fire_ppm = drawn.buggify_fire_ppm};
  }

  /// Whether a class that is on has a fault or lasts for the whole run.
  bool is_used(FaultClass fault_class) const {
    using enum FaultClass;
    const auto of_class = [&](const PlannedFault& f) { return f.fault_class == fault_class; };
    const bool scheduled_only = fault_class == partition || fault_class == crash ||
                                fault_class == kill_all || fault_class == hostile ||
                                is_destructive(fault_class) || is_of_machine(fault_class);
    return !scheduled_only || std::ranges::any_of(plan_.faults, of_class);
  }

  /// Whoever asks while leaders are cut off mostly waits, and clients wait for few answers at a
  /// time: a workload that is hunted for more than half of its length goes on for twice as much
  /// longer, for what waited holds clients up until its deadline.
  /// Hunts of classes that a flag switches off count too, and go then: flags change no workload.
  void outlast_hunts(const PlanKnobs& knobs) {
    Plan hunted = plan_;
    hunted.knobs = knobs;
    const uint32_t duration_ms = plan_.workload.duration_ms;
    const uint64_t hunted_ms = hunted_milliseconds(hunted);
    if (hunted_ms > duration_ms / 2) {
      plan_.workload.duration_ms += static_cast<uint32_t>(2 * (hunted_ms - duration_ms / 2));
    }
    std::erase_if(plan_.faults, [this](const PlannedFault& fault) {
      return !options_.allowed.contains(fault.fault_class);
    });
  }

  /// No fault begins later.
  uint32_t fault_ms_max() const {
    const uint32_t duration = plan_.workload.duration_ms;
    return duration - std::min(kFaultQuietEndMs, duration / 2);
  }

  void add_faults(FaultClass fault_class, uint64_t low, uint64_t high) {
    const bool hunts = fault_class == FaultClass::partition || fault_class == FaultClass::pause;
    const bool wanted = hunts ? drawn_.contains(fault_class) : on(fault_class);
    if (!wanted || (is_destructive(fault_class) && victims_.empty())) return;
    const std::string_view name = fault_class_name(fault_class);
    RandomStream random = stream(fmt::format("faults.{}", name));
    const uint64_t count = random.between(low, high);
    for (uint64_t i = 0; i < count; ++i) plan_.faults.push_back(fault(fault_class, name, i));
  }

  void add_power_losses() {
    RandomStream random = stream("faults.power");
    const uint64_t count = random.between(1, 4);
    for (uint64_t i = 0; i < count; ++i) {
      PlannedFault loss = fault(FaultClass::crash, "power", i);
      if (loss.mode != CrashMode::power_loss_in_commit) loss.mode = CrashMode::power_loss;
      loss.grace_ms = 0;
      plan_.faults.push_back(std::move(loss));
    }
  }

  /// Of any workers, for it destroys nothing; besides the rot that does, which stays as frequent as
  /// it was. Late: there must be a checkpoint.
  void add_checkpoint_rot() {
    RandomStream random = stream("faults.checkpoint_rot");
    if (!random.chance_ppm(kCheckpointRotPpm)) return;
    const uint64_t count = random.between(1, kCheckpointRotsMax);
    for (uint64_t i = 0; i < count; ++i) {
      PlannedFault rot;
      rot.id = fmt::format("checkpoint_rot-{}", i);
      rot.fault_class = FaultClass::bit_rot;
      rot.rot = RotKind::checkpoint;
      rot.target = fmt::format("worker-{}", random.below(plan_.shape.workers));
      rot.at_ms = static_cast<uint32_t>(random.between(fault_ms_max() / 3, fault_ms_max()));
      // It shows at a start. Mostly one follows before the next checkpoint is written; else it is
      // left to whatever brings one.
      const bool soon = random.chance_ppm(750'000);
      const auto soon_ms = static_cast<uint32_t>(random.heavy_tail(20, 2'000));
      rot.duration_ms = soon ? soon_ms : 0;
      plan_.faults.push_back(std::move(rot));
    }
  }

  PlannedFault fault(FaultClass fault_class, std::string_view name, uint64_t number) const {
    RandomStream random = stream(fmt::format("fault.{}.{}", name, number));
    PlannedFault out;
    out.id = fmt::format("{}-{}", name, number);
    out.fault_class = fault_class;
    out.at_ms = static_cast<uint32_t>(random.between(200, fault_ms_max()));
    if (fault_class == FaultClass::crash || fault_class == FaultClass::kill_all) {
      fill_crash(random, out);
    } else if (is_destructive(fault_class)) {
      fill_destructive(random, out);
    } else if (is_of_machine(fault_class)) {
      fill_machine(random, out);
    } else if (fault_class == FaultClass::hostile) {
      fill_hostile(random, out);
    } else {
      fill_network(random, out);
    }
    return out;
  }

  static bool is_of_machine(FaultClass fault_class) {
    using enum FaultClass;
    return fault_class == clock_step || fault_class == io_error || fault_class == disk_full ||
           fault_class == slow_disk || fault_class == pause || fault_class == descriptors;
  }

  void fill_destructive(RandomStream& random, PlannedFault& out) const {
    out.target = victims_[random.below(victims_.size())];
    const auto kind =
        pick(random, {RotKind::log, RotKind::store, RotKind::store, RotKind::store, RotKind::store,
                      RotKind::manifest, RotKind::pages, RotKind::missing});
    const bool later = random.chance_ppm(500'000);
    const auto soon = static_cast<uint32_t>(random.heavy_tail(50, 8'000));
    if (out.fault_class == FaultClass::bit_rot) {
      out.rot = kind;
      // What is read only at a start would else stay unnoticed.
      out.duration_ms = kind == RotKind::store && later ? 0 : soon;
    } else if (out.fault_class == FaultClass::sync_failure) {
      out.calls = static_cast<uint32_t>(random.between(1, 2));
      out.duration_ms = later ? soon : 0;
    } else {
      out.duration_ms = later ? soon : 0;
    }
  }

  void fill_machine(RandomStream& random, PlannedFault& out) const {
    const std::vector<std::string> durable = durable_node_names(plan_.shape);
    const bool leader = random.chance_ppm(400'000);
    out.target = leader ? "leader" : durable[random.below(durable.size())];
    out.duration_ms = static_cast<uint32_t>(random.heavy_tail(200, 6'000));
    const auto step = pick(random, {StepDirection::forward, StepDirection::backward});
    const auto io = pick(random, {IoKind::read, IoKind::write, IoKind::write});
    const auto amount = random.heavy_tail(100, 86'400'000);
    const bool stalled = random.chance_ppm(500'000);
    if (out.fault_class == FaultClass::clock_step) {
      out.duration_ms = 0;
      out.step = step;
      out.step_ms = static_cast<uint32_t>(amount);
    } else if (out.fault_class == FaultClass::io_error) {
      out.duration_ms = 0;
      out.io = io;
      out.calls = static_cast<uint32_t>(1 + amount % 3);
    } else if (out.fault_class == FaultClass::slow_disk) {
      out.factor = stalled ? 0 : static_cast<uint32_t>(random.heavy_tail(5, 100));
    }
  }

  void fill_hostile(RandomStream& random, PlannedFault& out) const {
    out.hostile = pick(
        random, {HostileKind::unread, HostileKind::slow, HostileKind::crowd, HostileKind::flood});
    const bool at_gateways = random.chance_ppm(600'000);
    const bool over_http = random.chance_ppm(600'000);
    const bool both = random.chance_ppm(300'000);
    const auto gateway = static_cast<uint32_t>(random.below(plan_.shape.gateways));
    const bool leader = random.chance_ppm(400'000);
    const std::vector<std::string> durable = durable_node_names(plan_.shape);
    const std::string& node = durable[random.below(durable.size())];
    out.target = leader ? "leader" : node;
    if (at_gateways) out.target = both ? "gateways" : fmt::format("gateway-{}", gateway);
    const bool floods = out.hostile == HostileKind::flood;
    if (at_gateways && over_http && !floods) out.door = HostileDoor::http;
    // Long enough to be cut off, and for others to come to harm meanwhile.
    out.duration_ms = static_cast<uint32_t>(random.between(4'000, 32'000));
    const bool crowd = out.hostile == HostileKind::crowd;
    out.connections =
        static_cast<uint32_t>(crowd ? random.between(20, 100) : random.between(1, 12));
    if (floods) out.connections = std::min(out.connections, kFloodsMax);
  }

  void fill_crash(RandomStream& random, PlannedFault& out) const {
    out.mode = pick(random, {CrashMode::process_kill, CrashMode::power_loss,
                             CrashMode::power_loss_in_commit, CrashMode::stop, CrashMode::stop});
    out.commit_call = static_cast<uint32_t>(random.between(1, 12));
    out.duration_ms = static_cast<uint32_t>(random.heavy_tail(50, 6'000));
    const std::vector<std::string> durable = durable_node_names(plan_.shape);
    const bool leader = random.chance_ppm(350'000);
    const bool gateway = random.chance_ppm(80'000) && plan_.shape.gateways > 0;
    out.target = durable[random.below(durable.size())];
    if (leader) out.target = "leader";
    if (out.fault_class == FaultClass::kill_all) {
      const bool zone = random.chance_ppm(500'000) && !raft();
      out.target =
          zone ? zone_name(plan_.shape, static_cast<uint32_t>(random.below(plan_.shape.zones)))
               : "all";
      out.duration_ms = static_cast<uint32_t>(random.heavy_tail(50, 3'000));
      if (out.mode == CrashMode::power_loss_in_commit) out.mode = CrashMode::power_loss;
      if (out.mode == CrashMode::stop) out.mode = CrashMode::process_kill;
    } else if (gateway) {
      out.target = fmt::format("gateway-{}", random.below(plan_.shape.gateways));
      if (out.mode != CrashMode::stop) out.mode = CrashMode::process_kill;
    }
    // Some are killed in the middle of it, some have all the time that they need.
    const bool hurried = random.chance_ppm(350'000);
    const auto little = static_cast<uint32_t>(random.heavy_tail(20, 2'000));
    if (out.mode == CrashMode::stop) out.grace_ms = hurried ? little : kGraceMs;
    if (out.mode != CrashMode::power_loss_in_commit) out.commit_call = 0;
    const bool again = random.chance_ppm(500'000);
    const auto again_ms = static_cast<uint32_t>(random.heavy_tail(1, kPowerAgainMsMax));
    const bool loses_power =
        out.mode == CrashMode::power_loss || out.mode == CrashMode::power_loss_in_commit;
    if (again && loses_power && out.fault_class == FaultClass::crash) out.again_ms = again_ms;
  }

  void fill_network(RandomStream& random, PlannedFault& out) const {
    std::vector<std::string> nodes = node_names(plan_.shape);
    const bool leader = random.chance_ppm(300'000);
    const uint64_t whom = random.below(10);
    const uint64_t target = random.below(durable_node_names(plan_.shape).size());
    const uint64_t peer = random.below(nodes.size() - 1);
    out.target = leader ? "leader" : nodes[target];
    nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(target));
    out.peer = whom < 4 ? "others" : whom < 8 || leader ? "durable" : nodes[peer];
    out.duration_ms = static_cast<uint32_t>(random.heavy_tail(100, 7'000));
    const auto direction = pick(random, {FaultDirection::both, FaultDirection::both,
                                         FaultDirection::outgoing, FaultDirection::incoming});
    const auto connect = pick(random, {ConnectMode::refuse, ConnectMode::hang});
    if (out.fault_class == FaultClass::partition) {
      out.direction = direction;
      if (random.chance_ppm(300'000)) fill_leader_rounds(random, out);
    }
    if (out.fault_class == FaultClass::connect) out.connect = connect;
    if (out.fault_class == FaultClass::reset) out.duration_ms = 0;
  }

  static void fill_leader_rounds(RandomStream& random, PlannedFault& out) {
    out.target = "leader";
    out.peer = "durable";
    out.direction = FaultDirection::both;
    out.rounds = static_cast<uint32_t>(random.between(3, 9));
    out.duration_ms = static_cast<uint32_t>(random.between(1'000, 4'000));
  }

  const GenerateOptions& options_;
  Plan plan_;
  /// By the swarm, whatever is allowed.
  FaultClassSet drawn_;
  /// Of them, those that are allowed.
  FaultClassSet on_;
  bool power_loss_ = false;
  std::vector<std::string> victims_;
};

}  // namespace

const std::vector<ProfileInfo>& profiles() {
  static const std::vector<ProfileInfo> kProfiles = {
      {"cluster", "3 placement nodes, 5 workers, 2 gateways and clients, under faults"},
      {"raft", "one replica group over WAL and LMDB on 3 or 5 nodes, without gateways"},
      {"loaded",
       "the cluster under at least 200 operations a second for a minute: what speed ratios count"},
  };
  return kProfiles;
}

uint64_t hunted_milliseconds(const Plan& plan) {
  // A leader that is hunted is cut off when it leads, and the next one leads an election later.
  const uint64_t round_ms = uint64_t{2} * plan.knobs.election_ticks * plan.knobs.tick_ms;
  std::vector<std::pair<uint64_t, uint64_t>> intervals;
  for (const PlannedFault& fault : plan.faults) {
    const bool halts =
        fault.fault_class == FaultClass::partition || fault.fault_class == FaultClass::pause;
    if (!halts || fault.target != "leader") continue;
    const uint64_t length_ms = std::max<uint64_t>(fault.duration_ms, fault.rounds * round_ms);
    const uint64_t end_ms = std::min<uint64_t>(fault.at_ms + length_ms, plan.workload.duration_ms);
    intervals.emplace_back(fault.at_ms, end_ms);
  }
  std::ranges::sort(intervals);
  uint64_t covered_ms = 0;
  uint64_t end_ms = 0;
  for (const auto& [from, to] : intervals) {
    if (to <= end_ms) continue;
    covered_ms += to - std::max(from, end_ms);
    end_ms = to;
  }
  return covered_ms;
}

Result<Plan> generate_plan(uint64_t seed, const GenerateOptions& options) {
  const auto known = [&](const ProfileInfo& info) { return info.name == options.profile; };
  if (std::ranges::none_of(profiles(), known)) {
    return fail(Code::invalid_argument,
                fmt::format("there is no profile '{}'; `vectron-sim list --profiles` names them",
                            options.profile),
                "profile");
  }
  Plan plan = Generator(seed, options).take();
  const Result<void> valid = plan.validate();
  VECTRON_ASSERT(valid.has_value(), "generated an invalid plan: {}", valid.error().to_string());
  return plan;
}

}  // namespace vectron::sim
