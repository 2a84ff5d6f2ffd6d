#include "services/worker/shard_state.h"

#include <algorithm>

#include "schemas/point_id_message.h"
#include "services/worker/checkpoint_file.h"
#include "services/worker/stored_check.h"
#include "services/worker/work_cost.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "shard";
/// One turn of the loop's share of a load: the worker's other shards serve meanwhile.
constexpr size_t kLoadPageBytesMax = 512 << 10;
constexpr size_t kLoadPagePointsMax = 500;
/// 2: entries with a request id.
constexpr uint32_t kCommandVersion = 2;
/// One piece of mending on the Cpu pool: short, for searches may wait behind it.
constexpr index::IndexRestore::RepairBounds kMendPiece{.slots_max = 2'048,
                                                       .evaluations_max = 2'048};

// Points that the checkpoint knows and the store has no more, or has in another version.
void forget_rows_without_vector(CheckpointContent* loaded) {
  ShardContent& content = *loaded->content;
  for (index::Slot slot = 0; slot < loaded->live.size(); ++slot) {
    if (!loaded->live[slot] || loaded->restore->has_vector(slot)) continue;
    const auto found = content.slots.find(content.rows[slot].id);
    if (found != content.slots.end() && found->second == slot) content.slots.erase(found);
  }
}

}  // namespace

ShardOptions shard_options_of(const wire::ShardOptions& options) {
  ShardOptions out;
  out.shard = ShardId(options.shard_id);
  out.range = {options.hash_low, options.hash_high};
  out.dimension = options.dimension;
  out.distance = static_cast<Distance>(options.distance);
  out.index.m = options.index.m;
  out.index.ef_construction = options.index.ef_construction;
  out.index.ef_search = options.index.ef_search_default;
  return out;
}

Bytes encode_shard_answer(const ShardAnswer& answer) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.put(static_cast<uint8_t>(answer.refused));
  writer.put(answer.index.value());
  writer.put_sized(answer.existed);
  return bytes;
}

Result<ShardAnswer> decode_shard_answer(ByteView bytes) {
  ByteReader reader(bytes);
  ShardAnswer answer;
  answer.refused = static_cast<ShardAnswer::Refusal>(reader.get<uint8_t>());
  answer.index = LogIndex(reader.get<uint64_t>());
  answer.existed = to_bytes(reader.get_sized());
  if (reader.done()) return answer;
  return fail(Code::internal, "an answer of the shard's state cannot be read");
}

namespace {

// What the observer is to judge by itself.
GraphSight sight_of(const index::ShardIndex& index, const ShardOptions& options) {
  const index::Graph& graph = index.graph();
  const index::Slot end = index.graph_end();
  const index::Cut cut = index.cut();
  GraphSight sight;
  sight.by_inner_product = options.distance == Distance::dot;
  sight.dimension = options.dimension;
  if (graph.entry_point().level >= 0) sight.entry = graph.entry_point().slot;
  sight.links.resize(end);
  sight.found_at.resize(end, GraphSight::kNone);
  for (index::Slot slot = 0; slot < end; ++slot) {
    if (index.live(slot, cut)) sight.live.push_back(slot);
    // A graph of one node has no links.
    if (!graph.is_node(slot) && slot != sight.entry) continue;
    sight.links[slot] = graph.links(slot, 0);
    sight.found_at[slot] = slot;
    graph.copies().any(slot, [&](index::Slot copy) {
      if (copy < end) sight.found_at[copy] = slot;
      return false;
    });
  }
  return sight;
}

}  // namespace

ShardState::ShardState(Env* env, ShardOptions options, RequestMemoryLimits requests,
                       ReplicaObserver* observer)
    : env_(env),
      options_(options),
      observer_(observer),
      requests_(requests),
      forget_tombstones_(env->planted("forget_tombstone")),
      forget_requests_(env->planted("forget_request")),
      skip_tail_(env->planted("checkpoint_skips_tail")),
      index_work_(env->scheduler()) {}

void ShardState::report(IndexEvent event) const {
  if (observer_ == nullptr) return;
  uint64_t coverage = 0;
  GraphSight graph;
  if (content_) {
    coverage = content_->coverage(content_->index.cut());
    graph = sight_of(content_->index, options_);
  }
  observer_->on_index(home_.name, event, store_->applied_index(), coverage, graph);
}

MemoryUse ShardState::memory() const {
  MemoryUse use;
  use.requests = requests_.bytes();
  if (content_) {
    const index::ShardIndexStats stats = content_->index.stats();
    use.vectors = stats.vector_bytes;
    use.links = stats.graph_bytes + content_->mending_bytes;
    use.points = content_->point_bytes();
  }
  if (rebuild_) use.rebuild = rebuild_->to()->bytes();
  return use;
}

