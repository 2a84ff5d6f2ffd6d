#include "services/placement/placement_api.h"

#include <algorithm>

namespace vectron {

PlacementApi::PlacementApi(Leadership* leadership)
    : leadership_(leadership),
      creation_(leadership),
      random_(leadership->env().random("placement.lineage")),
      register_turn_(leadership->env().scheduler(), 1) {}

Task<void> PlacementApi::wait_until_ready(CollectionId collection, Instant deadline) {
  while (leadership_->now() < deadline && leadership_->is_leader()) {
    const auto found = state().collections().find(collection);
    if (found == state().collections().end() || view().is_ready(found->second)) co_return;
    co_await leadership_->wait_for_news(deadline);
  }
}

Task<Result<wire::CreateCollectionReply>> PlacementApi::create_collection(
    RequestContext context, wire::CreateCollectionRequest request) {
  const Instant deadline = leadership_->deadline_of(context);
  const auto reached = co_await leadership_->reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto created = co_await creation_.create(std::move(request), deadline);
  VECTRON_CO_CHECK_OK(created);
  // Answer in time even when the leaders take longer: the collection exists.
  const Instant now = leadership_->now();
  const Instant answer_by = std::min(now + config().create_wait, now + (deadline - now) / 2);
  co_await wait_until_ready(*created, answer_by);
  const auto found = state().collections().find(*created);
  if (found == state().collections().end()) {
    co_return fail(Code::unknown_outcome, "the collection was created and is gone");
  }
  wire::CreateCollectionReply reply;
  reply.collection = status_of(state(), view(), found->second);
  co_return reply;
}

// Whether there is something to remove; no error when it is gone already.
Result<bool> PlacementApi::check_delete(const wire::DeleteCollectionRequest& request) const {
  const auto found = state().collections().find(CollectionId(request.id));
  if (found == state().collections().end()) {
    if (request.id != 0 && request.id <= state().counters().collection_id) return false;
    return fail(Code::not_found, fmt::format("there never was a collection {}", request.id),
                "collection_id");
  }
  if (found->second.name == request.name) return true;
  return fail(Code::invalid_argument,
              fmt::format("collection {} is called '{}'", request.id, found->second.name),
              "collection_id");
}

bool PlacementApi::is_fenced(CollectionId collection) const {
  if (leadership_->env().planted("removal_unfenced")) return true;
  const auto removed = state().removed().find(collection);
  return removed == state().removed().end() || view().is_fenced(removed->second);
}

// Whether all that is missing lies on workers that are down, so that waiting changes nothing.
bool PlacementApi::is_hopeless(CollectionId collection) const {
  const auto removed = state().removed().find(collection);
  if (removed == state().removed().end() || is_fenced(collection)) return false;
  return !view().may_drop_more(removed->second, leadership_->watching());
}

Task<void> PlacementApi::wait_for_fence(CollectionId collection, Instant deadline) {
  leadership_->notice_term();
  while (leadership_->now() < deadline && leadership_->is_leader() && !is_fenced(collection) &&
         !is_hopeless(collection)) {
    Instant until = deadline;
    // A worker that stays silent is down then, which may leave nothing to wait for.
    const auto removed = state().removed().find(collection);
    if (removed != state().removed().end()) {
      until = std::min(until, view().next_silence(removed->second, leadership_->watching()));
    }
    co_await leadership_->wait_for_news(until);
  }
}

Task<Result<wire::DeleteCollectionReply>> PlacementApi::delete_collection(
    RequestContext context, wire::DeleteCollectionRequest request) {
  const Instant deadline = leadership_->deadline_of(context);
  const auto reached = co_await leadership_->reach(deadline);
  VECTRON_CO_CHECK_OK(reached);
  const auto exists = check_delete(request);
  VECTRON_CO_CHECK_OK(exists);
  const CollectionId id(request.id);
  if (*exists) {
    stored::PlacementCommand command;
    command.delete_collection = stored::DeleteCollectionCommand{};
    command.delete_collection->collection_id = request.id;
    const auto deleted = co_await leadership_->propose(std::move(command), deadline);
    VECTRON_CO_CHECK_OK(deleted);
  }
  const Instant now = leadership_->now();
  co_await wait_for_fence(id, now + (deadline - now) / 2);
  // What workers said stays true, whoever leads by now; only what they will say goes elsewhere.
  wire::DeleteCollectionReply reply;
  reply.id = request.id;
  reply.complete = is_fenced(id);
  reply.absent = is_hopeless(id);
  co_return reply;
}

Result<const stored::CollectionRecord*> PlacementApi::find(const std::string& name) const {
  const stored::CollectionRecord* collection = state().find(name);
  if (collection == nullptr) {
    return fail(Code::not_found, fmt::format("collection '{}' does not exist", name), "collection");
  }
  return collection;
}

Task<Result<wire::ListCollectionsReply>> PlacementApi::list_collections(
    RequestContext context, wire::ListCollectionsRequest) {
  const auto reached = co_await leadership_->reach(leadership_->deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  std::map<std::string, const stored::CollectionRecord*> by_name;
  for (const auto& [id, collection] : state().collections()) by_name[collection.name] = &collection;
  wire::ListCollectionsReply reply;
  for (const auto& [name, collection] : by_name) {
    reply.collections.push_back(status_of(state(), view(), *collection));
  }
  co_return reply;
}

Task<Result<wire::ListWorkersReply>> PlacementApi::list_workers(RequestContext context,
                                                                wire::ListWorkersRequest) {
  const auto reached = co_await leadership_->reach(leadership_->deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  leadership_->notice_term();
  wire::ListWorkersReply reply;
  for (const auto& [node, worker] : state().workers()) {
    reply.workers.push_back(status_of(state(), view(), leadership_->watching(), worker));
  }
  co_return reply;
}

Task<Result<wire::GetCollectionReply>> PlacementApi::get_collection(
    RequestContext context, wire::GetCollectionRequest request) {
  const auto reached = co_await leadership_->reach(leadership_->deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const auto collection = find(request.name);
  VECTRON_CO_CHECK_OK(collection);
  wire::GetCollectionReply reply;
  reply.route = route_of(state(), view(), **collection);
  co_return reply;
}

Task<Result<wire::GetCollectionStatusReply>> PlacementApi::get_collection_status(
    RequestContext context, wire::GetCollectionStatusRequest request) {
  const auto reached = co_await leadership_->reach(leadership_->deadline_of(context));
  VECTRON_CO_CHECK_OK(reached);
  const auto collection = find(request.name);
  VECTRON_CO_CHECK_OK(collection);
  wire::GetCollectionStatusReply reply;
  reply.collection = status_of(state(), view(), **collection);
  co_return reply;
}

}  // namespace vectron
