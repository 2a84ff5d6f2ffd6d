#include "sim/cluster/run.h"

#include <algorithm>
#include <set>

#include "schemas/storage_messages.h"
#include "sim/cluster/aftermath.h"
#include "sim/cluster/client_workload.h"
#include "sim/cluster/cluster_client.h"
#include "sim/cluster/collection_keeper.h"
#include "sim/cluster/fault_player.h"
#include "sim/cluster/forger.h"
#include "sim/cluster/frame_forger.h"
#include "sim/cluster/frame_plan.h"
#include "sim/cluster/hostile_client.h"
#include "sim/cluster/large_requests.h"
#include "sim/cluster/leftovers.h"
#include "sim/cluster/register_client.h"
#include "sim/cluster/stale_caller.h"
#include "sim/oracle/counts_check.h"
#include "sim/oracle/history_check.h"
#include "sim/oracle/peer_watch.h"
#include "sim/oracle/placement_watch.h"

namespace vectron::sim {

namespace {

/// Until every collection is ready.
constexpr Duration kBootLimit = 90s;
constexpr Duration kBootPause = 200ms;
/// Beyond the clients' deadline, for clients to come to an end.
constexpr Duration kSettleLimit = 30s;
/// For what a peer that is believed has begun.
constexpr Duration kLingerAfterMember = 1s;
/// What linking and mending take when nothing else is to be done, and a report of it.
constexpr Duration kMendedWithin = 3s;
/// Simulated; a run never comes near.
constexpr Duration kRunLimit = 1'200s;
/// How often it is looked at what waits for peers.
constexpr Duration kPeersInterval = 100ms;
/// Calls between nodes give up sooner, and idle connections are pinged sooner.
constexpr Duration kBrokenIsNoticedWithin = 5s;
/// What makes an interval a loaded one: operations completed within it, for each of its seconds.
constexpr double kLoadedPerSecondMin = 200;
/// What makes an interval a loaded one: how many of its operations are searches.
constexpr double kLoadedSearchShareMin = 0.3;

/// One run, from plan to report.
class Run {
 public:
  Run(const Plan& plan, const RunOptions& options)
      : plan_(plan),
        options_(options),
        world_(plan.seed, watched(with_sinks(world_config(plan), options))),
        record_(&world_),
        watch_([this] { return world_.now(); }, &record_.violations),
        peers_([this] { return world_.now(); }, kHostileLifeMax, &record_.violations),
        nodes_(&plan_, &record_, &watch_, &peers_),
        faults_(&plan_, &record_, &nodes_, &watch_),
        placement_(&record_.violations),
        frames_(FrameProgram::read(options.forged_frames)) {
    // What is said as a member may break whatever rests on trust.
    if (frames_.member) record_.violations.count_only(&holds_whoever_lies);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  // Processes refer to the nodes and to the watch.
  ~Run() { world_.stop_all(); }

  RunReport execute() {
    const uint64_t begin = wall();
    SimNode& op = world_.add_node("operator", {.zone = "clients"});
    for (uint32_t i = 0; i < plan_.shape.clients; ++i) {
      world_.add_node(fmt::format("client-{}", i), {.zone = "clients"});
    }
    if (forges()) world_.add_node("forger", {.zone = "clients"});
    if (has_hostile_clients()) {
      world_.add_node(std::string(kHostileHost),
                      {.zone = "clients", .window_bytes_max = kHostileWindowBytesMax});
    }
    op.start([this](Env& env) { return drive(&env); });
    const bool ended = world_.run_until([this] { return done_; }, Instant(kRunLimit));
    if (!ended) {
      record_.violations.add(oracle::kAvailability, world_.now(), "the run did not come to an end",
                             "endless");
    }
    report_.simulated = world_.now().time_since_epoch();
    judge();
    report_.wall_nanoseconds = wall() - begin;
    return std::move(report_);
  }

 private:
  static WorldConfig with_sinks(WorldConfig config, const RunOptions& options) {
    config.trace_sink = options.trace_sink;
    config.log_sink = options.log_sink;
    config.log_level = options.log_level;
    return config;
  }
  WorldConfig watched(WorldConfig config) {
    config.long_turn_sink = [this](const LongTurn& turn) {
      record_.violations.add(oracle::kLoop, turn.when,
                             fmt::format("one event of {} worked on its loop for {:.1f} ms or more",
                                         turn.node, to_seconds(turn.turn) * 1'000));
    };
    return config;
  }

  bool raft() const { return plan_.profile == "raft"; }
  uint64_t wall() const { return options_.wall_nanoseconds ? options_.wall_nanoseconds() : 0; }
  std::unique_ptr<PointClient> make_client(Env* env, bool http) {
    if (raft()) return std::make_unique<RegisterClient>(env, plan_);
    using Protocol = ClusterClient::Protocol;
    return std::make_unique<ClusterClient>(env, &plan_, http ? Protocol::http : Protocol::rpc,
                                           [this](std::string_view kind, std::string text) {
                                             record_.violations.add(oracle::kContract, world_.now(),
                                                                    std::move(text), kind);
                                           });
  }

  /// The whole story, told on the operator's node.
  Task<void> drive(Env* env) {
    nodes_.start();
    if (plan_.knobs != PlanKnobs()) world_.fault_fired(FaultClass::knobs);
    bool ready = true;
    if (raft()) {
      ready = co_await await_register_group(env);
    } else {
      ClusterClient client(env, &plan_);
      ready = co_await create_collections(env, &client);
    }
    if (ready) {
      co_await run_workload(env);
      co_await calm_down(env);
    }
    done_ = true;
  }

  /// Until it is born. A group waits for ever for a member that lost its disk before that, and is
  /// right to: faults begin afterwards.
  Task<bool> await_register_group(Env* env) {
    shards_.push_back(
        {.collection = 0, .group = kRegisterGroup, .range = {}, .replicas = plan_.shape.workers});
    const Instant limit = world_.now() + kBootLimit;
    while (!std::ranges::all_of(nodes_.nodes(), [](const auto& node) { return node->listens; })) {
      if (world_.now() >= limit) {
        record_.violations.add(
            oracle::kAvailability, world_.now(),
            fmt::format("the register group was not born after {} s", to_seconds(kBootLimit)),
            "create");
        co_return false;
      }
      co_await env->clock().sleep_for(kBootPause);
    }
    co_return true;
  }

  Task<bool> create_collections(Env* env, ClusterClient* client) {
    const Instant limit = world_.now() + kBootLimit;
    // Who creates a collection before all workers are there has its copies on those that are.
    while (workers_registered() < plan_.shape.workers && world_.now() < limit) {
      co_await env->clock().sleep_for(kBootPause);
    }
    for (uint32_t i = 0; i < plan_.workload.collections.size(); ++i) {
      bool ready = false;
      Status last;
      while (!ready && world_.now() < limit) {
        last = co_await create_recorded(&record_, client, i);
        const auto status = co_await client->status(i);
        if (last.ok()) last = status_of(status);
        ready = status.has_value() && status->ready;
        if (ready) see_collection(i, *status);
        if (!ready) co_await env->clock().sleep_for(kBootPause);
      }
      if (ready) continue;
      record_.violations.add(oracle::kAvailability, world_.now(),
                             fmt::format("collection {} was not ready after {} s: {}", i,
                                         to_seconds(kBootLimit), last.to_string()),
                             "create");
      co_return false;
    }
    co_return true;
  }

  /// Those that come and go: each is removed and made once more, now that nothing disturbs it.
  Task<void> settle_fleeting(Env* env, ClusterClient* client, Instant since) {
    for (uint32_t i = 0; i < plan_.workload.collections.size(); ++i) {
      if (plan_.workload.collections[i].lifetime_ms == 0 || !can_be_made(i)) continue;
      bool removed = false;
      bool ready = false;
      Status last;
      while (!ready && world_.now() < since + kAvailableWithin) {
        if (!removed) removed = co_await removed_completely(client, i);
        if (removed) last = co_await create_recorded(&record_, client, i);
        const auto status = co_await client->status(i);
        ready = removed && status.has_value() && status->ready;
        if (ready) see_collection(i, *status);
        if (!ready) co_await env->clock().sleep_for(kBootPause);
      }
      if (ready) continue;
      record_.violations.add(
          oracle::kLives, world_.now(),
          fmt::format("collection {} could not be {} within {} s of the last fault: {}", i,
                      removed ? "made again" : "removed", to_seconds(kAvailableWithin),
                      last.to_string()));
    }
  }

  /// Whether there are enough workers for its copies besides those that may be gone for ever.
  bool can_be_made(uint32_t collection) const {
    const size_t replication = plan_.workload.collections[collection].replication;
    return replication + nodes_.hurt().size() <= plan_.shape.workers;
  }

  Task<bool> removed_completely(ClusterClient* client, uint32_t collection) {
    const LifeEvent removal = co_await remove_recorded(&record_, client, collection, 0);
    if (removal.status.code() == Code::not_found) co_return true;
    // A worker that is gone for ever cannot say that it has let go.
    const bool complete = removal.complete || !nodes_.hurt().empty();
    co_return removal.outcome == Outcome::ok&& complete;
  }

  bool fleeting(uint32_t collection) const {
    return plan_.workload.collections[collection].lifetime_ms != 0;
  }

  /// As far as the placement driver has applied it.
  size_t workers_registered() const {
    std::set<uint64_t> workers;
    for (const raft::Payload& entry : watch_.applied_entries(kPlacementGroup)) {
      if (raft::view(entry).empty()) continue;
      const auto command = decode<stored::PlacementCommand>(raft::view(entry));
      if (!command.has_value()) continue;
      const std::optional<stored::WorkerRecord>& worker = command->register_worker;
      if (worker.has_value()) workers.insert(worker->node_id);
    }
    return workers.size();
  }

  void see_collection(uint32_t collection, const api::CollectionStatus& status) {
    see_placement(status);
    // One that will not stay as it is now is looked at in the end.
    if (fleeting(collection) && !settling_) return;
    for (const api::ShardStatus& shard : status.shards) {
      shards_.push_back({.collection = collection,
                         .group = GroupId(shard.shard_id),
                         .range = {.low = shard.hash_low, .high = shard.hash_high},
                         .replicas = status.replication,
                         .epoch = status.epoch});
    }
  }

  void see_placement(const api::CollectionStatus& status) {
    CollectionView view{.name = status.name,
                        .id = status.id,
                        .epoch = status.epoch,
                        .replication = status.replication};
    for (const api::ShardStatus& shard : status.shards) {
      CollectionView::Shard seen{
          .shard_id = shard.shard_id, .hash_low = shard.hash_low, .hash_high = shard.hash_high};
      for (const api::ReplicaStatus& replica : shard.replicas) {
        const ClusterNodes::Node* node = nodes_.find(NodeId(replica.node_id));
        const std::string zone = node == nullptr ? "nowhere" : node->machine->options().zone;
        seen.replicas.push_back({replica.replica_id, replica.node_id, zone});
      }
      view.shards.push_back(std::move(seen));
    }
    view.invoke_order = ++placement_order_;
    view.return_order = ++placement_order_;
    placement_.see(view, nodes_.whole_worker_zones(), world_.now());
  }

  Task<void> run_workload(Env* env) {
    const Instant begin = world_.now();
    for (uint32_t i = 0; i < plan_.shape.clients; ++i) {
      SimNode* node = world_.find_node(fmt::format("client-{}", i));
      ++clients_running_;
      node->start([this, i](Env& client_env) { return run_client(&client_env, i); });
    }
    start_hostile_client();
    world_.driver().spawn(watch_peers());
    nodes_.workload_begins();
    faults_.start();
    if (forges()) {
      world_.find_node("forger")->start([this](Env& env) { return run_forger(&env); });
    }
    const auto at = [&](uint32_t ms) { return begin + std::chrono::milliseconds(ms); };
    co_await SleepAwaiter(env->scheduler(), at(plan_.loaded.from_ms));
    const uint64_t loaded_from = wall();
    co_await SleepAwaiter(env->scheduler(), at(plan_.loaded.to_ms));
    report_.loaded_wall_nanoseconds = wall() - loaded_from;
    loaded_from_ = at(plan_.loaded.from_ms);
    loaded_to_ = at(plan_.loaded.to_ms);
    report_.loaded_simulated = std::chrono::milliseconds(plan_.loaded.to_ms - plan_.loaded.from_ms);
    co_await SleepAwaiter(env->scheduler(), at(plan_.workload.duration_ms));
    while (!is_over(plan_.workload, record_.history, world_.now() - begin)) {
      co_await SleepAwaiter(env->scheduler(), world_.now() + kBootPause);
    }
    faults_.stop();
  }

  Task<void> run_client(Env* env, uint32_t number) {
    const bool http = std::ranges::count(plan_.shape.http_clients, number) > 0;
    const std::unique_ptr<PointClient> client = make_client(env, http);
    ClientWorkload workload(
        {.env = env, .plan = &plan_, .record = &record_, .client = client.get(), .number = number});
    CollectionKeepers keepers({.env = env, .plan = &plan_, .record = &record_, .number = number});
    if (!raft()) keepers.start();
    co_await workload.run();
    co_await keepers.wait();
    --clients_running_;
  }

  bool has_hostile_clients() const {
    const auto of_class = [](const PlannedFault& fault) {
      return fault.fault_class == FaultClass::hostile;
    };
    return std::ranges::any_of(plan_.faults, of_class);
  }

  /// Its process lives on until the run ends, for attacks may outlast the workload.
  void start_hostile_client() {
    if (!has_hostile_clients()) return;
    SimNode* node = world_.find_node(kHostileHost);
    node->start();
    hostile_ = std::make_unique<HostileClient>(&node->env(), &node->tasks(), &plan_, &world_);
    faults_.set_hostile_client(hostile_.get());
  }

  Task<void> watch_peers() {
    while (!done_) {
      co_await SleepAwaiter(world_.scheduler(), world_.now() + kPeersInterval);
      peers_.look(kPeersInterval);
    }
  }

  /// When nobody is hostile any more and no client asks, all that was held for them is given back.
  Task<void> settle_peers(Env* env) {
    while (hostile_ != nullptr && hostile_->attacks()) co_await env->clock().sleep_for(kBootPause);
    const Instant limit = world_.now() + kHostileLifeMax;
    while (peers_.left_over().has_value() && world_.now() < limit) {
      co_await env->clock().sleep_for(kBootPause);
    }
    const auto left = peers_.left_over();
    if (!left.has_value()) co_return;
    record_.violations.add(oracle::kPeers, world_.now(), *left, "left_over");
  }

  bool forges() const {
    return plan_.intensities.forged_per_second > 0 || !options_.forged_frames.empty();
  }

  Task<void> run_forger(Env* env) {
    FrameForger frames(env, &plan_, &watch_, &frames_);
    co_await frames.run();
    report_.forged = frames.counts();
    if (plan_.intensities.forged_per_second == 0) co_return;
    Forger forger({.env = env, .plan = &plan_, .record = &record_, .watch = &watch_});
    const Instant until = world_.now() + std::chrono::milliseconds(plan_.workload.duration_ms);
    co_await forger.run(until);
  }

  bool removed_by_frames() const {
    if (options_.forged_frames.empty()) return false;
    const auto incarnations = all_incarnations();
    return incarnations.has_value() &&
           std::ranges::any_of(*incarnations, [](const Incarnation& each) { return each.removed; });
  }

  /// Ends all faults; then the cluster must be whole again.
  Task<void> calm_down(Env* env) {
    if (frames_.member) {
      // What a member says is believed, so nothing is promised but that everybody lives.
      co_await env->clock().sleep_for(kLingerAfterMember);
      co_return;
    }
    // Nobody keeps a stranger from removing what clients could remove.
    if (removed_by_frames()) co_return;
    world_.network().heal_all();
    nodes_.revive_all();
    const Instant last_fault = world_.now();
    report_.beyond_promises = !within_risk_budget(plan_);
    if (report_.beyond_promises) co_return;
    const std::unique_ptr<PointClient> client = make_client(env, false);
    Aftermath aftermath({.env = env,
                         .plan = &plan_,
                         .record = &record_,
                         .watch = &watch_,
                         .client = client.get(),
                         .client_number = plan_.shape.clients,
                         .hurt = nodes_.hurt()});
    co_await aftermath.await_availability(shards_, last_fault);
    const Instant limit =
        world_.now() + kSettleLimit + std::chrono::milliseconds(plan_.knobs.client_deadline_ms);
    while (clients_running_ > 0 && world_.now() < limit) {
      co_await env->clock().sleep_for(100ms);
    }
    if (clients_running_ > 0) {
      record_.violations.add(oracle::kWorkload, world_.now(),
                             "an operation outlived its deadline by far", "endless");
    }
    if (!raft()) co_await settle_peers(env);
    if (!raft()) co_await settle_lives(env, &aftermath);
    co_await aftermath.await_convergence(shards_, last_fault);
    if (const auto thrown_away = nodes_.thrown_away()) {
      record_.violations.add(oracle::kDurability, world_.now(), *thrown_away, "thrown_away");
    }
    // One that could not be made again, for want of workers, is not among them.
    std::set<uint32_t> standing;
    for (const ProbedShard& shard : shards_) standing.insert(shard.collection);
    if (record_.violations.empty() && !raft()) co_await aftermath.search_everywhere(standing);
    if (record_.violations.empty()) co_await aftermath.read_everything(standing);
    if (record_.violations.empty() && !raft()) co_await aftermath.search_approximately(standing);
    searches_added_ = aftermath.searches_added();
    if (raft()) co_return;
    if (!record_.violations.empty()) co_return;
    // From here on the network does its work: how fresh counts are and that large answers come is
    // promised of no other. A request on a connection that only its other end knows to be dead
    // waits for its timeout.
    world_.network().calm();
    co_await env->clock().sleep_for(kBrokenIsNoticedWithin);
    if (plan_.profile == "cluster" && standing.contains(0)) co_await see_large_answers(env);
    if (record_.violations.empty()) co_await look_at_statuses(env, &aftermath, standing);
    StaleCaller stale({.env = env, .plan = &plan_, .record = &record_, .watch = &watch_});
    if (record_.violations.empty()) co_await stale.ask_all(shards_);
  }

  /// Writes large points and asks for them, until both is done.
  Task<void> see_large_answers(Env* env) {
    const Instant limit = world_.now() + kAvailableWithin;
    Status last;
    do {
      const auto asked = co_await ask_for_much(env, &plan_, 0);
      last = status_of(asked);
      if (last.ok()) break;
      co_await env->clock().sleep_for(kBootPause);
    } while (is_passing(last) && !may_fail_for_ever(last) && world_.now() < limit);
    report_.large_answers = last.ok() ? 1 : 0;
    if (last.ok() || may_fail_for_ever(last)) co_return;
    record_.violations.add(oracle::kContract, world_.now(),
                           "large points or answers: " + last.to_string(), "large");
  }

  /// About; no plan that a seed makes comes near what a gateway may hold.
  uint64_t large_answer_bytes() const {
    constexpr uint64_t kHitBytes = 64;  // But for vector and payload.
    const PlanCollection& asked = plan_.workload.collections[0];
    return kLargePoints * kLargePayloadBytes +
           asked.keys * (asked.dimension * sizeof(float) + kHitBytes);
  }

  static bool is_passing(const Status& status) {
    return status.code() == Code::unavailable || status.code() == Code::deadline_exceeded ||
           status.code() == Code::unknown_outcome || status.code() == Code::resource_exhausted;
  }

  /// Some plans have no memory for the points, or so many that a gateway may not hold them all for
  /// one host; a node that stays broken may be the one that is asked.
  bool may_fail_for_ever(const Status& status) const {
    if (status.code() == Code::resource_exhausted) {
      return plan_.knobs.memory_bytes > 0 || large_answer_bytes() > kGatewayBytesHeldMax / 4;
    }
    return is_passing(status) && !nodes_.hurt().empty();
  }

  Task<void> look_at_statuses(Env* env, Aftermath* aftermath, std::set<uint32_t> collections) {
    co_await aftermath->write_once_more(shards_);
    const Instant written = world_.now();
    co_await env->clock().sleep_for(kCountsWithin);
    co_await ask_for_statuses(env, collections, false);
    co_await env->clock().sleep_for(quiet_until_mended());
    see_graphs(written);
    co_await ask_for_statuses(env, collections, true);
  }

  /// Every point is linked, a look of the upkeep sees that nothing changes any more, and a later
  /// one that it was so for long enough.
  Duration quiet_until_mended() const {
    const PlanKnobs& knobs = plan_.knobs;
    return kUpkeepIdle + kMendedWithin +
           std::chrono::milliseconds(knobs.index_linger_ms + 2 * knobs.upkeep_interval_ms);
  }

  /// A point was written to each shard at `written`: so each graph has grown, and was looked
  /// through. (Not where memory may be short, where a shard may have no graph, where all vectors
  /// are one, nor under the inner product, where a graph need not lead everywhere.)
  void see_graphs(Instant written) {
    if (plan_.knobs.memory_bytes > 0 || plan_.knobs.graph_points_min > 0) return;
    for (const ProbedShard& shard : shards_) {
      const PlanCollection& collection = plan_.workload.collections[shard.collection];
      const bool one_direction =
          collection.distance == PlanDistance::cosine && collection.dimension == 1;
      if (collection.distance == PlanDistance::dot || one_direction) continue;
      const auto replica = watch_.not_mended_since(shard.group, written);
      if (!replica.has_value()) continue;
      record_.violations.add(
          oracle::kIndexReach, world_.now(),
          fmt::format("replica {} of shard {} was quiet for {} s, and its graph was not mended",
                      *replica, shard.group, to_seconds(world_.now() - written)),
          "not_mended");
    }
  }

  Task<void> ask_for_statuses(Env* env, std::set<uint32_t> collections, bool settled) {
    ClusterClient observer(env, &plan_);
    for (const uint32_t i : collections) {
      const auto status = co_await observer.status(i);
      if (status.has_value()) {
        see_placement(*status);
        see_counts(*status, settled);
        continue;
      }
      record_.violations.add(oracle::kAvailability, world_.now(),
                             fmt::format("the status of collection {} could not be had: {}", i,
                                         status.error().to_string()),
                             "status");
    }
  }

  void see_counts(const api::CollectionStatus& status, bool settled) {
    CountsSeen seen{.collection = status.name,
                    .at = world_.now(),
                    .ready = status.ready,
                    .settled = settled,
                    .points = status.points,
                    .indexed = status.indexed};
    for (const api::ShardStatus& shard : status.shards) {
      seen.shards.push_back({shard.shard_id, shard.points, shard.indexed});
    }
    counts_.push_back(std::move(seen));
  }

  Task<void> settle_lives(Env* env, Aftermath* aftermath) {
    ClusterClient client(env, &plan_);
    const Instant since = world_.now();
    const size_t before = shards_.size();
    settling_ = true;
    co_await settle_fleeting(env, &client, since);
    const std::vector<ProbedShard> fresh(shards_.begin() + static_cast<ptrdiff_t>(before),
                                         shards_.end());
    co_await aftermath->await_availability(fresh, since);
    // They have their time from now on, however long ago the last fault was.
    co_await aftermath->await_convergence(fresh, since);
    std::optional<Leftover> leftover;
    do {
      leftover = look_for_leftover();
      if (!leftover.has_value()) co_return;
      co_await env->clock().sleep_for(kBootPause);
    } while (world_.now() < since + kAvailableWithin);
    record_.violations.add(oracle::kRemoval, world_.now(), leftover->text, leftover->kind);
  }

  std::optional<Leftover> look_for_leftover() {
    const auto incarnations = all_incarnations();
    if (!incarnations.has_value()) return Leftover{"", incarnations.error().to_string()};
    return find_leftover(nodes_, *incarnations);
  }

  Result<std::vector<Incarnation>> all_incarnations() const {
    std::vector<std::string> names;
    names.reserve(plan_.workload.collections.size());
    for (const PlanCollection& collection : plan_.workload.collections) {
      names.push_back(collection.name);
    }
    return incarnations_of(watch_.applied_entries(kPlacementGroup), names);
  }

  void judge() {
    const uint64_t begin = wall();
    report_.seed = plan_.seed;
    report_.profile = plan_.profile;
    report_.trace = world_.trace_hash();
    report_.events = world_.events_run();
    report_.faults = world_.faults();
    count_operations();
    if (!options_.forged_frames.empty()) {
      // Only what happened to the cluster counts.
    } else if (raft()) {
      if (!report_.beyond_promises) check_history(record_.history, &record_.violations);
    } else {
      judge_cluster();
    }
    report_.leader_changes = watch_.leader_changes();
    report_.snapshots_installed = watch_.snapshots_installed();
    report_.indexes_restored = watch_.index_events(IndexEvent::restored);
    report_.checkpoints_written = watch_.index_events(IndexEvent::checkpointed);
    report_.checkpoints_refused = watch_.index_events(IndexEvent::refused);
    report_.indexes_rebuilt = watch_.index_events(IndexEvent::rebuilt);
    report_.indexes_mended = watch_.index_events(IndexEvent::mended);
    report_.entries_applied = watch_.entries_applied();
    report_.peer_bytes_peak = peers_.bytes_peak();
    for (const NodeId id : watch_.silent_nodes()) {
      report_.silent_nodes.push_back(nodes_.find(id)->machine->name());
    }
    for (const GroupId group : watch_.groups()) {
      for (const raft::Payload& entry : watch_.applied_entries(group)) {
        report_.log_digest = mix64(report_.log_digest ^ hash64(raft::view(entry)));
      }
    }
    if (options_.keep_history) report_.history = record_.history.to_json_lines();
    report_.nodes_ended = nodes_.ended_without_reason();
    report_.violations = record_.violations.kept();
    report_.violation_count = record_.violations.count();
    report_.check_wall_nanoseconds = wall() - begin;
  }

  void count_operations() {
    const History& history = record_.history;
    report_.operations.ok = history.count(Outcome::ok);
    report_.operations.failed = history.count(Outcome::failed);
    report_.operations.unknown = history.count(Outcome::unknown) + history.count(Outcome::pending);
    report_.upserts_ok = history.count(OperationKind::upsert, Outcome::ok);
    report_.gets_ok = history.count(OperationKind::get, Outcome::ok);
    report_.removes_ok = history.count(OperationKind::remove, Outcome::ok);
    report_.searches_ok = history.count(OperationKind::search, Outcome::ok);
    for (const Operation& operation : history.operations()) {
      const bool loaded = operation.returned >= loaded_from_ && operation.returned < loaded_to_;
      if (!loaded || operation.outcome != Outcome::ok) continue;
      ++report_.loaded_ok;
      report_.loaded_searches_ok += operation.kind == OperationKind::search ? 1 : 0;
    }
    check_load();
    report_.http_ok = static_cast<uint64_t>(
        std::ranges::count_if(history.operations(), [this](const Operation& operation) {
          return operation.outcome == Outcome::ok &&
                 std::ranges::count(plan_.shape.http_clients, operation.client) > 0;
        }));
    report_.memory_refusals = static_cast<uint64_t>(
        std::ranges::count_if(history.operations(), [](const Operation& operation) {
          return operation.status.message().find("memory_bytes_max") != std::string::npos;
        }));
    report_.restarts = nodes_.restarts();
    report_.orderly_stops = nodes_.orderly_stops();
    const uint64_t arrivals =
        uint64_t{plan_.workload.operations_per_second} * plan_.workload.duration_ms / 1'000;
    const OperationCounts& counts = report_.operations;
    // What is asked in the end, of a cluster that is well, shows nothing of the faults.
    const uint64_t asked = counts.total() - std::min(searches_added_, counts.total());
    const uint64_t definite = counts.definite() - std::min(searches_added_, counts.definite());
    const bool enough = asked >= kOperationsMin && definite * 2 >= asked;
    report_.operations_not_judged = arrivals < kArrivalsForMin && !enough ? 1 : 0;
    if (arrivals < kArrivalsForMin || enough || !record_.violations.empty()) return;
    record_.violations.add(
        oracle::kWorkload, world_.now(),
        fmt::format("{} operations, {} of them with a definite outcome", asked, definite),
        "operations");
  }

  /// A ratio of simulated and wall time says nothing when the load was not what it should be.
  void check_load() {
    const bool whole = plan_.profile == "loaded" && plan_.workload.skipped.empty();
    if (!whole || report_.loaded_simulated < 60s || !record_.violations.empty()) return;
    const auto completed = static_cast<double>(report_.loaded_ok);
    const double per_second = completed / to_seconds(report_.loaded_simulated);
    const double searches = static_cast<double>(report_.loaded_searches_ok) / completed;
    if (per_second >= kLoadedPerSecondMin && searches >= kLoadedSearchShareMin) return;
    record_.violations.add(
        oracle::kWorkload, world_.now(),
        fmt::format("the loaded interval had {:.0f} completed operations a second, {:.1f} % of "
                    "them searches; it takes {:.0f} and {:.0f} %",
                    per_second, 100 * searches, kLoadedPerSecondMin, 100 * kLoadedSearchShareMin),
        "load");
  }

  void judge_cluster() {
    const auto incarnations = all_incarnations();
    if (!incarnations.has_value()) {
      record_.violations.add(oracle::kPlacement, {}, incarnations.error().to_string());
      return;
    }
    if (!report_.beyond_promises) {
      check_lives(record_.history, *incarnations, record_.lives, &record_.violations);
    }
    const History told = by_incarnation(record_.history, *incarnations, record_.lives);
    if (!report_.beyond_promises) check_history(told, &record_.violations);
    if (!shards_.empty()) check_models(told, *incarnations);
  }

  void check_models(const History& told, const std::vector<Incarnation>& incarnations) {
    std::vector<CollectionModel> models(incarnations.size());
    for (size_t i = 0; i < models.size(); ++i) {
      const PlanCollection& plan = plan_.workload.collections[incarnations[i].collection];
      models[i].metric = static_cast<index::Metric>(plan.distance);
      models[i].m = plan.m;
      models[i].ef_construction = plan.ef_construction;
      models[i].ef_search = plan.ef_search;
      for (const uint64_t shard : incarnations[i].shards) {
        auto model = ShardModel::build(watch_.applied_entries(GroupId(shard)), models[i].metric);
        if (!model.has_value()) {
          record_.violations.add(oracle::kSearch, {},
                                 fmt::format("shard {}: {}", shard, model.error().to_string()),
                                 "entry");
          return;
        }
        models[i].shards.emplace(shard, *std::move(model));
      }
    }
    // What clients saw comes first: it names the failure.
    const RunRecall recall = check_answers(told, models, plan_.shape.clients, &record_.violations);
    report_.recall = recall.all();
    Recall of_new_graphs;
    if (recall.judged().found_ppm() < kRecallFloorPpm) {
      of_new_graphs = recall_of_new_graphs(told, models);
    }
    check_recall(recall.judged(), of_new_graphs, &record_.violations);
    check_enough_neighbours();
    check_coverages(models);
    check_counts(counts_, models, &record_.violations);
  }

  /// A recall below the number of neighbours from which it is judged says nothing: the run fails,
  /// or, where little was asked for, says so.
  void check_enough_neighbours() {
    const PlanMix& mix = plan_.workload.mix;
    const bool meant = mix.search > 0 && mix.upsert > mix.remove && plan_.workload.skipped.empty();
    const uint64_t arrivals =
        uint64_t{plan_.workload.operations_per_second} * plan_.workload.duration_ms / 1'000;
    if (report_.recall.expected >= kRecallExpectedMin) return;
    report_.recall_not_judged = 1;
    if (!meant || arrivals < kArrivalsForMin || report_.beyond_promises) return;
    if (!record_.violations.empty()) return;
    record_.violations.add(
        oracle::kWorkload, world_.now(),
        fmt::format("approximate searches could have found {} neighbours; the recall is judged "
                    "from {} on",
                    report_.recall.expected, kRecallExpectedMin),
        "searches");
  }

  /// Every index found exactly the points of its time, whatever it was made from.
  void check_coverages(const std::vector<CollectionModel>& models) {
    for (const ReplicaWatch::Coverage& seen : watch_.coverages()) {
      for (const CollectionModel& collection : models) {
        const auto shard = collection.shards.find(seen.name.group.value());
        if (shard == collection.shards.end()) continue;
        if (shard->second.coverage(seen.applied_index.value()) == seen.coverage) continue;
        record_.violations.add(
            oracle::kIndexCoverage, seen.at,
            fmt::format("the index of replica {} of shard {} does not find exactly the points of "
                        "index {} ({})",
                        seen.name.replica, seen.name.group, seen.applied_index,
                        index_event_name(seen.event)));
      }
    }
  }

  const Plan& plan_;
  const RunOptions& options_;
  SimWorld world_;
  RunRecord record_;
  ReplicaWatch watch_;
  PeerWatch peers_;
  ClusterNodes nodes_;
  FaultPlayer faults_;
  PlacementWatch placement_;
  FrameProgram frames_;
  RunReport report_;
  Instant loaded_from_{};  // The loaded interval, once it has passed.
  Instant loaded_to_{};
  std::vector<ProbedShard> shards_;
  std::vector<CountsSeen> counts_;
  /// By the aftermath, for the recall.
  uint64_t searches_added_ = 0;
  /// Where the plan has any.
  std::unique_ptr<HostileClient> hostile_;
  /// From now on collections stay.
  bool settling_ = false;
  uint64_t placement_order_ = 0;
  uint32_t clients_running_ = 0;
  bool done_ = false;
};

}  // namespace

RunReport run_plan(const Plan& plan, const RunOptions& options) {
  VECTRON_ASSERT(plan.validate().has_value(), "{}", plan.validate().error().to_string());
  auto run = std::make_unique<Run>(plan, options);
  return run->execute();
}

}  // namespace vectron::sim
