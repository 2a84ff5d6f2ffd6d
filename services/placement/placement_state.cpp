#include "services/placement/placement_state.h"

#include <algorithm>
#include <set>

#include "core/model/collection.h"
#include "core/model/shard_map.h"
#include "services/placement/placement_invariants.h"

namespace vectron {
namespace {

constexpr std::string_view kCountersKey = "counters";
constexpr std::string_view kWorkerPrefix = "worker/";
constexpr std::string_view kCollectionPrefix = "collection/";
constexpr std::string_view kRemovedPrefix = "removed/";
/// 2: lineages, removals of collections. 3: workers that are forgotten.
constexpr uint32_t kCommandVersion = 3;
/// Times its command that a record may be.
constexpr size_t kRecordGrowthMax = 8;

Bytes record_key(std::string_view prefix, uint64_t id) {
  Bytes key = to_bytes(as_bytes(prefix));
  put_big_endian(key, id);
  return key;
}

Result<stored::PlacementCommand> read_command(ByteView bytes) {
  VECTRON_TRY(stored::PlacementCommand command, decode<stored::PlacementCommand>(bytes));
  if (command.header.schema_version <= kCommandVersion) return command;
  return fail(Code::invalid_argument, "the command is of a newer version", "schema_version");
}

CollectionOptions options_of(const stored::CreateCollectionCommand& command) {
  CollectionOptions options;
  options.name = command.name;
  options.dimension = command.dimension;
  options.distance = static_cast<Distance>(command.distance);
  options.shards = static_cast<uint32_t>(std::min<size_t>(command.shards.size(), UINT32_MAX));
  options.replication = command.replication;
  options.index.m = command.index.m;
  options.index.ef_construction = command.index.ef_construction;
  options.index.ef_search = command.index.ef_search_default;
  return options;
}

// What no leader plans: workers could not hold such a collection, or nobody could find its points.
Result<void> check_plan(const stored::CreateCollectionCommand& command) {
  VECTRON_CHECK_OK(check_collection_options(options_of(command)));
  std::vector<HashRange> ranges;
  ranges.reserve(command.shards.size());
  for (const stored::PlannedShard& shard : command.shards) {
    ranges.push_back({shard.hash_low, shard.hash_high});
    const std::set<uint64_t> nodes(shard.node_ids.begin(), shard.node_ids.end());
    if (nodes.size() == command.replication && nodes.size() == shard.node_ids.size()) continue;
    return fail(Code::invalid_argument,
                fmt::format("each shard needs {} different workers", command.replication),
                "shards.node_ids");
  }
  const auto whole = check_covers_all(ranges);
  if (whole.has_value()) return {};
  return fail(Code::invalid_argument, whole.error().message(), "shards");
}

Result<void> check_worker(const stored::WorkerRecord& record) {
  if (record.node_id != 0 && !record.address.empty()) return {};
  return fail(Code::invalid_argument, "a worker has a node id and an address", "node_id");
}

PlacementAnswer refused(Code code, std::string message, std::string field = {}) {
  return {Status(code, std::move(message), std::move(field)), {}};
}

}  // namespace

Bytes encode_answer(const PlacementAnswer& answer) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.put(static_cast<uint8_t>(answer.status.code()));
  writer.put_sized(as_bytes(answer.status.message()));
  writer.put_sized(as_bytes(answer.status.field()));
  writer.put(answer.collection.value());
  return bytes;
}

Result<PlacementAnswer> decode_answer(ByteView bytes) {
  ByteReader reader(bytes);
  const auto code = reader.get<uint8_t>();
  const ByteView message = reader.get_sized();
  const ByteView field = reader.get_sized();
  const auto collection = reader.get<uint64_t>();
  if (!reader.done() || code >= kCodeCount) {
    return fail(Code::internal, "an answer of the placement state cannot be read");
  }
  PlacementAnswer answer;
  if (code != 0) {
    answer.status =
        Status(static_cast<Code>(code), std::string(as_text(message)), std::string(as_text(field)));
  }
  answer.collection = CollectionId(collection);
  return answer;
}

uint32_t schema_version_of(const stored::PlacementCommand& command) {
  if (command.forget_workers) return 3;
  const bool second =
      command.delete_collection || command.forget_collections || command.lineage != 0;
  return second ? 2 : 1;
}

