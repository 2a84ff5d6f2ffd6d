// Shard's searches: the walk through the index on the Cpu pool, then payloads and vectors from the
// store.
#include "core/replica/damage.h"
#include "schemas/codec_work.h"
#include "schemas/point_id_message.h"
#include "services/worker/shard.h"
#include "services/worker/work_cost.h"

namespace vectron {
namespace {

// What was read stays good, so that each attempt has much less to read than the one before.
constexpr int kDetailAttempts = 8;
// The last one reads without a pause, so that nothing can change; what needs more pieces fails.
constexpr int kPiecesAtOnceMax = 3;
// An answer with more, of hits or of bytes read for them, takes its peer's turn.
constexpr size_t kHitsBeforeTurnMax = 256;
constexpr size_t kBytesBeforeTurnMax = 128 << 10;
// How often a large answer looks whether there is room for more of it.
constexpr Duration kRoomPause = 5ms;
constexpr int kRoomPausesMax = 200;

// What a checked request may ask is what the index takes.
static_assert(kEfMax <= index::kEfMax && kTopKMax <= index::kHitsMax);

// Counts a search as in flight for as long as it lives.
class InFlight {
 public:
  explicit InFlight(size_t* count) : count_(count) { ++*count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() { --*count_; }

 private:
  size_t* count_;
};

Status written_too_fast() {
  return Status(Code::unavailable,
                "what this search finds is written again and again while it goes on: search "
                "again, or without payloads and vectors");
}

bool has_room_for(const RequestContext& context, size_t answer_bytes) {
  return context.answer_room == nullptr || context.answer_room->hold(answer_bytes);
}

}  // namespace

// A search that is light by estimate may turn out not to be: it crosses what is dead. Then it gives
// up, and begins again as the heavy one that it is, off the event loop.
Task<Shard::Hits> Shard::run_search(std::shared_ptr<ShardContent> content, index::Cut cut,
                                    std::shared_ptr<const std::vector<float>> query,
                                    index::SearchOptions options) {
  options.ties = &content->rows;
  const uint64_t dimension = state_->options().dimension;
  const index::SearchCost expected = content->index.search_cost(cut, options);
  CpuCost cost = search_cost(expected, dimension);
  if (may_search_on_loop(expected, dimension)) {
    const uint64_t evaluations_max =
        env_->buggify("shard.search_is_heavy") ? 1 : light_evaluations_max(expected, dimension);
    const auto spent = std::make_shared<index::SearchCost>();
    std::function<std::optional<Hits>()> work = [content, cut, query, options, evaluations_max,
                                                 spent]() mutable {
      options.spent = spent.get();
      return content->index.try_search(cut, *query, options, evaluations_max);
    };
    std::optional<Hits> hits =
        co_await run_on<std::optional<Hits>>(&env_->cpu(), cost, std::move(work));
    // The loop may have done it itself.
    env_->cpu().worked_on_loop(search_cost(*spent, dimension));
    if (hits.has_value()) co_return *std::move(hits);
    env_->metrics().add(Metric::worker_searches_begun_again);
    cost = heavy_search_cost(content->index.search_cost_max(cut, options), dimension);
  }
  std::function<Hits()> work = [content, cut, query, options] {
    return content->index.search(cut, *query, options);
  };
  Hits hits = co_await run_on<Hits>(&env_->cpu(), cost, std::move(work));
  co_return hits;
}

// A search whose hits were written again each time runs where nothing is written meanwhile. None
// when it would hold the event loop for too long.
std::optional<Shard::Hits> Shard::search_on_loop(const ShardContent& content, index::Cut cut,
                                                 const std::vector<float>& query,
                                                 index::SearchOptions options) const {
  options.ties = &content.rows;
  const index::SearchCost expected = content.index.search_cost(cut, options);
  const uint64_t dimension = state_->options().dimension;
  if (!may_search_on_loop(expected, dimension)) return std::nullopt;
  index::SearchCost spent;
  options.spent = &spent;
  const uint64_t evaluations_max = light_evaluations_max(expected, dimension);
  std::optional<Hits> hits = content.index.try_search(cut, query, options, evaluations_max);
  env_->cpu().worked_on_loop(search_cost(spent, dimension));
  return hits;
}

std::vector<wire::ShardHit> Shard::rows_of(const ShardContent& content, const Hits& hits) const {
  std::vector<wire::ShardHit> out(hits.size());
  env_->cpu().worked_on_loop(rows_cost(hits.size()));
  for (size_t i = 0; i < hits.size(); ++i) {
    const ShardContent::Row& row = content.rows[hits[i].slot];
    out[i].id = message_of_id<wire::PointId>(row.id);
    out[i].distance = hits[i].distance;
    out[i].version = row.version;
    out[i].from_tail = hits[i].from_tail;
  }
  return out;
}

// In pieces, between which others have their turn, as long as there is room for more.
Task<Result<HitDetails::Step>> Shard::add_details(const RequestContext* context,
                                                  HitDetails* details,
                                                  std::optional<AnswerTurns::Turn>* turn) {
  for (;;) {
    if (!replica_->serving()) {
      co_return fail(Code::unavailable, "this replica was replaced by a snapshot");
    }
    size_t bytes = turn->has_value() ? SIZE_MAX : kBytesBeforeTurnMax;
    if (env_->buggify("shard.small_pieces")) bytes = 1;
    const auto added = details->add_some(bytes);
    if (!added.has_value()) co_return fail(with_leader(unreadable(added.error())));
    if (*added != HitDetails::Step::more) co_return *added;
    if (!turn->has_value()) {
      details->forget();  // What waits for its turn holds little.
      *turn = co_await answer_turns_->take(context->peer);
      continue;
    }
    const auto room = co_await find_room(context, details->held_bytes());
    VECTRON_CO_CHECK_OK(room);
    // In simulation no time passes meanwhile; now and then some does, for others to write in.
    const Duration pause = env_->buggify("shard.slow_details") ? 1ms : 0ms;
    co_await env_->clock().sleep_for(pause);
  }
}

// There is room again when answers that were made before are taken.
Task<Result<void>> Shard::find_room(const RequestContext* context, size_t answer_bytes) {
  for (int pauses = 0; !has_room_for(*context, answer_bytes); ++pauses) {
    if (pauses == kRoomPausesMax) co_return fail(no_room_for_answer());
    co_await env_->clock().sleep_for(kRoomPause);
  }
  co_return Result<void>();
}

// Without a pause, in which nothing can change.
Result<HitDetails::Step> Shard::add_details_at_once(HitDetails* details) const {
  for (int pieces = 0; pieces < kPiecesAtOnceMax; ++pieces) {
    const auto added = details->add_some();
    if (!added.has_value()) return fail(with_leader(unreadable(added.error())));
    if (*added != HitDetails::Step::more) return *added;
  }
  return fail(written_too_fast());
}

Task<Result<wire::ShardSearchReply>> Shard::search(RequestContext context,
                                                   wire::ShardSearchRequest request) {
  const auto routed = check_route(request.epoch);
  VECTRON_CO_CHECK_OK(routed);
  const ShardOptions& options = state_->options();
  const auto valid = check_vector(request.vector, options.dimension, options.distance, "vector");
  VECTRON_CO_CHECK_OK(valid);
  if (request.k == 0 || request.k > kTopKMax || request.ef > kEfMax) {
    co_return fail(Code::invalid_argument,
                   fmt::format("k must be between 1 and {}, ef at most {}", kTopKMax, kEfMax), "k");
  }
  if (searches_in_flight_ >= config_->searches_in_flight_max) {
    co_return fail(Code::resource_exhausted, "too many searches are in flight; try again later");
  }
  const InFlight in_flight(&searches_in_flight_);
  const auto reached = co_await reach(request.read_level, context.deadline);
  VECTRON_CO_CHECK_OK(reached);
  env_->metrics().add(Metric::worker_searches);

  const auto query = std::make_shared<const std::vector<float>>(std::move(request.vector));
  index::SearchOptions search_options;
  search_options.k = request.k;
  search_options.ef = std::min(request.ef == 0 ? options.index.ef_search : request.ef, kEfMax);
  search_options.exact = request.exact;
  search_options.planted_skip_tail = env_->planted("search_skips_tail");
  HitDetails details(&env_->cpu(), state_,
                     {.payload = request.include_payload,
                      .vector = request.include_vector,
                      .bytes_max = config_->reply_bytes_max,
                      .planted_any_version = env_->planted("forget_tombstone")});
  const bool wants_details = request.include_payload || request.include_vector;
  std::optional<AnswerTurns::Turn> turn;  // Until it is answered, for it holds what it has read.
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt == kDetailAttempts;
    const std::shared_ptr<ShardContent> content = state_->content();
    const index::Cut cut = content->index.cut();
    const LogIndex applied = replica_->applied_index();
    std::optional<Hits> hits;
    if (last) {
      hits = search_on_loop(*content, cut, *query, search_options);
    } else {
      hits = co_await run_search(content, cut, query, search_options);
    }
    if (!hits.has_value()) {
      co_return fail(written_too_fast());
    }
    // What waits for its turn holds little.
    const bool is_large = wants_details && hits->size() > kHitsBeforeTurnMax;
    if (is_large && !last && !turn.has_value()) turn = co_await answer_turns_->take(context.peer);
    wire::ShardSearchReply reply;
    reply.shard_id = options.shard.value();
    reply.applied_index = applied.value();
    // What is linked by now may have been in the tail then, never the other way round.
    reply.linked_index = content->version_below(std::min(content->index.graph_end(), cut.slots));
    reply.hits = rows_of(*content, *hits);
    details.begin(&reply.hits);
    Result<HitDetails::Step> step = HitDetails::Step::more;
    if (last) {
      step = add_details_at_once(&details);
    } else {
      step = co_await add_details(&context, &details, &turn);
    }
    VECTRON_CO_CHECK_OK(step);
    if (*step == HitDetails::Step::complete) {
      // While it is encoded, too; nobody else of its peer begins before it has the room for that.
      const size_t bytes = size_hint(reply);
      if (turn.has_value() && bytes >= kPooledMessageBytesMin) {
        const auto room = co_await find_room(&context, bytes);
        VECTRON_CO_CHECK_OK(room);
      }
      co_return reply;
    }
    if (last) co_return fail(Code::internal, "a search on the event loop saw a change");
  }
}

}  // namespace vectron
