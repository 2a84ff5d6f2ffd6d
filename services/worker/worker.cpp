#include "services/worker/worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/async/combine.h"
#include "core/base/hash.h"
#include "core/env/descriptors.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "worker";
/// How often the bytes in memory are counted.
constexpr Duration kMemoryLook = 100ms;
/// How long orders wait for the removals that they ask for.
constexpr Duration kDropsWaitMax = 1s;
// For the copies of one order. A birth is some syncs, and a thousand births take longer than a
// worker may be silent.
constexpr Duration kHoldTimeMax = 1s;
/// How long a shard is crowded after the placement driver said so, in heartbeats: it says so again.
constexpr int kCrowdedHeartbeats = 6;

stored::ReplicaManifest manifest_of(const wire::Assignment& assignment, uint64_t lineage) {
  stored::ReplicaManifest manifest;
  manifest.lineage = lineage;
  manifest.group_id = assignment.shard.shard_id;
  manifest.replica_id = assignment.replica_id;
  manifest.shard = assignment.shard;
  manifest.epoch = assignment.epoch;
  manifest.members = assignment.members;
  return manifest;
}

// What a replica that is born of it could not run with.
Result<void> check_assignment(const wire::Assignment& assignment) {
  std::set<uint64_t> members;
  for (const wire::Member& member : assignment.members) members.insert(member.replica_id);
  const bool good_members = members.size() == assignment.members.size() &&
                            members.size() <= raft::kVotersMax &&
                            members.contains(assignment.replica_id);
  if (!good_members) {
    return fail(Code::invalid_argument, "the assignment's members make no sense",
                "assignments.members");
  }
  const ShardOptions options = shard_options_of(assignment.shard);
  if (options.dimension > kDimensionMax || options.range.low > options.range.high) {
    return fail(Code::invalid_argument, "the assignment's dimension or range makes no sense",
                "assignments.shard");
  }
  const auto valid = index_options(options).validate();
  if (valid.has_value()) return {};
  return fail(Code::invalid_argument, valid.error().message(),
              "assignments.shard." + valid.error().field());
}

}  // namespace

Worker::Worker(Env* env, const WorkerConfig* config, ReplicaHost* host, uint64_t folder_id)
    : env_(env),
      config_(config),
      host_(host),
      folder_id_(folder_id),
      budget_(config->memory_bytes_max),
      answer_turns_(&env->scheduler()),
      assign_turn_(env->scheduler(), 1),
      dropped_(env->scheduler()),
      tasks_(env->scheduler()) {
  for (const auto& [replica, manifest] : host->manifests()) {
    lineage_ = std::max(lineage_, manifest.lineage);
  }
  tasks_.spawn(watch_memory());
}

Task<void> Worker::watch_memory() {
  while (true) {
    count_memory();
    if (budget_.pressed()) relieve_memory();
    co_await env_->clock().sleep_for(kMemoryLook);
  }
}

void Worker::count_memory() {
  MemoryUse sum;
  uint64_t largest_index_bytes = 0;
  uint64_t unreachable_nodes = 0;
  for (const auto& [id, shard] : shards_) {
    unreachable_nodes += shard->unreachable_nodes();
    const MemoryUse use = shard->memory();
    sum += use;
    largest_index_bytes = std::max(largest_index_bytes, use.vectors + use.links + use.points);
  }
  budget_.count(sum, largest_index_bytes);
  budget_.tell(&env_->metrics());
  env_->metrics().set(Metric::worker_replicas, host_->manifests().size());
  env_->metrics().set(Metric::worker_graph_nodes_unreachable, unreachable_nodes);
}

// Gives back what the disk has as well. Rebuilds see for themselves that memory is short.
void Worker::relieve_memory() {
  for (const auto& [id, shard] : shards_) {
    Replica& replica = shard->replica();
    if (!replica.serving()) continue;
    replica.request_flush();
    // Followers that lag behind it get a snapshot.
    if (budget_.use().log > budget_.bytes_max() / 16) replica.compact(true);
  }
  if (budget_.full()) reclaim_tombstones();
}

