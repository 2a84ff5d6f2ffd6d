// The answers of a collection's shards to a search, made into one. Pure.
#pragma once

#include <vector>

#include "schemas/vectron_messages.h"
#include "schemas/worker_messages.h"
#include "services/gateway/route.h"

namespace vectron::gateway {

/// One for each shard of the route, in their order.
using ShardAnswers = std::vector<Result<wire::ShardSearchReply>>;

struct SearchReplyOptions {
  size_t k = 10;
  bool allow_partial = false;
  /// The planted bug merge_drops_one_shard.
  bool drop_one_shard = false;
  /// The planted bug merge_keeps_worst.
  bool keep_worst = false;
  /// The planted bug partial_search_gives_up.
  bool give_up_shards = false;
};

/// The `k` best hits of all shards. Shards that did not answer are named in the reply when
/// `allow_partial` and at least one did; otherwise the search fails, and the message names them.
/// Errors: invalid_argument and not_found (a shard says that the request is wrong, or that the
/// collection is gone: so it is, whatever the others say); otherwise the gravest that a shard gave
/// (graver() in failures.h): out_of_range, data_loss, resource_exhausted, unavailable and others.
Result<api::SearchReply> make_search_reply(const Route& route, SearchReplyOptions options,
                                           ShardAnswers answers);

}  // namespace vectron::gateway
