#include "sim/oracle/search_check.h"

#include <algorithm>
#include <bit>
#include <set>

namespace vectron::sim {

namespace {

/// A point of the model with its distance to a query.
struct Candidate {
  float distance = 0;
  const PointId* id = nullptr;
  const PointVersion* version = nullptr;

  bool operator<(const Candidate& other) const {
    if (distance != other.distance) return distance < other.distance;
    return *id < *other.id;
  }
};

std::string describe(const Operation& search) {
  std::string at;
  for (const ShardAt& token : search.tokens) {
    at += fmt::format(" {}@{}", token.shard_id, token.applied_index);
  }
  return fmt::format("{} {} search of client-{} in collection {} with k = {}, at{}",
                     search.linearizable ? "linearizable" : "eventual",
                     search.search->exact ? "exact" : "approximate", search.client,
                     search.collection, search.search->k, at);
}

std::string describe(const SearchHit& hit) {
  return fmt::format("{} (score {}, version {}, value {})", hit.id.to_string(), hit.score,
                     hit.version, hit.value);
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

class AnswerCheck {
 public:
  AnswerCheck(const CollectionModel& collection, const Operation& search, ViolationLog* log)
      : collection_(collection), search_(search), record_(*search.search), log_(*log) {
    query_ = record_.query;
    if (collection_.metric == index::Metric::cosine) index::normalize(query_);
  }

  void run(Recall* recall) {
    if (!check_coverage()) return;
    const std::vector<Candidate> expected = brute_force();
    if (record_.exact) {
      ++recall->exact_searches;
      check_exact(expected);
      return;
    }
    if (check_approximate(expected.size())) check_tail();
    count_recall(expected, recall);
  }

 private:
  void object(std::string_view kind, std::string text) {
    log_.add(oracle::kSearch, search_.returned, fmt::format("{}: {}", describe(search_), text),
             kind);
  }

  /// Every shard of the collection has answered or is named as missing; none of them twice.
  bool check_coverage() {
    if (!record_.allow_partial && !record_.missing_shards.empty()) {
      object("coverage", "leaves out shards, and was not allowed to");
      return false;
    }
    std::set<uint64_t> named(record_.missing_shards.begin(), record_.missing_shards.end());
    size_t count = record_.missing_shards.size();
    for (const ShardAt& token : search_.tokens) {
      named.insert(token.shard_id);
      ++count;
      if (!collection_.shards.contains(token.shard_id)) {
        object("coverage", fmt::format("shard {} is not one of the collection's", token.shard_id));
        return false;
      }
    }
    if (count == named.size() && named.size() == collection_.shards.size()) return true;
    object("coverage", fmt::format("names {} shards of {}", count, collection_.shards.size()));
    return false;
  }

  std::vector<Candidate> brute_force() const {
    std::vector<Candidate> all;
    for (const ShardAt& token : search_.tokens) {
      const ShardModel& shard = collection_.shards.at(token.shard_id);
      shard.for_each(token.applied_index, [&](const PointId& id, const PointVersion& version) {
        all.push_back(
            {index::distance_between(collection_.metric, query_, version.vector), &id, &version});
      });
    }
    const size_t k = std::min<size_t>(record_.k, all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<ptrdiff_t>(k), std::less<>());
    all.resize(k);
    return all;
  }

  void check_exact(const std::vector<Candidate>& expected) {
    if (record_.hits.size() != expected.size()) {
      return object("count", fmt::format("{} hits, but the model has {}", record_.hits.size(),
                                         expected.size()));
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const Candidate& right = expected[i];
      if (matches(record_.hits[i], right)) continue;
      return object(
          "hit", fmt::format("hit {} is {}, but the model has {} (score {}, version {}, value {})",
                             i, describe(record_.hits[i]), right.id->to_string(),
                             index::score_of(collection_.metric, right.distance),
                             right.version->index, right.version->value));
    }
  }

  bool matches(const SearchHit& hit, const Candidate& right) const {
    return hit.id == *right.id && hit.version == right.version->index &&
           (!record_.with_payload || hit.value == right.version->value) &&
           same_bits(hit.score, index::score_of(collection_.metric, right.distance));
  }

  /// False when it has objected.
  bool check_approximate(size_t count) {
    std::set<PointId> seen;
    std::optional<Candidate> before;
    for (const SearchHit& hit : record_.hits) {
      if (!seen.insert(hit.id).second) {
        object("twice", fmt::format("{} twice", describe(hit)));
        return false;
      }
      const PointVersion* version = find(hit.id);
      if (version == nullptr) {
        object("foreign",
               fmt::format("{} is deleted or foreign at the answer's index", describe(hit)));
        return false;
      }
      const Candidate right{index::distance_between(collection_.metric, query_, version->vector),
                            &hit.id, version};
      if (!matches(hit, right)) {
        object("hit",
               fmt::format("{}, but the model has score {}, version {}, value {}", describe(hit),
                           index::score_of(collection_.metric, right.distance), version->index,
                           version->value));
        return false;
      }
      if (before.has_value() && right < *before) {
        object("order", fmt::format("{} stands after a worse one", describe(hit)));
        return false;
      }
      before = right;
    }
    if (record_.hits.size() == count) return true;
    object("count", fmt::format("{} hits of {}", record_.hits.size(), count));
    return false;
  }

  /// What was not linked yet was compared: it is missing only where k points are better.
  /// Requires: check_approximate() had no objection.
  void check_tail() {
    std::set<PointId> found;
    for (const SearchHit& hit : record_.hits) found.insert(hit.id);
    std::optional<Candidate> last;
    if (!record_.hits.empty()) {
      const PointId& id = record_.hits.back().id;
      const PointVersion* version = find(id);
      last = {index::distance_between(collection_.metric, query_, version->vector), &id, version};
    }
    for (const ShardAt& token : search_.tokens) {
      const ShardModel& shard = collection_.shards.at(token.shard_id);
      shard.for_each(token.applied_index, [&](const PointId& id, const PointVersion& version) {
        if (version.index <= token.linked_index || found.contains(id)) return;
        const Candidate missing{index::distance_between(collection_.metric, query_, version.vector),
                                &id, &version};
        if (last.has_value() && *last < missing) return;
        object("tail", fmt::format("{} of index {} is missing, which was not linked (up to {})",
                                   id.to_string(), version.index, token.linked_index));
      });
    }
  }

  const PointVersion* find(const PointId& id) const {
    for (const ShardAt& token : search_.tokens) {
      const ShardModel& shard = collection_.shards.at(token.shard_id);
      if (const PointVersion* version = shard.find(id, token.applied_index)) return version;
    }
    return nullptr;
  }

  /// A hit counts when it is no worse than the k-th true neighbour
  /// (docs/decisions/0010-recall-by-distance.md).
  void count_recall(const std::vector<Candidate>& expected, Recall* recall) const {
    ++recall->searches;
    recall->expected += expected.size();
    if (expected.empty()) return;
    const float worst = index::score_of(collection_.metric, expected.back().distance);
    const auto close = std::ranges::count_if(record_.hits, [&](const SearchHit& hit) {
      return !index::better_score(collection_.metric, worst, hit.score);
    });
    recall->found += std::min(static_cast<size_t>(close), expected.size());
  }

  const CollectionModel& collection_;
  const Operation& search_;
  const SearchRecord& record_;
  ViolationLog& log_;
  std::vector<float> query_;
};

/// A get at an index of its shard finds what the model has there.
void check_get(const CollectionModel& collection, const Operation& get, ViolationLog* log) {
  for (const ShardAt& token : get.tokens) {
    const auto shard = collection.shards.find(token.shard_id);
    const PointVersion* version = shard == collection.shards.end()
                                      ? nullptr
                                      : shard->second.find(get.point, token.applied_index);
    const ValueNumber value = version == nullptr ? kAbsent : version->value;
    const uint64_t index = version == nullptr ? 0 : version->index;
    if (value == get.value && index == get.version) continue;
    log->add(
        oracle::kSearch, get.returned,
        fmt::format("get of {} by client-{} at shard {} index {} found value {} version {}, but "
                    "the model has value {} version {}",
                    get.point.to_string(), get.client, token.shard_id, token.applied_index,
                    get.value, get.version, value, index),
        "get");
  }
}

}  // namespace

Recall RunRecall::all() const {
  return {.searches = beside_faults.searches + calm.searches,
          .found = beside_faults.found + calm.found,
          .expected = beside_faults.expected + calm.expected,
          .exact_searches = beside_faults.exact_searches + calm.exact_searches};
}

Recall RunRecall::judged() const {
  return beside_faults.expected >= kRecallExpectedMin ? beside_faults : all();
}

RunRecall check_answers(const History& history, const std::vector<CollectionModel>& collections,
                        uint32_t calm_client, ViolationLog* log) {
  RunRecall recall;
  for (const Operation& operation : history.operations()) {
    if (operation.outcome != Outcome::ok) continue;
    const CollectionModel& collection = collections.at(operation.collection);
    if (operation.kind == OperationKind::get) check_get(collection, operation, log);
    if (operation.kind == OperationKind::search) {
      const bool calm = operation.client >= calm_client;
      AnswerCheck(collection, operation, log).run(calm ? &recall.calm : &recall.beside_faults);
    }
  }
  return recall;
}

void check_recall(const Recall& recall, const Recall& of_new_graphs, ViolationLog* log) {
  if (recall.expected < kRecallExpectedMin || recall.found_ppm() >= kRecallFloorPpm) return;
  std::string text = fmt::format(
      "recall is {} ppm over {} approximate searches ({} of {} neighbours), the floor is {} ppm",
      recall.found_ppm(), recall.searches, recall.found, recall.expected, kRecallFloorPpm);
  const bool out_of_reach =
      of_new_graphs.expected > 0 && of_new_graphs.found_ppm() < kRecallFloorPpm;
  if (out_of_reach) {
    text += fmt::format(
        "; new graphs with the same options find {} ppm: give the plan's collections a better m, "
        "ef_construction and ef_search, this run shows nothing of the recall",
        of_new_graphs.found_ppm());
  }
  log->add(oracle::kSearchRecall, {}, std::move(text), out_of_reach ? kOutOfReach : "");
}

}  // namespace vectron::sim
