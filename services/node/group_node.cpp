#include "services/node/group_node.h"

#include <algorithm>

#include "core/async/unless_set.h"
#include "services/node/node_life.h"

namespace vectron {
namespace {

// The members as configured now. Their addresses may change from start to start, they may not.
Result<std::vector<ReplicaMember>> check_members(const GroupNodeConfig& config,
                                                 std::string_view holder, const Replica& replica) {
  std::vector<wire::Member> members;
  members.reserve(config.members.size());
  for (const GroupMember& member : config.members) {
    members.push_back({member.node.value(), member.node.value(), member.address.text});
  }
  std::vector<ReplicaMember> configured = members_of(members);
  const bool same = std::ranges::equal(
      configured, replica.spec().members,
      [](const ReplicaMember& a, const ReplicaMember& b) { return a.replica == b.replica; });
  if (same) return configured;
  return fail(Code::failed_precondition,
              fmt::format("{}'s group was made of other node ids: name the same ones, their "
                          "addresses may differ",
                          holder),
              "members");
}

}  // namespace

Task<Result<std::unique_ptr<GroupNode>>> GroupNode::open(Env* env, const GroupNodeConfig* config,
                                                         ConfiguredGroup group,
                                                         std::unique_ptr<StateMachine> state) {
  auto opened = co_await open_node(env, config);
  VECTRON_CO_TRY(std::unique_ptr<ReplicaNode> replicas, opened);
  if (replicas == nullptr) co_return std::unique_ptr<GroupNode>();
  std::unique_ptr<GroupNode> node(new GroupNode(env, config, group, std::move(replicas)));
  auto starting = node->start(std::move(state));
  auto started = co_await unless_set(&env->scheduler(), config->stop, std::move(starting));
  if (!started.has_value()) co_return std::unique_ptr<GroupNode>();
  VECTRON_CO_TRY(node->replica_, *started);
  const auto members = check_members(*config, group.holder, *node->replica_);
  VECTRON_CO_CHECK_OK(members);
  node->replica_->learn_addresses(*members);
  co_return node;
}

Task<Result<Replica*>> GroupNode::start(std::unique_ptr<StateMachine> state) {
  const auto born = co_await birth_.run();
  VECTRON_CO_CHECK_OK(born);
  auto started = co_await node_->host().start(group_.id, std::move(state));
  co_return started;
}

Result<void> GroupNode::listen(rpc::Server* server) {
  wire::serve(*server, static_cast<wire::GroupPeerHandler&>(birth_));
  return vectron::listen(*config_, node_.get(), server);
}

Task<void> GroupNode::wait_for_leader() {
  while (!replica_->status().leader.has_value()) {
    co_await host().changed().wait();
  }
}

Task<Result<void>> GroupNode::run(rpc::Server* server) {
  auto ended = co_await host().run_until(config_->stop);
  if (ended.has_value()) co_await node_->drain(server, config_->drain_timeout);
  co_return ended;
}

}  // namespace vectron