// ---------------------------------------------------------------------------------------- load

Task<Result<void>> ShardState::load(OverlayStore* store, StateHome home) {
  const auto valid = index_options(options_).validate();
  if (!valid.has_value()) {
    co_return fail(Code::data_loss,
                   "no index can be made by the options of this shard: " + valid.error().message());
  }
  store_ = store;
  home_ = std::move(home);
  content_.reset();
  rebuild_.reset();
  std::shared_ptr<CheckpointContent> loaded;
  if (!std::exchange(skip_checkpoint_, false)) loaded = co_await find_checkpoint();
  bool restored = loaded != nullptr;
  if (restored) {
    const auto fits = co_await take_points(loaded.get());
    VECTRON_CO_CHECK_OK(fits);
    restored = *fits;
    if (!restored) refuse_checkpoint(Status(Code::data_loss, "points of its time are not in it"));
  }
  if (!restored) {
    loaded = std::make_shared<CheckpointContent>();
    loaded->content = std::make_shared<ShardContent>(options_);
    const auto learnt = co_await take_points(loaded.get());
    VECTRON_CO_CHECK_OK(learnt);
  }
  if (restored) co_await mend(loaded);
  const auto remembered = co_await take_requests();
  VECTRON_CO_CHECK_OK(remembered);
  content_ = std::move(loaded->content);
  env_->metrics().add(restored ? Metric::worker_indexes_restored : Metric::worker_indexes_learnt);
  report(restored ? IndexEvent::restored : IndexEvent::learnt);
  index_work_.notify_all();
  co_return Result<void>();
}

// The checkpoint of this generation, or null when there is none that holds.
Task<std::shared_ptr<CheckpointContent>> ShardState::find_checkpoint() {
  const auto cleaned = co_await remove_stale_checkpoints(env_, home_);
  if (!cleaned.has_value()) {
    env_->log().warning(kComponent, "old checkpoints of replica {} stay: {}", home_.name.replica,
                        cleaned.error().to_string());
  }
  auto read = co_await read_checkpoint(env_, home_, options_);
  if (read.has_value() && read->applied_index > store_->applied_index()) {
    read = fail(Code::data_loss, "the graph checkpoint is ahead of the store");
  }
  if (read.has_value()) co_return std::make_shared<CheckpointContent>(*std::move(read));
  if (read.error().code() != Code::not_found) refuse_checkpoint(read.error());
  co_return nullptr;
}

void ShardState::refuse_checkpoint(const Status& why) {
  env_->log().warning(kComponent, "replica {} learns its graph anew: {}", home_.name.replica,
                      why.to_string());
  env_->metrics().add(Metric::worker_checkpoints_refused);
  report(IndexEvent::refused);
}

// Simulated shards are small: now and then theirs have seams between pages, too.
size_t ShardState::page_items_max(size_t items) const {
  return env_->buggify("shard.short_pages") ? 3 : items;
}

Task<Result<void>> ShardState::take_requests() {
  requests_.begin_load(store_);
  KvScanEnd next = Bytes();
  while (next) {
    const Bytes from = *next;
    const size_t before = requests_.size();
    auto end = requests_.load_page(from, page_items_max(RequestMemory::kLoadPageRecordsMax));
    env_->cpu().worked_on_loop(remembering_cost(requests_.size() - before));
    VECTRON_CO_TRY(next, end);
    if (next) co_await env_->clock().sleep_for(Duration::zero());
  }
  co_return Result<void>();
}

// Gives `into` all points of the store. False when they and its checkpoint do not go together.
Task<Result<bool>> ShardState::take_points(CheckpointContent* into) {
  KvScanRange range;
  range.bytes_max = kLoadPageBytesMax;
  KvScanEnd next = Bytes();
  while (next) {
    range.from = *next;
    range.items_max = page_items_max(kLoadPagePointsMax);
    Status damage;
    bool fits = true;
    size_t points = 0;
    size_t bytes = 0;
    const KvVisitor visitor = [&](ByteView key, ByteView value) {
      ++points;
      bytes += value.size();
      if (is_request_key(key)) return true;
      const auto read = read_point(key, value, options_);
      if (!read.has_value()) damage = read.error();
      fits = fits && read.has_value() && take_point(into, read->id, read->point);
      return fits;
    };
    const auto end = store_->scan(range, visitor);
    env_->cpu().worked_on_loop(applying_cost(points, bytes));
    if (!end.has_value()) co_return fail(end.error());
    if (!damage.ok()) co_return fail(damage);
    if (!fits) co_return false;
    next = *end;
    // Let the node's other work go on between pages.
    co_await env_->clock().sleep_for(Duration::zero());
  }
  co_return true;
}

