#include "services/gateway/public_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/async/combine.h"
#include "services/gateway/translation.h"

namespace vectron::gateway {
namespace {

/// With less time left a gateway does not wait any longer for a removal to be complete.
constexpr Duration kWorthWaiting = 100ms;
/// What costs more is done on the Cpu pool: plans of upserts, merging of answers.
constexpr uint64_t kPooledNanosecondsMin = 300'000;

std::unexpected<Status> bad(std::string message, std::string field) {
  return fail(Code::invalid_argument, std::move(message), std::move(field));
}

// Gives an error of the model the name that the field has in the public request.
std::unexpected<Status> renamed(const Status& status, std::string field) {
  return fail(status.code(), status.message(), std::move(field));
}

Result<void> check_create(const api::CreateCollectionRequest& request,
                          const wire::IndexOptions& index) {
  CollectionOptions options;
  options.name = request.name;
  options.dimension = request.dimension;
  options.distance = static_cast<Distance>(request.distance);
  options.shards = request.shards;
  options.replication = std::max(request.replication, 1U);  // 0 lets the placement driver choose.
  options.index = {index.m, index.ef_construction, index.ef_search_default};
  return check_collection_options(options);
}

Result<void> check_search(const Route& route, const api::SearchRequest& request) {
  VECTRON_CHECK_OK(check_vector(request.vector, route.dimension, route.distance, "vector"));
  if (request.top_k < 1 || request.top_k > kTopKMax) {
    return bad(fmt::format("top_k must be between 1 and {}, not {}", kTopKMax, request.top_k),
               "top_k");
  }
  if (request.ef > kEfMax) {
    return bad(fmt::format("ef must be at most {}, not {}", kEfMax, request.ef), "ef");
  }
  return {};
}

Result<void> check_points(const api::UpsertRequest& request, size_t batch_points_max) {
  if (request.points.empty()) return bad("there are no points to store", "points");
  if (request.points.size() > batch_points_max) {
    return bad(fmt::format("a batch has at most {} points, this one has {}: send several",
                           batch_points_max, request.points.size()),
               "points");
  }
  return {};
}

// Where the request names its collection by `name`, so must the error.
std::unexpected<Status> about_name(const Status& status) {
  if (status.field() != "collection") return fail(status);
  return renamed(status, "name");
}

// Each point is moved, each component is looked at. Measured for 100 to 10,000 points: 160 to 200
// ns a point and 0.6 ns a component.
CpuCost planning_cost(const std::vector<api::Point>& points) {
  uint64_t components = 0;
  for (const api::Point& point : points) components += point.vector.size();
  return {.nanoseconds = 500 + 300 * points.size() + components, .prompt = true};
}

// Measured for 400 to 40,000 hits of four shards: 35 to 70 ns for each, with what is given up of
// them.
CpuCost merging_cost(const ShardAnswers& answers) {
  size_t hits = 0;
  for (const auto& answer : answers) hits += answer.has_value() ? answer->hits.size() : 0;
  return {.nanoseconds = 500 + 100 * hits, .prompt = true};
}

ShardTarget target_of(const Route& route, size_t shard, api::ReadLevel level) {
  return {route.shards[shard].id, route.epoch, to_wire(level, route.read_level)};
}

wire::WriteRequest write_request(const Route& route, size_t shard) {
  wire::WriteRequest request;
  request.shard_id = route.shards[shard].id.value();
  request.epoch = route.epoch.value();
  return request;
}

}  // namespace

Duration answer_margin(Duration remaining) {
  return std::clamp<Duration>(remaining / 20, 0ns, 20ms);
}

RequestContext PublicHandler::admit(RequestContext context, std::string_view collection) {
  if (context.subject != nullptr) {
    context.subject->collection = collection.substr(0, kCollectionNameBytesMax);
  }
  const GatewayConfig& config = *parts_.config;
  const Instant now = parts_.env->clock().monotonic();
  if (context.deadline == kNever) context.deadline = now + config.request_timeout;
  context.deadline = std::min(context.deadline, now + config.request_timeout_max);
  context.deadline -= answer_margin(context.deadline - now);
  return context;
}

Task<Result<RouteHandle>> PublicHandler::find_route(RequestContext context, std::string name) {
  RouteHandle here = parts_.routes->cached(name);
  if (here != nullptr) co_return here;
  const Result<void> checked = check_collection_name(name);
  if (!checked.has_value()) co_return renamed(checked.error(), "collection");
  Result<RouteHandle> found = co_await parts_.routes->find(std::move(context), name);
  if (!found.has_value() && found.error().code() == Code::not_found) {
    co_return fail(Code::not_found, fmt::format("there is no collection \"{}\"", name),
                   "collection");
  }
  co_return found;
}

Task<Result<api::CreateCollectionReply>> PublicHandler::create_collection(
    RequestContext context, api::CreateCollectionRequest request) {
  context = admit(std::move(context), request.name);
  const Result<void> checked = check_create(request, to_wire(request.index));
  VECTRON_CO_CHECK_OK(checked);
  wire::CreateCollectionRequest internal = to_wire(std::move(request));
  auto reply =
      co_await parts_.placement->create_collection(std::move(context), std::move(internal));
  if (!reply.has_value()) co_return fail(std::move(reply).error());
  co_return to_api(*std::move(reply));
}

Task<Result<api::ListWorkersReply>> PublicHandler::list_workers(RequestContext context,
                                                                api::ListWorkersRequest) {
  context = admit(std::move(context));
  auto reply = co_await parts_.placement->list_workers(std::move(context));
  if (!reply.has_value()) co_return fail(std::move(reply).error());
  co_return to_api(*std::move(reply));
}

Task<Result<api::ListCollectionsReply>> PublicHandler::list_collections(
    RequestContext context, api::ListCollectionsRequest) {
  context = admit(std::move(context));
  auto reply = co_await parts_.placement->list_collections(std::move(context));
  if (!reply.has_value()) co_return fail(std::move(reply).error());
  co_return to_api(*std::move(reply));
}

Task<Result<api::GetCollectionStatusReply>> PublicHandler::get_collection_status(
    RequestContext context, api::GetCollectionStatusRequest request) {
  context = admit(std::move(context), request.name);
  const Result<void> checked = check_collection_name(request.name);
  VECTRON_CO_CHECK_OK(checked);
  auto reply =
      co_await parts_.placement->collection_status(std::move(context), std::move(request.name));
  if (!reply.has_value()) co_return about_name(reply.error());
  co_return to_api(*std::move(reply));
}

Task<Result<api::DeleteCollectionReply>> PublicHandler::delete_collection(
    RequestContext context, api::DeleteCollectionRequest request) {
  context = admit(std::move(context), request.name);
  const Result<void> checked = check_collection_name(request.name);
  VECTRON_CO_CHECK_OK(checked);
  if (request.collection_id == 0) {
    // By its id the removal can be repeated: it never hits a younger collection of that name.
    const auto found = co_await parts_.placement->collection_route(context, request.name);
    if (!found.has_value()) co_return about_name(found.error());
    request.collection_id = found->route.id;
  }
  const wire::DeleteCollectionRequest internal = to_wire(std::move(request));
  // Once the collection is gone, a later turn that fails takes nothing back: what was answered
  // before, an incomplete removal, is still true.
  std::optional<wire::DeleteCollectionReply> incomplete;
  while (true) {
    auto reply = co_await parts_.placement->delete_collection(context, internal);
    if (!reply.has_value()) {
      if (incomplete.has_value()) co_return to_api(*std::move(incomplete));
      co_return about_name(reply.error());
    }
    parts_.routes->forget(internal.name, CollectionId(internal.id));
    const Duration left = context.deadline - parts_.env->clock().monotonic();
    const bool settled = reply->complete || reply->absent;
    if (settled || left < kWorthWaiting) co_return to_api(*std::move(reply));
    incomplete = *std::move(reply);
    co_await parts_.env->clock().sleep_for(parts_.config->backoff_min);
  }
}

Task<Result<api::UpsertReply>> PublicHandler::upsert(RequestContext context,
                                                     api::UpsertRequest request) {
  context = admit(std::move(context), request.collection);
  const Result<void> checked = check_points(request, parts_.config->batch_points_max);
  VECTRON_CO_CHECK_OK(checked);
  Result<RouteHandle> found = co_await find_route(context, std::move(request.collection));
  VECTRON_CO_TRY(RouteHandle route, found);

  const uint64_t request_id = request.request_id;
  UpsertPlan plan;
  const CpuCost cost = planning_cost(request.points);
  if (cost.nanoseconds < kPooledNanosecondsMin) {
    parts_.env->cpu().worked_on_loop(cost);
    plan = plan_upsert(*route, std::move(request.points), upsert_limits());
  } else {
    plan = co_await plan_on_pool(route, std::move(request.points), cost);
  }
  std::vector<PieceOutcome> outcomes;
  if (plan.parts.size() == 1) {
    outcomes = co_await write_part(std::move(context), std::move(route), std::move(plan.parts[0]),
                                   request_id);
  } else {
    auto by_part = co_await write_parts(std::move(context), std::move(route), std::move(plan.parts),
                                        request_id);
    for (auto& part : by_part) std::move(part.begin(), part.end(), std::back_inserter(outcomes));
  }
  co_return make_upsert_reply(std::move(plan.results), outcomes);
}

UpsertLimits PublicHandler::upsert_limits() const {
  return {.piece_bytes_max = parts_.config->write_bytes_max,
          .piece_points_max = parts_.config->write_points_max};
}

// Of the route the pool reads what never changes: its ids, its distance, which hashes belong to
// which shard. The leaders, which the loop writes meanwhile, it leaves alone.
Task<UpsertPlan> PublicHandler::plan_on_pool(RouteHandle route, std::vector<api::Point> points,
                                             CpuCost cost) {
  const auto held = std::make_shared<std::vector<api::Point>>(std::move(points));
  std::function<UpsertPlan()> work = [route = std::move(route), held, limits = upsert_limits()] {
    return plan_upsert(*route, std::move(*held), limits);
  };
  UpsertPlan plan = co_await run_on<UpsertPlan>(&parts_.env->cpu(), cost, std::move(work));
  co_return plan;
}

Task<std::vector<std::vector<PieceOutcome>>> PublicHandler::write_parts(
    RequestContext context, RouteHandle route, std::vector<UpsertPart> parts, uint64_t request_id) {
  std::vector<Task<std::vector<PieceOutcome>>> tasks;
  tasks.reserve(parts.size());
  for (UpsertPart& part : parts) {
    tasks.push_back(write_part(context, route, std::move(part), request_id));
  }
  auto outcomes = co_await when_all(std::move(tasks));
  co_return outcomes;
}

Task<std::vector<PieceOutcome>> PublicHandler::write_part(RequestContext context, RouteHandle route,
                                                          UpsertPart part, uint64_t request_id) {
  std::vector<PieceOutcome> outcomes;
  Status failed;
  uint32_t number = 0;
  for (UpsertPiece& piece : part.pieces) {
    PieceOutcome outcome;
    outcome.places = std::move(piece.places);
    outcome.shard = route->shards[part.shard].id;
    if (failed.ok()) {
      wire::WriteRequest request = write_request(*route, part.shard);
      request.operations = std::move(piece.operations);
      request.request_id = request_id;
      request.piece = number++;
      auto reply = co_await write_one(context, route, part.shard, std::move(request));
      outcome.status = status_of(reply);
      if (reply.has_value()) outcome.version = LogIndex(reply->applied_index);
      failed = outcome.status;
    } else {
      outcome.status = Status(Code::aborted,
                              "an earlier part of the batch was not written: " + failed.message());
    }
    outcomes.push_back(std::move(outcome));
  }
  co_return outcomes;
}

Task<Result<wire::WriteReply>> PublicHandler::write_one(RequestContext context, RouteHandle route,
                                                        size_t shard, wire::WriteRequest request) {
  auto reply = co_await parts_.shards->write(std::move(context), std::move(route), shard,
                                             std::move(request));
  if (status_of(reply).code() == Code::unknown_outcome) {
    parts_.env->metrics().add(Metric::gateway_unknown_outcomes);
  }
  co_return reply;
}

Task<Result<api::GetReply>> PublicHandler::get(RequestContext context, api::GetRequest request) {
  context = admit(std::move(context), request.collection);
  const Result<PointId> id = to_model(request.id, "id");
  VECTRON_CO_CHECK_OK(id);
  Result<RouteHandle> found = co_await find_route(context, std::move(request.collection));
  VECTRON_CO_TRY(RouteHandle route, found);

  const size_t shard = route->shard_of(*id);
  const ShardTarget target = target_of(*route, shard, request.read_level);
  wire::ReadRequest read = to_read(std::move(request), target);
  auto answer = co_await parts_.shards->read(std::move(context), route, shard, std::move(read));
  VECTRON_CO_TRY(wire::ReadReply reply, answer);
  if (reply.points.size() != 1) co_return fail(Code::internal, "a shard answered another question");
  if (!reply.points[0].found) {
    const Status absent(Code::not_found,
                        fmt::format("\"{}\" has no point {}", route->name, id->to_string()), "id");
    co_return fail(
        absent.with_detail(encode(api::ShardToken{reply.shard_id, reply.applied_index})));
  }
  api::GetReply out;
  out.version = reply.points[0].version;
  out.token = {reply.shard_id, reply.applied_index};
  out.point = to_api(std::move(reply.points[0]));
  co_return out;
}

Task<Result<api::DeleteReply>> PublicHandler::delete_(RequestContext context,
                                                      api::DeleteRequest request) {
  context = admit(std::move(context), request.collection);
  const Result<PointId> id = to_model(request.id, "id");
  VECTRON_CO_CHECK_OK(id);
  Result<RouteHandle> found = co_await find_route(context, std::move(request.collection));
  VECTRON_CO_TRY(RouteHandle route, found);

  const size_t shard = route->shard_of(*id);
  wire::WriteRequest write = write_request(*route, shard);
  write.operations.push_back(to_remove(std::move(request.id)));
  write.request_id = request.request_id;
  auto answer = co_await write_one(std::move(context), route, shard, std::move(write));
  VECTRON_CO_TRY(const wire::WriteReply reply, answer);
  if (reply.existed.size() != 1) {
    co_return fail(Code::internal, "a shard answered another question");
  }
  api::DeleteReply out;
  out.existed = reply.existed[0];
  out.version = reply.applied_index;
  out.token = {reply.shard_id, reply.applied_index};
  co_return out;
}

Task<Result<api::SearchReply>> PublicHandler::search(RequestContext context,
                                                     api::SearchRequest request) {
  context = admit(std::move(context), request.collection);
  Result<RouteHandle> found = co_await find_route(context, request.collection);
  VECTRON_CO_TRY(RouteHandle route, found);
  const Result<void> checked = check_search(*route, request);
  VECTRON_CO_CHECK_OK(checked);
  if (request.timeout_ms != 0) {
    const Instant until =
        parts_.env->clock().monotonic() + std::chrono::milliseconds(request.timeout_ms);
    context.deadline = std::min(context.deadline, until);
  }
  const SearchReplyOptions options{
      request.top_k, request.allow_partial, parts_.env->planted("merge_drops_one_shard"),
      parts_.env->planted("merge_keeps_worst"), parts_.env->planted("partial_search_gives_up")};
  auto answers = co_await search_shards(std::move(context), route, std::move(request));
  const CpuCost cost = merging_cost(answers);
  if (cost.nanoseconds < kPooledNanosecondsMin) {
    parts_.env->cpu().worked_on_loop(cost);
    co_return make_search_reply(*route, options, std::move(answers));
  }
  auto reply = co_await merge_on_pool(std::move(route), options, std::move(answers), cost);
  co_return reply;
}

// As plan_on_pool(). What does not become part of the reply is given up there, too.
Task<Result<api::SearchReply>> PublicHandler::merge_on_pool(RouteHandle route,
                                                            SearchReplyOptions options,
                                                            ShardAnswers answers, CpuCost cost) {
  const auto held = std::make_shared<ShardAnswers>(std::move(answers));
  std::function<Result<api::SearchReply>()> work = [route = std::move(route), options, held] {
    return make_search_reply(*route, options, std::move(*held));
  };
  auto reply = co_await run_on<Result<api::SearchReply>>(&parts_.env->cpu(), cost, std::move(work));
  co_return reply;
}

Task<ShardAnswers> PublicHandler::search_shards(RequestContext context, RouteHandle route,
                                                api::SearchRequest request) {
  const size_t last = route->shards.size() - 1;
  const api::ReadLevel level = request.read_level;
  std::vector<Task<Result<wire::ShardSearchReply>>> tasks;
  tasks.reserve(last);
  for (size_t shard = 0; shard < last; ++shard) {
    const ShardTarget target = target_of(*route, shard, level);
    tasks.push_back(parts_.shards->search(context, route, shard, to_search(request, target)));
  }
  wire::ShardSearchRequest to_last = to_search(std::move(request), target_of(*route, last, level));
  Task<Result<wire::ShardSearchReply>> last_task =
      parts_.shards->search(std::move(context), route, last, std::move(to_last));
  ShardAnswers answers;
  if (tasks.empty()) {
    auto answer = co_await last_task;  // One shard: no branch between it and us.
    answers.push_back(std::move(answer));
  } else {
    tasks.push_back(std::move(last_task));
    answers = co_await when_all(std::move(tasks));
  }
  co_return answers;
}

}  // namespace vectron::gateway