Task<Result<void>> PlacementState::load(OverlayStore* store, StateHome) {
  store_ = store;
  workers_.clear();
  collections_.clear();
  removed_.clear();
  by_name_.clear();
  book_.clear();
  counters_ = {};
  Status damage;
  const KvVisitor visitor = [this, &damage](ByteView key, ByteView value) {
    const auto taken = take_record(key, value);
    if (!taken.has_value()) {
      damage = Status(Code::data_loss, "the placement store: " + taken.error().message());
    }
    return taken.has_value();
  };
  const auto end = store->scan(KvScanRange(), visitor);
  if (!end.has_value()) co_return fail(end.error());
  if (!damage.ok()) co_return fail(damage);
  const auto wrong = PlacementInvariants::contradiction(*this);
  if (wrong) co_return fail(Code::data_loss, "the placement store: " + *wrong);
  co_return Result<void>();
}

Result<void> PlacementState::take_record(ByteView key, ByteView value) {
  const std::string_view name = as_text(key);
  if (name == kCountersKey) {
    VECTRON_TRY(counters_, decode<stored::PlacementCounters>(value));
  } else if (name.starts_with(kWorkerPrefix)) {
    VECTRON_TRY(stored::WorkerRecord record, decode<stored::WorkerRecord>(value));
    const NodeId node(record.node_id);
    workers_[node] = std::move(record);
  } else if (name.starts_with(kCollectionPrefix)) {
    VECTRON_TRY(stored::CollectionRecord record, decode<stored::CollectionRecord>(value));
    const CollectionId id(record.id);
    by_name_[record.name] = id;
    book_.add(record);
    collections_[id] = std::move(record);
  } else if (name.starts_with(kRemovedPrefix)) {
    VECTRON_TRY(stored::RemovedCollection record, decode<stored::RemovedCollection>(value));
    book_.remember_removed(record.collection);
    removed_[CollectionId(record.collection.id)] = std::move(record);
  } else {
    return fail(Code::data_loss, "the placement store has a record of an unknown kind");
  }
  return {};
}

const stored::CollectionRecord* PlacementState::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &collections_.at(found->second);
}

// Another state takes it, with nothing to make it fit to.
Result<void> PlacementState::check_pair(ByteView key, ByteView value) const {
  PlacementState other;
  const auto taken = other.take_record(key, value);
  const auto wrong = [](std::string_view message) {
    return fail(Code::invalid_argument,
                fmt::format("the snapshot has a wrong record: {}", message));
  };
  if (!taken.has_value()) return wrong(taken.error().message());
  uint64_t id = 0;
  std::string_view prefix;
  if (!other.workers_.empty()) {
    id = other.workers_.begin()->second.node_id;
    prefix = kWorkerPrefix;
  } else if (!other.collections_.empty()) {
    id = other.collections_.begin()->second.id;
    prefix = kCollectionPrefix;
  } else if (!other.removed_.empty()) {
    id = other.removed_.begin()->second.collection.id;
    prefix = kRemovedPrefix;
  }
  if (prefix.empty() || std::ranges::equal(record_key(prefix, id), key)) return {};
  return wrong("it stands under the key of another one");
}

Result<void> PlacementState::check(ByteView command, size_t commit_bytes_max) const {
  VECTRON_TRY(const stored::PlacementCommand read, read_command(command));
  if (read.create_collection) VECTRON_CHECK_OK(check_plan(*read.create_collection));
  if (read.register_worker) VECTRON_CHECK_OK(check_worker(*read.register_worker));
  // A record holds what its command does, and ids that were given out for it.
  if (command.size() <= commit_bytes_max / kRecordGrowthMax) return {};
  return fail(Code::invalid_argument, "the command is larger than one commit takes");
}

Result<Bytes> PlacementState::apply(LogIndex index, ByteView bytes) {
  const auto decoded = read_command(bytes);
  if (!decoded.has_value()) {
    return fail(Code::data_loss, fmt::format("log entry {} is no placement command: {}", index,
                                             decoded.error().message()));
  }
  const stored::PlacementCounters before = counters_;
  const auto answer = carry_out(*decoded);
  if (!answer.has_value()) return fail(answer.error());
  const auto broken = PlacementInvariants::violation(*this, before);
  VECTRON_ASSERT(!broken, "after log entry {}: {}", index, *broken);
  if (watched_) {
    const auto wrong = PlacementInvariants::contradiction(*this);
    VECTRON_ASSERT(!wrong, "after log entry {}: {}", index, *wrong);
  }
  return encode_answer(*answer);
}

