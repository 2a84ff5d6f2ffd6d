#include "tests/e2e/history_load.h"

#include <set>

#include "sim/history/value.h"

namespace vectron {
namespace {

constexpr uint32_t kKeys = 60;
constexpr uint32_t kUpsertPointsMax = 4;
constexpr sim::ValueNumber kQueryValues = sim::ValueNumber{1} << 48;
constexpr Duration kPause = 3ms;  // Between two operations of a client.

}  // namespace

HistoryLoad::HistoryLoad(Env* env, const sim::Plan* plan)
    : env_(env), plan_(plan), ended_(env->scheduler()), tasks_(env->scheduler()) {
  using Protocol = sim::ClusterClient::Protocol;
  for (uint32_t i = 0; i < plan->shape.clients; ++i) {
    const Protocol protocol = i % 3 == 2 ? Protocol::http : Protocol::rpc;
    clients_.push_back(std::make_unique<sim::ClusterClient>(env, plan, protocol));
  }
}

void HistoryLoad::start() {
  for (uint32_t i = 0; i < plan_->shape.clients; ++i) {
    ++running_;
    tasks_.spawn(run_client(i));
  }
}

Task<void> HistoryLoad::run_client(uint32_t number) {
  RandomStream random = env_->random(fmt::format("client-{}", number));
  while (!stopping_) {
    const uint64_t draw = random.below(100);
    if (draw < 40) {
      co_await upsert(number, &random);
    } else if (draw < 75) {
      co_await get(number, draw_point(&random), false);
    } else if (draw < 85) {
      co_await remove(number, draw_point(&random));
    } else {
      co_await search(number, &random);
    }
    co_await env_->clock().sleep_for(kPause);
  }
  --running_;
  ended_.notify_all();
}

Task<bool> HistoryLoad::finish() {
  stopping_ = true;
  while (running_ > 0) {
    co_await ended_.wait();
  }
  const size_t before = history_.size();
  for (uint32_t key = 0; key < kKeys; ++key) co_await get(0, PointId(key), true);
  for (size_t i = before; i < history_.size(); ++i) {
    if (history_.operations()[i].outcome != sim::Outcome::ok) co_return false;
  }
  co_return true;
}

// Half of the writes may be repeated safely, by the clients themselves.
uint64_t HistoryLoad::request_id() const {
  return last_request_ % 2 == 0 ? last_request_ : 0;
}

PointId HistoryLoad::draw_point(RandomStream* random) const {
  return PointId(random->below(kKeys));
}

size_t HistoryLoad::begin(uint32_t number, sim::OperationKind kind, PointId id,
                          sim::ValueNumber value) {
  sim::Operation operation;
  operation.request = last_request_;
  operation.client = number;
  operation.kind = kind;
  operation.point = std::move(id);
  operation.value = value;
  return history_.begin(std::move(operation), env_->clock().monotonic());
}

Task<void> HistoryLoad::upsert(uint32_t number, RandomStream* random) {
  ++last_request_;
  std::vector<sim::UpsertItem> items;
  std::vector<size_t> positions;
  std::set<PointId> chosen;
  const uint64_t count = random->between(1, kUpsertPointsMax);
  for (uint64_t i = 0; i < count; ++i) {
    PointId id = draw_point(random);
    if (!chosen.insert(id).second) continue;
    items.push_back({id, ++last_value_});
    positions.push_back(begin(number, sim::OperationKind::upsert, std::move(id), last_value_));
  }
  const sim::UpsertAnswer answer =
      co_await clients_[number]->upsert(0, std::move(items), request_id());
  for (size_t i = 0; i < positions.size(); ++i) {
    sim::Operation& operation = history_.at(positions[i]);
    operation.status = answer.items[i].status;
    operation.version = answer.items[i].version;
    operation.tokens = answer.tokens;
    history_.end(positions[i], answer.items[i].outcome, env_->clock().monotonic());
  }
}

Task<void> HistoryLoad::get(uint32_t number, PointId id, bool final_read) {
  ++last_request_;
  const size_t position = begin(number, sim::OperationKind::get, id, sim::kAbsent);
  history_.at(position).final_read = final_read;
  const sim::GetAnswer answer = co_await clients_[number]->get(0, std::move(id), true);
  sim::Operation& operation = history_.at(position);
  operation.status = answer.status;
  operation.value = answer.value;
  operation.version = answer.version;
  operation.tokens = answer.tokens;
  history_.end(position, answer.outcome, env_->clock().monotonic());
}

Task<void> HistoryLoad::remove(uint32_t number, PointId id) {
  ++last_request_;
  const size_t position = begin(number, sim::OperationKind::remove, id, sim::kAbsent);
  const sim::RemoveAnswer answer =
      co_await clients_[number]->remove(0, std::move(id), request_id());
  sim::Operation& operation = history_.at(position);
  operation.status = answer.status;
  operation.existed = answer.existed;
  operation.version = answer.version;
  operation.tokens = answer.tokens;
  history_.end(position, answer.outcome, env_->clock().monotonic());
}

Task<void> HistoryLoad::search(uint32_t number, RandomStream* random) {
  ++last_request_;
  sim::SearchRecord question;
  question.query = sim::vector_of_value(kQueryValues + random->below(1'000'000),
                                        plan_->workload.collections.front().dimension);
  question.k = static_cast<uint32_t>(random->between(1, 20));
  question.exact = random->below(2) == 0;
  const size_t position = begin(number, sim::OperationKind::search, PointId(), sim::kAbsent);
  history_.at(position).search = std::make_shared<sim::SearchRecord>(question);
  sim::SearchAnswer answer = co_await clients_[number]->search(0, std::move(question), true);
  sim::Operation& operation = history_.at(position);
  operation.status = answer.status;
  operation.tokens = std::move(answer.tokens);
  operation.search->hits = std::move(answer.hits);
  operation.search->missing_shards = std::move(answer.missing_shards);
  history_.end(position, answer.outcome, env_->clock().monotonic());
}

}  // namespace vectron