// A follower takes what its leader has, so the room that is kept free for a rebuild may be gone
// too. Then the index with the most tombstones is given up and learnt anew: one at a time, and not
// where this replica leads.
void Worker::reclaim_tombstones() {
  std::shared_ptr<Shard> most;
  uint64_t most_bytes = 0;
  for (const auto& [id, shard] : shards_) {
    if (shard->replica().reloading() || shard->state().rebuild()) return;
    const ShardUpkeep::Tombstones tombstones = shard->upkeep().tombstones();
    if (tombstones.bytes == 0) continue;
    if (budget_.fits(tombstones.live_bytes)) return;  // A rebuild has room.
    if (tombstones.bytes <= most_bytes) continue;
    most = shard;
    most_bytes = tombstones.bytes;
  }
  if (most == nullptr) return;
  const bool handed_over = most->replica().is_leader() && most->replica().hand_over().has_value();
  if (!handed_over) most->upkeep().learn_anew();
}

Task<size_t> Worker::start_known_replicas() {
  std::vector<ReplicaId> known;
  for (const auto& [replica, manifest] : host_->manifests()) {
    const GroupId group(manifest.group_id);
    const bool is_known = manifest.shard.has_value() && host_->took_part(group) &&
                          host_->presence(group, replica) == ReplicaHost::Presence::born;
    if (is_known) known.push_back(replica);
  }
  Status closed;
  for (const ReplicaId replica : known) {
    const auto room = room_to_start(replica);
    if (room.has_value()) {
      co_await start_replica(replica);
    } else {
      closed = room.error();
    }
  }
  if (!closed.ok()) {
    env_->log().error(kComponent, "starts with {} of {} copies: {}", shards_.size(), known.size(),
                      closed.to_string());
  }
  co_return shards_.size();
}

// Whether one more may have its files open. Where not, the connections of the others would be
// refused next, or the process would end. It is tried again: others may go.
Result<void> Worker::room_to_start(ReplicaId replica) {
  const uint64_t open_max = config_->replicas_open_max;
  const auto under_way = static_cast<uint64_t>(
      std::ranges::count_if(starts_, [](const auto& start) { return start.second.under_way; }));
  if (open_max == 0 || shards_.size() + under_way < open_max) return {};
  Start& start = starts_[replica];
  start.failure =
      Status(Code::resource_exhausted,
             fmt::format("this worker may open {} copies with the limit of descriptors of its "
                         "process, three for a copy, of half of them: raise the limit (ulimit -n) "
                         "and start it again",
                         open_max),
             std::string(kDescriptorsField));
  return fail(start.failure);
}

Task<void> Worker::start_replica(ReplicaId replica) {
  starts_[replica].under_way = true;
  const auto started = co_await try_start(host_->manifests().at(replica));
  Start& start = starts_[replica];
  start.under_way = false;
  const bool is_over = started.has_value() || started.error().code() == Code::data_loss;
  if (is_over) {
    starts_.erase(replica);  // It runs, or it is lost and reported as such.
  } else {
    start.failure = started.error();
    start.pause.failed(env_->clock().monotonic());
  }
  host_->changed().notify_all();
}

Task<Result<void>> Worker::try_start(stored::ReplicaManifest manifest) {
  if (!manifest.shard.has_value()) {
    co_return fail(Code::failed_precondition,
                   fmt::format("replica {} is no shard's: it is not started", manifest.replica_id));
  }
  ShardOptions options = shard_options_of(*manifest.shard);
  options.graph_points_min = config_->graph_points_min;
  auto state =
      std::make_unique<ShardState>(env_, options, RequestMemoryLimits(), config_->observer);
  ShardState* state_pointer = state.get();
  const GroupId group(manifest.group_id);
  const auto started = co_await host_->start(group, std::move(state));
  VECTRON_CO_CHECK_OK(started);  // The host has said why.
  shards_[options.shard] =
      std::make_shared<Shard>(env_, config_, &budget_, &answer_turns_, host_->find(group),
                              state_pointer, Epoch(manifest.epoch));
  co_return Result<void>();
}

// In a task of its own: a large store takes long, and neither reports nor births wait for it. A
// replica that does not start is tried again by later orders, ever less often.
Result<void> Worker::begin_start(ReplicaId replica) {
  Start& start = starts_[replica];
  if (start.under_way) return {};
  // No order fails for that, or the placement driver would send it again and again.
  if (!room_to_start(replica).has_value()) return {};
  if (!start.pause.is_over(env_->clock().monotonic())) return fail(start.failure);
  start.under_way = true;
  const Status before = start.failure;
  tasks_.spawn(start_replica(replica));
  if (!before.ok()) return fail(before);
  return {};
}

