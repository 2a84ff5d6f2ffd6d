#include "sim/cluster/cluster_client.h"

#include <cstring>

#include "core/base/memory_refusal.h"
#include "schemas/point_id_message.h"
#include "sim/history/value.h"

namespace vectron::sim {

namespace {

ClientConfig client_config(const Plan& plan) {
  ClientConfig config;
  for (uint32_t i = 0; i < plan.shape.gateways; ++i) {
    config.gateways.push_back(Address{fmt::format("gateway-{}:7000", i)});
  }
  config.request_timeout = std::chrono::milliseconds(plan.knobs.client_deadline_ms);
  config.read_attempt_timeout = config.request_timeout / 2;
  return config;
}

PointId from_api(const api::PointId& id) {
  // An id that no client can have written shows as the empty one, which the oracles then object to.
  return id_of_message(id).value_or(PointId());
}

std::vector<ShardAt> tokens_of(const std::vector<api::ShardToken>& tokens) {
  std::vector<ShardAt> out;
  out.reserve(tokens.size());
  for (const api::ShardToken& token : tokens) out.push_back({token.shard_id, token.applied_index});
  return out;
}

std::vector<ShardAt> tokens_of(const std::vector<api::SearchedShard>& shards) {
  std::vector<ShardAt> out;
  out.reserve(shards.size());
  for (const api::SearchedShard& shard : shards) {
    out.push_back({shard.shard_id, shard.applied_index, shard.linked_index});
  }
  return out;
}

api::ReadLevel level_of(bool linearizable) {
  return linearizable ? api::ReadLevel::linearizable : api::ReadLevel::eventual;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Codes that say that the request is wrong, or the server.
bool blames_request(Code code) {
  return code == Code::invalid_argument || code == Code::unimplemented || code == Code::internal ||
         code == Code::unknown || code == Code::out_of_range || code == Code::permission_denied ||
         code == Code::unauthenticated;
}

/// The value that a stored point carries: its payload's, if its vector is that value's to the bit.
ValueNumber value_of(const api::Point& point, uint32_t dimension) {
  const auto value = value_of_payload(point.payload);
  if (!value.has_value()) return kDamagedValue;
  return same_bits(point.vector, vector_of_value(*value, dimension)) ? *value : kDamagedValue;
}

}  // namespace

ClusterClient::ClusterClient(Env* env, const Plan* plan, Protocol protocol, Object object)
    : plan_(plan), client_(*env, client_config(*plan)), object_(std::move(object)) {
  if (protocol == Protocol::rpc) return;
  ObjectToAnswer unreadable;
  if (object_) unreadable = [this](std::string text) { object_("unreadable", std::move(text)); };
  http_ = std::make_unique<HttpCalls>(env, *plan, std::move(unreadable));
}

// All requests of the workload are valid, so an answer that says otherwise is wrong.
void ClusterClient::check(std::string_view operation, const Status& status) const {
  if (!object_) return;
  if (status.message().contains(kPeersHoldAll)) {
    object_("crowded_out",
            fmt::format("a small {} found no room: {}", operation, status.to_string()));
  }
  if (!blames_request(status.code())) return;
  object_("refused", fmt::format("a valid {} was answered with {}", operation, status.to_string()));
}

// "There is no such point" is an answer like any other: it says when that was so.
std::vector<ShardAt> ClusterClient::token_of_absence(const Status& status) const {
  const auto token = decode<api::ShardToken>(status.detail());
  if (token.has_value()) return tokens_of({*token});
  if (object_) object_("token", "an answer that there is no such point names no index");
  return {};
}

const std::string& ClusterClient::name_of(uint32_t collection) const {
  return plan_->workload.collections.at(collection).name;
}

uint32_t ClusterClient::dimension_of(uint32_t collection) const {
  return plan_->workload.collections.at(collection).dimension;
}

Task<UpsertAnswer> ClusterClient::upsert(uint32_t collection, std::vector<UpsertItem> items,
                                         uint64_t request_id) {
  api::UpsertRequest request;
  request.request_id = request_id;
  request.collection = name_of(collection);
  for (const UpsertItem& item : items) {
    api::Point point;
    point.id = message_of_id<api::PointId>(item.id);
    point.vector = vector_of_value(item.value, dimension_of(collection));
    point.payload = payload_of_value(item.value);
    request.points.push_back(std::move(point));
  }
  auto asked = http_ != nullptr ? http_->upsert(request) : client_.upsert(std::move(request));
  const auto reply = co_await asked;
  UpsertAnswer answer;
  answer.items.resize(items.size());
  if (!reply.has_value()) {
    for (UpsertAnswer::Item& item : answer.items) {
      item.status = reply.error();
      item.outcome = write_outcome(item.status);
    }
    check("upsert", reply.error());
    co_return answer;
  }
  answer.tokens = tokens_of(reply->tokens);
  for (size_t i = 0; i < answer.items.size() && i < reply->results.size(); ++i) {
    const api::PointResult& result = reply->results[i];
    UpsertAnswer::Item& item = answer.items[i];
    item.status = Status(static_cast<Code>(result.code), result.message, result.field);
    item.outcome = write_outcome(item.status);
    item.version = result.version;
    check("upsert of a point", item.status);
  }
  co_return answer;
}

Task<GetAnswer> ClusterClient::get(uint32_t collection, PointId id, bool linearizable) {
  api::GetRequest request;
  request.collection = name_of(collection);
  request.id = message_of_id<api::PointId>(id);
  request.read_level = level_of(linearizable);
  auto asked = http_ != nullptr ? http_->get(request) : client_.get(std::move(request));
  const auto reply = co_await asked;
  GetAnswer answer;
  answer.status = status_of(reply);
  check("get", answer.status);
  if (reply.has_value()) {
    answer.outcome = Outcome::ok;
    answer.value = from_api(reply->point.id) == id
                       ? value_of(reply->point, dimension_of(collection))
                       : kDamagedValue;
    answer.version = reply->version;
    answer.tokens = {{reply->token.shard_id, reply->token.applied_index}};
  } else if (answer.status.code() == Code::not_found && answer.status.field() == "id") {
    answer.outcome = Outcome::ok;  // The answer is that there is no such point.
    answer.tokens = token_of_absence(answer.status);
  }
  co_return answer;
}

Task<RemoveAnswer> ClusterClient::remove(uint32_t collection, PointId id, uint64_t request_id) {
  api::DeleteRequest request;
  request.request_id = request_id;
  request.collection = name_of(collection);
  request.id = message_of_id<api::PointId>(id);
  auto asked = http_ != nullptr ? http_->remove(request) : client_.remove(std::move(request));
  const auto reply = co_await asked;
  RemoveAnswer answer;
  answer.status = status_of(reply);
  answer.outcome = write_outcome(answer.status);
  check("delete", answer.status);
  if (reply.has_value()) {
    answer.existed = reply->existed;
    answer.version = reply->version;
    answer.tokens = {{reply->token.shard_id, reply->token.applied_index}};
  }
  co_return answer;
}

Task<SearchAnswer> ClusterClient::search(uint32_t collection, SearchRecord question,
                                         bool linearizable) {
  api::SearchRequest request;
  request.collection = name_of(collection);
  request.vector = std::move(question.query);
  request.top_k = question.k;
  request.exact = question.exact;
  request.read_level = level_of(linearizable);
  request.include_payload = question.with_payload;
  request.allow_partial = question.allow_partial;
  request.timeout_ms = question.timeout_ms;
  auto asked = http_ != nullptr ? http_->search(request) : client_.search(std::move(request));
  const auto reply = co_await asked;
  SearchAnswer answer;
  answer.status = status_of(reply);
  check("search", answer.status);
  if (!reply.has_value()) co_return answer;
  answer.outcome = Outcome::ok;
  answer.tokens = tokens_of(reply->shards);
  for (const api::MissingShard& missing : reply->missing_shards) {
    answer.missing_shards.push_back(missing.shard_id);
  }
  for (const api::Hit& hit : reply->hits) {
    answer.hits.push_back({.id = from_api(hit.id),
                           .score = hit.score,
                           .version = hit.version,
                           .value = question.with_payload
                                        ? value_of_payload(hit.payload).value_or(kDamagedValue)
                                        : kAbsent});
  }
  co_return answer;
}

Task<Result<api::CreateCollectionReply>> ClusterClient::create(uint32_t collection) {
  const PlanCollection& plan = plan_->workload.collections.at(collection);
  api::CreateCollectionRequest request;
  request.name = plan.name;
  request.dimension = plan.dimension;
  request.distance = static_cast<api::Distance>(plan.distance);
  request.shards = plan.shards;
  request.replication = plan.replication;
  request.index.emplace();
  request.index->m = plan.m;
  request.index->ef_construction = plan.ef_construction;
  request.index->ef_search_default = plan.ef_search;
  auto reply = co_await client_.create_collection(std::move(request));
  co_return reply;
}

Task<Result<api::DeleteCollectionReply>> ClusterClient::remove_collection(uint32_t collection,
                                                                          uint64_t id) {
  api::DeleteCollectionRequest request;
  request.name = name_of(collection);
  request.collection_id = id;
  auto reply = co_await client_.delete_collection(std::move(request));
  co_return reply;
}

Task<Result<api::CollectionStatus>> ClusterClient::status(uint32_t collection) {
  auto reply = co_await client_.collection_status(name_of(collection));
  if (!reply.has_value()) co_return fail(reply.error());
  co_return std::move(reply->collection);
}

}  // namespace vectron::sim
