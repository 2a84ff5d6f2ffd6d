// A placement state on a store in memory, and the commands that tests apply to it.
#pragma once

#include <gtest/gtest.h>

#include "core/base/assert.h"
#include "core/kv/kv_store.h"
#include "core/model/shard_map.h"
#include "services/placement/cluster_view.h"
#include "services/placement/placement_state.h"
#include "tests/support/memory_env.h"

namespace vectron {

class PlacementStateTest : public testing::Test {
 protected:
  PlacementStateTest() {
    auto made = env_.run(env_.disk().create_directory("kv"));
    VECTRON_ASSERT(made.has_value());
    KvConfig config;
    config.map_bytes_max = 16 << 20;
    auto store = env_.run(KvStore::open(&env_, "kv", config));
    VECTRON_ASSERT(store.has_value());
    store_ = *std::move(store);
    overlay_ = *OverlayStore::open(&env_, store_.get(), OverlayConfig());
    const auto loaded = env_.run(state_.load(overlay_.get(), {}));
    VECTRON_ASSERT(loaded.has_value());
  }

  PlacementAnswer apply(const stored::PlacementCommand& command) {
    const LogIndex index = overlay_->applied_index() + 1;
    overlay_->begin_entry(index);
    const auto answer = state_.apply(index, encode(command));
    overlay_->end_entry();
    VECTRON_ASSERT(answer.has_value());
    return *decode_answer(*answer);
  }
  PlacementAnswer register_worker(uint64_t node, uint64_t incarnation, uint64_t folder_id = 1,
                                  uint64_t lineage = 0) {
    stored::PlacementCommand command;
    command.lineage = lineage;
    command.register_worker = stored::WorkerRecord{};
    command.register_worker->node_id = node;
    command.register_worker->address = fmt::format("w{}:1", node);
    command.register_worker->incarnation = incarnation;
    command.register_worker->folder_id = folder_id;
    return apply(command);
  }
  PlacementAnswer create(std::string name, std::vector<uint64_t> nodes, uint32_t shards = 1) {
    stored::PlacementCommand command;
    command.create_collection = stored::CreateCollectionCommand{};
    command.create_collection->name = std::move(name);
    command.create_collection->dimension = 3;
    command.create_collection->replication = nodes.size();
    for (const HashRange& range : split_evenly(shards)) {
      command.create_collection->shards.push_back({range.low, range.high, nodes});
    }
    return apply(command);
  }
  PlacementAnswer record_made(std::vector<uint64_t> replicas) {
    stored::PlacementCommand command;
    command.replicas_created = stored::ReplicasCreatedCommand{std::move(replicas)};
    return apply(command);
  }
  PlacementAnswer forget_collection(uint64_t collection) {
    stored::PlacementCommand command;
    command.forget_collections = stored::ForgetCollectionsCommand{{collection}};
    return apply(command);
  }
  PlacementAnswer forget_worker(uint64_t node) {
    stored::PlacementCommand command;
    command.forget_workers = stored::ForgetWorkersCommand{{node}};
    return apply(command);
  }
  PlacementAnswer remove(uint64_t collection) {
    stored::PlacementCommand command;
    command.delete_collection = stored::DeleteCollectionCommand{collection};
    return apply(command);
  }
  void report(ClusterView* view, uint64_t node, uint64_t replica, bool leads, uint64_t term) {
    wire::ReplicaReport report;
    report.replica_id = replica;
    report.created = true;
    report.is_leader = leads;
    report.term = term;
    view->hear(NodeId(node), Instant(1s), state_.counters().revision, std::vector{report});
  }

  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<OverlayStore> overlay_;
  PlacementState state_{true};
};

}  // namespace vectron