Task<void> Worker::write_checkpoints() {
  const Instant until = env_->clock().scheduler_time(env_->clock().monotonic() +
                                                     config_->upkeep.checkpoint_stop_timeout);
  const auto written = co_await with_deadline(&env_->scheduler(), until, write_all_checkpoints());
  if (!written) env_->log().warning(kComponent, "stopped before all checkpoints were written");
}

Task<bool> Worker::write_all_checkpoints() {
  std::vector<std::shared_ptr<Shard>> shards;  // The map may change meanwhile.
  shards.reserve(shards_.size());
  for (const auto& [id, shard] : shards_) shards.push_back(shard);
  for (const std::shared_ptr<Shard>& shard : shards) {
    co_await shard->upkeep().checkpoint_before_stop();
  }
  co_return true;
}

RequestContext Worker::with_deadline_of(RequestContext context) const {
  if (context.deadline == kNever) {
    context.deadline = env_->clock().monotonic() + config_->request_timeout;
  }
  return context;
}

// Whether it should hold the shard and cannot. A copy that is being removed is not to be there.
bool Worker::has_lost(uint64_t shard_id) const {
  const auto of_shard = [&](const auto& missing) { return missing.second == ShardId(shard_id); };
  if (std::any_of(missing_.begin(), missing_.end(), of_shard)) return true;
  return std::any_of(host_->manifests().begin(), host_->manifests().end(), [&](const auto& entry) {
    return entry.second.group_id == shard_id && !dropping_.contains(entry.first) &&
           host_->presence(GroupId(shard_id), entry.first) == ReplicaHost::Presence::lost;
  });
}

// Of a copy that is here and does not run: others may answer for the shard meanwhile.
Status Worker::why_closed(GroupId shard) const {
  for (const auto& [replica, start] : starts_) {
    if (group_of(replica) != shard || dropping_.contains(replica)) continue;
    const std::string_view why =
        start.failure.ok() ? "it is being opened" : std::string_view(start.failure.message());
    return {Code::unavailable,
            fmt::format("the copy of shard {} on this worker is not open: {}", shard, why)};
  }
  return {};
}

Result<std::shared_ptr<Shard>> Worker::shard_of(uint64_t shard_id) const {
  const auto found = shards_.find(ShardId(shard_id));
  const bool damaged =
      found != shards_.end() ? found->second->replica().damaged() : has_lost(shard_id);
  if (damaged) {
    return fail(Code::data_loss,
                fmt::format("the copy of shard {} on this worker is damaged or gone; its log says "
                            "why",
                            shard_id),
                "shard_id");
  }
  if (found != shards_.end()) return found->second;
  const Status closed = why_closed(GroupId(shard_id));
  if (!closed.ok()) return fail(closed);
  return fail(Code::not_found, fmt::format("this worker does not hold shard {}", shard_id));
}

Task<Result<wire::WriteReply>> Worker::write(RequestContext context, wire::WriteRequest request) {
  const auto shard = shard_of(request.shard_id);
  VECTRON_CO_CHECK_OK(shard);
  auto reply = co_await (*shard)->write(with_deadline_of(std::move(context)), std::move(request));
  co_return reply;
}

Task<Result<wire::ReadReply>> Worker::read(RequestContext context, wire::ReadRequest request) {
  const auto shard = shard_of(request.shard_id);
  VECTRON_CO_CHECK_OK(shard);
  auto reply = co_await (*shard)->read(with_deadline_of(std::move(context)), std::move(request));
  co_return reply;
}

Task<Result<wire::ShardSearchReply>> Worker::search(RequestContext context,
                                                    wire::ShardSearchRequest request) {
  const auto shard = shard_of(request.shard_id);
  VECTRON_CO_CHECK_OK(shard);
  auto reply = co_await (*shard)->search(with_deadline_of(std::move(context)), std::move(request));
  co_return reply;
}

