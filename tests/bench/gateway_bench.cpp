// What a gateway adds to a search of one shard: processor time, in virtual time and without
// sockets.
//
// Method: a worker that answers an empty list at once, asked directly and through a gateway, both
// over in-process connections with whole frames, checksums and verified messages; 784 components.
#include <benchmark/benchmark.h>

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

}  // namespace
}  // namespace vectron::gateway

BENCHMARK_MAIN();
