// RouteCache: the routes of the collections that are in use, fetched when they are missing or
// stale.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "services/gateway/placement_link.h"
#include "services/gateway/route.h"

namespace vectron::gateway {

using RouteHandle = std::shared_ptr<Route>;

/// Requests that miss the same collection at the same time share one fetch, which goes on when they
/// are gone. Epochs only grow: an answer that is older than what is here is dropped.
class RouteCache {
 public:
  /// All outlive it, and it outlives its tasks.
  RouteCache(Env* env, PlacementLink* placement, const GatewayConfig* config);

  /// The route if it is here already; null otherwise. O(log n).
  RouteHandle cached(const std::string& name);
  /// The collection's route. Errors: not_found (no such collection), unavailable,
  /// resource_exhausted (requests_in_flight_max routes are being fetched).
  Task<Result<RouteHandle>> find(RequestContext context, std::string name);
  /// The route after a node said that `stale` is: a newer one if it is here already, otherwise
  /// fetched, which may give the same epoch again. Errors: as of find().
  Task<Result<RouteHandle>> refresh(RequestContext context, RouteHandle stale);

  /// The collection `id` of that name is gone.
  void forget(const std::string& name, CollectionId id);

  size_t size() const { return entries_.size(); }
  /// What counts against route_bytes_max. A single route may be larger.
  size_t bytes() const { return bytes_; }

 private:
  using Fetch = Completion<Result<RouteHandle>>;
  struct Entry {
    RouteHandle route;
    uint64_t used = 0;  // When it was last asked for, in requests.
    size_t bytes = 0;
  };
  using Entries = std::map<std::string, Entry>;

  Task<Result<RouteHandle>> fetch(RequestContext context, std::string name);
  Task<void> run_fetch(std::string name, std::shared_ptr<Fetch> fetch);
  RouteHandle store(RouteHandle route);
  void drop(Entries::iterator entry);
  void make_room(size_t bytes);

  Env* env_;
  PlacementLink* placement_;
  const GatewayConfig* config_;
  uint64_t uses_ = 0;
  Entries entries_;
  size_t bytes_ = 0;                                       // Of all entries.
  std::map<std::string, std::shared_ptr<Fetch>> fetches_;  // requests_in_flight_max at most.
  TaskGroup tasks_;                                        // Last: its tasks use the members above.
};

}  // namespace vectron::gateway