bool ShardState::take_point(CheckpointContent* into, const PointId& id,
                            const stored::StoredPoint& point) {
  ShardContent& content = *into->content;
  const std::vector<float>& vector = point.vectors.front().values;
  if (into->restore) {
    const auto known = content.slots.find(id);
    if (known != content.slots.end() && content.rows[known->second].version == point.version) {
      into->restore->take_vector(known->second, vector);
      return true;
    }
    if (point.version <= into->applied_index.value()) return skip_tail_;
  }
  content.put(id, point.version, vector);
  return true;
}

// Takes what is not in the store any more out of the checkpoint's content.
Task<void> ShardState::mend(std::shared_ptr<CheckpointContent> loaded) {
  const uint64_t rows = loaded->live.size();
  if (env_->planted("restore_forgets_holes")) loaded->restore->plant_forgotten_holes();
  std::function<void()> forget = [loaded] { forget_rows_without_vector(loaded.get()); };
  co_await env_->cpu().run({1000 + 20 * rows}, std::move(forget));
  for (bool done = false; !done;) {
    std::function<bool()> work = [loaded] { return loaded->restore->repair_some(kMendPiece); };
    const CpuCost cost = mending_cost(kMendPiece.evaluations_max, options_.dimension);
    done = co_await run_on<bool>(&env_->cpu(), cost, std::move(work));
  }
  if (!loaded->restore->looked_through()) co_return;
  env_->metrics().add(Metric::worker_graph_nodes_mended, loaded->restore->mended());
  loaded->content->nodes_unreachable = loaded->restore->unreachable();
  loaded->content->nodes_mended = loaded->content->index.graph().nodes();
}

// ------------------------------------------------------------------------------------- rebuild

std::shared_ptr<ShardRebuild> ShardState::begin_rebuild() {
  VECTRON_ASSERT(content_ && !rebuild_);
  rebuild_ =
      std::make_shared<ShardRebuild>(content_, options_, env_->planted("rebuild_forgets_deletes"));
  return rebuild_;
}

std::shared_ptr<ShardContent> ShardState::abandon_rebuild() {
  VECTRON_ASSERT(rebuild_);
  return std::exchange(rebuild_, nullptr)->to();
}

std::shared_ptr<ShardContent> ShardState::finish_rebuild() {
  VECTRON_ASSERT(rebuild_ && rebuild_->from() == content_ && rebuild_->caught_up());
  std::shared_ptr<ShardContent> old = std::exchange(content_, rebuild_->to());
  rebuild_.reset();
  report(IndexEvent::rebuilt);
  index_work_.notify_all();
  return old;
}

// --------------------------------------------------------------------------------------- apply

Result<void> ShardState::check(ByteView command, size_t commit_bytes_max) const {
  VECTRON_TRY(const stored::ShardCommand read, read_command(command));
  if (applies_in_a_turn(read.operations.size(), command.size())) {
    env_->cpu().worked_on_loop(checking_cost(read.operations.size(), command.size()));
  } else if (read.operations.size() > kWriteOperationsOfBefore ||
             command.size() > kWriteBytesOfBefore) {
    return fail(Code::invalid_argument, "the command takes too long to apply", "operations");
  }
  if (stored_bytes_max(read) <= commit_bytes_max) return {};
  return fail(Code::invalid_argument, "the command is larger than one commit takes", "operations");
}

Result<void> ShardState::check_pair(ByteView key, ByteView value) const {
  if (is_request_key(key)) {
    VECTRON_CHECK_OK(read_request(key, value));
  } else {
    VECTRON_CHECK_OK(read_point(key, value, options_));
  }
  return {};
}

Result<stored::ShardCommand> ShardState::read_command(ByteView bytes) const {
  VECTRON_TRY(stored::ShardCommand command, decode<stored::ShardCommand>(bytes));
  if (command.header.schema_version > kCommandVersion) {
    return fail(Code::invalid_argument, "the command is of a newer version", "schema_version");
  }
  for (const stored::ShardOperation& operation : command.operations) {
    VECTRON_CHECK_OK(check_operation(operation, options_));
  }
  return command;
}

