#include "sim/cluster/frame_bodies.h"

#include <algorithm>

#include "core/kv/kv_store.h"
#include "schemas/placement_fields.h"
#include "schemas/placement_rpc.h"
#include "schemas/raft_fields.h"
#include "schemas/raft_rpc.h"
#include "schemas/storage_fields.h"
#include "schemas/vectron_fields.h"
#include "schemas/vectron_rpc.h"
#include "schemas/worker_fields.h"
#include "schemas/worker_rpc.h"
#include "services/placement/placement_service.h"
#include "sim/cluster/field_filler.h"

namespace vectron::sim {

namespace {

/// One body in the making.
struct Making {
  const ForgerKnowledge& knowledge;
  const PlausibleGroup& group;
  Choices* choices;
};

template <typename Message>
Message filled(const Making& making) {
  Message message;
  FieldFiller filler(&making.knowledge, &making.group, making.choices);
  filler.fill_message(&message);
  return message;
}

template <typename Message>
Bytes encoded(const Making& making) {
  return encode(filled<Message>(making));
}

/// What a state machine would apply, or whatever.
Bytes command(const Making& making) {
  const uint8_t choice = making.choices->byte();
  if (choice >= 208) return making.choices->bytes(choice % 64);
  const bool of_placement = making.group.group == kPlacementGroup.value();
  if (of_placement != (choice >= 192)) return encoded<stored::PlacementCommand>(making);
  auto shard = filled<stored::ShardCommand>(making);
  if (choice < 160) {
    shard.header.schema_version = 1;
    for (stored::ShardOperation& operation : shard.operations) {
      if (operation.vectors.empty()) operation.vectors.resize(1);
      operation.vectors.front().values.resize(
          making.knowledge.plan->workload.collections[0].dimension);
    }
  }
  return encode(shard);
}

Bytes raft_batch(const Making& making) {
  auto batch = filled<wire::RaftBatch>(making);
  if (batch.messages.empty()) batch.messages.resize(1);
  for (wire::RaftMessage& message : batch.messages) {
    const uint8_t choice = making.choices->byte();
    // An append of entries in a row, most of the time.
    if (choice < 128) message.kind %= raft::kMessageKindCount;
    if (choice < 96 && message.entries.empty() && choice % 3 == 0) message.entries.resize(1);
    uint64_t index = message.index;
    for (wire::RaftEntry& entry : message.entries) {
      if (choice >= 192) continue;
      entry.index = ++index;
      entry.term = std::min(entry.term, message.term);
      entry.kind %= 2;
      entry.data = entry.kind == 0 ? command(making) : Bytes();
    }
  }
  return encode(batch);
}

Bytes snapshot_chunk(const Making& making) {
  auto chunk = filled<wire::SnapshotChunk>(making);
  const uint8_t choice = making.choices->byte();
  if (choice >= 192) return encode(chunk);
  chunk.membership.voters = making.group.replicas;
  chunk.membership.learners.clear();
  chunk.snapshot_index = making.group.index + 1 + choice % 64;
  chunk.offset = choice % 4 == 0 ? chunk.offset : 0;
  chunk.last = choice % 4 != 1;
  const auto page = filled<stored::KeyValuePage>(making);
  chunk.data = encode(page);
  chunk.checksum = 0;
  for (const stored::KeyValue& pair : page.pairs) {
    chunk.checksum += kv_pair_hash(pair.key, pair.value);
  }
  return encode(chunk);
}

using MakeBody = Bytes (*)(const Making&);

struct Row {
  const rpc::MethodInfo* method;
  MakeBody make;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {&wire::kRaftStepMethod, raft_batch},
      {&wire::kRaftInstallSnapshotMethod, snapshot_chunk},
      {&wire::kWorkerWriteMethod, encoded<wire::WriteRequest>},
      {&wire::kWorkerReadMethod, encoded<wire::ReadRequest>},
      {&wire::kWorkerSearchMethod, encoded<wire::ShardSearchRequest>},
      {&wire::kWorkerAssignMethod, encoded<wire::AssignRequest>},
      {&wire::kPlacementRegisterWorkerMethod, encoded<wire::RegisterWorkerRequest>},
      {&wire::kPlacementHeartbeatMethod, encoded<wire::HeartbeatRequest>},
      {&wire::kPlacementCreateCollectionMethod, encoded<wire::CreateCollectionRequest>},
      {&wire::kPlacementDeleteCollectionMethod, encoded<wire::DeleteCollectionRequest>},
      {&wire::kPlacementListCollectionsMethod, encoded<wire::ListCollectionsRequest>},
      {&wire::kPlacementListWorkersMethod, encoded<wire::ListWorkersRequest>},
      {&wire::kPlacementGetCollectionMethod, encoded<wire::GetCollectionRequest>},
      {&wire::kPlacementGetCollectionStatusMethod, encoded<wire::GetCollectionStatusRequest>},
      {&wire::kGroupPeerGroupPresenceMethod, encoded<wire::GroupPresenceRequest>},
      {&api::kVectronCreateCollectionMethod, encoded<api::CreateCollectionRequest>},
      {&api::kVectronListCollectionsMethod, encoded<api::ListCollectionsRequest>},
      {&api::kVectronGetCollectionStatusMethod, encoded<api::GetCollectionStatusRequest>},
      {&api::kVectronDeleteCollectionMethod, encoded<api::DeleteCollectionRequest>},
      {&api::kVectronListWorkersMethod, encoded<api::ListWorkersRequest>},
      {&api::kVectronUpsertMethod, encoded<api::UpsertRequest>},
      {&api::kVectronGetMethod, encoded<api::GetRequest>},
      {&api::kVectronDeleteMethod, encoded<api::DeleteRequest>},
      {&api::kVectronSearchMethod, encoded<api::SearchRequest>},
  };
  return kRows;
}

void add_once(std::vector<uint64_t>* values, uint64_t value) {
  if (value != 0 && std::ranges::find(*values, value) == values->end()) values->push_back(value);
}

}  // namespace

void ForgerKnowledge::read_placement_log() {
  const std::vector<raft::Payload>& entries = watch->applied_entries(kPlacementGroup);
  for (; entries_read_ < entries.size(); ++entries_read_) {
    const ByteView bytes = raft::view(entries[entries_read_]);
    if (bytes.empty()) continue;
    const auto command = decode<stored::PlacementCommand>(bytes);
    if (!command.has_value()) continue;
    add_once(&lineages, command->lineage);
    if (command->register_worker) add_once(&folders, command->register_worker->folder_id);
  }
}

const std::vector<const rpc::MethodInfo*>& forged_methods() {
  static const std::vector<const rpc::MethodInfo*> kMethods = [] {
    std::vector<const rpc::MethodInfo*> methods;
    for (const Row& row : rows()) methods.push_back(row.method);
    return methods;
  }();
  return kMethods;
}

Bytes forged_body(uint32_t method, const ForgerKnowledge& knowledge, Choices* choices) {
  const PlausibleGroup group = choose_group(knowledge, choices);
  const auto row =
      std::ranges::find(rows(), method, [](const Row& each) { return each.method->id; });
  if (row == rows().end()) return choices->bytes(choices->byte());
  return row->make({knowledge, group, choices});
}

}  // namespace vectron::sim
