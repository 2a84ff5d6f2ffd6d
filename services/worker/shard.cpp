#include "services/worker/shard.h"

#include <algorithm>

#include "core/base/hash.h"
#include "core/replica/damage.h"
#include "schemas/point_id_message.h"
#include "services/worker/hit_details.h"
#include "services/worker/work_cost.h"

namespace vectron {
namespace {

// What was read stays good, so that each attempt has much less to read than the one before.
constexpr int kDetailAttempts = 8;
// The last one reads without a pause, so that nothing can change; what needs more pieces fails.
constexpr int kPiecesAtOnceMax = 3;
// How often a large answer looks whether there is room for more of it.
constexpr Duration kRoomPause = 5ms;
constexpr int kRoomPausesMax = 200;
// Points of one read, and their bytes but for the last one's: it is one turn of the event loop.
constexpr size_t kReadIdsMax = 256;
constexpr size_t kReadBytesMax = 1 << 20;
// A shorter flat tail comes and goes with every batch of writes.
constexpr uint64_t kCatchingUpSlotsMin = 1'024;

// What a checked request may ask is what the index takes.
static_assert(kEfMax <= index::kEfMax && kTopKMax <= index::kHitsMax);

// Counts a search as in flight for as long as it lives.
class InFlight {
 public:
  explicit InFlight(size_t* count) : count_(count) { ++*count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() { --*count_; }

 private:
  size_t* count_;
};

Status too_many_requests() {
  return Status(Code::resource_exhausted,
                "this shard remembers as many recent request ids as it can; try again later, or "
                "write without one",
                "request_id");
}

// What apply() refused.
Result<void> check_refusal(const ShardAnswer& answer) {
  switch (answer.refused) {
    case ShardAnswer::Refusal::none:
      return {};
    case ShardAnswer::Refusal::memory_full:
      return fail(too_many_requests());
    case ShardAnswer::Refusal::other_command:
      break;
  }
  return fail(Code::invalid_argument,
              "this request id was given to a write of other points: make up a new one",
              "request_id");
}

Status written_too_fast() {
  return Status(Code::unavailable,
                "what this search finds is written again and again while it goes on: search "
                "again, or without payloads and vectors");
}

bool has_room_for(const RequestContext& context, size_t answer_bytes) {
  return context.answer_room == nullptr || context.answer_room->hold(answer_bytes);
}

std::string operation_field(size_t index, std::string_view field) {
  return fmt::format("operations[{}].{}", index, field);
}

}  // namespace

Shard::Shard(Env* env, const WorkerConfig* config, MemoryBudget* budget, Semaphore* large_answers,
             std::shared_ptr<Replica> replica, ShardState* state, Epoch epoch)
    : env_(env),
      config_(config),
      budget_(budget),
      large_answers_(large_answers),
      replica_(std::move(replica)),
      state_(state),
      epoch_(epoch),
      upkeep_(env, &config->upkeep, budget, replica_.get(), state),
      tasks_(env->scheduler()) {
  for (size_t i = 0; i < env->cpu().parallelism(); ++i) tasks_.spawn(index_loop());
}

Task<void> Shard::end() {
  tasks_.cancel_all();
  co_await upkeep_.end();
}

void Shard::set_epoch(Epoch epoch) {
  epoch_ = std::max(epoch_, epoch);
}

Result<void> Shard::check_route(uint64_t epoch) const {
  if (Epoch(epoch) == epoch_ || env_->planted("any_shard_map")) return {};
  if (Epoch(epoch) > epoch_) {
    return fail(Code::unavailable,
                "this worker has not heard of the collection's new shard map yet");
  }
  return fail(with_leader(
      Status(Code::failed_precondition,
             fmt::format("the shard map of epoch {} is stale, {} is current: fetch it again", epoch,
                         epoch_),
             "epoch")));
}

Status Shard::with_leader(const Status& status) const {
  wire::ErrorDetail detail;
  detail.epoch = epoch_.value();
  const ReplicaStatus replica = replica_->status();
  if (replica.leader && replica.leader->replica != replica.self) {
    detail.leader_node = replica.leader->node.value();
    detail.leader_address = replica.leader->address.text;
  }
  return status.with_detail(encode(detail));
}

Result<stored::ShardCommand> Shard::command_of(wire::WriteRequest request) {
  if (request.operations.empty() || request.operations.size() > config_->write_operations_max) {
    return fail(Code::invalid_argument,
                fmt::format("a write has 1 to {} operations, this one has {}",
                            config_->write_operations_max, request.operations.size()),
                "operations");
  }
  stored::ShardCommand command;
  command.header.schema_version = 1;
  timestamps_.observe(state_->last_timestamp());
  command.header.timestamp = timestamps_.next(env_->clock().wall(), env_->clock().monotonic());
  command.operations.reserve(request.operations.size());
  for (size_t i = 0; i < request.operations.size(); ++i) {
    VECTRON_TRY(stored::ShardOperation operation,
                operation_of(std::move(request.operations[i]), i));
    command.operations.push_back(std::move(operation));
  }
  if (request.request_id != 0) {
    // What the operations are, whoever proposes them and when.
    stored::ShardCommand bare;
    bare.operations = std::move(command.operations);
    command.header.fingerprint = hash64(encode(bare));
    command.operations = std::move(bare.operations);
    // A member that knows no request ids would carry a repetition out: it must not apply this.
    command.header.schema_version = 2;
    command.header.request_id = request.request_id;
    command.header.piece = request.piece;
  }
  return command;
}

// `place` names the operation in errors.
Result<stored::ShardOperation> Shard::operation_of(wire::WriteOperation operation,
                                                   size_t place) const {
  const ShardOptions& options = state_->options();
  VECTRON_TRY(const PointId id, id_of_message(operation.id));
  if (!options.range.contains(placement_hash(id))) {
    return fail(Code::failed_precondition, "the point does not belong to this shard",
                operation_field(place, "id"));
  }
  stored::ShardOperation out;
  out.id = std::move(operation.id);
  if (operation.kind == wire::WriteKind::remove) {
    out.kind = stored::OperationKind::remove;
    return out;
  }
  const std::string field = operation_field(place, "vector");
  VECTRON_CHECK_OK(check_vector(operation.vector, options.dimension, options.distance, field));
  if (operation.payload.size() > kPayloadBytesMax) {
    return fail(Code::invalid_argument, "the payload is too large",
                operation_field(place, "payload"));
  }
  out.kind = stored::OperationKind::upsert;
  out.vectors.push_back({"", std::move(operation.vector)});
  out.payload = std::move(operation.payload);
  return out;
}

MemoryUse Shard::memory() const {
  MemoryUse use = state_->memory();
  const ReplicaMemory replica = replica_->memory();
  use.log = replica.log;
  use.overlay = replica.overlay;
  use.snapshot = replica.snapshot;
  use.points += replica.keys;
  return use;
}

// Removals are let in whatever there is: they are what frees memory.
Result<void> Shard::check_memory(const stored::ShardCommand& command, size_t entry_bytes) {
  const auto upserts = static_cast<uint64_t>(std::ranges::count(
      command.operations, stored::OperationKind::upsert, &stored::ShardOperation::kind));
  if (upserts == 0) return {};
  const bool crowded = env_->clock().monotonic() < crowded_until_;
  // In the log, in the overlay, and in the index.
  const uint64_t bytes = 2 * entry_bytes + upserts * index_point_bytes(state_->options());
  if (!crowded && budget_->admit(bytes)) return {};
  env_->metrics().add(Metric::worker_writes_refused_memory);
  return fail(Code::resource_exhausted,
              fmt::format("{} has reached its budget of memory (memory_bytes_max): remove points, "
                          "or give it more; reads and deletes go on",
                          crowded ? "the worker of another copy" : "this worker"));
}

Task<Result<wire::WriteReply>> Shard::write(RequestContext context, wire::WriteRequest request) {
  const auto routed = check_route(request.epoch);
  VECTRON_CO_CHECK_OK(routed);
  if (env_->planted("drain_drops_writes") && config_->stop != nullptr && config_->stop->is_set()) {
    wire::WriteReply dropped;
    dropped.shard_id = request.shard_id;
    dropped.applied_index = replica_->applied_index().value() + 1;
    dropped.existed.resize(request.operations.size());
    co_return dropped;
  }
  if (!replica_->is_leader()) {
    co_return fail(with_leader(Status(Code::unavailable, "this replica is not the leader")));
  }
  if (state_->content() && state_->content()->index.waiting_bytes() > config_->tail_bytes_max) {
    co_return fail(Code::resource_exhausted,
                   "the index of this shard is too far behind its writes; try again later");
  }
  const auto command = command_of(std::move(request));
  VECTRON_CO_CHECK_OK(command);
  const auto room = state_->has_room_for(command->header);
  VECTRON_CO_CHECK_OK(room);
  if (!*room) co_return fail(too_many_requests());
  Bytes encoded = encode(*command);
  env_->cpu().worked_on_loop(proposing_cost(command->operations.size(), encoded.size()));
  if (encoded.size() > config_->write_bytes_max) {
    co_return fail(Code::invalid_argument,
                   fmt::format("a write has at most {} bytes, this one has {}: split it",
                               config_->write_bytes_max, encoded.size()),
                   "operations");
  }
  const auto memory = check_memory(*command, encoded.size());
  if (!memory.has_value() && env_->planted("refused_write_is_done")) {
    Bytes copy = encoded;
    const auto done = co_await replica_->propose(std::move(copy), context.deadline);
    (void)done;
  }
  VECTRON_CO_CHECK_OK(memory);
  auto applied = co_await replica_->propose(std::move(encoded), context.deadline);
  if (!applied.has_value()) co_return fail(with_leader(applied.error()));
  auto decoded = decode_shard_answer(applied->answer);
  VECTRON_CO_TRY(const ShardAnswer answer, decoded);
  const auto accepted = check_refusal(answer);
  VECTRON_CO_CHECK_OK(accepted);
  wire::WriteReply reply;
  reply.shard_id = state_->options().shard.value();
  reply.applied_index = answer.index.value();
  for (const uint8_t existed : answer.existed) reply.existed.push_back(existed != 0);
  co_return reply;
}

// Waits until the replica may answer a read of this level.
Task<Result<void>> Shard::reach(wire::ReadLevel level, Instant deadline) {
  if (level == wire::ReadLevel::linearizable) {
    const auto reached = co_await replica_->read_barrier(deadline);
    if (!reached.has_value()) co_return fail(with_leader(reached.error()));
  }
  if (!replica_->serving()) {
    co_return fail(Code::unavailable, "this replica does not serve reads at the moment");
  }
  co_return Result<void>();
}

Task<Result<wire::ReadReply>> Shard::read(RequestContext context, wire::ReadRequest request) {
  const auto routed = check_route(request.epoch);
  VECTRON_CO_CHECK_OK(routed);
  const auto reached = co_await reach(request.read_level, context.deadline);
  VECTRON_CO_CHECK_OK(reached);
  if (request.ids.size() > kReadIdsMax) {
    co_return fail(Code::invalid_argument,
                   fmt::format("a read names at most {} ids, this one names {}: ask for fewer",
                               kReadIdsMax, request.ids.size()),
                   "ids");
  }
  size_t reply_bytes = 0;
  wire::ReadReply reply;
  reply.shard_id = state_->options().shard.value();
  reply.applied_index = replica_->applied_index().value();
  for (wire::PointId& wanted : request.ids) {
    if (reply_bytes > kReadBytesMax) co_return fail(too_large_answer());
    const auto id = id_of_message(wanted);
    VECTRON_CO_CHECK_OK(id);
    auto point = state_->read(*id);
    if (!point.has_value()) co_return fail(with_leader(unreadable(point.error())));
    wire::PointRead found;
    found.id = std::move(wanted);
    auto& stored = *point;
    found.found = stored.has_value();
    if (stored.has_value()) {
      found.version = stored->version;
      if (request.include_vector) found.vector = std::move(stored->vectors.front().values);
      if (request.include_payload) found.payload = std::move(stored->payload);
    }
    reply_bytes += found.vector.size() * sizeof(float) + found.payload.size();
    if (reply_bytes > config_->reply_bytes_max) co_return fail(too_large_answer());
    reply.points.push_back(std::move(found));
  }
  env_->cpu().worked_on_loop(point_reading_cost(reply.points.size(), reply_bytes));
  co_return reply;
}

// A search that is light by estimate may turn out not to be: it crosses what is dead. Then it gives
// up, and begins again as the heavy one that it is, off the event loop.
Task<Shard::Hits> Shard::run_search(std::shared_ptr<ShardContent> content, index::Cut cut,
                                    std::shared_ptr<const std::vector<float>> query,
                                    index::SearchOptions options) {
  options.ties = &content->rows;
  const uint64_t dimension = state_->options().dimension;
  const index::SearchCost expected = content->index.search_cost(cut, options);
  CpuCost cost = search_cost(expected, dimension);
  if (may_search_on_loop(expected, dimension)) {
    const uint64_t evaluations_max = light_evaluations_max(expected);
    std::function<std::optional<Hits>()> work = [content, cut, query, options, evaluations_max] {
      return content->index.try_search(cut, *query, options, evaluations_max);
    };
    std::optional<Hits> hits =
        co_await run_on<std::optional<Hits>>(&env_->cpu(), cost, std::move(work));
    if (hits.has_value()) co_return *std::move(hits);
    env_->metrics().add(Metric::worker_searches_begun_again);
    cost = heavy_search_cost(content->index.search_cost_max(cut, options), dimension);
  }
  std::function<Hits()> work = [content, cut, query, options] {
    return content->index.search(cut, *query, options);
  };
  Hits hits = co_await run_on<Hits>(&env_->cpu(), cost, std::move(work));
  co_return hits;
}

// A search whose hits were written again each time runs where nothing is written meanwhile. None
// when it would hold the event loop for too long.
std::optional<Shard::Hits> Shard::search_on_loop(const ShardContent& content, index::Cut cut,
                                                 const std::vector<float>& query,
                                                 index::SearchOptions options) const {
  options.ties = &content.rows;
  const index::SearchCost expected = content.index.search_cost(cut, options);
  const uint64_t dimension = state_->options().dimension;
  if (!may_search_on_loop(expected, dimension)) return std::nullopt;
  env_->cpu().worked_on_loop(search_cost(expected, dimension));
  return content.index.try_search(cut, query, options, light_evaluations_max(expected));
}

std::vector<wire::ShardHit> Shard::rows_of(const ShardContent& content, const Hits& hits) const {
  std::vector<wire::ShardHit> out(hits.size());
  env_->cpu().worked_on_loop(rows_cost(hits.size()));
  for (size_t i = 0; i < hits.size(); ++i) {
    const ShardContent::Row& row = content.rows[hits[i].slot];
    out[i].id = message_of_id<wire::PointId>(row.id);
    out[i].distance = hits[i].distance;
    out[i].version = row.version;
    out[i].from_tail = hits[i].from_tail;
  }
  return out;
}

Task<Result<wire::ShardSearchReply>> Shard::search(RequestContext context,
                                                   wire::ShardSearchRequest request) {
  const auto routed = check_route(request.epoch);
  VECTRON_CO_CHECK_OK(routed);
  const ShardOptions& options = state_->options();
  const auto valid = check_vector(request.vector, options.dimension, options.distance, "vector");
  VECTRON_CO_CHECK_OK(valid);
  if (request.k == 0 || request.k > kTopKMax || request.ef > kEfMax) {
    co_return fail(Code::invalid_argument,
                   fmt::format("k must be between 1 and {}, ef at most {}", kTopKMax, kEfMax), "k");
  }
  if (searches_in_flight_ >= config_->searches_in_flight_max) {
    co_return fail(Code::resource_exhausted, "too many searches are in flight; try again later");
  }
  const InFlight in_flight(&searches_in_flight_);
  const auto reached = co_await reach(request.read_level, context.deadline);
  VECTRON_CO_CHECK_OK(reached);
  env_->metrics().add(Metric::worker_searches);

  const auto query = std::make_shared<const std::vector<float>>(std::move(request.vector));
  index::SearchOptions search_options;
  search_options.k = request.k;
  search_options.ef = std::min(request.ef == 0 ? options.index.ef_search : request.ef, kEfMax);
  search_options.exact = request.exact;
  search_options.planted_skip_tail = env_->planted("search_skips_tail");
  HitDetails details(&env_->cpu(), state_,
                     {.payload = request.include_payload,
                      .vector = request.include_vector,
                      .bytes_max = config_->reply_bytes_max,
                      .planted_any_version = env_->planted("forget_tombstone")});
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt == kDetailAttempts;
    const std::shared_ptr<ShardContent> content = state_->content();
    const index::Cut cut = content->index.cut();
    const LogIndex applied = replica_->applied_index();
    std::optional<Hits> hits;
    if (last) {
      hits = search_on_loop(*content, cut, *query, search_options);
    } else {
      hits = co_await run_search(content, cut, query, search_options);
    }
    if (!hits.has_value()) {
      co_return fail(written_too_fast());
    }
    wire::ShardSearchReply reply;
    reply.shard_id = options.shard.value();
    reply.applied_index = applied.value();
    // What is linked by now may have been in the tail then, never the other way round.
    reply.linked_index = content->version_below(std::min(content->index.graph_end(), cut.slots));
    reply.hits = rows_of(*content, *hits);
    details.begin(&reply.hits);
    HitDetails::Step step = HitDetails::Step::more;
    std::optional<Semaphore::Permit> turn;
    for (int pieces = 1; step == HitDetails::Step::more; ++pieces) {
      if (!replica_->serving())
        co_return fail(Code::unavailable, "this replica was replaced by a snapshot");
      const auto added = details.add_some();
      if (!added.has_value()) co_return fail(with_leader(unreadable(added.error())));
      step = *added;
      if (step != HitDetails::Step::more) break;
      if (last && pieces == kPiecesAtOnceMax) co_return fail(written_too_fast());
      if (last) continue;
      // One large answer of the worker is read at a time; there is room when those before are
      // taken.
      if (!turn.has_value()) turn = co_await large_answers_->acquire();
      for (int pauses = 0; !has_room_for(context, details.held_bytes()); ++pauses) {
        if (pauses == kRoomPausesMax) co_return fail(no_room_for_answer());
        co_await env_->clock().sleep_for(kRoomPause);
      }
      // In simulation no time passes meanwhile; now and then some does, for others to write in.
      const Duration pause = env_->buggify("shard.slow_details") ? 1ms : 0ms;
      co_await env_->clock().sleep_for(pause);
    }
    if (step == HitDetails::Step::complete) co_return reply;
    if (last) co_return fail(Code::internal, "a search on the event loop saw a change");
  }
}

Task<void> Shard::index_loop() {
  bool lingered = false;
  while (true) {
    const std::shared_ptr<ShardContent> content = state_->content();
    const uint32_t points_max = config_->index_batch_points_max;
    const uint64_t waiting = content ? content->index.unclaimed_slots() : 0;
    const bool batch_is_full = waiting >= points_max;
    const bool due = batch_is_full || std::exchange(lingered, false);
    if (waiting == 0 || (!due && index_lingers_)) {
      co_await state_->index_work().wait();
      continue;
    }
    if (!due) {
      // A few points cost searches next to nothing where they are: let more of them come.
      index_lingers_ = true;
      co_await env_->clock().sleep_for(config_->index_linger);
      index_lingers_ = false;
      lingered = true;
      continue;
    }
    if (waiting > points_max) state_->index_work().notify_one();
    const uint64_t dimension = state_->options().dimension;
    const uint64_t evaluations = content->index.index_cost(points_max) / dimension;
    const CpuCost cost = linking_cost(evaluations, dimension);
    std::function<uint32_t()> work = [content, points_max] {
      return content->index.index_some(points_max);
    };
    const uint32_t indexed = co_await run_on<uint32_t>(&env_->cpu(), cost, std::move(work));
    env_->metrics().add(Metric::worker_points_indexed, indexed);
    if (state_->content() == content) state_->note_linked(indexed);
    const uint64_t behind = content->index.waiting_slots();
    if (behind >= kCatchingUpSlotsMin) catching_up_ = true;
    if (behind == 0) catching_up_ = false;
  }
}

}  // namespace vectron
