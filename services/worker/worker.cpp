#include "services/worker/worker.h"

#include "core/base/hash.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "worker";

stored::ReplicaManifest manifest_of(const wire::Assignment& assignment) {
  stored::ReplicaManifest manifest;
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
  const bool good = members.size() == assignment.members.size() &&
                    members.size() <= raft::kVotersMax && members.contains(assignment.replica_id) &&
                    assignment.shard.dimension >= 1 && assignment.shard.dimension <= kDimensionMax;
  if (good) return {};
  return fail(Code::invalid_argument, "the assignment's members or dimension make no sense",
              "assignments");
}

}  // namespace

Worker::Worker(Env* env, const WorkerConfig* config, ReplicaHost* host, uint64_t folder_id)
    : env_(env),
      config_(config),
      host_(host),
      folder_id_(folder_id),
      assign_turn_(env->scheduler(), 1),
      tasks_(env->scheduler()) {}

Task<void> Worker::start_known_replicas() {
  for (const auto& [replica, manifest] : host_->manifests()) {
    const GroupId group(manifest.group_id);
    const bool known = manifest.shard.has_value() && host_->took_part(group) &&
                       host_->presence(group, replica) == ReplicaHost::Presence::born;
    if (known) co_await start_replica(&manifest);
  }
}

Task<void> Worker::start_replica(const stored::ReplicaManifest* manifest) {
  const ShardOptions options = shard_options_of(*manifest->shard);
  auto state = std::make_unique<ShardState>(env_, options);
  ShardState* state_pointer = state.get();
  const auto started = co_await host_->start(GroupId(manifest->group_id), std::move(state));
  if (!started.has_value()) co_return;  // The host has said why, and reports it as lost.
  shards_[options.shard] =
      std::make_unique<Shard>(env_, config_, *started, state_pointer, Epoch(manifest->epoch));
}

RequestContext Worker::with_deadline_of(RequestContext context) const {
  if (context.deadline == kNever) {
    context.deadline = env_->clock().monotonic() + config_->request_timeout;
  }
  return context;
}

Result<Shard*> Worker::shard_of(uint64_t shard_id) {
  const auto found = shards_.find(ShardId(shard_id));
  if (found != shards_.end()) return found->second.get();
  return fail(Code::unavailable, fmt::format("this worker does not hold shard {}", shard_id));
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
  const auto done = co_await carry_out(request.placement_term, std::move(request.assignments));
  VECTRON_CO_CHECK_OK(done);
  wire::AssignReply reply;
  reply.replicas = reports();
  co_return reply;
}

Task<Result<void>> Worker::carry_out(uint64_t placement_term,
                                     std::vector<wire::Assignment> assignments) {
  // A replica that is half started or half born when a deadline destroys the asking handler would
  // stay so.
  const Done done = std::make_shared<Completion<Result<void>>>(env_->scheduler());
  tasks_.spawn(carry_out_for(placement_term, std::move(assignments), done));
  co_await done->wait();
  co_return done->get();
}

Task<void> Worker::carry_out_for(uint64_t placement_term, std::vector<wire::Assignment> assignments,
                                 Done done) {
  auto held = co_await hold_all(placement_term, std::move(assignments));
  done->set(std::move(held));
}

Task<Result<void>> Worker::hold_all(uint64_t placement_term,
                                    std::vector<wire::Assignment> assignments) {
  const auto turn = co_await assign_turn_.acquire();
  if (placement_term < placement_term_) {
    co_return fail(Code::failed_precondition, "a newer placement leader has spoken",
                   "placement_term");
  }
  placement_term_ = placement_term;
  Result<void> result;
  for (wire::Assignment& assignment : assignments) {
    // One that fails does not keep the others from being held.
    auto held = co_await hold(std::move(assignment));
    if (!held.has_value()) result = std::move(held);
  }
  co_return result;
}

Task<Result<void>> Worker::hold(wire::Assignment assignment) {
  const GroupId group(assignment.shard.shard_id);
  const ReplicaId replica(assignment.replica_id);
  switch (host_->presence(group, replica)) {
    case ReplicaHost::Presence::running: {
      const auto shard = shards_.find(ShardId(group.value()));
      if (shard != shards_.end()) {
        shard->second->set_epoch(Epoch(assignment.epoch));
        shard->second->replica().learn_addresses(members_of(assignment.members));
      }
      break;
    }
    case ReplicaHost::Presence::lost:
      break;
    case ReplicaHost::Presence::born:
      // It runs from the moment that its birth is on record (docs/decisions/0008-replica-birth.md).
      if (!assignment.bootstrap) co_await start_replica(&host_->manifests().at(replica));
      break;
    case ReplicaHost::Presence::absent: {
      if (!assignment.bootstrap) {
        if (missing_.emplace(replica, ShardId(group.value())).second) {
          env_->log().error(kComponent, "replica {} of shard {} is gone: its folder is missing",
                            replica, group);
        }
        break;
      }
      const auto valid = check_assignment(assignment);
      VECTRON_CO_CHECK_OK(valid);
      const auto born = co_await host_->bear(manifest_of(assignment));
      VECTRON_CO_CHECK_OK(born);
      break;
    }
  }
  co_return Result<void>();
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
      report.points = shard->second->state().points();
      if (shard->second->state().content()) {
        // Slots of points that were written again or removed count on neither side.
        const uint64_t tail = shard->second->state().content()->index.tail_slots();
        report.indexed = report.points > tail ? report.points - tail : 0;
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

uint64_t Worker::reports_signature() const {
  uint64_t signature = 0;
  for (const wire::ReplicaReport& report : reports()) {
    signature = mix64(signature ^ report.replica_id);
    signature = mix64(signature ^ (report.term << 3 | report.is_leader << 2 | report.created << 1 |
                                   (report.lost ? 1U : 0U)));
  }
  // Who waits for the graph hears soon that it is finished.
  for (const auto& [id, shard] : shards_) {
    if (shard->catching_up()) signature = mix64(signature ^ id.value());
  }
  return signature;
}

}  // namespace vectron
