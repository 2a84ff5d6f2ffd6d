#include "sim/cluster/client_workload.h"

#include <set>

#include "sim/history/value.h"

namespace vectron::sim {

namespace {

constexpr uint32_t kHotKeys = 8;
constexpr uint64_t kTopKMax = 12;
/// Queries come from value numbers that no upsert has, or (for equal distances) from ones that some
/// have.
constexpr ValueNumber kQueryValues = ValueNumber{1} << 48;

}  // namespace

PointId point_id_of_key(const PlanCollection& collection, uint32_t key) {
  const bool text =
      collection.ids == PlanIds::text || (collection.ids == PlanIds::both && key % 2 == 1);
  if (!text) return PointId(key % 3 == 0 ? uint64_t{key} : mix64(key));
  auto id = PointId::from_text(fmt::format("key-{}", key));
  VECTRON_ASSERT(id.has_value());
  return *std::move(id);
}

ClientWorkload::ClientWorkload(Parts parts)
    : parts_(parts),
      random_(parts.plan->seed, fmt::format("client[{}]", parts.number)),
      ended_(parts.env->scheduler()),
      tasks_(parts.env->scheduler()) {}

Task<void> ClientWorkload::run() {
  Clock& clock = parts_.env->clock();
  const Instant end =
      clock.monotonic() + std::chrono::milliseconds(parts_.plan->workload.duration_ms);
  while (true) {
    const Instant next = clock.monotonic() + draw_pause();
    if (next >= end) break;
    co_await clock.sleep_until(next);
    const OperationKind kind = draw_kind();
    if (in_flight_ >= kInFlightMax) continue;
    ++in_flight_;
    tasks_.spawn(operate(kind));
  }
  while (in_flight_ > 0) {
    co_await ended_.wait();
  }
}

Task<void> ClientWorkload::operate(OperationKind kind) {
  if (kind == OperationKind::upsert) co_await upsert();
  if (kind == OperationKind::get) co_await get();
  if (kind == OperationKind::remove) co_await remove();
  if (kind == OperationKind::search) co_await search();
  --in_flight_;
  ended_.notify_all();
}

Task<void> ClientWorkload::upsert() {
  RunRecord& record = *parts_.record;
  const uint32_t collection = draw_collection();
  const uint64_t count = random_.between(1, parts_.plan->workload.batch_points_max);
  std::vector<UpsertItem> items;
  std::set<PointId> chosen;
  for (uint64_t i = 0; i < count; ++i) {
    const PointId id = draw_point(collection);
    if (chosen.insert(id).second) items.push_back({id, ++record.last_value});
  }
  const uint64_t request = ++record.last_request;
  std::vector<size_t> positions;
  for (const UpsertItem& item : items) {
    Operation operation = new_operation(OperationKind::upsert, collection);
    operation.request = request;
    operation.point = item.id;
    operation.value = item.value;
    positions.push_back(record.begin(std::move(operation)));
  }
  const UpsertAnswer answer = co_await parts_.client->upsert(collection, std::move(items));
  for (size_t i = 0; i < positions.size(); ++i) {
    Operation& operation = record.history.at(positions[i]);
    operation.status = answer.items[i].status;
    operation.version = answer.items[i].version;
    operation.tokens = answer.tokens;
    record.end(positions[i], answer.items[i].outcome);
  }
}

Task<void> ClientWorkload::get() {
  RunRecord& record = *parts_.record;
  const uint32_t collection = draw_collection();
  Operation question = new_operation(OperationKind::get, collection);
  question.request = ++record.last_request;
  question.point = draw_point(collection);
  question.linearizable = !random_.chance_ppm(parts_.plan->workload.eventual_read_ppm);
  const PointId id = question.point;
  const bool linearizable = question.linearizable;
  const size_t position = record.begin(std::move(question));
  const GetAnswer answer = co_await parts_.client->get(collection, id, linearizable);
  Operation& operation = record.history.at(position);
  operation.status = answer.status;
  operation.value = answer.value;
  operation.version = answer.version;
  operation.tokens = answer.tokens;
  record.end(position, answer.outcome);
}

Task<void> ClientWorkload::remove() {
  RunRecord& record = *parts_.record;
  const uint32_t collection = draw_collection();
  Operation question = new_operation(OperationKind::remove, collection);
  question.request = ++record.last_request;
  question.point = draw_point(collection);
  const PointId id = question.point;
  const size_t position = record.begin(std::move(question));
  const RemoveAnswer answer = co_await parts_.client->remove(collection, id);
  Operation& operation = record.history.at(position);
  operation.status = answer.status;
  operation.existed = answer.existed;
  operation.version = answer.version;
  operation.tokens = answer.tokens;
  record.end(position, answer.outcome);
}

Task<void> ClientWorkload::search() {
  RunRecord& record = *parts_.record;
  const PlanWorkload& workload = parts_.plan->workload;
  const uint32_t collection = draw_collection();
  SearchRecord question;
  const ValueNumber value = random_.chance_ppm(300'000) ? random_.below(record.last_value + 1)
                                                        : kQueryValues + random_.below(1'000'000);
  question.query = vector_of_value(value, workload.collections[collection].dimension);
  question.k = static_cast<uint32_t>(random_.between(1, kTopKMax));
  question.exact = random_.chance_ppm(workload.exact_search_ppm);
  // A worker that adds payloads compares what it found with what is stored; without them the index
  // speaks alone.
  question.with_payload = random_.chance_ppm(500'000);
  Operation operation = new_operation(OperationKind::search, collection);
  operation.request = ++record.last_request;
  operation.linearizable = !random_.chance_ppm(workload.eventual_read_ppm);
  operation.search = std::make_shared<SearchRecord>(question);
  const bool linearizable = operation.linearizable;
  const size_t position = record.begin(std::move(operation));
  SearchAnswer answer =
      co_await parts_.client->search(collection, std::move(question), linearizable);
  Operation& ended = record.history.at(position);
  ended.status = answer.status;
  ended.tokens = std::move(answer.tokens);
  ended.search->hits = std::move(answer.hits);
  ended.search->missing_shards = std::move(answer.missing_shards);
  record.end(position, answer.outcome);
}

OperationKind ClientWorkload::draw_kind() {
  const PlanMix& mix = parts_.plan->workload.mix;
  uint64_t draw = random_.below(uint64_t{mix.upsert} + mix.get + mix.remove + mix.search);
  if (draw < mix.upsert) return OperationKind::upsert;
  draw -= mix.upsert;
  if (draw < mix.get) return OperationKind::get;
  draw -= mix.get;
  return draw < mix.remove ? OperationKind::remove : OperationKind::search;
}

uint32_t ClientWorkload::draw_collection() {
  return static_cast<uint32_t>(random_.below(parts_.plan->workload.collections.size()));
}

PointId ClientWorkload::draw_point(uint32_t collection) {
  const PlanWorkload& workload = parts_.plan->workload;
  const PlanCollection& plan = workload.collections[collection];
  const bool hot = random_.chance_ppm(workload.hot_key_ppm);
  const uint64_t key = random_.below(hot ? std::min(kHotKeys, plan.keys) : plan.keys);
  return point_id_of_key(plan, static_cast<uint32_t>(key));
}

Operation ClientWorkload::new_operation(OperationKind kind, uint32_t collection) {
  Operation operation;
  operation.client = parts_.number;
  operation.kind = kind;
  operation.collection = collection;
  return operation;
}

Duration ClientWorkload::draw_pause() {
  const Plan& plan = *parts_.plan;
  const uint64_t mean_ns =
      uint64_t{1'000'000'000} * plan.shape.clients / plan.workload.operations_per_second;
  return Duration(static_cast<int64_t>(random_.between(mean_ns / 10, mean_ns * 19 / 10)));
}

}  // namespace vectron::sim
