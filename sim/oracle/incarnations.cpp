#include "sim/oracle/incarnations.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/base/assert.h"
#include "schemas/storage_messages.h"

namespace vectron::sim {

namespace {

/// The ids and names that placement has given out, from its entries alone.
class PlacementReplay {
 public:
  explicit PlacementReplay(std::span<const std::string> names) : names_(names) {}

  void apply(const stored::PlacementCommand& command) {
    if (command.register_worker) {
      workers_.insert(command.register_worker->node_id);
    } else if (command.create_collection) {
      create(*command.create_collection);
    } else if (command.delete_collection) {
      remove(command.delete_collection->collection_id);
    } else if (command.forget_collections) {
      for (const uint64_t id : command.forget_collections->collection_ids) {
        if (Incarnation* known = find(id)) known->forgotten = known->removed;
      }
    }
  }
  std::vector<Incarnation> take() { return std::move(out_); }

 private:
  void create(const stored::CreateCollectionCommand& command) {
    if (by_name_.contains(command.name)) return;
    for (const stored::PlannedShard& shard : command.shards) {
      const bool known = std::ranges::all_of(
          shard.node_ids, [this](uint64_t node) { return workers_.contains(node); });
      if (!known) return;
    }
    Incarnation made;
    made.id = ++last_collection_;
    for (const stored::PlannedShard& shard : command.shards) {
      made.shards.push_back(++last_shard_);
      for (const uint64_t node : shard.node_ids) {
        made.replicas.push_back({++last_replica_, node, last_shard_});
      }
    }
    by_name_[command.name] = made.id;
    name_of_[made.id] = command.name;
    const auto name = std::ranges::find(names_, command.name);
    if (name == names_.end()) return;
    made.collection = static_cast<uint32_t>(name - names_.begin());
    out_.push_back(std::move(made));
  }

  void remove(uint64_t id) {
    const auto name = name_of_.find(id);
    if (name == name_of_.end()) return;
    by_name_.erase(name->second);
    name_of_.erase(name);
    if (Incarnation* known = find(id)) known->removed = true;
  }

  Incarnation* find(uint64_t id) {
    const auto found = std::ranges::find(out_, id, &Incarnation::id);
    return found == out_.end() ? nullptr : &*found;
  }

  std::span<const std::string> names_;
  std::set<uint64_t> workers_;
  std::map<std::string, uint64_t> by_name_;
  std::map<uint64_t, std::string> name_of_;
  std::vector<Incarnation> out_;
  uint64_t last_collection_ = 0;
  uint64_t last_shard_ = 0;
  uint64_t last_replica_ = 0;
};

/// When an incarnation can have answered anything, in real-time order.
struct Window {
  uint64_t from = 0;
  uint64_t to = UINT64_MAX;
};

bool is_write(const Operation& operation) {
  return operation.kind == OperationKind::upsert || operation.kind == OperationKind::remove;
}

class Teller {
 public:
  Teller(const std::vector<Incarnation>& incarnations, const std::vector<LifeEvent>& events)
      : incarnations_(incarnations) {
    windows_.resize(incarnations.size());
    for (uint32_t i = 0; i < incarnations.size(); ++i) {
      for (const uint64_t shard : incarnations[i].shards) by_shard_[shard] = i;
      for (const LifeEvent& event : events) {
        if (event.id != incarnations[i].id || event.outcome != Outcome::ok) continue;
        if (event.kind == LifeEvent::Kind::create) windows_[i].from = event.invoke_order;
        if (event.kind == LifeEvent::Kind::remove && event.complete) {
          windows_[i].to = std::min(windows_[i].to, event.return_order);
        }
      }
    }
  }

