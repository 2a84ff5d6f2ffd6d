// What PlacementApi answers workers.
#include <algorithm>
#include <array>

#include "services/placement/placement_api.h"

namespace vectron {
namespace {

constexpr Duration kTellOfTwoInterval = 10s;

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

Task<Result<wire::RegisterWorkerReply>> PlacementApi::register_worker(
    RequestContext context, wire::RegisterWorkerRequest request) {
  if (request.node_id == 0 || request.address.empty()) {
    co_return fail(Code::invalid_argument, "a worker has a node id and an address", "node_id");
  }
  const auto itself = check_speaks_for_itself(context, request.node_id);
  VECTRON_CO_CHECK_OK(itself);
  const auto short_enough = check_texts(request);
  VECTRON_CO_CHECK_OK(short_enough);
  const Instant deadline = leadership_->deadline_of(context);
  const auto reached = co_await leadership_->reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto related = state().check_lineage(request.lineage);
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
  if (state().counters().lineage == 0) command.lineage = std::max<uint64_t>(random_.next(), 1);
  const NodeId node(request.node_id);
  const auto other = heard_from_another_folder(node, request.folder_id);
  const auto registered = co_await leadership_->propose(std::move(command), deadline);
  VECTRON_CO_CHECK_OK(registered);
  if (other.has_value()) tell_of_two(node, *other);
  wire::RegisterWorkerReply reply;
  reply.cluster_id = config().cluster.value();
  reply.lineage = state().counters().lineage;
  co_return reply;
}

// Forgets workers that are silent and hold nothing, when no more may be on record. Such a one that
// comes back registers again.
Task<Result<void>> PlacementApi::make_room_for(NodeId node, Instant deadline) {
  const bool fits =
      state().workers().contains(node) || state().workers().size() < config().workers_max;
  if (fits) co_return Result<void>();
  leadership_->notice_term();
  const Instant now = leadership_->now();
  if (now - leadership_->since() < config().worker_silence_max) {
    co_return fail(
        Code::unavailable,
        "as many workers are on record as may be, and which of them are gone is not known "
        "yet: try again");
  }
  stored::PlacementCommand command;
  command.forget_workers = stored::ForgetWorkersCommand{};
  for (const auto& [each, record] : state().workers()) {
    if (state().book().is_in_use(each) || view().is_live(each, now, config().worker_silence_max))
      continue;
    command.forget_workers->node_ids.push_back(each.value());
  }
  const std::vector<uint64_t> forgotten = command.forget_workers->node_ids;
  if (forgotten.empty()) {
    co_return fail(
        Code::resource_exhausted,
        fmt::format("{} workers are on record, and all of them hold copies or are there: "
                    "stop those that are not needed",
                    state().workers().size()),
        "node_id");
  }
  leadership_->env().log().warning(
      "placement", "{} workers that hold nothing and are silent are forgotten: workers_max is {}",
      forgotten.size(), config().workers_max);
  const auto done = co_await leadership_->propose(std::move(command), deadline);
  VECTRON_CO_CHECK_OK(done);
  for (const uint64_t id : forgotten) {
    if (state().workers().contains(NodeId(id))) continue;
    leadership_->forget(NodeId(id));
  }
  co_return Result<void>();
}

// Where the worker of this number was that reported a moment ago, if its folder was another one.
std::optional<std::string> PlacementApi::heard_from_another_folder(NodeId node,
                                                                   uint64_t folder_id) const {
  const auto known = state().workers().find(node);
  if (known == state().workers().end() || known->second.folder_id == folder_id) return std::nullopt;
  const Instant now = leadership_->now();
  if (!view().is_live(node, now, config().worker_silence_max)) return std::nullopt;
  return known->second.address;
}

// Each of the two takes the number from the other, again and again, until one holds copies.
void PlacementApi::tell_of_two(NodeId node, const std::string& before) {
  const Instant now = leadership_->now();
  const auto record = state().workers().find(node);
  if (now < tell_of_two_next_ || record == state().workers().end()) return;
  tell_of_two_next_ = now + kTellOfTwoInterval;
  leadership_->env().log().warning(
      "placement",
      "worker {} came with another folder, at {}, while the one at {} was there a "
      "moment ago: if both run, give one of them another number (option node)",
      node, record->second.address, before);
}

Task<Result<wire::HeartbeatReply>> PlacementApi::heartbeat(RequestContext context,
                                                           wire::HeartbeatRequest request) {
  const auto itself = check_speaks_for_itself(context, request.node_id);
  VECTRON_CO_CHECK_OK(itself);
  const auto reached = co_await leadership_->reach(leadership_->deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const NodeId node(request.node_id);
  const auto worker = state().workers().find(node);
  if (worker == state().workers().end() || worker->second.incarnation > request.incarnation ||
      worker->second.folder_id != request.folder_id) {
    co_return fail(Code::not_found, fmt::format("worker {} is not registered", node), "node_id");
  }
  const auto related = state().check_lineage(request.lineage);
  VECTRON_CO_CHECK_OK(related);
  leadership_->hear(node, request.revision, request.replicas);
  leadership_->note_condition(
      node, {request.stored_bytes, request.draining, request.memory_full, request.replicas_max});
  wire::HeartbeatReply reply;
  reply.revision = state().counters().revision;
  reply.assignments = assignments_of(state(), node);
  view().mark_crowded(node, leadership_->watching(), &reply.assignments);
  reply.removed = view().removed_replicas(state(), node);
  reply.lineage = state().counters().lineage;
  reply.starts = starts_of_peers(state(), node);
  co_return reply;
}

}  // namespace vectron
