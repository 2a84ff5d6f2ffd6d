// What a gateway adds to a search of one shard: processor time, in virtual time and without
// sockets.
//
// Method: a worker that answers an empty list at once, asked directly and through a gateway, both
// over in-process connections with whole frames, checksums and verified messages; 784 components.
//
// And what becomes of a JSON body on its way to a worker, step by step: text to the public structs,
// those to the internal ones (with the checks), those to a FlatBuffer; for decision 0036.
#include <benchmark/benchmark.h>

#include "services/gateway/http_json.h"
#include "services/gateway/translation.h"
#include "services/gateway/upsert_plan.h"
#include "tests/services/gateway/fake_cluster.h"

namespace vectron::gateway {
namespace {

constexpr uint32_t kDimension = 784;

void search_a_worker(benchmark::State& state) {
  FakeCluster cluster(1, 1);
  rpc::ChannelPool channels(cluster.env(), rpc::ClientConfig());
  wire::WorkerClient client(channels.channel(FakeCluster::worker_address(0)));
  wire::ShardSearchRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.vector.assign(kDimension, 1.0F);
  for (auto _ : state) {
    auto found = cluster.run(client.search({}, request));
    VECTRON_ASSERT(found.has_value());
  }
}
BENCHMARK(search_a_worker)->Unit(benchmark::kMicrosecond);

void search_a_gateway(benchmark::State& state) {
  FakeCluster cluster(1, 1);
  const auto shards = static_cast<uint32_t>(state.range(0));
  wire::CollectionRoute route = FakeCluster::route("c", shards, {{0}});
  route.dimension = kDimension;
  cluster.add_collection(route);
  auto client = cluster.client();
  api::SearchRequest request;
  request.collection = "c";
  request.vector.assign(kDimension, 1.0F);
  for (auto _ : state) {
    auto found = cluster.run(client.search({}, request));
    VECTRON_ASSERT(found.has_value());
  }
}
BENCHMARK(search_a_gateway)->Arg(1)->Arg(4)->Arg(16)->Unit(benchmark::kMicrosecond);

const Address kHttpAddress{"@gateway:80"};

std::string vector_text(uint32_t seed) {
  std::string out = "[";
  for (uint32_t i = 0; i < kDimension; ++i) {
    fmt::format_to(std::back_inserter(out), "{}0.{}", i == 0 ? "" : ",", 100 + (seed + i) % 900);
  }
  return out + "]";
}

std::string search_text() {
  return R"({"vector":)" + vector_text(0) + "}";
}

std::string upsert_text(uint32_t points) {
  std::string out = R"({"points":[)";
  for (uint32_t i = 0; i < points; ++i) {
    fmt::format_to(std::back_inserter(out), R"({}{{"id":{},"vector":{}}})", i == 0 ? "" : ",", i,
                   vector_text(i));
  }
  return out + "]}";
}

constexpr std::array<std::string_view, 1> kInThePath = {"collection"};

template <typename Message>
Message read(const std::string& text) {
  JsonReader reader;
  Message message;
  std::string body = text;
  const auto done = reader.read(&body, &message, kInThePath);
  VECTRON_ASSERT(done.has_value());
  return message;
}

template <typename Message>
void read_json(benchmark::State& state, const std::string& text) {
  JsonReader reader;
  std::string body = text;
  for (auto _ : state) {
    Message message;
    const auto done = reader.read(&body, &message, kInThePath);
    VECTRON_ASSERT(done.has_value());
    benchmark::DoNotOptimize(message);
  }
}
void read_a_search(benchmark::State& state) {
  read_json<api::SearchRequest>(state, search_text());
}
BENCHMARK(read_a_search)->Unit(benchmark::kMicrosecond);

void read_an_upsert(benchmark::State& state) {
  read_json<api::UpsertRequest>(state, upsert_text(static_cast<uint32_t>(state.range(0))));
}
BENCHMARK(read_an_upsert)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

void translate_and_encode_a_search(benchmark::State& state) {
  const auto request = read<api::SearchRequest>(search_text());
  for (auto _ : state) {
    state.PauseTiming();
    api::SearchRequest taken = request;
    state.ResumeTiming();
    const ShardTarget target{.shard = ShardId(1), .epoch = Epoch(1)};
    benchmark::DoNotOptimize(encode(to_search(std::move(taken), target)));
  }
}
BENCHMARK(translate_and_encode_a_search)->Unit(benchmark::kMicrosecond);

Route route_of_one_shard() {
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0}});
  route.dimension = kDimension;
  Result<Route> made = make_route(route);
  VECTRON_ASSERT(made.has_value());
  return *std::move(made);
}