Task<Result<wire::AssignReply>> Worker::assign(RequestContext, wire::AssignRequest request) {
  // A birth that was meant for a folder which is lost by now would make a replica that forgot what
  // it voted for.
  if (request.folder_id != folder_id_) {
    co_return fail(Code::failed_precondition, "these assignments are meant for another folder",
                   "folder_id");
  }
  WorkerOrders orders;
  orders.lineage = request.lineage;
  orders.revision = request.revision;
  orders.assignments = std::move(request.assignments);
  orders.removed = std::move(request.removed);
  const auto done = co_await carry_out(std::move(orders));
  VECTRON_CO_CHECK_OK(done);
  wire::AssignReply reply;
  reply.replicas = reports();
  reply.revision = revision();
  co_return reply;
}

Task<Result<void>> Worker::carry_out(WorkerOrders orders) {
  // A replica that is half started or half born when a deadline destroys the asking handler would
  // stay so.
  const Done done = std::make_shared<Completion<Result<void>>>(env_->scheduler());
  tasks_.spawn(carry_out_for(std::move(orders), done));
  co_await done->wait();
  co_return done->get();
}

Task<void> Worker::carry_out_for(WorkerOrders orders, Done done) {
  std::vector<uint64_t> removed = orders.removed;
  auto obeyed = co_await obey(std::move(orders));
  // What takes longer shows in the reports until it is done.
  const Instant until = env_->clock().scheduler_time(env_->clock().monotonic() + kDropsWaitMax);
  const auto dropped =
      co_await with_deadline(&env_->scheduler(), until, wait_for_drops(std::move(removed)));
  (void)dropped;
  done->set(std::move(obeyed));
}

// Its ids were given out by a state that knows nothing of the replicas here: what it calls removed
// may be the only copies of what another state promised to keep.
Result<void> Worker::check_lineage(const WorkerOrders& orders) {
  const uint64_t lineage = orders.lineage;
  if (lineage != lineage_ && orders.answer_heartbeat && !holds_replicas()) {
    lineage_ = lineage;
    revision_ = 0;
    done_revision_ = 0;
  }
  if (lineage != 0 && lineage == lineage_) return {};
  env_->log().error(kComponent,
                    "orders of another placement state (lineage {}) are refused, the replicas here "
                    "come from lineage {}",
                    lineage, lineage_);
  return fail(Code::failed_precondition,
              "this worker's replicas come from another state of the placement driver", "lineage");
}

Task<Result<void>> Worker::obey(WorkerOrders orders) {
  const auto turn = co_await assign_turn_.acquire();
  if (!heard_ && !orders.answer_heartbeat) {
    co_return fail(Code::failed_precondition, "this worker has just started: heartbeats come first",
                   "revision");
  }
  const auto related = check_lineage(orders);
  VECTRON_CO_CHECK_OK(related);
  heard_ = true;
  if (orders.revision < revision_) {
    // A push was quicker than the answer to a heartbeat: nothing is wrong.
    if (orders.answer_heartbeat) co_return Result<void>();
    co_return fail(Code::failed_precondition, "newer orders were carried out already", "revision");
  }
  if (config_->observer != nullptr) {
    config_->observer->on_order(config_->node, {orders.lineage, orders.revision});
  }
  if (std::exchange(revision_, orders.revision) != orders.revision) put_off_from_ = ReplicaId();
  const auto begun = begin_drops(orders);
  VECTRON_CO_CHECK_OK(begun);
  auto held = co_await hold_all(std::move(orders.assignments));
  if (!has_put_off()) done_revision_ = orders.revision;
  co_return held;
}

// As many as there is time for, from where the time ended before.
Task<Result<void>> Worker::hold_all(std::vector<wire::Assignment> assignments) {
  const Instant until = env_->clock().monotonic() + kHoldTimeMax;
  Result<void> result;
  size_t failed = 0;
  std::ranges::sort(assignments, {}, &wire::Assignment::replica_id);
  for (wire::Assignment& assignment : assignments) {
    const ReplicaId replica(assignment.replica_id);
    if (replica < put_off_from_) continue;
    if (env_->clock().monotonic() >= until) {
      put_off_from_ = replica;
      co_return result;
    }
    // One that fails does not keep the others from being held.
    auto held = co_await hold(std::move(assignment));
    if (held.has_value()) continue;
    if (++failed == 1) result = std::move(held);
  }
  put_off_from_ = ReplicaId();
  if (failed > 1) {
    co_return fail(result.error().with_context(
        fmt::format("{} copies are not held, the first of them", failed)));
  }
  co_return result;
}

