#include "sim/cluster/aftermath.h"

#include "core/async/combine.h"
#include "sim/history/value.h"
#include "sim/oracle/history_check.h"
#include "sim/oracle/search_check.h"

namespace vectron::sim {

namespace {

constexpr Duration kProbePause = 100ms;
constexpr size_t kReadersAtOnce = 12;
constexpr int kReadAttemptsMax = 8;
constexpr uint32_t kSearchHits = 10;
/// Of a collection: enough for the floor of the recall, and for chance to decide little.
constexpr uint64_t kApproximateSearchesMin = 100;
static_assert(kApproximateSearchesMin * kSearchHits >= kRecallExpectedMin);

/// when_all wants values.
Task<bool> finished(Task<void> task) {
  co_await task;
  co_return true;
}

}  // namespace

Task<void> Aftermath::await_availability(std::vector<ProbedShard> shards, Instant since) {
  std::vector<Task<bool>> probes;
  probes.reserve(shards.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    probes.push_back(finished(probe(shards[i], i, since + kAvailableWithin)));
  }
  co_await when_all(std::move(probes));
}

Task<void> Aftermath::write_once_more(std::vector<ProbedShard> shards) {
  const Instant until = parts_.record->world.now() + kAvailableWithin;
  own_vectors_ = true;
  // Numbers that no other probe has: an overwritten point changes no count.
  const size_t first = shards.size();
  for (size_t i = 0; i < shards.size(); ++i) co_await probe(shards[i], first + i, until);
}

Task<void> Aftermath::probe(ProbedShard shard, uint64_t number, Instant until) {
  RunRecord& record = *parts_.record;
  const PlanCollection& collection = parts_.plan->workload.collections[shard.collection];
  const PointId id = probe_id(collection, shard.range, number);
  bool written = false;
  while (record.world.now() < until) {
    if (!written) written = co_await probe_write(shard.collection, id);
    if (written) {
      const bool read = co_await read_point(shard.collection, id, false);
      if (read) co_return;
    }
    co_await parts_.env->clock().sleep_for(kProbePause);
  }
  const Operation& last = record.history.operations().back();
  record.violations.add(
      oracle::kAvailability, record.world.now(),
      fmt::format("shard {} of collection {} took no {} within {} s of the last fault; the last "
                  "answer was: {}",
                  shard.group, shard.collection, written ? "linearizable read" : "write",
                  to_seconds(kAvailableWithin), last.status.to_string()),
      written ? "read" : "write");
}

Task<bool> Aftermath::probe_write(uint32_t collection, PointId id) {
  RunRecord& record = *parts_.record;
  Operation operation;
  operation.client = parts_.client_number;
  operation.kind = OperationKind::upsert;
  operation.collection = collection;
  operation.point = id;
  do {
    operation.value = ++record.last_value;
  } while (own_vectors_ && has_shared_vector(operation.value));
  operation.request = ++record.last_request;
  std::vector<UpsertItem> items = {{id, operation.value}};
  const size_t position = record.begin(std::move(operation));
  const UpsertAnswer answer = co_await parts_.client->upsert(collection, std::move(items), 0);
  Operation& ended = record.history.at(position);
  ended.status = answer.items[0].status;
  ended.version = answer.items[0].version;
  ended.tokens = answer.tokens;
  record.end(position, answer.items[0].outcome);
  co_return answer.items[0].outcome == Outcome::ok;
}

Task<bool> Aftermath::read_point(uint32_t collection, PointId id, bool final_read) {
  RunRecord& record = *parts_.record;
  Operation operation;
  operation.client = parts_.client_number;
  operation.kind = OperationKind::get;
  operation.collection = collection;
  operation.point = id;
  operation.final_read = final_read;
  operation.request = ++record.last_request;
  const size_t position = record.begin(std::move(operation));
  const GetAnswer answer = co_await parts_.client->get(collection, id, true);
  Operation& ended = record.history.at(position);
  ended.status = answer.status;
  ended.value = answer.value;
  ended.version = answer.version;
  ended.tokens = answer.tokens;
  record.end(position, answer.outcome);
  co_return answer.outcome == Outcome::ok;
}

Task<void> Aftermath::await_convergence(std::vector<ProbedShard> groups, Instant since) {
  RunRecord& record = *parts_.record;
  std::optional<std::string> why;
  while (true) {
    why.reset();
    for (const ProbedShard& group : groups) {
      why = parts_.watch->divergence(group.group, group.replicas, parts_.hurt);
      if (why.has_value()) break;
    }
    if (!why.has_value()) co_return;
    if (record.world.now() >= since + kAvailableWithin) break;
    co_await parts_.env->clock().sleep_for(kProbePause);
  }
  record.violations.add(
      oracle::kConvergence, record.world.now(),
      fmt::format("{}, {} s after the last fault", *why, to_seconds(kAvailableWithin)));
}

Task<void> Aftermath::search_everywhere(std::set<uint32_t> collections) {
  RunRecord& record = *parts_.record;
  for (const uint32_t i : collections) {
    Status last(Code::unavailable, "not tried");
    for (int attempt = 0; attempt < kReadAttemptsMax && !last.ok(); ++attempt) {
      last = co_await search(i, true);
    }
    if (last.ok()) continue;
    record.violations.add(oracle::kAvailability, record.world.now(),
                          fmt::format("a search of collection {} was not whole {} times: {}", i,
                                      kReadAttemptsMax, last.to_string()),
                          "partial_search");
  }
}

Task<void> Aftermath::search_approximately(std::set<uint32_t> collections) {
  std::map<uint32_t, uint64_t> asked;
  for (const Operation& operation : parts_.record->history.operations()) {
    const bool counts = operation.kind == OperationKind::search &&
                        operation.outcome == Outcome::ok && !operation.search->exact;
    if (counts) ++asked[operation.collection];
  }
  for (const uint32_t collection : collections) {
    for (uint64_t i = asked[collection]; i < kApproximateSearchesMin; ++i) {
      const Status answered = co_await search(collection, false);
      (void)answered;  // Availability was judged before.
      ++searches_added_;
    }
  }
}

Task<Status> Aftermath::search(uint32_t collection, bool exact) {
  RunRecord& record = *parts_.record;
  SearchRecord question;
  question.query =
      vector_of_value(++record.last_value, parts_.plan->workload.collections[collection].dimension);
  question.k = kSearchHits;
  question.exact = exact;
  question.allow_partial = true;
  Operation operation;
  operation.client = parts_.client_number;
  operation.kind = OperationKind::search;
  operation.collection = collection;
  operation.request = ++record.last_request;
  operation.linearizable = true;
  operation.search = std::make_shared<SearchRecord>(question);
  const size_t position = record.begin(std::move(operation));
  SearchAnswer answer = co_await parts_.client->search(collection, std::move(question), true);
  Operation& ended = record.history.at(position);
  ended.status = answer.status;
  ended.tokens = std::move(answer.tokens);
  ended.search->hits = std::move(answer.hits);
  ended.search->missing_shards = answer.missing_shards;
  record.end(position, answer.outcome);
  if (answer.outcome != Outcome::ok) co_return ended.status;
  if (answer.missing_shards.empty()) co_return Status();
  co_return Status(Code::unavailable,
                   fmt::format("{} shards were missing", answer.missing_shards.size()));
}

Task<void> Aftermath::read_everything(std::set<uint32_t> collections) {
  std::map<uint32_t, std::vector<PointId>> points;
  for (const auto& [key, positions] : operations_by_point(parts_.record->history)) {
    if (collections.contains(key.collection)) points[key.collection].push_back(key.id);
  }
  for (const auto& [collection, ids] : points) {
    std::vector<Task<bool>> readers;
    readers.reserve(kReadersAtOnce);
    for (size_t i = 0; i < kReadersAtOnce; ++i) {
      readers.push_back(finished(read_share(&ids, collection, i, kReadersAtOnce)));
    }
    co_await when_all(std::move(readers));
  }
}

Task<void> Aftermath::read_share(const std::vector<PointId>* points, uint32_t collection,
                                 size_t first, size_t stride) {
  RunRecord& record = *parts_.record;
  for (size_t i = first; i < points->size(); i += stride) {
    bool done = false;
    for (int attempt = 0; attempt < kReadAttemptsMax && !done; ++attempt) {
      done = co_await read_point(collection, (*points)[i], true);
    }
    if (done) continue;
    record.violations.add(oracle::kAvailability, record.world.now(),
                          fmt::format("the last read of point {} in collection {} failed {} times",
                                      (*points)[i].to_string(), collection, kReadAttemptsMax),
                          "final_read");
    co_return;  // One is enough: the rest would wait as long.
  }
}

}  // namespace vectron::sim
