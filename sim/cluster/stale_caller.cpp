#include "sim/cluster/stale_caller.h"

#include <algorithm>

#include "schemas/point_id_message.h"
#include "sim/cluster/node_configs.h"
#include "sim/history/value.h"

namespace vectron::sim {
namespace {

constexpr Duration kCallDeadline = 500ms;
constexpr Duration kPause = 100ms;
constexpr int kAttemptsMax = 20;
/// A probe of that number is made by nobody else, so there is nothing to remove.
constexpr uint64_t kUnusedNumber = 100'000;

/// What a replica says to a map of another epoch, before it looks at anything else.
Code refusal_of(uint64_t epoch, uint64_t current) {
  return epoch < current ? Code::failed_precondition : Code::unavailable;
}

}  // namespace

Task<void> StaleCaller::ask_all(std::vector<ProbedShard> shards) {
  for (const ProbedShard& shard : shards) {
    for (const ReplicaWatch::Sight& replica : parts_.watch->sights(shard.group)) {
      for (const uint64_t epoch : {shard.epoch - 1, shard.epoch + 1}) {
        const Asked asked{shard, replica, epoch};
        co_await ask(asked, Question::read);
        co_await ask(asked, Question::search);
        co_await ask(asked, Question::write);
      }
    }
  }
}

// A call that is lost says the same as a newer map is told, and an older one says more: it is asked
// until its answer comes.
Task<void> StaleCaller::ask(Asked asked, Question question) {
  const NodeId node = asked.replica.node;
  rpc::ClientConfig config;
  config.identity.cluster = kSimulatedCluster;
  const auto channel = std::make_shared<rpc::Channel>(*parts_.env, address_of(node), config);
  const Code expected = refusal_of(asked.epoch, asked.shard.epoch);
  Status answer;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    answer = co_await call(asked, question, channel);
    const bool lost = answer.code() == Code::unavailable ||
                      answer.code() == Code::deadline_exceeded ||
                      answer.code() == Code::unknown_outcome;
    if (answer.code() == expected || !lost) break;
    co_await parts_.env->clock().sleep_for(kPause);
  }
  if (answer.code() == expected) co_return;
  RunRecord& record = *parts_.record;
  record.violations.add(
      oracle::kContract, record.world.now(),
      fmt::format("replica {} of shard {} on node {} was asked for a {} by the shard map of epoch "
                  "{}, where {} is current, and its answer was: {}",
                  asked.replica.replica, asked.shard.group, node, name_of(question), asked.epoch,
                  asked.shard.epoch, answer.to_string()),
      "epoch");
}

Task<Status> StaleCaller::call(Asked asked, Question question,
                               std::shared_ptr<rpc::Channel> channel) {
  const PlanCollection& collection = parts_.plan->workload.collections[asked.shard.collection];
  wire::WorkerClient worker(channel);
  RequestContext context;
  context.deadline = parts_.env->clock().monotonic() + kCallDeadline;
  switch (question) {
    case Question::read: {
      wire::ReadRequest request;
      request.shard_id = asked.shard.group.value();
      request.epoch = asked.epoch;
      request.read_level = wire::ReadLevel::eventual;
      const auto reply = co_await worker.read(context, std::move(request));
      co_return status_of(reply);
    }
    case Question::search: {
      wire::ShardSearchRequest request;
      request.shard_id = asked.shard.group.value();
      request.epoch = asked.epoch;
      request.read_level = wire::ReadLevel::eventual;
      request.vector = vector_of_value(1, collection.dimension);
      request.k = 1;
      request.exact = true;
      const auto reply = co_await worker.search(context, std::move(request));
      co_return status_of(reply);
    }
    case Question::write:
      break;
  }
  wire::WriteRequest request;
  request.shard_id = asked.shard.group.value();
  request.epoch = asked.epoch;
  wire::WriteOperation removal;
  removal.kind = wire::WriteKind::remove;
  removal.id = message_of_id<wire::PointId>(probe_id(collection, asked.shard.range, kUnusedNumber));
  request.operations.push_back(std::move(removal));
  const auto reply = co_await worker.write(context, std::move(request));
  co_return status_of(reply);
}

std::string_view StaleCaller::name_of(Question question) {
  switch (question) {
    case Question::read:
      return "read";
    case Question::search:
      return "search";
    case Question::write:
      break;
  }
  return "write";
}

}  // namespace vectron::sim
