#include "sim/cluster/client_workload.h"

#include <algorithm>
#include <set>

#include "sim/history/value.h"

namespace vectron::sim {

namespace {

constexpr uint32_t kHotKeys = 8;
constexpr uint64_t kTopKMax = 12;
/// Queries come from value numbers that no upsert has, or (for equal distances) from ones that some
/// have.
constexpr ValueNumber kQueryValues = ValueNumber{1} << 48;
/// Of a write that carries a request id.
constexpr int kRepetitionsMax = 3;
/// Of those that were answered: a network may bring a request twice.
constexpr uint64_t kNeedlessRepetitionPpm = 200'000;

bool in_doubt(const UpsertAnswer& answer) {
  return std::ranges::any_of(answer.items,
                             [](const auto& item) { return item.outcome == Outcome::unknown; });
}

/// What a write and its repetition say together: done when either did it, in doubt when either may
/// have. Item: UpsertAnswer::Item, or a RemoveAnswer. Returns how they contradict one another.
template <typename Item>
std::string join(const Item& repetition, Item* item) {
  if (item->outcome == Outcome::ok) {
    const bool same = repetition.outcome != Outcome::ok || repetition.version == item->version;
    if (same) return {};
    return fmt::format("a write was done at index {}, and its repetition at index {}",
                       item->version, repetition.version);
  }
  const bool doubt = item->outcome == Outcome::unknown && repetition.outcome == Outcome::failed;
  if (!doubt) *item = repetition;
  return {};
}

void add_tokens(const std::vector<ShardAt>& from, std::vector<ShardAt>* to) {
  for (const ShardAt& token : from) {
    const auto same = std::ranges::find(*to, token.shard_id, &ShardAt::shard_id);
    if (same == to->end()) to->push_back(token);
  }
}

std::string add_repetition(const UpsertAnswer& repetition, UpsertAnswer* answer) {
  add_tokens(repetition.tokens, &answer->tokens);
  std::string contradiction;
  for (size_t i = 0; i < answer->items.size(); ++i) {
    const std::string found = join(repetition.items[i], &answer->items[i]);
    if (!found.empty()) contradiction = found;
  }
  return contradiction;
}

std::string add_repetition(const RemoveAnswer& repetition, RemoveAnswer* answer) {
  const bool was_done = answer->outcome == Outcome::ok && repetition.outcome == Outcome::ok;
  if (was_done && repetition.existed != answer->existed) {
    return "a removal found the point, and its repetition said otherwise";
  }
  return join(repetition, answer);
}

/// The stream of a client's times of arrival.
RandomStream times_of(const Plan& plan, uint32_t client) {
  return RandomStream(plan.seed, fmt::format("client[{}]", client));
}

Duration draw_pause(const Plan& plan, RandomStream& times) {
  const uint64_t mean_ns =
      uint64_t{1'000'000'000} * plan.shape.clients / plan.workload.operations_per_second;
  return Duration(static_cast<int64_t>(times.between(mean_ns / 10, mean_ns * 19 / 10)));
}

}  // namespace

PointId point_id_of_key(const PlanCollection& collection, uint32_t key) {
  const bool text =
      collection.ids == PlanIds::text || (collection.ids == PlanIds::both && key % 2 == 1);
  if (!text) return PointId(key % 3 == 0 ? uint64_t{key} : mix64(key));
  auto id = PointId::from_text(fmt::format("key-{}", key));
  VECTRON_ASSERT(id.has_value());
  return *std::move(id);
}

bool is_over(const PlanWorkload& workload, const History& history, Duration lasted) {
  const Duration planned = std::chrono::milliseconds(workload.duration_ms);
  if (lasted < planned) return false;
  const uint64_t arrivals = uint64_t{workload.operations_per_second} * workload.duration_ms / 1'000;
  const bool judged = arrivals >= kArrivalsForMin && workload.skipped.empty();
  return !judged || history.size() >= kOperationsMin || lasted >= 2 * planned;
}

uint32_t arrivals_of(const Plan& plan, uint32_t client) {
  RandomStream times = times_of(plan, client);
  const Duration end = std::chrono::milliseconds(plan.workload.duration_ms);
  uint32_t count = 0;
  for (Duration at = draw_pause(plan, times); at < end; at += draw_pause(plan, times)) ++count;
  return count;
}

ClientWorkload::ClientWorkload(Parts parts)
    : parts_(parts),
      times_(times_of(*parts.plan, parts.number)),
      ended_(parts.env->scheduler()),
      tasks_(parts.env->scheduler()) {}

Task<void> ClientWorkload::run() {
  Clock& clock = parts_.env->clock();
  const Instant begin = clock.monotonic();
  const auto over_at = [&](Instant at) {
    return is_over(parts_.plan->workload, parts_.record->history, at - begin);
  };
  const uint32_t in_flight_max = ClientWorkload::in_flight_max(parts_.plan->shape.clients);
  const std::string stream = fmt::format("client[{}].arrival", parts_.number);
  // A loaded interval has its load whatever goes wrong: what finds no room is done as soon as there
  // is some. Elsewhere it is left out.
  const bool catches_up = parts_.plan->profile == "loaded";
  Instant next = clock.monotonic();
  for (uint32_t number = 0;; ++number) {
    next = (catches_up ? next : clock.monotonic()) + draw_pause(*parts_.plan, times_);
    if (over_at(next)) break;
    if (next > clock.monotonic()) co_await clock.sleep_until(next);
    while (catches_up && in_flight_ >= in_flight_max) {
      co_await ended_.wait();
    }
    if (over_at(clock.monotonic())) break;
    if (in_flight_ >= in_flight_max || is_skipped(number)) continue;
    ++in_flight_;
    Arrival arrival{.number = number, .random = RandomStream(parts_.plan->seed, stream, number)};
    tasks_.spawn(operate(std::move(arrival)));
  }
  while (in_flight_ > 0) {
    co_await ended_.wait();
  }
}

Task<void> ClientWorkload::operate(Arrival arrival) {
  const OperationKind kind = draw_kind(arrival.random);
  if (kind == OperationKind::upsert) co_await upsert(&arrival);
  if (kind == OperationKind::get) co_await get(&arrival);
  if (kind == OperationKind::remove) co_await remove(&arrival);
  if (kind == OperationKind::search) co_await search(&arrival);
  --in_flight_;
  ended_.notify_all();
}

Task<void> ClientWorkload::upsert(Arrival* arrival) {
  RunRecord& record = *parts_.record;
  RandomStream& random = arrival->random;
  const uint32_t collection = draw_collection(random);
  const uint64_t count = random.between(1, parts_.plan->workload.batch_points_max);
  std::vector<UpsertItem> items;
  std::set<PointId> chosen;
  for (uint64_t i = 0; i < count; ++i) {
    const PointId id = draw_point(random, collection);
    if (!chosen.insert(id).second) continue;
    items.push_back({id, value_of_arrival(parts_.number, arrival->number, i)});
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
  const UpsertAnswer answer = co_await upsert_items(arrival, collection, std::move(items));
  for (size_t i = 0; i < positions.size(); ++i) {
    Operation& operation = record.history.at(positions[i]);
    operation.status = answer.items[i].status;
    operation.version = answer.items[i].version;
    operation.tokens = answer.tokens;
    record.end(positions[i], answer.items[i].outcome);
  }
}

Task<void> ClientWorkload::get(Arrival* arrival) {
  RunRecord& record = *parts_.record;
  RandomStream& random = arrival->random;
  const uint32_t collection = draw_collection(random);
  Operation question = new_operation(OperationKind::get, collection);
  question.request = ++record.last_request;
  question.point = draw_point(random, collection);
  question.linearizable = !random.chance_ppm(parts_.plan->workload.eventual_read_ppm);
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

Task<void> ClientWorkload::remove(Arrival* arrival) {
  RunRecord& record = *parts_.record;
  RandomStream& random = arrival->random;
  const uint32_t collection = draw_collection(random);
  Operation question = new_operation(OperationKind::remove, collection);
  question.request = ++record.last_request;
  question.point = draw_point(random, collection);
  const PointId id = question.point;
  const size_t position = record.begin(std::move(question));
  const RemoveAnswer answer = co_await remove_point(arrival, collection, id);
  Operation& operation = record.history.at(position);
  operation.status = answer.status;
  operation.existed = answer.existed;
  operation.version = answer.version;
  operation.tokens = answer.tokens;
  record.end(position, answer.outcome);
}

// Sends the points, and again when they carry a request id: it is one write to the history.
Task<UpsertAnswer> ClientWorkload::upsert_items(Arrival* arrival, uint32_t collection,
                                                std::vector<UpsertItem> items) {
  const uint64_t request_id = draw_request_id(arrival->random, collection);
  UpsertAnswer answer = co_await parts_.client->upsert(collection, items, request_id);
  for (int i = 0; request_id != 0; ++i) {
    const bool again = repeats(arrival->random, in_doubt(answer), i);
    if (!again) break;
    const UpsertAnswer repetition = co_await parts_.client->upsert(collection, items, request_id);
    const std::string contradiction = add_repetition(repetition, &answer);
    if (contradiction.empty()) continue;
    parts_.record->violations.add(oracle::kExactlyOnce, parts_.record->world.now(), contradiction);
  }
  co_return answer;
}

Task<RemoveAnswer> ClientWorkload::remove_point(Arrival* arrival, uint32_t collection, PointId id) {
  const uint64_t request_id = draw_request_id(arrival->random, collection);
  RemoveAnswer answer = co_await parts_.client->remove(collection, id, request_id);
  for (int i = 0; request_id != 0; ++i) {
    const bool again = repeats(arrival->random, answer.outcome == Outcome::unknown, i);
    if (!again) break;
    const RemoveAnswer repetition = co_await parts_.client->remove(collection, id, request_id);
    const std::string contradiction = add_repetition(repetition, &answer);
    if (contradiction.empty()) continue;
    parts_.record->violations.add(oracle::kExactlyOnce, parts_.record->world.now(), contradiction);
  }
  co_return answer;
}

Task<void> ClientWorkload::search(Arrival* arrival) {
  RunRecord& record = *parts_.record;
  RandomStream& random = arrival->random;
  const PlanWorkload& workload = parts_.plan->workload;
  const uint32_t collection = draw_collection(random);
  SearchRecord question;
  const bool known = random.chance_ppm(300'000);
  const auto writer = static_cast<uint32_t>(random.below(parts_.plan->shape.clients));
  const uint64_t of_writer = random.below(arrival->number + uint64_t{1});
  const ValueNumber value =
      known ? value_of_arrival(writer, of_writer, 0) : kQueryValues + random.below(1'000'000);
  question.query = vector_of_value(value, workload.collections[collection].dimension);
  question.k = static_cast<uint32_t>(random.between(1, kTopKMax));
  question.exact = random.chance_ppm(workload.exact_search_ppm);
  // A worker that adds payloads compares what it found with what is stored; without them the index
  // speaks alone.
  question.with_payload = random.chance_ppm(500'000);
  question.allow_partial = random.chance_ppm(workload.partial_search_ppm);
  if (question.allow_partial) question.timeout_ms = static_cast<uint32_t>(random.between(5, 400));
  Operation operation = new_operation(OperationKind::search, collection);
  operation.request = ++record.last_request;
  operation.linearizable = !random.chance_ppm(workload.eventual_read_ppm);
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

OperationKind ClientWorkload::draw_kind(RandomStream& random) const {
  const PlanMix& mix = parts_.plan->workload.mix;
  uint64_t draw = random.below(uint64_t{mix.upsert} + mix.get + mix.remove + mix.search);
  if (draw < mix.upsert) return OperationKind::upsert;
  draw -= mix.upsert;
  if (draw < mix.get) return OperationKind::get;
  draw -= mix.get;
  return draw < mix.remove ? OperationKind::remove : OperationKind::search;
}

uint32_t ClientWorkload::draw_collection(RandomStream& random) const {
  const auto& collections = parts_.plan->workload.collections;
  const auto drawn = static_cast<uint32_t>(random.below(collections.size()));
  // One that comes and goes keeps operations waiting while it has no leaders: it gets fewer.
  const bool fleeting = collections[drawn].lifetime_ms != 0;
  return fleeting && random.chance_ppm(500'000) ? 0 : drawn;
}

PointId ClientWorkload::draw_point(RandomStream& random, uint32_t collection) const {
  const PlanWorkload& workload = parts_.plan->workload;
  const PlanCollection& plan = workload.collections[collection];
  const bool hot = random.chance_ppm(workload.hot_key_ppm);
  const uint64_t key = random.below(hot ? std::min(kHotKeys, plan.keys) : plan.keys);
  return point_id_of_key(plan, static_cast<uint32_t>(key));
}

// What is written under a request id happens once in one collection; a name that goes over to
// another collection has two.
uint64_t ClientWorkload::draw_request_id(RandomStream& random, uint32_t collection) const {
  const PlanWorkload& workload = parts_.plan->workload;
  if (workload.collections[collection].lifetime_ms != 0) return 0;
  if (!random.chance_ppm(workload.request_id_ppm)) return 0;
  return random.next() | 1;
}

bool ClientWorkload::repeats(RandomStream& random, bool in_doubt, int repetitions) {
  if (repetitions >= kRepetitionsMax) return false;
  return in_doubt || random.chance_ppm(kNeedlessRepetitionPpm);
}

Operation ClientWorkload::new_operation(OperationKind kind, uint32_t collection) const {
  Operation operation;
  operation.client = parts_.number;
  operation.kind = kind;
  operation.collection = collection;
  return operation;
}

bool ClientWorkload::is_skipped(uint32_t arrival) const {
  return std::ranges::any_of(parts_.plan->workload.skipped, [&](const PlanSkip& skip) {
    return skip.client == parts_.number && arrival >= skip.first &&
           arrival - skip.first < skip.count;
  });
}

}  // namespace vectron::sim
