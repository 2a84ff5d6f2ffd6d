// Times core/index on Fashion-MNIST: one distance, the build, and searches at several ef.
//
// Usage: bench_index [points 60000] [queries 10000] [threads 1]. Compare with bench_hnswlib, which
// takes the same.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "core/index/distance.h"
#include "core/index/shard_index.h"
#include "tests/bench/fashion_mnist.h"

namespace {

using namespace vectron;

volatile float sink = 0;  // keeps measured results alive

// The best of several rounds over rows that stay in the first-level cache.
double distance_ns(index::DistanceFunction distance, const std::vector<float>& rows) {
  constexpr int kRounds = 50;
  constexpr int kCalls = 20'000;
  constexpr size_t kRows = 4;
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const bench::Stopwatch watch;
    float sum = 0;
    for (int call = 0; call < kCalls; ++call) {
      const float* b = rows.data() + (1 + static_cast<size_t>(call) % kRows) * bench::kDimension;
      sum += distance(rows.data(), b, bench::kDimension);
    }
    sink = sum;
    best = std::min(best, watch.seconds() * 1e9 / kCalls);
  }
  return best;
}

void report_distances(const std::vector<float>& rows) {
  for (const std::string& target : index::simd_targets()) {
    index::select_simd_target(target);
    std::printf("distance %-7s squared L2 %6.1f ns  inner product %6.1f ns\n", target.c_str(),
                distance_ns(index::distance_function(index::Metric::euclidean), rows),
                distance_ns(index::distance_function(index::Metric::dot), rows));
  }
  index::select_simd_target({});
}

double build_s(index::ShardIndex& shard, unsigned threads) {
  const bench::Stopwatch watch;
  std::vector<std::thread> workers;
  workers.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&shard] {
      while (shard.index_some(256) != 0) {
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return watch.seconds();
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, size_t otherwise) {
    return argc > i ? static_cast<size_t>(std::atoll(argv[i])) : otherwise;
  };
  const bench::Images points = bench::train_images(argument(1, 60'000));
  const bench::Images queries = bench::test_images(argument(2, 10'000));
  const auto threads = static_cast<unsigned>(argument(3, 1));
  const std::vector<float> rows = points.floats();
  const std::vector<float> targets = queries.floats();
  const std::vector<int32_t> radii = bench::exact_radii(points, queries);
  report_distances(rows);

  index::ShardIndex shard({.metric = index::Metric::euclidean, .dimension = bench::kDimension});
  const bench::Stopwatch append_watch;
  for (size_t p = 0; p < points.count; ++p)
    shard.append({rows.data() + p * bench::kDimension, bench::kDimension});
  const double append_s = append_watch.seconds();
  std::printf("append   %.2f us a point\n", append_s * 1e6 / static_cast<double>(points.count));

  const auto search = [&](size_t q, index::SearchOptions options) {
    const std::vector<index::Hit> hits = shard.search(
        shard.cut(), {targets.data() + q * bench::kDimension, bench::kDimension}, options);
    std::vector<uint32_t> slots;
    slots.reserve(options.k);
    for (size_t i = 0; i < options.k; ++i) slots.push_back(hits[i].slot);
    return slots;
  };
  const bench::Stopwatch scan_watch;
  for (size_t q = 0; q < 50; ++q) search(q, {.k = bench::kRecallAt, .exact = true});
  std::printf("scan     %.2f ms a query, all exact\n", scan_watch.seconds() * 1e3 / 50);

  std::printf("build    %.1f s with %u threads\n", build_s(shard, threads), threads);
  const index::ShardIndexStats stats = shard.stats();
  std::printf("memory   %.1f MB of vectors, %.1f MB of graph\n",
              static_cast<double>(stats.vector_bytes) / 1e6,
              static_cast<double>(stats.graph_bytes) / 1e6);
  for (const size_t ef : bench::kEfs) {
    bench::report("vectron", ef, points, queries, radii, [&](size_t q) {
      return search(q, {.k = bench::kRecallAt, .ef = static_cast<uint32_t>(ef)});
    });
  }
}
