#include "services/gateway/route_cache.h"

#include <algorithm>

#include "core/async/combine.h"

namespace vectron::gateway {
namespace {

Task<Result<RouteHandle>> wait_for(std::shared_ptr<Completion<Result<RouteHandle>>> fetch) {
  co_await fetch->wait();
  co_return fetch->get();
}

}  // namespace

RouteCache::RouteCache(Env* env, PlacementLink* placement, const GatewayConfig* config)
    : env_(env), placement_(placement), config_(config), tasks_(env->scheduler()) {}

RouteHandle RouteCache::cached(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  found->second.used = ++uses_;
  return found->second.route;
}

Task<Result<RouteHandle>> RouteCache::find(RequestContext context, std::string name) {
  RouteHandle route = cached(name);
  if (route != nullptr) co_return route;
  Result<RouteHandle> fetched = co_await fetch(std::move(context), std::move(name));
  co_return fetched;
}

Task<Result<RouteHandle>> RouteCache::refresh(RequestContext context, RouteHandle stale) {
  RouteHandle here = cached(stale->name);
  if (here != nullptr && here->epoch > stale->epoch) co_return here;
  env_->metrics().add(Metric::gateway_route_refreshes);
  Result<RouteHandle> fetched = co_await fetch(std::move(context), stale->name);
  co_return fetched;
}

Task<Result<RouteHandle>> RouteCache::fetch(RequestContext context, std::string name) {
  // A fetch outlives whoever asked, so that many may wait whose clients are gone.
  if (!fetches_.contains(name) && fetches_.size() >= config_->requests_in_flight_max) {
    co_return fail(Code::resource_exhausted,
                   "the placement driver does not answer, and as many routes are asked for as may "
                   "be: retry later");
  }
  std::shared_ptr<Fetch>& shared = fetches_[name];
  if (shared == nullptr) {
    shared = std::make_shared<Fetch>(env_->scheduler());
    tasks_.spawn(run_fetch(name, shared));
  }
  Task<Result<RouteHandle>> answer = wait_for(shared);
  const Instant deadline =
      context.deadline == kNever ? kNever : env_->clock().scheduler_time(context.deadline);
  auto result = co_await with_deadline(&env_->scheduler(), deadline, std::move(answer));
  if (!result.has_value()) {
    co_return fail(Code::deadline_exceeded, "the placement driver did not answer in time");
  }
  co_return *std::move(result);
}

Task<void> RouteCache::run_fetch(std::string name, std::shared_ptr<Fetch> fetch) {
  RequestContext context;
  context.deadline = env_->clock().monotonic() + config_->request_timeout;
  auto reply = co_await placement_->collection_route(std::move(context), name);
  fetches_.erase(name);
  if (!reply.has_value()) {
    const auto entry = entries_.find(name);
    if (reply.error().code() == Code::not_found && entry != entries_.end()) drop(entry);
    fetch->set(fail(reply.error()));
    co_return;
  }
  Result<Route> route = make_route(std::move(reply->route));
  if (!route.has_value()) {
    fetch->set(fail(route.error()));
    co_return;
  }
  fetch->set(store(std::make_shared<Route>(*std::move(route))));
}

RouteHandle RouteCache::store(RouteHandle route) {
  const auto found = entries_.find(route->name);
  if (found != entries_.end()) {
    // Another collection under an old name has a greater id, for ids are never reused.
    const Route& here = *found->second.route;
    if (here.id > route->id || (here.id == route->id && here.epoch > route->epoch)) {
      return found->second.route;
    }
    drop(found);
  }
  const size_t bytes = route->memory_bytes();
  make_room(bytes);
  bytes_ += bytes;
  entries_[route->name] = {.route = route, .used = ++uses_, .bytes = bytes};
  return route;
}

void RouteCache::forget(const std::string& name, CollectionId id) {
  const auto found = entries_.find(name);
  if (found != entries_.end() && found->second.route->id == id) drop(found);
}

void RouteCache::drop(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  entries_.erase(entry);
}

void RouteCache::make_room(size_t bytes) {
  while (!entries_.empty() && bytes_ + bytes > config_->route_bytes_max) {
    drop(std::ranges::min_element(entries_, {},
                                  [](const auto& entry) { return entry.second.used; }));
  }
}

}  // namespace vectron::gateway
