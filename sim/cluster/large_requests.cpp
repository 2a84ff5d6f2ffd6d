#include "sim/cluster/large_requests.h"

#include "core/base/assert.h"
#include "schemas/point_id_message.h"
#include "services/client/client.h"
#include "sim/cluster/http_calls.h"
#include "sim/cluster/node_configs.h"
#include "sim/history/value.h"

namespace vectron::sim {
namespace {

/// Far from the keys of the workload and of the probes.
constexpr uint64_t kFirstId = uint64_t{1} << 52;
/// No upsert of the workload has these values.
constexpr ValueNumber kFirstValue = ValueNumber{1} << 52;
constexpr Duration kPatience = 10s;

ClientConfig client_config(const Plan& plan) {
  ClientConfig config;
  for (uint32_t i = 0; i < plan.shape.gateways; ++i) {
    config.gateways.push_back(node_address(ServiceId::gateway, i));
  }
  config.request_timeout = kPatience;
  return config;
}

PointId large_id(const PlanCollection& collection, uint32_t number) {
  const PointId id(kFirstId + number);
  if (collection.ids != PlanIds::text) return id;
  return PointId::from_text(fmt::format("large-{}", number)).value_or(id);
}

api::UpsertRequest large_upsert(const PlanCollection& collection) {
  api::UpsertRequest request;
  request.collection = collection.name;
  for (uint32_t i = 0; i < kLargePoints; ++i) {
    api::Point point;
    point.id = message_of_id<api::PointId>(large_id(collection, i));
    point.vector = vector_of_value(kFirstValue + i, collection.dimension);
    point.payload = text_payload(kLargePayloadBytes);
    request.points.push_back(std::move(point));
  }
  return request;
}

/// As many hits as the collections of drawn plans have points, so that the large ones are found. A
/// frame of a gateway holds no more beside these.
constexpr uint32_t kHitsMax = 450;

api::SearchRequest large_search(const PlanCollection& collection) {
  api::SearchRequest request;
  request.collection = collection.name;
  request.vector = vector_of_value(kFirstValue, collection.dimension);
  request.top_k = kHitsMax;
  request.exact = true;
  request.include_payload = true;
  request.include_vector = true;
  return request;
}

}  // namespace

Bytes text_payload(size_t bytes) {
  VECTRON_ASSERT(bytes % 2 == 0 && bytes < 65'000);
  constexpr uint8_t kTextType = 5 << 2 | 1;  // A text whose length and place take two bytes each.
  constexpr uint8_t kWidth = 2;
  Bytes out;
  ByteWriter writer(out);
  writer.put(static_cast<uint16_t>(bytes));
  out.insert(out.end(), bytes, 'x');
  writer.put(uint16_t{0});                       // The end of the text, and a byte of padding.
  writer.put(static_cast<uint16_t>(bytes + 2));  // Back from here to the text.
  writer.put(kTextType);
  writer.put(kWidth);
  return out;
}

Task<Result<void>> ask_for_much(Env* env, const Plan* plan, uint32_t collection) {
  const PlanCollection& asked = plan->workload.collections[collection];
  Client client(*env, client_config(*plan));
  auto writing = client.upsert(large_upsert(asked));
  const auto written = co_await writing;
  if (!written.has_value()) co_return fail(written.error());
  const api::SearchRequest search = large_search(asked);
  auto searching = client.search(search);
  const auto over_rpc = co_await searching;
  if (!over_rpc.has_value()) co_return fail(over_rpc.error());
  HttpCalls http(env, *plan);
  const auto over_http = co_await http.search(search);
  if (!over_http.has_value()) co_return fail(over_http.error());
  co_return Result<void>();
}

}  // namespace vectron::sim