// Begins those removals that are not under way yet.
Result<void> Worker::begin_drops(const WorkerOrders& orders) {
  std::set<uint64_t> assigned;
  for (const wire::Assignment& assignment : orders.assignments) {
    assigned.insert(assignment.replica_id);
  }
  // Nobody names for removal what was never reported.
  const std::set<ReplicaId> unborn = host_->unborn();  // Removals take from it.
  for (const ReplicaId replica : unborn) {
    if (assigned.contains(replica.value()) || dropping_.contains(replica)) continue;
    dropping_.emplace(replica, GroupId());
    tasks_.spawn(drop_unborn(replica));
  }
  for (const uint64_t removed : orders.removed) {
    if (assigned.contains(removed)) {
      return fail(Code::invalid_argument, "a replica is both assigned and removed", "removed");
    }
    const ReplicaId replica(removed);
    const auto group = group_of(replica);
    if (!group || dropping_.contains(replica) || env_->planted("keep_removed_replica")) continue;
    const auto start = starts_.find(replica);
    if (start != starts_.end() && start->second.under_way) continue;  // Its turn comes later.
    dropping_.emplace(replica, *group);
    tasks_.spawn(drop_one(replica, *group));
  }
  return {};
}

// The group of a replica that this worker knows of.
std::optional<GroupId> Worker::group_of(ReplicaId replica) const {
  const auto manifest = host_->manifests().find(replica);
  if (manifest != host_->manifests().end()) return GroupId(manifest->second.group_id);
  const auto missing = missing_.find(replica);
  if (missing != missing_.end()) return GroupId(missing->second.value());
  return std::nullopt;
}

Task<bool> Worker::wait_for_drops(std::vector<uint64_t> removed) {
  const auto waits = [&] {
    return std::ranges::any_of(
        removed, [this](uint64_t replica) { return dropping_.contains(ReplicaId(replica)); });
  };
  while (waits()) co_await dropped_.wait();
  co_return true;
}

Task<void> Worker::drop_one(ReplicaId replica, GroupId group) {
  const auto dropped = co_await drop(replica, group);
  // The next heartbeat names it again, and it is tried again.
  if (!dropped.has_value()) {
    env_->log().error(kComponent, "replica {} could not be removed: {}", replica,
                      dropped.error().to_string());
  }
  dropping_.erase(replica);
  dropped_.notify_all();
}

// A birth that failed left a folder, perhaps, and nothing else.
Task<void> Worker::drop_unborn(ReplicaId replica) {
  const auto removed = co_await host_->remove_unborn(replica);
  if (!removed.has_value()) {
    env_->log().error(kComponent, "what a failed birth of replica {} left stays for now: {}",
                      replica, removed.error().to_string());
  }
  dropping_.erase(replica);
  dropped_.notify_all();
}

Task<Result<void>> Worker::drop(ReplicaId replica, GroupId group) {
  const auto shard = shards_.find(ShardId(group.value()));
  if (shard != shards_.end() && shard->second->replica().spec().self == replica) {
    const std::shared_ptr<Shard> ending = shard->second;
    shards_.erase(shard);
    co_await ending->end();
  }
  const auto dropped = co_await host_->drop(group, replica);
  VECTRON_CO_CHECK_OK(dropped);
  missing_.erase(replica);
  starts_.erase(replica);
  co_return Result<void>();
}

Task<Result<void>> Worker::hold(wire::Assignment assignment) {
  const GroupId group(assignment.shard.shard_id);
  const ReplicaId replica(assignment.replica_id);
  // Its turn comes with a later heartbeat.
  const bool in_use = std::ranges::any_of(dropping_, [&](const auto& dropping) {
    return dropping.first == replica || dropping.second == group;
  });
  if (in_use) co_return Result<void>();
  const auto known = host_->manifests().find(replica);
  if (known != host_->manifests().end() && GroupId(known->second.group_id) != group) {
    env_->log().error(kComponent, "replica {} is assigned to shard {}, here it is of shard {}",
                      replica, group, known->second.group_id);
    co_return fail(Code::failed_precondition, "the replica here is of another shard",
                   "assignments");
  }
  switch (host_->presence(group, replica)) {
    case ReplicaHost::Presence::running:
      tell_running(assignment);
      break;
    case ReplicaHost::Presence::lost:
      if (!host_->manifests().contains(replica)) note_missing(replica, group);
      break;
    case ReplicaHost::Presence::born: {
      // It runs from the moment that its birth is on record (docs/decisions/0008-replica-birth.md).
      if (assignment.bootstrap) break;
      const auto begun = begin_start(replica);
      co_return begun;
    }
    case ReplicaHost::Presence::absent: {
      if (!assignment.bootstrap) {
        note_missing(replica, group);
        break;
      }
      const auto born = co_await bear(std::move(assignment));
      co_return born;
    }
  }
  co_return Result<void>();
}