Result<Bytes> ShardState::apply(LogIndex index, ByteView command) {
  auto decoded = read_command(command);
  if (!decoded.has_value()) {
    return fail(Code::data_loss, fmt::format("log entry {} is no command of this shard: {}", index,
                                             decoded.error().message()));
  }
  if (applies_in_a_turn(decoded->operations.size(), command.size())) {
    env_->cpu().worked_on_loop(applying_cost(decoded->operations.size(), command.size()));
  }
  last_timestamp_ = std::max(last_timestamp_, decoded->header.timestamp);
  VECTRON_TRY(const std::optional<ShardAnswer> before, repeated(decoded->header));
  if (before) return encode_shard_answer(*before);
  ShardAnswer answer;
  answer.index = index;
  if (remembers(decoded->header) && !requests_.has_room(decoded->header.timestamp)) {
    answer.refused = ShardAnswer::Refusal::memory_full;
    return encode_shard_answer(answer);
  }
  for (stored::ShardOperation& operation : decoded->operations) {
    VECTRON_TRY(const PointId id, id_of_message(operation.id));
    const bool is_remove = operation.kind == stored::OperationKind::remove;
    VECTRON_TRY(const bool existed,
                is_remove ? remove(id) : upsert(index, id, std::move(operation)));
    answer.existed.push_back(existed ? 1 : 0);
  }
  VECTRON_CHECK_OK(remember(decoded->header, answer));
  progress_ += answer.existed.size();
  env_->metrics().add(Metric::worker_points_written, answer.existed.size());
  index_work_.notify_one();
  return encode_shard_answer(answer);
}

bool ShardState::remembers(const stored::EntryHeader& header) const {
  return header.request_id != 0 && !forget_requests_;
}

Result<bool> ShardState::has_room_for(const stored::EntryHeader& header) const {
  if (!remembers(header) || requests_.has_room(header.timestamp)) return true;
  VECTRON_TRY(const auto record, requests_.find({header.request_id, header.piece}));
  return record.has_value();
}

// The answer of the entry that this one repeats, if it does.
Result<std::optional<ShardAnswer>> ShardState::repeated(const stored::EntryHeader& header) const {
  if (!remembers(header)) return std::optional<ShardAnswer>();
  VECTRON_TRY(const auto record, requests_.find({header.request_id, header.piece}));
  if (!record) return std::optional<ShardAnswer>();
  ShardAnswer answer;
  if (record->fingerprint != header.fingerprint) {
    answer.refused = ShardAnswer::Refusal::other_command;
  }
  answer.index = LogIndex(record->applied_index);
  answer.existed = record->existed;
  return std::optional<ShardAnswer>(std::move(answer));
}

Result<void> ShardState::remember(const stored::EntryHeader& header, const ShardAnswer& answer) {
  if (!remembers(header)) return {};
  stored::RequestRecord record;
  record.request_id = header.request_id;
  record.piece = header.piece;
  record.fingerprint = header.fingerprint;
  record.clock = header.timestamp;
  record.applied_index = answer.index.value();
  record.existed = answer.existed;
  return requests_.remember(std::move(record));
}

Result<bool> ShardState::upsert(LogIndex index, const PointId& id,
                                stored::ShardOperation operation) {
  const auto old = content_->slots.find(id);
  const bool existed = old != content_->slots.end();
  if (existed) remove_slot(old->second);
  content_->put(id, index.value(), operation.vectors.front().values);
  stored::StoredPoint point;
  point.id = std::move(operation.id);
  point.version = index.value();
  point.expires_at = operation.expires_at;
  point.vectors = std::move(operation.vectors);
  point.payload = std::move(operation.payload);
  if (existed && env_->planted("upsert_keeps_old_payload")) {
    VECTRON_TRY(std::optional<stored::StoredPoint> replaced, read(id));
    if (replaced.has_value()) point.payload = std::move(replaced->payload);
  }
  VECTRON_CHECK_OK(store_->put(point_key(id), encode(point)));
  return existed;
}

Result<bool> ShardState::remove(const PointId& id) {
  const auto old = content_->slots.find(id);
  if (old == content_->slots.end()) return false;
  remove_slot(old->second);
  content_->slots.erase(old);
  if (env_->planted("remove_leaves_stored")) return true;
  VECTRON_CHECK_OK(store_->erase(point_key(id)));
  return true;
}

void ShardState::remove_slot(index::Slot slot) {
  if (forget_tombstones_) return;
  content_->index.remove(slot);
  if (rebuild_) rebuild_->removed(slot);
}

Result<std::optional<stored::StoredPoint>> ShardState::read(const PointId& id) const {
  VECTRON_TRY(const std::optional<Bytes> value, store_->get(point_key(id)));
  if (!value) return std::optional<stored::StoredPoint>();
  VECTRON_TRY(stored::StoredPoint point, decode<stored::StoredPoint>(*value));
  return std::optional<stored::StoredPoint>(std::move(point));
}

}  // namespace vectron