void check_and_translate_an_upsert(benchmark::State& state) {
  const Route route = route_of_one_shard();
  const auto request = read<api::UpsertRequest>(upsert_text(static_cast<uint32_t>(state.range(0))));
  for (auto _ : state) {
    state.PauseTiming();
    api::UpsertRequest taken = request;
    UpsertPlan plan;
    state.ResumeTiming();
    plan = plan_upsert(route, std::move(taken.points), UpsertLimits());
    state.PauseTiming();
    plan = {};
    state.ResumeTiming();
  }
}
BENCHMARK(check_and_translate_an_upsert)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

void encode_a_write(benchmark::State& state) {
  const Route route = route_of_one_shard();
  auto request = read<api::UpsertRequest>(upsert_text(static_cast<uint32_t>(state.range(0))));
  UpsertPlan plan = plan_upsert(route, std::move(request.points), UpsertLimits());
  wire::WriteRequest write;
  write.operations = std::move(plan.parts[0].pieces[0].operations);
  for (auto _ : state) benchmark::DoNotOptimize(encode(write));
}
BENCHMARK(encode_a_write)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

// A client of HTTP that sends its bytes and drops the answer's.
Task<bool> post(Connection* connection, const std::string* bytes) {
  const auto written = co_await write_all(connection, as_bytes(*bytes));
  VECTRON_ASSERT(written.has_value());
  std::array<uint8_t, 64 << 10> piece;
  std::string head;
  const auto count = co_await connection->read_some(piece);
  VECTRON_ASSERT(count.has_value());
  head = as_text(ByteView(piece).first(*count));
  co_return head.starts_with("HTTP/1.1 200");
}

void over_http(benchmark::State& state, const std::string& path, const std::string& body) {
  FakeCluster cluster(1, 1);
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0}});
  route.dimension = kDimension;
  cluster.add_collection(route);
  cluster.config.http_listen = kHttpAddress;
  cluster.config.http_inline_body_bytes_max = size_t{1} << 30;
  cluster.client();
  const std::string bytes = "POST /v1/collections/c/points" + path + " HTTP/1.1\r\nHost: h\r\n" +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  auto connected = cluster.run(cluster.env().network().connect(kHttpAddress));
  VECTRON_ASSERT(connected.has_value());
  for (auto _ : state) {
    const bool good = cluster.run(post(connected->get(), &bytes));
    VECTRON_ASSERT(good);
    cluster.workers[0]->writes.clear();
  }
}
void search_over_http(benchmark::State& state) {
  over_http(state, "/search", search_text());
}
BENCHMARK(search_over_http)->Unit(benchmark::kMicrosecond);

void upsert_over_http(benchmark::State& state) {
  over_http(state, "", upsert_text(static_cast<uint32_t>(state.range(0))));
}
BENCHMARK(upsert_over_http)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

void write_a_worker(benchmark::State& state) {
  FakeCluster cluster(1, 1);
  rpc::ChannelPool channels(cluster.env(), rpc::ClientConfig());
  wire::WorkerClient client(channels.channel(FakeCluster::worker_address(0)));
  const Route route = route_of_one_shard();
  auto request = read<api::UpsertRequest>(upsert_text(static_cast<uint32_t>(state.range(0))));
  UpsertPlan plan = plan_upsert(route, std::move(request.points), UpsertLimits());
  wire::WriteRequest write;
  write.shard_id = 1;
  write.epoch = 1;
  write.operations = std::move(plan.parts[0].pieces[0].operations);
  for (auto _ : state) {
    auto written = cluster.run(client.write({}, write));
    VECTRON_ASSERT(written.has_value());
    cluster.workers[0]->writes.clear();
  }
}
BENCHMARK(write_a_worker)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace vectron::gateway

BENCHMARK_MAIN();