  /// The incarnation whose shard answered.
  std::optional<uint32_t> answered_by(const Operation& operation) const {
    if (operation.tokens.empty()) return std::nullopt;
    const auto found = by_shard_.find(operation.tokens.front().shard_id);
    return found == by_shard_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Those that can have had to do with an operation that names no shard.
  std::vector<uint32_t> candidates(const Operation& operation) const {
    std::vector<uint32_t> out;
    for (uint32_t i = 0; i < incarnations_.size(); ++i) {
      if (incarnations_[i].collection != operation.collection) continue;
      const uint64_t end = operation.return_order == 0 ? UINT64_MAX : operation.return_order;
      // An unknown write may take effect later than it was answered, but no later than the end.
      const bool unknown = is_write(operation) && operation.outcome != Outcome::ok;
      const bool begun = unknown || windows_[i].from <= end;
      if (begun && operation.invoke_order <= windows_[i].to) out.push_back(i);
    }
    return out;
  }

 private:
  const std::vector<Incarnation>& incarnations_;
  std::vector<Window> windows_;
  std::map<uint64_t, uint32_t> by_shard_;
};

const Incarnation* find_id(const std::vector<Incarnation>& incarnations, uint64_t id) {
  const auto found = std::ranges::find(incarnations, id, &Incarnation::id);
  return found == incarnations.end() ? nullptr : &*found;
}

void check_events(const std::vector<Incarnation>& incarnations,
                  const std::vector<LifeEvent>& events, ViolationLog* log) {
  for (const LifeEvent& event : events) {
    if (event.outcome != Outcome::ok) continue;
    const Incarnation* known = find_id(incarnations, event.id);
    const bool removes = event.kind == LifeEvent::Kind::remove;
    const bool right =
        known != nullptr && known->collection == event.collection && (!removes || known->removed);
    if (right) continue;
    log->add(oracle::kLives, {},
             fmt::format("the {} of collection {} was answered with id {}, which is not committed",
                         removes ? "removal" : "creation", event.collection, event.id));
  }
}

/// Nothing that began after the complete removal was acknowledged by what was removed.
void check_fences(const History& history, const std::vector<Incarnation>& incarnations,
                  const std::vector<LifeEvent>& events, ViolationLog* log) {
  const Teller teller(incarnations, events);
  std::map<uint64_t, uint64_t> fenced;  // By id, when it was answered first.
  for (const LifeEvent& event : events) {
    const bool complete = event.kind == LifeEvent::Kind::remove && event.complete;
    if (!complete || event.outcome != Outcome::ok) continue;
    const auto [at, fresh] = fenced.try_emplace(event.id, event.return_order);
    if (!fresh) at->second = std::min(at->second, event.return_order);
  }
  for (const Operation& operation : history.operations()) {
    if (operation.outcome != Outcome::ok) continue;
    if (!is_write(operation) && !operation.linearizable) continue;
    const auto incarnation = teller.answered_by(operation);
    if (!incarnation) continue;
    const auto fence = fenced.find(incarnations[*incarnation].id);
    if (fence == fenced.end() || operation.invoke_order < fence->second) continue;
    log->add(oracle::kLives, operation.returned,
             fmt::format("client-{} {} of point {} was answered by collection id {} after its "
                         "removal was complete",
                         operation.client, operation_kind_name(operation.kind),
                         operation.point.to_string(), fence->first));
  }
}

/// A collection that was made before and never removed exists.
void check_existence(const History& history, const std::vector<Incarnation>& incarnations,
                     const std::vector<LifeEvent>& events, ViolationLog* log) {
  std::map<uint32_t, uint64_t> exists_since;  // By collection; the order of the creation's answer.
  for (const LifeEvent& event : events) {
    if (event.kind != LifeEvent::Kind::create || event.outcome != Outcome::ok) continue;
    const Incarnation* known = find_id(incarnations, event.id);
    if (known != nullptr && !known->removed) exists_since[event.collection] = event.return_order;
  }
  for (const Operation& operation : history.operations()) {
    const bool says_absent =
        operation.outcome == Outcome::failed && operation.status.code() == Code::not_found;
    const auto since = exists_since.find(operation.collection);
    if (!says_absent || since == exists_since.end()) continue;
    if (operation.invoke_order < since->second) continue;
    log->add(oracle::kLives, operation.returned,
             fmt::format("client-{} was told that collection {} does not exist, but it was made "
                         "before and never removed: {}",
                         operation.client, operation.collection, operation.status.to_string()));
  }
}

}  // namespace

Result<std::vector<Incarnation>> incarnations_of(std::span<const raft::Payload> entries,
                                                 std::span<const std::string> names) {
  PlacementReplay replay(names);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i] == nullptr) continue;
    const auto command = decode<stored::PlacementCommand>(raft::view(entries[i]));
    if (!command.has_value()) {
      return fail(command.error().with_context(fmt::format("placement entry {}", i + 1)));
    }
    replay.apply(*command);
  }
  return replay.take();
}

History by_incarnation(const History& history, const std::vector<Incarnation>& incarnations,
                       const std::vector<LifeEvent>& events) {
  const Teller teller(incarnations, events);
  History out;
  const auto tell = [&out](const Operation& operation, uint32_t incarnation) {
    Operation told = operation;
    told.collection = incarnation;
    out.add(std::move(told));
  };
  for (const Operation& operation : history.operations()) {
    if (const auto incarnation = teller.answered_by(operation)) {
      tell(operation, *incarnation);
      continue;
    }
    const std::vector<uint32_t> candidates = teller.candidates(operation);
    const bool every = is_write(operation) && operation.outcome != Outcome::ok;
    if (!every && candidates.size() != 1) continue;
    for (const uint32_t incarnation : candidates) tell(operation, incarnation);
  }
  return out;
}

void check_lives(const History& history, const std::vector<Incarnation>& incarnations,
                 const std::vector<LifeEvent>& events, ViolationLog* log) {
  check_events(incarnations, events, log);
  check_fences(history, incarnations, events, log);
  check_existence(history, incarnations, events, log);
}

}  // namespace vectron::sim