Result<PlacementAnswer> PlacementState::carry_out(const stored::PlacementCommand& command) {
  if (command.register_worker) {
    VECTRON_CHECK_OK(begin_lineage(command.lineage));
    return register_worker(*command.register_worker);
  }
  if (command.forget_workers) return forget_workers(*command.forget_workers);
  if (command.create_collection) return create_collection(*command.create_collection);
  if (command.replicas_created) return record_created(*command.replicas_created);
  if (command.delete_collection) return delete_collection(*command.delete_collection);
  if (command.forget_collections) return forget_collections(*command.forget_collections);
  return refused(Code::unimplemented, "an empty command");
}

Result<void> PlacementState::check_lineage(uint64_t lineage) const {
  if (lineage == 0 || lineage == counters_.lineage) return {};
  return fail(Code::failed_precondition,
              "the worker's replicas were made by another state of the placement driver, which "
              "this one has replaced: bring that state back, or start the worker on a new folder",
              "lineage");
}

// No id was given out before: replicas lie on workers, and no worker was known.
Result<void> PlacementState::begin_lineage(uint64_t drawn) {
  if (counters_.lineage != 0 || drawn == 0) return {};
  counters_.lineage = drawn;
  return put_counters();
}

Result<PlacementAnswer> PlacementState::register_worker(const stored::WorkerRecord& record) {
  const auto valid = check_worker(record);
  if (!valid.has_value()) return PlacementAnswer{valid.error(), {}};
  const NodeId node(record.node_id);
  const auto known = workers_.find(node);
  // Starts are counted in the folder: those of another one say nothing about this one, and a claim
  // that was not true must not keep the worker out for ever.
  const bool same_folder = known != workers_.end() && record.folder_id == known->second.folder_id;
  if (same_folder && record.incarnation < known->second.incarnation) {
    return refused(
        Code::failed_precondition,
        fmt::format("worker {} has started {} times, this is start {}: if its disk was lost, "
                    "give it a new node id",
                    node, known->second.incarnation, record.incarnation),
        "incarnation");
  }
  if (known != workers_.end() && known->second == record) return PlacementAnswer();
  if (known != workers_.end() && record.folder_id != known->second.folder_id &&
      !book_.replicas_of(node).empty()) {
    return refused(
        Code::failed_precondition,
        fmt::format("worker {} comes with another folder than the one that holds its copies: start "
                    "it on the old folder, or, if that is lost, give it a new node id",
                    node),
        "folder_id");
  }
  if (known == workers_.end() && workers_.size() >= kWorkersMax) {
    return refused(Code::resource_exhausted,
                   fmt::format("{} workers are on record, which is all that may be", kWorkersMax),
                   "node_id");
  }
  const bool orders_change = known == workers_.end() || known->second.address != record.address ||
                             known->second.folder_id != record.folder_id;
  workers_[node] = record;
  if (orders_change) book_.note_worker(node);
  ++counters_.revision;
  VECTRON_CHECK_OK(store_->put(record_key(kWorkerPrefix, node.value()), encode(record)));
  VECTRON_CHECK_OK(put_counters());
  return PlacementAnswer();
}

Result<PlacementAnswer> PlacementState::forget_workers(
    const stored::ForgetWorkersCommand& command) {
  for (const uint64_t id : command.node_ids) {
    const NodeId node(id);
    if (book_.is_in_use(node) || workers_.erase(node) == 0) continue;
    book_.forget_worker(node);
    ++counters_.revision;
    VECTRON_CHECK_OK(store_->erase(record_key(kWorkerPrefix, id)));
  }
  VECTRON_CHECK_OK(put_counters());
  return PlacementAnswer();
}

