#include "services/gateway/search_reply.h"

#include <algorithm>

#include "core/base/assert.h"
#include "services/gateway/failures.h"
#include "services/gateway/merge.h"
#include "services/gateway/translation.h"

namespace vectron::gateway {
namespace {

// What one shard says of the request or of the collection holds for all of them.
bool decides(const Result<wire::ShardSearchReply>& answer) {
  return !answer.has_value() && (answer.error().code() == Code::invalid_argument ||
                                 answer.error().code() == Code::not_found);
}

api::MissingShard missing_shard(ShardId shard, const Status& status) {
  api::MissingShard missing;
  missing.shard_id = shard.value();
  missing.code = static_cast<uint8_t>(status.code());
  missing.message = status.message();
  return missing;
}

Status failure_of(const std::vector<api::MissingShard>& missing) {
  std::string message;
  Code code = Code::unavailable;
  for (const api::MissingShard& shard : missing) {
    code = graver(code, static_cast<Code>(shard.code));
    message += message.empty() ? shard.message : "; " + shard.message;
  }
  return Status(code, std::move(message));
}

// The planted bug merge_keeps_worst.
std::vector<wire::ShardHit> keep_worst(std::vector<std::vector<wire::ShardHit>> lists, size_t k) {
  std::vector<wire::ShardHit> all = merge_hits(std::move(lists), SIZE_MAX);
  if (all.size() > k) all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(k));
  return all;
}

}  // namespace

Result<api::SearchReply> make_search_reply(const Route& route, SearchReplyOptions options,
                                           ShardAnswers answers) {
  VECTRON_ASSERT(answers.size() == route.shards.size());
  const auto decided = std::find_if(answers.begin(), answers.end(), decides);
  if (decided != answers.end()) return fail(decided->error());
  api::SearchReply reply;
  std::vector<std::vector<wire::ShardHit>> lists;
  lists.reserve(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    if (options.give_up_shards && options.allow_partial && i > 0) {
      reply.missing_shards.push_back(missing_shard(route.shards[i].id, Status()));
    } else if (answers[i].has_value()) {
      reply.shards.push_back(
          {answers[i]->shard_id, answers[i]->applied_index, answers[i]->linked_index});
      lists.push_back(std::move(answers[i]->hits));
    } else {
      reply.missing_shards.push_back(missing_shard(route.shards[i].id, answers[i].error()));
    }
  }
  const bool enough = reply.missing_shards.empty() || (options.allow_partial && !lists.empty());
  if (!enough) return fail(failure_of(reply.missing_shards));
  if (lists.size() > 1 && options.drop_one_shard) lists.pop_back();
  std::vector<wire::ShardHit> merged = options.keep_worst ? keep_worst(std::move(lists), options.k)
                                                          : merge_hits(std::move(lists), options.k);
  reply.hits.reserve(merged.size());
  for (wire::ShardHit& hit : merged) reply.hits.push_back(to_api(std::move(hit), route.distance));
  return reply;
}

}  // namespace vectron::gateway
