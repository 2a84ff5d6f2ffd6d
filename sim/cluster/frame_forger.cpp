#include "sim/cluster/frame_forger.h"

#include <array>

#include "core/async/combine.h"
#include "core/rpc/hello.h"
#include "schemas/placement_rpc.h"
#include "schemas/raft_rpc.h"
#include "schemas/vectron_rpc.h"
#include "schemas/worker_rpc.h"
#include "sim/cluster/node_configs.h"

namespace vectron::sim {

namespace {

constexpr Duration kAnswerTime = 30ms;  ///< How long it listens to what a node answers.
constexpr size_t kAnswerBytes = 4'096;

const std::array<const rpc::MethodInfo*, 12>& methods() {
  static const std::array<const rpc::MethodInfo*, 12> kMethods = {
      &wire::kRaftStepMethod,
      &wire::kRaftInstallSnapshotMethod,
      &wire::kWorkerWriteMethod,
      &wire::kWorkerReadMethod,
      &wire::kWorkerSearchMethod,
      &wire::kWorkerAssignMethod,
      &wire::kPlacementHeartbeatMethod,
      &wire::kPlacementRegisterWorkerMethod,
      &wire::kPlacementListWorkersMethod,
      &wire::kPlacementGetCollectionMethod,
      &api::kVectronSearchMethod,
      &api::kVectronUpsertMethod};
  return kMethods;
}

}  // namespace

uint8_t FrameForger::next_byte() {
  if (rest_.empty()) return 0;
  const uint8_t byte = rest_.front();
  rest_ = rest_.subspan(1);
  return byte;
}

// Near what there is, at the ends of the range, or anything.
uint64_t FrameForger::next_number() {
  const uint8_t choice = next_byte();
  if (choice < 128) return choice % 16;
  if (choice < 192) return UINT64_MAX - choice % 4;
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | next_byte();
  return number;
}

Bytes FrameForger::next_bytes() {
  const size_t wanted = std::min<size_t>(next_byte() * 2, kBodyBytesMax);
  const size_t count = std::min(wanted, rest_.size());
  Bytes out = to_bytes(rest_.subspan(0, count));
  rest_ = rest_.subspan(count);
  return out;
}

Task<void> FrameForger::run() {
  for (size_t i = 0; i < kConnectionsMax && !rest_.empty(); ++i) {
    co_await connect_once();
  }
}

Address FrameForger::next_target() {
  const PlanShape& shape = plan_->shape;
  const uint32_t nodes = shape.placement_nodes + shape.workers + shape.gateways;
  uint32_t number = next_byte() % nodes;
  if (number < shape.placement_nodes) return node_address(NodeKind::placement, number);
  number -= shape.placement_nodes;
  if (number < shape.workers) return node_address(NodeKind::worker, number);
  return node_address(NodeKind::gateway, number - shape.workers);
}

Task<void> FrameForger::connect_once() {
  const Address target = next_target();
  Bytes bytes;
  add_hello(&bytes);
  const size_t frames = 1 + next_byte() % kFramesMax;
  for (size_t i = 0; i < frames; ++i) add_frame(&bytes);
  // Damage on the way, which the checksums must find.
  if (next_byte() % 8 == 0 && !bytes.empty()) bytes[next_number() % bytes.size()] ^= next_byte();
  auto connected = co_await env_->network().connect(target);
  if (!connected.has_value()) co_return;
  const Instant until = env_->clock().scheduler_time(env_->clock().monotonic() + kAnswerTime);
  auto exchanging = exchange(connected->get(), std::move(bytes));
  const auto done = co_await with_deadline(&env_->scheduler(), until, std::move(exchanging));
  (void)done;
  (*connected)->close();
}

Task<bool> FrameForger::exchange(Connection* connection, Bytes bytes) {
  ByteView left = bytes;
  while (!left.empty()) {
    const auto written = co_await connection->write_some(left);
    if (!written.has_value()) co_return true;
    left = left.subspan(*written);
  }
  std::array<uint8_t, kAnswerBytes> answer;
  while (true) {
    const auto read = co_await connection->read_some(answer);
    if (!read.has_value() || *read == 0) co_return true;
  }
}

void FrameForger::add_hello(Bytes* out) {
  const uint8_t form = next_byte() % 8;
  if (form == 0) return;  // It begins with something else.
  rpc::Hello hello;
  hello.identity.cluster = form == 1 ? ClusterId(next_number()) : kSimulatedCluster;
  if (form == 2) hello.identity.node = NodeId(0x5747);
  if (form == 3) hello.identity.node = node_id(NodeKind::gateway, 0);
  if (form == 2 || form == 3) hello.identity.incarnation = next_number();
  if (form == 4) hello.protocol_min = static_cast<uint32_t>(next_number());
  rpc::FrameHeader header;
  header.kind = rpc::FrameKind::hello;
  append_frame(*out, header, form == 5 ? next_bytes() : encode_hello(hello));
}

void FrameForger::add_frame(Bytes* out) {
  rpc::FrameHeader header;
  const uint8_t choice = next_byte();
  const rpc::MethodInfo& method = *methods()[choice % methods().size()];
  header.method = choice >= 240 ? static_cast<uint32_t>(next_number()) : method.id;
  header.kind =
      method.kind == rpc::MethodKind::one_way ? rpc::FrameKind::one_way : rpc::FrameKind::request;
  const uint8_t kind = next_byte();
  if (kind < 32) header.kind = static_cast<rpc::FrameKind>(kind);
  header.call_id = next_number();
  header.remaining_us = kind % 2 == 0 ? rpc::kNoTimeLimit : next_number();
  header.credit_bytes = static_cast<uint32_t>(next_number());
  append_frame(*out, header, next_body(header.method));
}

Bytes FrameForger::next_body(uint32_t method) {
  const uint8_t form = next_byte();
  if (form < 64) return next_bytes();
  Bytes body;
  if (method == wire::kRaftStepMethod.id) {
    body = raft_body();
  } else if (method == wire::kRaftInstallSnapshotMethod.id) {
    wire::SnapshotChunk chunk;
    chunk.group_id = next_number();
    chunk.to = next_number();
    chunk.from = next_number();
    chunk.term = next_number();
    chunk.snapshot_index = next_number();
    chunk.data = next_bytes();
    body = encode(chunk);
  } else if (method == wire::kWorkerWriteMethod.id) {
    wire::WriteRequest request;
    request.shard_id = next_number();
    request.epoch = next_number();
    request.operations.resize(next_byte() % 8);
    body = encode(request);
  } else if (method == wire::kWorkerSearchMethod.id) {
    wire::ShardSearchRequest request;
    request.shard_id = next_number();
    request.epoch = next_number();
    request.k = static_cast<uint32_t>(next_number());
    request.ef = static_cast<uint32_t>(next_number());
    request.exact = form % 2 == 0;
    request.vector.resize(next_byte());
    body = encode(request);
  } else if (method == wire::kWorkerAssignMethod.id) {
    wire::AssignRequest request;
    request.revision = next_number();
    request.lineage = next_number();
    request.folder_id = next_number();
    request.removed = {next_number(), next_number()};
    body = encode(request);
  } else if (method == wire::kPlacementRegisterWorkerMethod.id) {
    wire::RegisterWorkerRequest request;
    request.node_id = next_number();
    request.incarnation = next_number();
    request.address = "nowhere:1";
    body = encode(request);
  } else if (method == wire::kPlacementHeartbeatMethod.id) {
    wire::HeartbeatRequest request;
    request.node_id = next_number();
    request.incarnation = next_number();
    request.replicas.resize(next_byte() % 8);
    body = encode(request);
  } else {
    body = next_bytes();
  }
  if (form >= 224 && !body.empty()) body[next_number() % body.size()] ^= next_byte();
  return body;
}

Bytes FrameForger::raft_body() {
  wire::RaftBatch batch;
  const std::vector<GroupId> groups = watch_->groups();
  batch.messages.resize(1 + next_byte() % 4);
  for (wire::RaftMessage& message : batch.messages) {
    const GroupId group = groups.empty() ? GroupId(1) : groups[next_byte() % groups.size()];
    const auto sights = watch_->sights(group);
    message.group_id = group.value();
    message.kind = next_byte() % 16;
    message.term = next_number();
    message.index = next_number();
    message.log_term = next_number();
    message.commit_index = next_number();
    message.hint_index = next_number();
    message.from = next_number();
    if (!sights.empty()) {
      message.to = sights[next_byte() % sights.size()].replica.value();
      message.from = sights[next_byte() % sights.size()].replica.value();
      if (next_byte() % 2 == 0) message.term += sights.front().term.value();
    }
    message.entries.resize(next_byte() % 4);
    for (wire::RaftEntry& entry : message.entries) {
      entry.term = message.term;
      entry.index = ++message.context + message.index;
      entry.data = next_bytes();
    }
  }
  return encode(batch);
}

}  // namespace vectron::sim