Result<PlacementAnswer> PlacementState::create_collection(
    const stored::CreateCollectionCommand& command) {
  const auto valid = check_plan(command);
  if (!valid.has_value()) return PlacementAnswer{valid.error(), {}};
  if (by_name_.contains(command.name)) {
    return refused(Code::already_exists, fmt::format("collection '{}' exists", command.name),
                   "name");
  }
  size_t wanted = 0;
  for (const stored::PlannedShard& planned : command.shards) wanted += planned.node_ids.size();
  if (collections_.size() >= kCollectionsMax || wanted > kReplicasMax - book_.replica_count()) {
    return refused(
        Code::resource_exhausted,
        fmt::format("there are {} collections with {} copies of shards; {} and {} may be: delete "
                    "some first",
                    collections_.size(), book_.replica_count(), kCollectionsMax, kReplicasMax));
  }
  for (const stored::PlannedShard& planned : command.shards) {
    for (const uint64_t node : planned.node_ids) {
      if (workers_.contains(NodeId(node))) continue;
      return refused(Code::aborted,
                     fmt::format("worker {} is not known any more; try again", node));
    }
  }
  stored::CollectionRecord record;
  record.id = ++counters_.collection_id;
  record.name = command.name;
  record.dimension = command.dimension;
  record.distance = command.distance;
  record.replication = command.replication;
  record.read_level = command.read_level;
  record.index = command.index;
  record.epoch = 1;
  for (const stored::PlannedShard& planned : command.shards) {
    stored::ShardRecord shard;
    shard.shard_id = ++counters_.shard_id;
    shard.hash_low = planned.hash_low;
    shard.hash_high = planned.hash_high;
    for (const uint64_t node : planned.node_ids) {
      shard.replicas.push_back({++counters_.replica_id, node, false});
    }
    record.shards.push_back(std::move(shard));
  }
  ++counters_.revision;
  const CollectionId id(record.id);
  VECTRON_CHECK_OK(store_->put(record_key(kCollectionPrefix, id.value()), encode(record)));
  VECTRON_CHECK_OK(put_counters());
  by_name_[record.name] = id;
  book_.add(record);
  collections_[id] = std::move(record);
  return PlacementAnswer{Status(), id};
}

Result<PlacementAnswer> PlacementState::delete_collection(
    const stored::DeleteCollectionCommand& command) {
  const CollectionId id(command.collection_id);
  const auto found = collections_.find(id);
  if (found == collections_.end()) {
    if (command.collection_id != 0 && command.collection_id <= counters_.collection_id) {
      return PlacementAnswer{Status(), id};
    }
    return refused(Code::not_found, fmt::format("there never was a collection {}", id),
                   "collection_id");
  }
  if (removed_.size() >= kRemovedCollectionsMax) {
    return refused(Code::resource_exhausted,
                   fmt::format("{} removed collections wait for workers that are away: bring those "
                               "workers back first",
                               removed_.size()));
  }
  stored::RemovedCollection removed;
  removed.collection = std::move(found->second);
  removed.revision = ++counters_.revision;
  by_name_.erase(removed.collection.name);
  book_.remove(removed.collection);
  collections_.erase(found);
  VECTRON_CHECK_OK(store_->erase(record_key(kCollectionPrefix, id.value())));
  VECTRON_CHECK_OK(store_->put(record_key(kRemovedPrefix, id.value()), encode(removed)));
  VECTRON_CHECK_OK(put_counters());
  removed_[id] = std::move(removed);
  return PlacementAnswer{Status(), id};
}

Result<PlacementAnswer> PlacementState::forget_collections(
    const stored::ForgetCollectionsCommand& command) {
  for (const uint64_t id : command.collection_ids) {
    const auto removed = removed_.find(CollectionId(id));
    if (removed == removed_.end()) continue;
    book_.forget_removed(removed->second.collection);
    removed_.erase(removed);
    VECTRON_CHECK_OK(store_->erase(record_key(kRemovedPrefix, id)));
  }
  return PlacementAnswer();
}

Result<PlacementAnswer> PlacementState::record_created(
    const stored::ReplicasCreatedCommand& command) {
  std::set<CollectionId> changed;
  for (const uint64_t created : command.replica_ids) {
    const ReplicaId replica(created);
    const auto unmade = book_.unmade().find(replica);
    if (unmade == book_.unmade().end()) continue;
    const AssignmentBook::Place place = book_.replicas_of(unmade->second).at(replica);
    collections_.at(place.collection).shards[place.shard].replicas[place.replica].created = true;
    book_.note_made(replica);
    changed.insert(place.collection);
  }
  for (const CollectionId id : changed) {
    ++counters_.revision;
    VECTRON_CHECK_OK(
        store_->put(record_key(kCollectionPrefix, id.value()), encode(collections_.at(id))));
  }
  VECTRON_CHECK_OK(put_counters());
  return PlacementAnswer();
}

Result<void> PlacementState::put_counters() {
  return store_->put(as_bytes(kCountersKey), encode(counters_));
}

}  // namespace vectron
