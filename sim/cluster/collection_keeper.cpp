#include "sim/cluster/collection_keeper.h"

namespace vectron::sim {

CollectionKeepers::CollectionKeepers(Parts parts)
    : parts_(parts), ended_(parts.env->scheduler()), tasks_(parts.env->scheduler()) {}

void CollectionKeepers::start() {
  if (parts_.number >= kClientsMax) return;
  for (uint32_t i = 0; i < parts_.plan->workload.collections.size(); ++i) {
    if (parts_.plan->workload.collections[i].lifetime_ms == 0) continue;
    if (client_ == nullptr) client_ = std::make_unique<ClusterClient>(parts_.env, parts_.plan);
    ++running_;
    tasks_.spawn(keep(i));
  }
}

Task<void> CollectionKeepers::wait() {
  while (running_ > 0) {
    co_await ended_.wait();
  }
}

Task<void> CollectionKeepers::keep(uint32_t collection) {
  RandomStream random(parts_.plan->seed, fmt::format("keeper[{}][{}]", parts_.number, collection));
  Clock& clock = parts_.env->clock();
  const uint32_t lifetime_ms = parts_.plan->workload.collections[collection].lifetime_ms;
  const Instant end =
      clock.monotonic() + std::chrono::milliseconds(parts_.plan->workload.duration_ms);
  uint64_t last_id = 0;
  while (true) {
    const auto pause = std::chrono::milliseconds(random.between(lifetime_ms / 4, lifetime_ms));
    const Instant next = clock.monotonic() + pause;
    if (next >= end) break;
    co_await clock.sleep_until(next);
    // Some of the removals name what was removed before: they must find nothing to do.
    const bool stale = random.chance_ppm(200'000);
    const LifeEvent removal =
        co_await remove_recorded(parts_.record, client_.get(), collection, stale ? last_id : 0);
    last_id = removal.id;
    if (random.chance_ppm(700'000)) {
      co_await clock.sleep_for(std::chrono::milliseconds(random.heavy_tail(0, 300)));
    }
    const Status made = co_await create_recorded(parts_.record, client_.get(), collection);
    parts_.record->world.trace(static_cast<uint64_t>(made.code()));
  }
  --running_;
  ended_.notify_all();
}

Task<Status> create_recorded(RunRecord* record, ClusterClient* client, uint32_t collection) {
  LifeEvent event;
  event.kind = LifeEvent::Kind::create;
  event.collection = collection;
  const size_t position = record->begin_life(event);
  const auto made = co_await client->create(collection);
  event.status = status_of(made);
  event.outcome = write_outcome(event.status);
  if (made.has_value()) event.id = made->collection.id;
  record->end_life(position, event);
  co_return event.status;
}

Task<LifeEvent> remove_recorded(RunRecord* record, ClusterClient* client, uint32_t collection,
                                uint64_t id) {
  LifeEvent event;
  event.kind = LifeEvent::Kind::remove;
  event.collection = collection;
  const size_t position = record->begin_life(event);
  const auto removed = co_await client->remove_collection(collection, id);
  event.status = status_of(removed);
  event.outcome = write_outcome(event.status);
  if (removed.has_value()) {
    event.id = removed->collection_id;
    event.complete = removed->complete;
  }
  record->end_life(position, event);
  co_return event;
}

}  // namespace vectron::sim