void Worker::tell_running(const wire::Assignment& assignment) {
  const auto shard = shards_.find(ShardId(assignment.shard.shard_id));
  if (shard == shards_.end()) return;  // It is being started.
  shard->second->set_epoch(Epoch(assignment.epoch));
  shard->second->replica().learn_addresses(members_of(assignment.members));
  const Duration told_for = kCrowdedHeartbeats * config_->heartbeat_interval;
  shard->second->set_crowded_until(assignment.crowded ? env_->clock().monotonic() + told_for
                                                      : Instant());
}

Task<Result<void>> Worker::bear(wire::Assignment assignment) {
  const auto valid = check_assignment(assignment);
  VECTRON_CO_CHECK_OK(valid);
  const uint64_t replicas_max = config_->replicas_max;
  if (replicas_max != 0 && host_->manifests().size() >= replicas_max) {
    co_return fail(Code::resource_exhausted,
                   fmt::format("this worker holds {} copies already (replicas_max)",
                               host_->manifests().size()));
  }
  const auto born = co_await host_->bear(manifest_of(assignment, lineage_));
  co_return born;
}

void Worker::note_missing(ReplicaId replica, GroupId group) {
  if (!missing_.emplace(replica, ShardId(group.value())).second) return;
  env_->log().error(kComponent,
                    "replica {} of shard {} is lost: its folder, or a part of it, is missing",
                    replica, group);
}

std::vector<wire::ReplicaReport> Worker::reports() const {
  std::vector<wire::ReplicaReport> reports;
  for (const auto& [replica, manifest] : host_->manifests()) {
    wire::ReplicaReport report;
    report.replica_id = replica.value();
    report.shard_id = manifest.group_id;
    const auto presence = host_->presence(GroupId(manifest.group_id), replica);
    report.lost = presence == ReplicaHost::Presence::lost;
    report.created = !report.lost;
    const auto shard = shards_.find(ShardId(manifest.group_id));
    if (shard != shards_.end()) {
      const ReplicaStatus status = shard->second->replica().status();
      report.is_leader = status.is_leader;
      report.term = status.term.value();
      report.applied_index = status.applied_index.value();
      report.catching_up = status.is_leader && !status.leads_with_all;
      report.points = shard->second->state().points();
      if (shard->second->state().content()) {
        // Slots of points that were written again or removed count on neither side.
        const uint64_t waiting = shard->second->state().content()->index.waiting_slots();
        report.indexed = report.points > waiting ? report.points - waiting : 0;
      }
    }
    reports.push_back(report);
  }
  for (const auto& [replica, shard] : missing_) {
    wire::ReplicaReport report;
    report.replica_id = replica.value();
    report.shard_id = shard.value();
    report.lost = true;
    reports.push_back(report);
  }
  return reports;
}

uint64_t Worker::stored_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, shard] : shards_) bytes += shard->replica().stored_bytes();
  return bytes;
}

Worker::Signature Worker::signature() const {
  Signature sum;
  for (const wire::ReplicaReport& report : reports()) {
    sum.state = mix64(sum.state ^ report.replica_id);
    sum.state = mix64(sum.state ^ (report.term << 4 | report.is_leader << 3 | report.created << 2 |
                                   report.catching_up << 1 | (report.lost ? 1U : 0U)));
    sum.counts = mix64(sum.counts ^ report.points);
    sum.counts = mix64(sum.counts ^ report.indexed);
  }
  // Who waits for the graph hears soon that it is finished.
  if (budget_.full()) sum.state = mix64(sum.state ^ 1);
  for (const auto& [id, shard] : shards_) {
    if (shard->catching_up()) sum.state = mix64(sum.state ^ id.value());
  }
  return sum;
}

}  // namespace vectron
