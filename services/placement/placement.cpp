#include "services/placement/placement.h"

#include <algorithm>
#include <array>

#include "core/async/combine.h"
#include "core/base/hash.h"
#include "core/model/collection.h"
#include "core/model/shard_map.h"
#include "services/placement/placement_choice.h"

namespace vectron {
namespace {

constexpr uint32_t kReplicationDefault = 3;
constexpr Duration kRecheckInterval = 100ms;
constexpr Duration kAppliedLook = 5ms;
constexpr Duration kTellOfTwoInterval = 10s;

CollectionOptions options_of(const wire::CreateCollectionRequest& request, uint32_t replication) {
  CollectionOptions options;
  options.name = request.name;
  options.dimension = request.dimension;
  options.distance = static_cast<Distance>(request.distance);
  options.shards = request.shards;
  options.replication = replication;
  options.index.m = request.index.m;
  options.index.ef_construction = request.index.ef_construction;
  options.index.ef_search = request.index.ef_search_default;
  return options;
}

stored::CreateCollectionCommand command_of(wire::CreateCollectionRequest request,
                                           uint32_t replication,
                                           const std::vector<std::vector<NodeId>>& workers) {
  stored::CreateCollectionCommand command;
  command.name = std::move(request.name);
  command.dimension = request.dimension;
  command.distance = request.distance;
  command.replication = replication;
  command.read_level = request.read_level;
  command.index = request.index;
  const std::vector<HashRange> ranges = split_evenly(request.shards);
  for (size_t i = 0; i < ranges.size(); ++i) {
    stored::PlannedShard shard;
    shard.hash_low = ranges[i].low;
    shard.hash_high = ranges[i].high;
    for (const NodeId node : workers[i]) shard.node_ids.push_back(node.value());
    command.shards.push_back(std::move(shard));
  }
  return command;
}

Task<bool> heard_by(Condition* heard) {
  co_await heard->wait();
  co_return true;
}

// What a push says, whatever its revision.
uint64_t signature_of(wire::AssignRequest request) {
  request.revision = 0;
  return hash64(encode(request));
}

// What a worker says of itself comes over a connection of its own.
Result<void> check_speaks_for_itself(const RequestContext& context, uint64_t node) {
  if (context.peer == NodeId(node)) return {};
  return fail(Code::permission_denied,
              fmt::format("node {} is connected and speaks for worker {}", context.peer, node),
              "node_id");
}

// What one registration may leave on record.
Result<void> check_texts(const wire::RegisterWorkerRequest& request) {
  const std::array<std::pair<const char*, const std::string*>, 4> texts = {
      {{"address", &request.address},
       {"zone", &request.zone},
       {"rack", &request.rack},
       {"host", &request.host}}};
  for (const auto& [field, text] : texts) {
    if (text->size() <= kWorkerTextBytesMax) continue;
    return fail(
        Code::invalid_argument,
        fmt::format("{} has {} bytes; it may have {}", field, text->size(), kWorkerTextBytesMax),
        field);
  }
  return {};
}

}  // namespace

Placement::Placement(Env* env, const PlacementConfig* config, Replica* replica,
                     PlacementState* state, rpc::ChannelPool* channels)
    : env_(env),
      config_(config),
      replica_(replica),
      state_(state),
      channels_(channels),
      random_(env->random("placement.lineage")),
      creating_(env->scheduler(), 1),
      register_turn_(env->scheduler(), 1),
      heard_(env->scheduler()),
      changed_(env->scheduler()),
      tasks_(env->scheduler()) {
  tasks_.spawn(lead());
}

Instant Placement::deadline_of(const RequestContext& context) const {
  if (context.deadline != kNever) return context.deadline;
  return env_->clock().monotonic() + config_->request_timeout;
}

Status Placement::with_leader(const Status& status) const {
  const ReplicaStatus replica = replica_->status();
  if (!replica.leader || replica.leader->replica == replica.self) return status;
  wire::ErrorDetail detail;
  detail.leader_node = replica.leader->node.value();
  detail.leader_address = replica.leader->address.text;
  return status.with_detail(encode(detail));
}

// Waits until this node certainly leads and has applied all that was acknowledged before.
Task<Result<void>> Placement::reach(Instant deadline) {
  const auto reached = co_await replica_->read_barrier(deadline);
  if (!reached.has_value()) co_return fail(with_leader(reached.error()));
  co_return Result<void>();
}

Task<Result<PlacementAnswer>> Placement::propose(stored::PlacementCommand command,
                                                 Instant deadline) {
  command.header.schema_version = schema_version_of(command);
  const auto applied = co_await replica_->propose(encode(command), deadline);
  if (!applied.has_value()) co_return fail(with_leader(applied.error()));
  const auto answer = decode_answer(applied->answer);
  VECTRON_CO_CHECK_OK(answer);
  if (!answer->status.ok()) co_return fail(answer->status);
  changed_.set();
  co_return *answer;
}

Task<Result<wire::RegisterWorkerReply>> Placement::register_worker(
    RequestContext context, wire::RegisterWorkerRequest request) {
  if (request.node_id == 0 || request.address.empty()) {
    co_return fail(Code::invalid_argument, "a worker has a node id and an address", "node_id");
  }
  const auto itself = check_speaks_for_itself(context, request.node_id);
  VECTRON_CO_CHECK_OK(itself);
  const auto short_enough = check_texts(request);
  VECTRON_CO_CHECK_OK(short_enough);
  const Instant deadline = deadline_of(context);
  const auto reached = co_await reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto related = state_->check_lineage(request.lineage);
  VECTRON_CO_CHECK_OK(related);
  const auto turn = co_await register_turn_.acquire();
  const auto room = co_await make_room_for(NodeId(request.node_id), deadline);
  VECTRON_CO_CHECK_OK(room);
  stored::PlacementCommand command;
  command.register_worker = stored::WorkerRecord{};
  command.register_worker->node_id = request.node_id;
  command.register_worker->address = std::move(request.address);
  command.register_worker->zone = std::move(request.zone);
  command.register_worker->rack = std::move(request.rack);
  command.register_worker->host = std::move(request.host);
  command.register_worker->capacity_bytes = request.capacity_bytes;
  command.register_worker->incarnation = request.incarnation;
  command.register_worker->folder_id = request.folder_id;
  if (state_->counters().lineage == 0) command.lineage = std::max<uint64_t>(random_.next(), 1);
  const NodeId node(request.node_id);
  const auto other = heard_from_another_folder(node, request.folder_id);
  const auto registered = co_await propose(std::move(command), deadline);
  VECTRON_CO_CHECK_OK(registered);
  if (other.has_value()) tell_of_two(node, *other);
  wire::RegisterWorkerReply reply;
  reply.cluster_id = config_->cluster.value();
  reply.lineage = state_->counters().lineage;
  co_return reply;
}

// Forgets workers that are silent and hold nothing, when no more may be on record. Such a one that
// comes back registers again.
Task<Result<void>> Placement::make_room_for(NodeId node, Instant deadline) {
  const bool fits =
      state_->workers().contains(node) || state_->workers().size() < config_->workers_max;
  if (fits) co_return Result<void>();
  notice_term();
  const Instant now = env_->clock().monotonic();
  if (now - led_since_ < config_->worker_silence_max) {
    co_return fail(
        Code::unavailable,
        "as many workers are on record as may be, and which of them are gone is not known "
        "yet: try again");
  }
  const std::set<NodeId> in_use = state_->workers_in_use();
  stored::PlacementCommand command;
  command.forget_workers = stored::ForgetWorkersCommand{};
  for (const auto& [each, record] : state_->workers()) {
    if (in_use.contains(each) || view_.is_live(each, now, config_->worker_silence_max)) continue;
    command.forget_workers->node_ids.push_back(each.value());
  }
  const std::vector<uint64_t> forgotten = command.forget_workers->node_ids;
  if (forgotten.empty()) {
    co_return fail(
        Code::resource_exhausted,
        fmt::format("{} workers are on record, and all of them hold copies or are there: "
                    "stop those that are not needed",
                    state_->workers().size()),
        "node_id");
  }
  env_->log().warning(
      "placement", "{} workers that hold nothing and are silent are forgotten: workers_max is {}",
      forgotten.size(), config_->workers_max);
  const auto done = co_await propose(std::move(command), deadline);
  VECTRON_CO_CHECK_OK(done);
  for (const uint64_t id : forgotten) {
    if (state_->workers().contains(NodeId(id))) continue;
    view_.forget(NodeId(id));
    pushed_.erase(NodeId(id));
  }
  co_return Result<void>();
}

// Where the worker of this number was that reported a moment ago, if its folder was another one.
std::optional<std::string> Placement::heard_from_another_folder(NodeId node,
                                                                uint64_t folder_id) const {
  const auto known = state_->workers().find(node);
  if (known == state_->workers().end() || known->second.folder_id == folder_id) return std::nullopt;
  const Instant now = env_->clock().monotonic();
  if (!view_.is_live(node, now, config_->worker_silence_max)) return std::nullopt;
  return known->second.address;
}

// Each of the two takes the number from the other, again and again, until one holds copies.
void Placement::tell_of_two(NodeId node, const std::string& before) {
  const Instant now = env_->clock().monotonic();
  const auto record = state_->workers().find(node);
  if (now < tell_of_two_next_ || record == state_->workers().end()) return;
  tell_of_two_next_ = now + kTellOfTwoInterval;
  env_->log().warning("placement",
                      "worker {} came with another folder, at {}, while the one at {} was there a "
                      "moment ago: if both run, give one of them another number (option node)",
                      node, record->second.address, before);
}

Watching Placement::watching() const {
  return {led_since_, env_->clock().monotonic(), config_->worker_silence_max};
}

// What was heard in another term is forgotten: this node may not have led in between.
void Placement::notice_term() {
  if (led_term_ != replica_->status().term) {
    view_.forget_all();
    pushed_.clear();
    led_term_ = replica_->status().term;
    led_since_ = env_->clock().monotonic();
  }
}

void Placement::hear(NodeId node, uint64_t revision, std::span<const wire::ReplicaReport> reports) {
  notice_term();
  // It may have been forgotten while it answered.
  if (!state_->workers().contains(node)) return;
  view_.hear(node, env_->clock().monotonic(), revision, reports_to_keep(*state_, node, reports));
  heard_.notify_all();
  changed_.set();
}

Task<Result<wire::HeartbeatReply>> Placement::heartbeat(RequestContext context,
                                                        wire::HeartbeatRequest request) {
  const auto itself = check_speaks_for_itself(context, request.node_id);
  VECTRON_CO_CHECK_OK(itself);
  const auto reached = co_await reach(deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const NodeId node(request.node_id);
  const auto worker = state_->workers().find(node);
  if (worker == state_->workers().end() || worker->second.incarnation > request.incarnation ||
      worker->second.folder_id != request.folder_id) {
    co_return fail(Code::not_found, fmt::format("worker {} is not registered", node), "node_id");
  }
  const auto related = state_->check_lineage(request.lineage);
  VECTRON_CO_CHECK_OK(related);
  hear(node, request.revision, request.replicas);
  view_.note_condition(
      node, {request.stored_bytes, request.draining, request.memory_full, request.replicas_max});
  wire::HeartbeatReply reply;
  reply.revision = state_->counters().revision;
  reply.assignments = assignments_of(*state_, node);
  view_.mark_crowded(node, watching(), &reply.assignments);
  reply.removed = view_.removed_replicas(*state_, node);
  reply.lineage = state_->counters().lineage;
  reply.starts = starts_of_peers(*state_, reply.assignments);
  co_return reply;
}

size_t Placement::live_workers() const {
  const Instant now = env_->clock().monotonic();
  return static_cast<size_t>(std::ranges::count_if(state_->workers(), [&](const auto& worker) {
    return view_.is_live(worker.first, now, config_->worker_silence_max);
  }));
}

std::vector<Candidate> Placement::candidates() const {
  const Instant now = env_->clock().monotonic();
  std::vector<Candidate> candidates;
  for (const auto& [node, record] : state_->workers()) {
    if (!view_.takes_replicas(node, now, config_->worker_silence_max)) continue;
    candidates.push_back({node, record.zone, record.rack, record.host,
                          state_->replicas_of(node).size(), view_.replicas_max(node)});
  }
  return candidates;
}

// A leader that is new may not have heard from every worker yet: choosing among a few would put
// replicas closer together than they need to be.
bool Placement::knows_who_is_live(size_t live, Instant asked) const {
  const Instant now = env_->clock().monotonic();
  return live >= state_->workers().size() || now - led_since_ >= config_->worker_silence_max ||
         now - asked >= config_->create_wait / 2;
}

// A cluster that has just been made: workers may not have registered yet, and nothing says how many
// there will be. Its first collection waits a little when more workers could spread it better: from
// the leader's first moment on, not from the request's, for a client may ask anew before that ends.
bool Placement::may_be_incomplete() const {
  return state_->counters().collection_id == 0 &&
         env_->clock().monotonic() - led_since_ < config_->create_wait / 4;
}

Task<Result<CollectionId>> Placement::plan_and_create(wire::CreateCollectionRequest request,
                                                      Instant deadline) {
  notice_term();
  const Instant start = env_->clock().monotonic();
  // A refusal needs time to be told: without one, nobody would know whether the collection exists.
  const Instant give_up = std::min(deadline - (deadline - start) / 4, start + config_->create_wait);
  while (true) {
    const auto created = co_await try_create(request, start, give_up, deadline);
    VECTRON_CO_CHECK_OK(created);
    if (created->has_value()) co_return **created;
    co_await env_->clock().sleep_for(kRecheckInterval);
    const auto reached = co_await reach(deadline);
    VECTRON_CO_CHECK_OK(reached);
  }
}

// What an earlier creation took shows only where it is applied, and one of which nobody knows what
// became of it may still be on its way there.
Task<Result<void>> Placement::wait_until_applied(Instant deadline) {
  const LogIndex last = replica_->status().last_index;
  while (replica_->applied_index() < last) {
    if (env_->clock().monotonic() >= deadline) {
      co_return fail(Code::unavailable, "earlier changes of the cluster are not applied yet");
    }
    co_await env_->clock().sleep_for(kAppliedLook);
    const auto reached = co_await reach(deadline);
    VECTRON_CO_CHECK_OK(reached);
  }
  co_return Result<void>();
}

// One at a time: two that chose by the same counts would give a worker more than it can hold. None
// when it should be tried again.
Task<Result<std::optional<CollectionId>>> Placement::try_create(
    wire::CreateCollectionRequest request, Instant asked, Instant give_up, Instant deadline) {
  const Semaphore::Permit turn = co_await creating_.acquire();
  const auto applied = co_await wait_until_applied(deadline);
  VECTRON_CO_CHECK_OK(applied);
  if (state_->find(request.name) != nullptr) {
    co_return fail(Code::already_exists, fmt::format("collection '{}' exists", request.name),
                   "name");
  }
  const std::vector<Candidate> free = candidates();
  const uint32_t replication = request.replication != 0
                                   ? request.replication
                                   : std::clamp<uint32_t>(free.size(), 1, kReplicationDefault);
  const auto valid = check_collection_options(options_of(request, replication));
  VECTRON_CO_CHECK_OK(valid);
  const auto chosen =
      choose_workers(free, request.shards, replication, state_->counters().collection_id + 1);
  const bool worse_than_need_be =
      chosen.has_value() && may_be_incomplete() && !spreads_over_zones(free, *chosen);
  if (chosen.has_value() && !worse_than_need_be && knows_who_is_live(live_workers(), asked)) {
    stored::PlacementCommand command;
    command.create_collection = command_of(std::move(request), replication, *chosen);
    const auto answer = co_await propose(std::move(command), deadline);
    VECTRON_CO_CHECK_OK(answer);
    co_return answer->collection;
  }
  // A cluster that has just started may not have heard from its workers yet. Whoever asks one
  // that has too few is told soon.
  const bool known = !may_be_incomplete() && knows_who_is_live(live_workers(), asked);
  const bool late = known || env_->clock().monotonic() >= give_up;
  if (late && !chosen.has_value()) co_return fail(chosen.error());
  co_return std::optional<CollectionId>();
}

Task<void> Placement::wait_until_ready(CollectionId collection, Instant deadline) {
  while (env_->clock().monotonic() < deadline && replica_->is_leader()) {
    const auto found = state_->collections().find(collection);
    if (found == state_->collections().end() || view_.is_ready(found->second)) co_return;
    co_await next_report(deadline);
  }
}

// Returns when a worker has reported, or soon: this node may lead no more.
Task<void> Placement::next_report(Instant deadline) {
  const Instant until = std::min(deadline, env_->clock().monotonic() + kRecheckInterval);
  auto waiting = heard_by(&heard_);
  const auto heard = co_await with_deadline(&env_->scheduler(), env_->clock().scheduler_time(until),
                                            std::move(waiting));
  (void)heard;
}

Task<Result<wire::CreateCollectionReply>> Placement::create_collection(
    RequestContext context, wire::CreateCollectionRequest request) {
  const Instant deadline = deadline_of(context);
  const auto reached = co_await reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto created = co_await plan_and_create(std::move(request), deadline);
  VECTRON_CO_CHECK_OK(created);
  // Answer in time even when the leaders take longer: the collection exists.
  const Instant now = env_->clock().monotonic();
  const Instant answer_by = std::min(now + config_->create_wait, now + (deadline - now) / 2);
  co_await wait_until_ready(*created, answer_by);
  const auto found = state_->collections().find(*created);
  if (found == state_->collections().end()) {
    co_return fail(Code::unknown_outcome, "the collection was created and is gone");
  }
  wire::CreateCollectionReply reply;
  reply.collection = status_of(*state_, view_, found->second);
  co_return reply;
}

// Whether there is something to remove; no error when it is gone already.
Result<bool> Placement::check_delete(const wire::DeleteCollectionRequest& request) const {
  const auto found = state_->collections().find(CollectionId(request.id));
  if (found == state_->collections().end()) {
    if (request.id != 0 && request.id <= state_->counters().collection_id) return false;
    return fail(Code::not_found, fmt::format("there never was a collection {}", request.id),
                "collection_id");
  }
  if (found->second.name == request.name) return true;
  return fail(Code::invalid_argument,
              fmt::format("collection {} is called '{}'", request.id, found->second.name),
              "collection_id");
}

bool Placement::is_fenced(CollectionId collection) const {
  if (env_->planted("removal_unfenced")) return true;
  const auto removed = state_->removed().find(collection);
  return removed == state_->removed().end() || view_.is_fenced(removed->second);
}

// Whether all that is missing lies on workers that are down, so that waiting changes nothing.
bool Placement::is_hopeless(CollectionId collection) const {
  const auto removed = state_->removed().find(collection);
  if (removed == state_->removed().end() || is_fenced(collection)) return false;
  return !view_.may_drop_more(removed->second, watching());
}

Task<void> Placement::wait_for_fence(CollectionId collection, Instant deadline) {
  notice_term();
  while (env_->clock().monotonic() < deadline && replica_->is_leader() && !is_fenced(collection) &&
         !is_hopeless(collection)) {
    co_await next_report(deadline);
  }
}

Task<Result<wire::DeleteCollectionReply>> Placement::delete_collection(
    RequestContext context, wire::DeleteCollectionRequest request) {
  const Instant deadline = deadline_of(context);
  const auto reached = co_await reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto exists = check_delete(request);
  VECTRON_CO_CHECK_OK(exists);
  const CollectionId id(request.id);
  if (*exists) {
    stored::PlacementCommand command;
    command.delete_collection = stored::DeleteCollectionCommand{};
    command.delete_collection->collection_id = request.id;
    const auto deleted = co_await propose(std::move(command), deadline);
    VECTRON_CO_CHECK_OK(deleted);
  }
  const Instant now = env_->clock().monotonic();
  co_await wait_for_fence(id, now + (deadline - now) / 2);
  // What workers said stays true, whoever leads by now; only what they will say goes elsewhere.
  wire::DeleteCollectionReply reply;
  reply.id = request.id;
  reply.complete = is_fenced(id);
  reply.absent = is_hopeless(id);
  co_return reply;
}

Result<const stored::CollectionRecord*> Placement::find(const std::string& name) const {
  const stored::CollectionRecord* collection = state_->find(name);
  if (collection == nullptr) {
    return fail(Code::not_found, fmt::format("collection '{}' does not exist", name), "collection");
  }
  return collection;
}

Task<Result<wire::ListCollectionsReply>> Placement::list_collections(RequestContext context,
                                                                     wire::ListCollectionsRequest) {
  const auto reached = co_await reach(deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  std::map<std::string, const stored::CollectionRecord*> by_name;
  for (const auto& [id, collection] : state_->collections()) by_name[collection.name] = &collection;
  wire::ListCollectionsReply reply;
  for (const auto& [name, collection] : by_name) {
    reply.collections.push_back(status_of(*state_, view_, *collection));
  }
  co_return reply;
}

Task<Result<wire::ListWorkersReply>> Placement::list_workers(RequestContext context,
                                                             wire::ListWorkersRequest) {
  const auto reached = co_await reach(deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  notice_term();
  wire::ListWorkersReply reply;
  for (const auto& [node, worker] : state_->workers()) {
    reply.workers.push_back(status_of(*state_, view_, watching(), worker));
  }
  co_return reply;
}

Task<Result<wire::GetCollectionReply>> Placement::get_collection(
    RequestContext context, wire::GetCollectionRequest request) {
  const auto reached = co_await reach(deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const auto collection = find(request.name);
  VECTRON_CO_CHECK_OK(collection);
  wire::GetCollectionReply reply;
  reply.route = route_of(*state_, view_, **collection);
  co_return reply;
}

Task<Result<wire::GetCollectionStatusReply>> Placement::get_collection_status(
    RequestContext context, wire::GetCollectionStatusRequest request) {
  const auto reached = co_await reach(deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const auto collection = find(request.name);
  VECTRON_CO_CHECK_OK(collection);
  wire::GetCollectionStatusReply reply;
  reply.collection = status_of(*state_, view_, **collection);
  co_return reply;
}

Task<void> Placement::lead() {
  while (true) {
    co_await changed_.wait();
    changed_.reset();
    if (replica_->is_leader() && led_term_ == replica_->status().term && has_work()) {
      const Instant deadline = env_->clock().monotonic() + config_->push_timeout;
      const auto reached = co_await reach(deadline);
      if (reached.has_value()) {
        co_await record_births();
        co_await forget_what_is_gone();
        if (replica_->is_leader() && led_term_ == replica_->status().term) push_changes();
      }
    }
  }
}

// Most reports bring counts alone, and there is nothing to do about them.
bool Placement::has_work() const {
  const auto is_behind = [this](const auto& worker) {
    const auto pushed = pushed_.find(worker.first);
    return pushed == pushed_.end() || pushed->second.looked_at != basis();
  };
  const auto is_gone = [this](const auto& removed) { return view_.is_gone(removed.second); };
  return std::ranges::any_of(state_->workers(), is_behind) ||
         std::ranges::any_of(state_->removed(), is_gone) ||
         !view_.unrecorded_births(*state_).empty();
}

Task<void> Placement::record_births() {
  stored::PlacementCommand command;
  command.replicas_created = stored::ReplicasCreatedCommand{};
  command.replicas_created->replica_ids = view_.unrecorded_births(*state_);
  if (command.replicas_created->replica_ids.empty()) co_return;
  const Instant deadline = env_->clock().monotonic() + config_->push_timeout;
  const auto recorded = co_await propose(std::move(command), deadline);
  // A birth that was not recorded is reported again with the next heartbeat.
  if (!recorded.has_value()) {
    env_->log().debug("placement", "births were not recorded: {}", recorded.error().to_string());
  }
}

Task<void> Placement::forget_what_is_gone() {
  stored::PlacementCommand command;
  command.forget_collections = stored::ForgetCollectionsCommand{};
  for (const auto& [id, removed] : state_->removed()) {
    if (!view_.is_gone(removed)) continue;
    command.forget_collections->collection_ids.push_back(id.value());
  }
  if (command.forget_collections->collection_ids.empty()) co_return;
  const Instant deadline = env_->clock().monotonic() + config_->push_timeout;
  const auto forgotten = co_await propose(std::move(command), deadline);
  // What was not forgotten is tried again after the next report.
  if (!forgotten.has_value()) {
    env_->log().debug("placement", "removed collections were not forgotten: {}",
                      forgotten.error().to_string());
  }
}

// Whoever was looked at on the same basis is told nothing new.
void Placement::push_changes() {
  for (const auto& [node, record] : state_->workers()) {
    Pushed& pushed = pushed_[node];
    if (pushing_.contains(node) || pushed.looked_at == basis()) continue;
    wire::AssignRequest request;
    request.revision = state_->counters().revision;
    request.assignments = assignments_of(*state_, node);
    view_.mark_crowded(node, watching(), &request.assignments);
    request.removed = view_.removed_replicas(*state_, node);
    request.folder_id = record.folder_id;
    request.lineage = state_->counters().lineage;
    const uint64_t signature = signature_of(request);
    const bool empty = request.assignments.empty() && request.removed.empty();
    const bool nothing_new = pushed.signature ? *pushed.signature == signature : empty;
    if (nothing_new) pushed.looked_at = basis();
    if (nothing_new) continue;
    pushing_.insert(node);
    tasks_.spawn(push({node, Address{record.address}}, std::move(request), signature));
  }
}

Task<void> Placement::push(rpc::NodeAddress worker, wire::AssignRequest request,
                           uint64_t signature) {
  const NodeId node = worker.node;
  const Term term = led_term_;
  RequestContext context;
  context.deadline = env_->clock().monotonic() + config_->push_timeout;
  wire::WorkerClient client(channels_->channel(worker));
  const auto reply = co_await client.assign(std::move(context), std::move(request));
  const bool still_leads = replica_->is_leader() && replica_->status().term == term;
  if (reply.has_value() && still_leads) {
    if (state_->workers().contains(node)) pushed_[node].signature = signature;
    hear(node, reply->revision, reply->replicas);
  } else {
    // The next heartbeat brings the assignments too; this is only the quicker way.
    co_await env_->clock().sleep_for(config_->push_interval);
  }
  pushing_.erase(node);
  changed_.set();
}

}  // namespace vectron
