#include "core/replica/raft_transport.h"

#include <algorithm>

#include "core/replica/batch_pieces.h"
#include "core/replica/replica_config.h"
#include "core/replica/replica_host.h"
#include "core/rpc/message_bounds.h"

namespace vectron {
namespace {

// A frame takes what a batch may have, in whatever way it is encoded.
static_assert(kAppendBytesMax <= kBatchBytesMax);
static_assert(kLogEntryBytesMax + (4 << 10) <= rpc::kOneWayBytesMax);
static_assert(4 * kBatchBytesMax <= rpc::kOneWayBytesMax);
static_assert(kBatchBytesTaken + (512 << 10) <= rpc::kOneWayBytesTaken);

// The bytes of a turn that the simulation sometimes uses instead, because its batches are small:
// two messages.
constexpr size_t kShortTurnBytes = 2 * kMessageCostBytes;

size_t cost_of(const raft::Message& message) {
  size_t bytes = kMessageCostBytes;
  for (const raft::Entry& entry : message.entries) bytes += entry.cost_bytes();
  return bytes;
}

std::vector<uint64_t> values_of(const std::vector<ReplicaId>& ids) {
  std::vector<uint64_t> values;
  values.reserve(ids.size());
  for (const ReplicaId id : ids) values.push_back(id.value());
  return values;
}

std::vector<ReplicaId> ids_of(const std::vector<uint64_t>& values) {
  std::vector<ReplicaId> ids;
  ids.reserve(values.size());
  for (const uint64_t value : values) ids.emplace_back(value);
  return ids;
}

}  // namespace

wire::RaftMessage to_wire(GroupId group, const raft::Message& message) {
  wire::RaftMessage out;
  out.group_id = group.value();
  out.kind = static_cast<uint8_t>(message.kind);
  out.from = message.from.value();
  out.to = message.to.value();
  out.term = message.term.value();
  out.index = message.index.value();
  out.log_term = message.log_term.value();
  out.commit_index = message.commit_index.value();
  out.rejected = message.rejected;
  out.hint_index = message.hint_index.value();
  out.hint_term = message.hint_term.value();
  out.context = message.context;
  out.transfer = message.transfer;
  out.entries.reserve(message.entries.size());
  for (const raft::Entry& entry : message.entries) {
    out.entries.push_back({entry.term.value(), entry.index.value(),
                           static_cast<uint8_t>(entry.kind), to_bytes(raft::view(entry.data))});
  }
  return out;
}

Result<raft::Message> from_wire(const wire::RaftMessage& message) {
  if (message.kind >= raft::kMessageKindCount) {
    return fail(Code::invalid_argument, "unknown kind of Raft message", "kind");
  }
  raft::Message out;
  out.kind = static_cast<raft::MessageKind>(message.kind);
  out.from = ReplicaId(message.from);
  out.to = ReplicaId(message.to);
  out.term = Term(message.term);
  out.index = LogIndex(message.index);
  out.log_term = Term(message.log_term);
  out.commit_index = LogIndex(message.commit_index);
  out.rejected = message.rejected;
  out.hint_index = LogIndex(message.hint_index);
  out.hint_term = Term(message.hint_term);
  out.context = message.context;
  out.transfer = message.transfer;
  out.entries.reserve(message.entries.size());
  for (const wire::RaftEntry& entry : message.entries) {
    if (entry.kind > static_cast<uint8_t>(raft::EntryKind::barrier)) {
      return fail(Code::invalid_argument, "unknown kind of log entry", "entries.kind");
    }
    out.entries.push_back({Term(entry.term), LogIndex(entry.index),
                           static_cast<raft::EntryKind>(entry.kind),
                           raft::make_payload(entry.data)});
  }
  return out;
}

RaftTransport::RaftTransport(Env* env, rpc::ClientConfig config)
    : env_(env), messages_(*env, config), bulk_(*env, config) {}

bool RaftTransport::send(GroupId group, const ReplicaMember& to, raft::Message message) {
  auto& outbox = outboxes_[to.node];
  if (!outbox) outbox = std::make_unique<Outbox>(this, rpc::NodeAddress{to.node, to.address});
  outbox->move_to(to.address);
  env_->metrics().add(Metric::raft_messages_sent);
  return outbox->add(group, message);
}

bool RaftTransport::Outbox::add(GroupId group, const raft::Message& message) {
  const MessageFate fate = owner_->env_->message_fate();
  if (fate == MessageFate::lose) return true;
  const size_t overtaken_bytes = overtaken_bytes_ + cost_of(message);
  if (fate == MessageFate::overtake && overtaken_.size() < kOvertakenMessagesMax &&
      overtaken_bytes <= kBatchBytesMax) {
    overtaken_.push_back(to_wire(group, message));
    overtaken_bytes_ = overtaken_bytes;
    return true;
  }
  put(group, message);
  if (fate == MessageFate::repeat) put(group, message);
  return !dropping_;
}

void RaftTransport::Outbox::put(GroupId group, const raft::Message& message) {
  const size_t bytes = cost_of(message);
  // What waited to be overtaken is in the batch after the first one.
  while (batch_bytes_ > 0 && batch_bytes_ + bytes > kBatchBytesMax) flush();
  batch_.messages.push_back(to_wire(group, message));
  batch_bytes_ += bytes;
  if (!queued()) owner_->env_->scheduler().post_last(*this, TurnEnd::gather);
}

void RaftTransport::Outbox::flush() {
  cancel();
  if (batch_.messages.empty()) return;
  wire::RaftClient client(owner_->messages_.channel(peer_));
  dropping_ = !client.step(batch_);
  if (dropping_) owner_->env_->metrics().add(Metric::raft_messages_dropped, batch_.messages.size());
  batch_.messages.clear();
  batch_bytes_ = std::exchange(overtaken_bytes_, 0);
  batch_.messages.swap(overtaken_);
}

Task<Result<uint64_t>> RaftTransport::send_snapshot(ReplicaMember to, SnapshotPiece piece,
                                                    Instant deadline) {
  wire::SnapshotChunk chunk;
  chunk.group_id = piece.group.value();
  chunk.from = piece.from.value();
  chunk.to = piece.to.value();
  chunk.term = piece.term.value();
  chunk.snapshot_index = piece.meta.index.value();
  chunk.snapshot_term = piece.meta.term.value();
  chunk.membership.voters = values_of(piece.meta.membership.voters);
  chunk.membership.learners = values_of(piece.meta.membership.learners);
  chunk.offset = piece.offset;
  chunk.data = std::move(piece.page);
  chunk.last = piece.last;
  chunk.checksum = piece.digest;
  RequestContext context;
  context.deadline = deadline;
  wire::RaftClient client(bulk_.channel(rpc::NodeAddress{to.node, to.address}));
  auto reply = co_await client.install_snapshot(std::move(context), std::move(chunk));
  VECTRON_CO_CHECK_OK(reply);
  co_return reply->next_offset;
}

RaftReceiver::RaftReceiver(ReplicaHost* host) : host_(host), tasks_(host->env().scheduler()) {}

void RaftReceiver::step(RequestContext context, wire::RaftBatch request) {
  const bool is_next = !waiting_of_.contains(context.peer);
  const bool is_short = host_->env().buggify("raft.short_turns");
  const size_t turn_bytes = is_short ? kShortTurnBytes : kBatchBytesPerTurn;
  if (is_next && fits_in_a_turn(request, turn_bytes)) {
    return take(context.peer, std::move(request));
  }
  const size_t bytes = batch_bytes(request);
  if (bytes > kBatchBytesTaken || waiting_bytes_ + bytes > kWaitingBytesMax) {
    return host_->note_refused_batch();
  }
  const size_t piece_bytes_max = std::min(turn_bytes, kBatchBytesMax);
  for (wire::RaftBatch& piece : in_pieces(std::move(request), piece_bytes_max)) {
    const size_t piece_bytes = batch_bytes(piece);
    waiting_bytes_ += piece_bytes;
    ++waiting_of_[context.peer];
    waiting_.push_back({context.peer, std::move(piece), piece_bytes});
  }
  if (!std::exchange(working_, true)) tasks_.spawn(work_through());
}

// Small ones go together, or what a node sends would pile up behind a large one faster than it is
// worked through.
Task<void> RaftReceiver::work_through() {
  while (!waiting_.empty()) {
    co_await host_->env().clock().sleep_for(Duration::zero());
    size_t bytes = 0;
    do {
      bytes += waiting_.front().bytes;
      take_next();
    } while (!waiting_.empty() && bytes + waiting_.front().bytes <= kBatchBytesMax);
  }
  VECTRON_ASSERT(waiting_bytes_ == 0 && waiting_of_.empty());
  working_ = false;
}

void RaftReceiver::take_next() {
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= next.bytes;
  const auto of_peer = waiting_of_.find(next.peer);
  if (--of_peer->second == 0) waiting_of_.erase(of_peer);
  if (fits_in_a_turn(next.batch)) {
    take(next.peer, std::move(next.batch));
  } else {
    host_->note_refused_batch();
  }
}

// Whoever says Hello may fill a frame with groups: a message costs a look-up, whatever the others
// are, and those of groups that are not here end there.
void RaftReceiver::take(NodeId peer, wire::RaftBatch batch) {
  struct Addressed {
    std::shared_ptr<Replica> replica;
    std::vector<raft::Message> messages;
  };
  // Of all groups together; what came takes its part of the turn, too. What is left over is applied
  // in turns of their own.
  size_t apply_bytes_left = Replica::kApplyBytesPerTurn;
  std::vector<Addressed> groups;  // In the order in which the batch names them.
  std::map<GroupId, size_t> places;
  for (const wire::RaftMessage& message : batch.messages) {
    const GroupId group(message.group_id);
    std::shared_ptr<Replica> replica = host_->find(group);
    if (replica == nullptr) continue;
    auto decoded = from_wire(message);
    if (!decoded.has_value()) continue;
    for (const raft::Entry& entry : decoded->entries) {
      apply_bytes_left -= std::min(apply_bytes_left, entry.cost_bytes());
    }
    const auto [place, is_first] = places.emplace(group, groups.size());
    if (is_first) groups.push_back({std::move(replica), {}});
    groups[place->second].messages.push_back(*std::move(decoded));
  }
  for (auto& [replica, messages] : groups) {
    replica->step_all(peer, std::move(messages), &apply_bytes_left);
  }
}

Task<Result<wire::SnapshotChunkReply>> RaftReceiver::install_snapshot(RequestContext context,
                                                                      wire::SnapshotChunk request) {
  const std::shared_ptr<Replica> replica = host_->find(GroupId(request.group_id));
  if (replica == nullptr || replica->spec().self != ReplicaId(request.to)) {
    co_return fail(Code::failed_precondition, "this node does not hold the replica");
  }
  SnapshotPiece piece;
  piece.group = GroupId(request.group_id);
  piece.from = ReplicaId(request.from);
  piece.to = ReplicaId(request.to);
  piece.term = Term(request.term);
  piece.meta.index = LogIndex(request.snapshot_index);
  piece.meta.term = Term(request.snapshot_term);
  piece.meta.membership.voters = ids_of(request.membership.voters);
  piece.meta.membership.learners = ids_of(request.membership.learners);
  piece.offset = request.offset;
  piece.page = std::move(request.data);
  piece.last = request.last;
  piece.digest = request.checksum;
  const auto next = co_await replica->receive_snapshot(context.peer, std::move(piece));
  VECTRON_CO_CHECK_OK(next);
  wire::SnapshotChunkReply reply;
  reply.next_offset = *next;
  co_return reply;
}

}  // namespace vectron
