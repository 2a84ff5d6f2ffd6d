#include "services/worker/shard.h"

#include <algorithm>

#include "core/base/hash.h"
#include "core/replica/damage.h"
#include "schemas/point_id_message.h"
#include "services/worker/work_cost.h"

namespace vectron {
namespace {

// Points of one read, and their bytes but for the last one's: it is one turn of the event loop.
constexpr size_t kReadIdsMax = 256;
constexpr size_t kReadBytesMax = 1 << 20;
// A shorter flat tail comes and goes with every batch of writes.
constexpr uint64_t kCatchingUpSlotsMin = 1'024;

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

std::string operation_field(size_t index, std::string_view field) {
  return fmt::format("operations[{}].{}", index, field);
}

}  // namespace

Shard::Shard(Env* env, const WorkerConfig* config, MemoryBudget* budget, AnswerTurns* answer_turns,
             std::shared_ptr<Replica> replica, ShardState* state, Epoch epoch)
    : env_(env),
      config_(config),
      budget_(budget),
      answer_turns_(answer_turns),
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
