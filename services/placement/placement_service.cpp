#include "services/placement/placement_service.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/async/task_group.h"
#include "core/async/unless_set.h"
#include "core/base/need.h"
#include "core/replica/replica_node.h"
#include "services/placement/group_birth.h"
#include "services/placement/placement.h"

namespace vectron {
namespace {

// The members as configured now. Their addresses may change from start to start, they may not.
Result<std::vector<ReplicaMember>> check_members(const PlacementConfig& config,
                                                 const Replica& replica) {
  std::vector<wire::Member> members;
  members.reserve(config.members.size());
  for (const PlacementConfig::Member& member : config.members) {
    members.push_back({member.node.value(), member.node.value(), member.address.text});
  }
  std::vector<ReplicaMember> configured = members_of(members);
  const bool same = std::ranges::equal(
      configured, replica.spec().members,
      [](const ReplicaMember& a, const ReplicaMember& b) { return a.replica == b.replica; });
  if (same) return configured;
  return fail(Code::failed_precondition,
              "the placement driver's group was made of other node ids: name the same ones, their "
              "addresses may differ",
              "members");
}

// A node that knows no leader answers nothing.
Task<void> say_ready(const PlacementConfig* config, ReplicaHost* host, Replica* replica) {
  while (!replica->status().leader.has_value()) {
    co_await host->changed().wait();
  }
  if (config->on_ready) config->on_ready();
}

/// How often a placement node looks whether other starts are on record.
constexpr Duration kStartsInterval = 100ms;

// Tells `server` of the last start of each worker that holds copies. Of another one nothing is
// certain: whoever says Hello as it can register it anew.
Task<void> tell_starts(Env* env, const PlacementState* state, rpc::Server* server) {
  uint64_t told_revision = 0;
  while (true) {
    if (state->counters().revision != told_revision) {
      told_revision = state->counters().revision;
      env->metrics().set(Metric::placement_workers, state->workers().size());
      server->know_starts(starts_of_holders(*state));
    }
    co_await env->clock().sleep_for(kStartsInterval);
  }
}

Result<void> check_members(const PlacementConfig& config) {
  using Member = PlacementConfig::Member;
  const std::vector<Member>& members = config.members;
  std::set<NodeId> nodes;
  std::set<std::string> addresses;
  for (const Member& member : members) {
    nodes.insert(member.node);
    addresses.insert(member.address.text);
  }
  VECTRON_CHECK_OK(need(!members.empty() && members.size() <= 7, "members", "name 1 to 7 members"));
  VECTRON_CHECK_OK(
      need(nodes.contains(config.node), "members", "this node is not among the members"));
  VECTRON_CHECK_OK(need(nodes.size() == members.size(), "members", "a node is named twice"));
  return need(addresses.size() == members.size(), "members",
              "two members have one address: name each one's own");
}

}  // namespace

Result<void> PlacementConfig::validate() const {
  VECTRON_CHECK_OK(need(bool(cluster), "cluster", "a placement node belongs to a cluster"));
  VECTRON_CHECK_OK(need(bool(node), "node", "a placement node has a node id"));
  VECTRON_CHECK_OK(check_members(*this));
  VECTRON_CHECK_OK(need_between(workers_max, 1, kWorkersMax, "workers_max"));
  VECTRON_CHECK_OK(need_positive(worker_silence_max, "worker_silence_max"));
  VECTRON_CHECK_OK(need_positive(create_wait, "create_wait"));
  VECTRON_CHECK_OK(need_positive(push_timeout, "push_timeout"));
  VECTRON_CHECK_OK(need_positive(push_interval, "push_interval"));
  VECTRON_CHECK_OK(need_positive(request_timeout, "request_timeout"));
  return replica.validate();
}

Task<Result<void>> run_placement(Env* env, PlacementConfig config) {
  const auto valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  ReplicaNodeConfig node_config{config.cluster, config.node,     config.replica,
                                config.wal,     config.observer, config.peers};
  // A start that is given up is one that a crash cut short.
  auto opening = ReplicaNode::open(env, std::move(node_config));
  auto opened = co_await unless_set(&env->scheduler(), config.stop, std::move(opening));
  if (!opened.has_value()) co_return Result<void>();
  VECTRON_CO_TRY(const std::unique_ptr<ReplicaNode> node, *opened);
  GroupBirth birth(env, &config, node.get());
  auto birthing = birth.run();
  const auto born = co_await unless_set(&env->scheduler(), config.stop, std::move(birthing));
  if (!born.has_value()) co_return Result<void>();
  VECTRON_CO_CHECK_OK(*born);
  auto state = std::make_unique<PlacementState>();
  PlacementState* state_pointer = state.get();
  auto starting = node->host().start(kPlacementGroup, std::move(state));
  const auto started = co_await unless_set(&env->scheduler(), config.stop, std::move(starting));
  if (!started.has_value()) co_return Result<void>();
  const Result<Replica*>& replica = *started;
  VECTRON_CO_CHECK_OK(replica);
  const auto members = check_members(config, **replica);
  VECTRON_CO_CHECK_OK(members);
  (*replica)->learn_addresses(*members);

  Placement placement(env, &config, *replica, state_pointer, &node->channels());
  rpc::Server server(*env, node->server_config());
  server.set_http_place(config.http_place);
  wire::serve(server, static_cast<wire::PlacementHandler&>(placement));
  wire::serve(server, static_cast<wire::PlacementPeerHandler&>(birth));
  node->serve_raft(&server);
  const auto listening = server.start(config.listen);
  VECTRON_CO_CHECK_OK(listening);
  if (config.on_listening) config.on_listening(server.addresses());
  TaskGroup tasks(env->scheduler());
  tasks.spawn(tell_starts(env, state_pointer, &server));
  tasks.spawn(say_ready(&config, &node->host(), *replica));
  const auto ended = co_await node->host().run_until(config.stop);
  if (ended.has_value()) co_await node->drain(&server, config.drain_timeout);
  tasks.cancel_all();
  server.stop();
  co_return ended;
}

}  // namespace vectron
