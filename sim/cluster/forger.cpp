#include "sim/cluster/forger.h"

#include "core/replica/raft_transport.h"
#include "schemas/placement_rpc.h"
#include "schemas/worker_rpc.h"
#include "sim/cluster/forged_command.h"
#include "sim/cluster/node_configs.h"
#include "sim/cluster/node_manifest.h"

namespace vectron::sim {

namespace {

/// Between two connections.
constexpr Duration kPause = 40ms;
/// Of what it asks.
constexpr Duration kCallDeadline = 150ms;
/// Until what was sent is through.
constexpr Duration kLinger = 20ms;
constexpr Duration kConnectPoll = 5ms;

constexpr uint64_t kFirstStranger = 0x5747;
constexpr uint64_t kStrangers = 1'000;

wire::RaftEntry entry_of(const wire::RaftMessage& message, Bytes data) {
  wire::RaftEntry entry;
  entry.term = message.term;
  entry.index = message.index + 1;
  entry.kind = static_cast<uint8_t>(data.empty() ? raft::EntryKind::noop : raft::EntryKind::normal);
  entry.data = std::move(data);
  return entry;
}

}  // namespace

Forger::Pace Forger::pace_of(uint64_t forged_per_second) {
  const auto connections = static_cast<uint64_t>(Duration(1s) / kPause);
  if (forged_per_second >= connections) return {forged_per_second / connections, kPause};
  return {1, Duration(1s) / std::max<uint64_t>(forged_per_second, 1)};
}

Forger::Forger(Parts parts) : parts_(parts), random_(parts.env->random("forger")) {}

Task<void> Forger::run(Instant until) {
  const Pace pace = pace_of(parts_.plan->intensities.forged_per_second);
  while (parts_.record->world.now() < until) {
    co_await forge_once(pace.messages);
    co_await parts_.env->clock().sleep_for(pace.pause);
  }
}

RequestContext Forger::context() const {
  RequestContext context;
  context.deadline = parts_.env->clock().monotonic() + kCallDeadline;
  return context;
}

std::optional<Forger::Victim> Forger::choose_victim() {
  const std::vector<GroupId> groups = parts_.watch->groups();
  if (groups.empty()) return std::nullopt;
  Victim victim;
  victim.group = groups[random_.below(groups.size())];
  const auto sights = parts_.watch->sights(victim.group);
  if (sights.empty()) return std::nullopt;
  victim.target = sights[random_.below(sights.size())];
  victim.pretended = sights[random_.below(sights.size())];
  return victim;
}

rpc::Identity Forger::identity_of(Mask mask, NodeId pretended) {
  rpc::Identity identity{kSimulatedCluster, NodeId(), 0};
  if (mask == Mask::nobody) return identity;
  identity.node =
      mask == Mask::stranger ? NodeId(kFirstStranger + random_.below(kStrangers)) : pretended;
  // A Hello alone must shut nobody out: neither who is pretended nor, now and then, a gateway.
  if (mask == Mask::stranger && random_.chance_ppm(500'000) && parts_.plan->shape.gateways > 0) {
    const auto number = static_cast<uint32_t>(random_.below(parts_.plan->shape.gateways));
    identity.node = node_id(ServiceId::gateway, number);
  }
  identity.incarnation =
      random_.chance_ppm(500'000) ? UINT64_MAX : random_.below(1'000) + 1'000'000;
  return identity;
}

Task<void> Forger::forge_once(uint64_t messages) {
  const auto victim = choose_victim();
  if (!victim) co_return;
  const auto mask = static_cast<Mask>(random_.below(3));
  wire::RaftBatch batch;
  for (uint64_t i = 0; i < messages; ++i) {
    batch.messages.push_back(mask == Mask::node ? impossible_message(*victim)
                                                : plausible_message(*victim));
  }
  co_await lie(*victim, mask, std::move(batch));
}

Task<void> Forger::lie(Victim victim, Mask mask, wire::RaftBatch batch) {
  rpc::ClientConfig config;
  config.identity =
      identity_of(mask, NodeId(batch.messages.front().from == victim.target.replica.value()
                                   ? victim.target.node
                                   : victim.pretended.node));
  const auto channel =
      std::make_shared<rpc::Channel>(*parts_.env, address_of(victim.target.node), config);
  wire::RaftClient raft(channel);
  raft.step(batch);
  if (random_.chance_ppm(300'000)) {
    auto chunk = forged_snapshot(victim, mask);
    const auto taken = co_await raft.install_snapshot(context(), std::move(chunk));
    (void)taken;
  }
  if (victim.group == kPlacementGroup) {
    co_await lie_to_placement(channel, victim);
  } else if (parts_.plan->profile != "raft") {
    co_await lie_to_worker(channel, victim);
  }
  const Instant patience = parts_.record->world.now() + kCallDeadline;
  while (!channel->connected() && parts_.record->world.now() < patience) {
    co_await parts_.env->clock().sleep_for(kConnectPoll);
  }
  // What reached nobody was no fault.
  if (!channel->connected()) co_return;
  parts_.record->world.fault_fired(FaultClass::forgery);
  co_await parts_.env->clock().sleep_for(kLinger);
}

// It speaks for workers that it is not.
Task<void> Forger::lie_to_placement(std::shared_ptr<rpc::Channel> channel, Victim) {
  wire::PlacementClient placement(channel);
  const uint64_t worker =
      node_id(ServiceId::worker, static_cast<uint32_t>(random_.below(parts_.plan->shape.workers)))
          .value();
  if (random_.chance_ppm(500'000)) {
    wire::RegisterWorkerRequest request;
    request.node_id = worker;
    request.address = "forger:1";
    request.incarnation = UINT64_MAX;
    request.folder_id = random_.next();
    const auto taken = co_await placement.register_worker(context(), std::move(request));
    (void)taken;
  } else {
    wire::HeartbeatRequest request;
    request.node_id = worker;
    request.incarnation = UINT64_MAX;
    request.folder_id = random_.next();
    request.draining = true;
    const auto taken = co_await placement.heartbeat(context(), std::move(request));
    (void)taken;
  }
}

// What no gateway and no placement driver would ask.
Task<void> Forger::lie_to_worker(std::shared_ptr<rpc::Channel> channel, Victim victim) {
  wire::WorkerClient worker(channel);
  switch (random_.below(3)) {
    case 0: {
      wire::AssignRequest request;
      request.revision = UINT64_MAX;
      request.lineage = random_.next();
      request.folder_id = folder_known_to_another_state(victim.target.node);
      request.removed = {victim.target.replica.value(), victim.pretended.replica.value()};
      const auto taken = co_await worker.assign(context(), std::move(request));
      (void)taken;
      break;
    }
    case 1: {
      wire::WriteRequest request;
      request.shard_id = victim.group.value();
      request.epoch = UINT64_MAX;
      request.operations.resize(random_.below(3));
      const auto taken = co_await worker.write(context(), std::move(request));
      (void)taken;
      break;
    }
    default: {
      wire::ShardSearchRequest request;
      request.shard_id = victim.group.value();
      request.epoch = UINT64_MAX;
      request.k = static_cast<uint32_t>(wild_number());
      request.ef = static_cast<uint32_t>(wild_number());
      request.vector.resize(random_.below(100));
      const auto taken = co_await worker.search(context(), std::move(request));
      (void)taken;
    }
  }
}

// A placement state that began anew, under the same number of the cluster, may have the worker's
// folder on record. Its lineage is another one all the same.
uint64_t Forger::folder_known_to_another_state(NodeId worker) {
  const bool knows = random_.chance_ppm(500'000);
  const uint64_t other = random_.next();
  const std::string address = address_of(worker).text;
  SimNode* const machine = parts_.record->world.find_node(address.substr(0, address.rfind(':')));
  if (!knows || machine == nullptr) return other;
  const auto manifest = node_manifest(machine->disk());
  return manifest.has_value() ? manifest->folder_id : other;
}

uint64_t Forger::wild_number() {
  switch (random_.below(4)) {
    case 0:
      return UINT64_MAX;
    case 1:
      return uint64_t{1} << random_.below(64);
    case 2:
      return random_.below(10);
    default:
      return random_.next();
  }
}

// As a right member might have sent it; whoever sends it is none.
wire::RaftMessage Forger::plausible_message(const Victim& victim) {
  using Kind = raft::MessageKind;
  const std::array<Kind, 9> kinds = {Kind::append,      Kind::append,     Kind::heartbeat,
                                     Kind::vote,        Kind::vote_reply, Kind::append_reply,
                                     Kind::timeout_now, Kind::read_index, Kind::heartbeat_reply};
  wire::RaftMessage message;
  message.group_id = victim.group.value();
  message.kind = static_cast<uint8_t>(kinds[random_.below(kinds.size())]);
  message.from = victim.pretended.replica.value();
  message.to = victim.target.replica.value();
  message.term = victim.target.term.value() + random_.below(2);
  message.index = victim.target.applied_index.value();
  message.log_term = victim.target.term.value();
  message.commit_index = message.index + 1;
  message.transfer = random_.chance_ppm(500'000);
  message.context = random_.below(3);
  if (message.kind == static_cast<uint8_t>(Kind::append)) {
    message.entries.push_back(entry_of(message, {}));
  }
  if (message.kind == static_cast<uint8_t>(Kind::append_reply)) message.index += random_.below(3);
  return message;
}

// Such as no member sends, whatever has befallen it.
wire::RaftMessage Forger::impossible_message(const Victim& victim) {
  using Kind = raft::MessageKind;
  wire::RaftMessage message = plausible_message(victim);
  switch (random_.below(10)) {
    case 0:  // It would follow itself.
      message.kind = static_cast<uint8_t>(Kind::heartbeat);
      message.from = message.to;
      message.term = victim.target.term.value() + 1;
      break;
    case 1:  // All terms would be used up.
      message.term = UINT64_MAX - random_.below(3);
      break;
    case 2:
      message.kind = static_cast<uint8_t>(Kind::append);
      message.index = 0;
      message.log_term = message.term;
      message.entries.clear();
      break;
    case 3:  // An index that wraps.
      message.kind = static_cast<uint8_t>(Kind::append);
      message.index = UINT64_MAX;
      message.entries = {entry_of(message, {})};
      break;
    case 4:
      message.kind = static_cast<uint8_t>(12 + random_.below(200));
      break;
    case 5:
      message.kind = static_cast<uint8_t>(Kind::install_snapshot);
      break;
    case 6:  // No command of any state machine.
      message.kind = static_cast<uint8_t>(Kind::append);
      message.term = victim.target.term.value();
      message.entries = {entry_of(message, Bytes(1 + random_.below(15), 0xee))};
      break;
    case 7:
    case 8:
      if (misdirect(victim, &message)) break;
      [[fallthrough]];
    default:  // One that its state machine can read, and cannot take.
      message.kind = static_cast<uint8_t>(Kind::append);
      message.term = victim.target.term.value();
      message.entries = {entry_of(message, forged_command(victim))};
  }
  return message;
}

// A right member might have said it, to somebody else or over another connection. Whoever takes it
// believes what nobody told him.
bool Forger::misdirect(const Victim& victim, wire::RaftMessage* message) {
  std::vector<ReplicaWatch::Sight> others = parts_.watch->sights(victim.group);
  std::erase_if(others, [&](const ReplicaWatch::Sight& sight) {
    return sight.node == victim.target.node || sight.node == victim.pretended.node;
  });
  if (others.empty()) return false;
  const uint64_t other = others[random_.below(others.size())].replica.value();
  (random_.chance_ppm(500'000) ? message->to : message->from) = other;
  return true;
}

Bytes Forger::forged_command(const Victim& victim) {
  if (victim.group == kPlacementGroup) return forged_placement_command(&random_);
  const std::vector<PlanCollection>& collections = parts_.plan->workload.collections;
  if (parts_.plan->profile == "raft" || collections.empty()) return Bytes{0xee};
  return forged_shard_command(&random_, collections);
}

wire::SnapshotChunk Forger::forged_snapshot(const Victim& victim, Mask mask) {
  wire::SnapshotChunk chunk;
  chunk.group_id = victim.group.value();
  chunk.from = victim.pretended.replica.value();
  chunk.to = victim.target.replica.value();
  chunk.term = mask == Mask::node ? UINT64_MAX : victim.target.term.value();
  chunk.snapshot_index = victim.target.applied_index.value() + 1'000;
  chunk.snapshot_term = victim.target.term.value();
  for (const ReplicaWatch::Sight& sight : parts_.watch->sights(victim.group)) {
    chunk.membership.voters.push_back(sight.replica.value());
  }
  chunk.last = random_.chance_ppm(500'000);
  chunk.data = Bytes(random_.below(100), 0);
  return chunk;
}

}  // namespace vectron::sim
