// The book against a dumb twin, which walks over all records whenever it is asked.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "services/placement/placement_invariants.h"
#include "tests/services/placement/state_fixture.h"

namespace vectron {
namespace {

constexpr uint64_t kNodes = 5;

struct Twin {
  std::map<NodeId, AssignmentBook::Places> places;
  std::map<NodeId, std::map<NodeId, size_t>> peers;
  std::map<ReplicaId, NodeId> unmade;
  std::set<std::pair<NodeId, ReplicaId>> leaving;
  size_t replicas = 0;

  explicit Twin(const PlacementState& state) {
    for (const auto& [id, collection] : state.collections()) {
      for (size_t shard = 0; shard < collection.shards.size(); ++shard) {
        add(id, shard, collection.shards[shard]);
      }
    }
    for (const auto& [id, removed] : state.removed()) {
      for (const stored::ShardRecord& shard : removed.collection.shards) {
        for (const stored::ReplicaRecord& replica : shard.replicas) {
          leaving.emplace(replica.node_id, replica.replica_id);
        }
      }
    }
  }
  void add(CollectionId id, size_t shard, const stored::ShardRecord& record) {
    for (size_t i = 0; i < record.replicas.size(); ++i) {
      const NodeId node(record.replicas[i].node_id);
      const ReplicaId replica(record.replicas[i].replica_id);
      places[node][replica] = {id, shard, i};
      if (!record.replicas[i].created) unmade[replica] = node;
      for (const stored::ReplicaRecord& other : record.replicas)
        ++peers[node][NodeId(other.node_id)];
      ++replicas;
    }
  }
  bool is_in_use(NodeId node) const {
    return places.contains(node) ||
           std::ranges::any_of(leaving, [&](const auto& copy) { return copy.first == node; });
  }
};

class AssignmentBookTest : public PlacementStateTest {
 public:
  void TestBody() override {}

  void step() {
    const auto kind = *rc::gen::inRange(0, 8);
    const auto node = *rc::gen::inRange<uint64_t>(1, kNodes + 1);
    const uint64_t collections = state_.counters().collection_id;
    const auto collection = *rc::gen::inRange<uint64_t>(1, collections + 2);
    const auto replica = *rc::gen::inRange<uint64_t>(1, state_.counters().replica_id + 2);
    if (kind == 0) register_worker(node, 1, *rc::gen::inRange<uint64_t>(1, 3));
    if (kind == 1) forget_worker(node);
    if (kind == 2 || kind == 3) {
      std::vector<uint64_t> nodes = {node, node % kNodes + 1};
      nodes.resize(*rc::gen::inRange<size_t>(1, 3));
      create(fmt::format("c{}", collections), nodes, *rc::gen::inRange<uint32_t>(1, 4));
    }
    if (kind == 4) remove(collection);
    if (kind == 5) forget_collection(collection);
    if (kind == 6) record_made({replica, replica + 1});
    if (kind == 7) RC_ASSERT(env_.run(state_.load(overlay_.get(), {})).has_value());
  }

  void compare() const {
    const Twin twin(state_);
    const AssignmentBook& book = state_.book();
    RC_ASSERT(book.replica_count() == twin.replicas);
    RC_ASSERT(book.unmade() == twin.unmade);
    size_t in_use = 0;
    for (uint64_t id = 1; id <= kNodes; ++id) {
      const NodeId node(id);
      const auto places = twin.places.find(node);
      const auto peers = twin.peers.find(node);
      RC_ASSERT(book.replicas_of(node) ==
                (places == twin.places.end() ? AssignmentBook::Places() : places->second));
      RC_ASSERT(book.peers_of(node) ==
                (peers == twin.peers.end() ? std::map<NodeId, size_t>() : peers->second));
      RC_ASSERT(book.is_in_use(node) == twin.is_in_use(node));
      in_use += twin.is_in_use(node) ? 1 : 0;
      for (uint64_t replica = 1; replica <= state_.counters().replica_id; ++replica) {
        const bool holds = book.replicas_of(node).contains(ReplicaId(replica)) ||
                           twin.leaving.contains({node, ReplicaId(replica)});
        RC_ASSERT(book.may_hold(node, ReplicaId(replica)) == holds);
      }
    }
    RC_ASSERT(book.workers_in_use() == in_use);
    const auto wrong = PlacementInvariants::contradiction(state_);
    RC_ASSERT(!wrong.has_value());
  }

  /// What each worker is ordered, and the version of that.
  std::map<NodeId, std::pair<uint64_t, Bytes>> orders() const {
    std::map<NodeId, std::pair<uint64_t, Bytes>> orders;
    for (uint64_t id = 1; id <= kNodes; ++id) {
      wire::AssignRequest request;
      request.assignments = assignments_of(state_, NodeId(id));
      orders[NodeId(id)] = {state_.book().version_of(NodeId(id)), encode(request)};
    }
    return orders;
  }
};

RC_GTEST_PROP(AssignmentBook, SaysWhatAWalkOverAllRecordsSays, ()) {
  AssignmentBookTest test;
  for (uint64_t node = 1; node <= kNodes; ++node) test.step();
  const auto steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const auto before = test.orders();
    test.step();
    test.compare();
    // Whoever is ordered something else has another version.
    for (const auto& [node, order] : test.orders()) {
      if (order.second != before.at(node).second) RC_ASSERT(order.first > before.at(node).first);
    }
  }
}

}  // namespace

TEST_F(PlacementStateTest, AChangeForSomeWorkersLeavesTheOthersAlone) {
  for (const uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8});
  const uint64_t before = state_.book().version_of(NodeId(9));
  create("b", {7, 8});
  record_made({1, 2});
  remove(1);
  EXPECT_EQ(state_.book().version_of(NodeId(9)), before);
}

// A snapshot of a member that lies.
TEST_F(PlacementStateTest, RefusesToLoadRecordsThatContradictEachOther) {
  register_worker(7, 1);
  create("a", {7});
  stored::CollectionRecord twice = state_.collections().at(CollectionId(1));
  twice.id = 2;
  twice.name = "b";
  Bytes key = to_bytes(as_bytes(std::string_view("collection/")));
  put_big_endian(key, twice.id);
  overlay_->begin_entry(overlay_->applied_index() + 1);
  ASSERT_TRUE(overlay_->put(key, encode(twice)).has_value());
  overlay_->end_entry();
  PlacementState other;
  const auto loaded = env_.run(other.load(overlay_.get(), {}));
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code(), Code::data_loss);
}

}  // namespace vectron
