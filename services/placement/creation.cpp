#include "services/placement/creation.h"

#include <algorithm>
#include <array>

#include "core/model/collection.h"
#include "core/model/shard_map.h"

namespace vectron {
namespace {

constexpr uint32_t kReplicationDefault = 3;

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

}  // namespace

Creation::Creation(Leadership* leadership)
    : leadership_(leadership), turn_(leadership->env().scheduler(), 1) {}

std::vector<Candidate> Creation::candidates() const {
  const Duration silence_max = leadership_->config().worker_silence_max;
  const PlacementState& state = leadership_->state();
  const ClusterView& view = leadership_->view();
  std::vector<Candidate> candidates;
  for (const auto& [node, record] : state.workers()) {
    if (!view.takes_replicas(node, leadership_->now(), silence_max)) continue;
    candidates.push_back({node, record.zone, record.rack, record.host,
                          state.book().replicas_of(node).size(), view.replicas_max(node)});
  }
  return candidates;
}

// A leader that is new may not have heard from every worker yet: choosing among a few would put
// replicas closer together than they need to be.
bool Creation::knows_who_is_live(Instant asked) const {
  const PlacementConfig& config = leadership_->config();
  const Instant now = leadership_->now();
  return leadership_->live_workers() >= leadership_->state().workers().size() ||
         now - leadership_->since() >= config.worker_silence_max ||
         now - asked >= config.create_wait / 2;
}

// A cluster that has just been made: workers may not have registered yet, and nothing says how many
// there will be. Its first collection waits a little when more workers could spread it better: from
// the leader's first moment on, not from the request's, for a client may ask anew before that ends.
bool Creation::may_be_incomplete() const {
  return leadership_->state().counters().collection_id == 0 &&
         leadership_->now() < incomplete_until();
}

Instant Creation::incomplete_until() const {
  return leadership_->since() + leadership_->config().create_wait / 4;
}

Task<Result<CollectionId>> Creation::create(wire::CreateCollectionRequest request,
                                            Instant deadline) {
  leadership_->notice_term();
  const Instant start = leadership_->now();
  // A refusal needs time to be told: without one, nobody would know whether the collection exists.
  const Instant give_up =
      std::min(deadline - (deadline - start) / 4, start + leadership_->config().create_wait);
  const Patience patience{start, give_up, deadline};
  while (true) {
    const uint64_t arrivals = leadership_->arrivals();
    const auto created = co_await try_once(request, patience);
    VECTRON_CO_CHECK_OK(created);
    if (created->has_value()) co_return **created;
    if (leadership_->now() >= deadline) {
      co_return fail(Code::deadline_exceeded,
                     "which workers are there was not known in time: try again");
    }
    co_await wait_for_another_choice(patience, arrivals);
    const auto reached = co_await leadership_->reach(deadline);
    VECTRON_CO_CHECK_OK(reached);
    leadership_->notice_term();
  }
}

// Returns when the workers to choose from changed, when another leader may know more, or when
// waiting for them ends.
Task<void> Creation::wait_for_another_choice(Patience patience, uint64_t arrivals) {
  const PlacementConfig& config = leadership_->config();
  const uint64_t revision = leadership_->state().counters().revision;
  const std::array<Instant, 4> turning_points = {leadership_->since() + config.worker_silence_max,
                                                 patience.asked + config.create_wait / 2,
                                                 incomplete_until(), patience.give_up};
  Instant until = patience.deadline;
  const Instant now = leadership_->now();
  for (const Instant point : turning_points) {
    if (point > now) until = std::min(until, point);
  }
  while (leadership_->now() < until && leadership_->leads() &&
         leadership_->arrivals() == arrivals &&
         leadership_->state().counters().revision == revision) {
    co_await leadership_->wait_for_news(until);
  }
}

// One at a time: two that chose by the same counts would give a worker more than it can hold. None
// when it should be tried again.
Task<Result<std::optional<CollectionId>>> Creation::try_once(wire::CreateCollectionRequest request,
                                                             Patience patience) {
  const Semaphore::Permit turn = co_await turn_.acquire();
  const auto applied = co_await leadership_->wait_until_applied(patience.deadline);
  VECTRON_CO_CHECK_OK(applied);
  const PlacementState& state = leadership_->state();
  if (state.find(request.name) != nullptr) {
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
      choose_workers(free, request.shards, replication, state.counters().collection_id + 1);
  const bool knows = knows_who_is_live(patience.asked);
  const bool worse_than_need_be =
      chosen.has_value() && may_be_incomplete() && !spreads_over_zones(free, *chosen);
  if (chosen.has_value() && !worse_than_need_be && knows) {
    stored::PlacementCommand command;
    command.create_collection = command_of(std::move(request), replication, *chosen);
    const auto answer = co_await leadership_->propose(std::move(command), patience.deadline);
    VECTRON_CO_CHECK_OK(answer);
    co_return answer->collection;
  }
  // A cluster that has just started may not have heard from its workers yet. Whoever asks one
  // that has too few is told soon.
  const bool late = (!may_be_incomplete() && knows) || leadership_->now() >= patience.give_up;
  if (late && !chosen.has_value()) co_return fail(chosen.error());
  co_return std::optional<CollectionId>();
}

}  // namespace vectron
