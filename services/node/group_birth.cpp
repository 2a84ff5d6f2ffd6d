#include "services/node/group_birth.h"

#include "core/async/combine.h"

namespace vectron {
namespace {

constexpr Duration kAskTimeout = 1s;
constexpr Duration kAskInterval = 100ms;
constexpr Duration kComplainInterval = 10s;  // Between two lines that say who is missing.
constexpr Duration kQuietAtStart = 3s;       // Before the first of them.

std::string sum_up(const std::map<NodeId, std::string>& missing) {
  std::string text;
  for (const auto& [node, why] : missing) {
    text += fmt::format("{}node {}: {}", text.empty() ? "" : "; ", node, why);
  }
  return text.empty() ? "all of them answer" : text;
}

}  // namespace

// A member's Raft id is its node id: the group's members are configured, not given out.
stored::ReplicaManifest GroupBirth::manifest() const {
  stored::ReplicaManifest manifest;
  manifest.group_id = group_.id.value();
  manifest.replica_id = self().value();
  for (const GroupMember& member : config_->members) {
    manifest.members.push_back({member.node.value(), member.node.value(), member.address.text});
  }
  return manifest;
}

std::unexpected<Status> GroupBirth::lost() const {
  return fail(
      Code::data_loss,
      fmt::format("{}'s data is missing here, and other members have it: a member that forgot its "
                  "votes must not come back; put a new node in this one's place",
                  group_.holder));
}

Status GroupBirth::other_cluster() const {
  return Status(Code::failed_precondition,
                fmt::format("no other {0} node belongs to cluster {1}, as this one does: check the "
                            "options cluster and {0} ({2})",
                            group_.node_word, config_->cluster, sum_up(missing_)),
                std::string(rpc::kClusterField));
}

wire::GroupPresence GroupBirth::own_presence() const {
  ReplicaHost& host = node_->host();
  if (host.took_part(group_.id)) return wire::GroupPresence::took_part;
  const auto presence = host.presence(group_.id, self());
  return presence == ReplicaHost::Presence::absent ? wire::GroupPresence::absent
                                                   : wire::GroupPresence::born;
}

Task<Result<wire::GroupPresenceReply>> GroupBirth::group_presence(RequestContext,
                                                                  wire::GroupPresenceRequest) {
  wire::GroupPresenceReply reply;
  reply.presence = own_presence();
  reply.node_id = config_->node.value();
  reply.group_id = group_.id.value();
  co_return reply;
}

Task<Result<void>> GroupBirth::run() {
  using Presence = ReplicaHost::Presence;
  const auto presence = node_->host().presence(group_.id, self());
  if (presence == Presence::lost) co_return lost();
  if (presence == Presence::absent && env_->planted("reuse_replica_after_disk_loss")) {
    const auto born = co_await node_->host().bear(manifest());
    VECTRON_CO_CHECK_OK(born);
    co_return Result<void>();
  }
  if (presence == Presence::absent && !config_->bootstrap) {
    co_return fail(
        Code::data_loss,
        fmt::format("{}'s data is missing here: set bootstrap for the first start of a cluster; "
                    "after a lost disk, put a new node in this one's place",
                    group_.holder));
  }
  if (own_presence() == wire::GroupPresence::took_part) co_return Result<void>();

  rpc::ServerConfig server_config = node_->server_config();
  server_config.starting = !env_->planted("starting_is_an_old_server");
  rpc::Server server(*env_, server_config);
  server.set_http_place(config_->http_place);
  wire::serve(server, static_cast<wire::GroupPeerHandler&>(*this));
  if (config_->members.size() > 1) {
    const auto listening = server.start(config_->listen);
    VECTRON_CO_CHECK_OK(listening);
  }
  auto agreed = co_await agree();
  server.stop();
  co_return agreed;
}

Task<Result<void>> GroupBirth::agree() {
  Instant complain_next = env_->clock().monotonic() + kQuietAtStart;
  while (true) {
    const auto others = co_await ask_others();
    switch (next_birth_step(own_presence(), others)) {
      case BirthStep::start:
        co_return Result<void>();
      case BirthStep::refuse:
        co_return lost();
      case BirthStep::bear: {
        auto born = co_await node_->host().bear(manifest());
        VECTRON_CO_CHECK_OK(born);
        continue;
      }
      case BirthStep::wait:
        break;
    }
    if (refusals_.by_all()) co_return fail(other_cluster());
    if (env_->clock().monotonic() >= complain_next) {
      complain();
      complain_next = env_->clock().monotonic() + kComplainInterval;
    }
    co_await env_->clock().sleep_for(kAskInterval);
  }
}

void GroupBirth::complain() {
  env_->log().warning(group_.node_word,
                      "not ready: the first start of a cluster needs all {} {} nodes, and not all "
                      "of them answer or are made yet: {}",
                      config_->members.size(), group_.node_word, sum_up(missing_));
}

Task<std::vector<std::optional<wire::GroupPresence>>> GroupBirth::ask_others() {
  std::vector<Task<std::optional<wire::GroupPresence>>> asks;
  for (const GroupMember& member : config_->members) {
    if (member.node != config_->node) asks.push_back(ask(member));
  }
  auto answers = co_await when_all(std::move(asks));
  co_return answers;
}

Task<std::optional<wire::GroupPresence>> GroupBirth::ask(GroupMember member) {
  RequestContext context;
  context.deadline = env_->clock().monotonic() + kAskTimeout;
  wire::GroupPeerClient client(node_->channels().channel(member));
  const auto reply = co_await client.group_presence(std::move(context), {});
  const auto place = static_cast<size_t>(member.node.value());
  refusals_.note(place, status_of(reply));
  missing_.erase(member.node);
  if (!reply.has_value()) {
    missing_[member.node] = reply.error().message();
    co_return std::nullopt;
  }
  // What counts is that every other member answered, not that every address did: one name may lead
  // to several of them, and to each in turn.
  const bool is_member =
      reply->node_id == member.node.value() && reply->group_id == group_.id.value();
  if (!is_member) {
    missing_[member.node] = fmt::format("another node answers at {}", member.address.text);
    co_return std::nullopt;
  }
  co_return reply->presence;
}

}  // namespace vectron
