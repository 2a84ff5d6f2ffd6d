// The yardstick for index_bench.cpp: plain hnswlib on the same data, built by g++ -O3
// -march=native.
//
// Usage: bench_hnswlib [points 60000] [queries 10000] [threads 1].
#include <hnswlib/hnswlib.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/bench/fashion_mnist.h"

namespace {

volatile float sink = 0;

double distance_ns(hnswlib::L2Space& space, const std::vector<float>& rows) {
  constexpr int kRounds = 50;
  constexpr int kCalls = 20'000;
  double best = 1e9;
  const auto distance = space.get_dist_func();
  for (int round = 0; round < kRounds; ++round) {
    const bench::Stopwatch watch;
    float sum = 0;
    for (int call = 0; call < kCalls; ++call) {
      const float* b = rows.data() + (1 + static_cast<size_t>(call) % 4) * bench::kDimension;
      sum += distance(rows.data(), b, space.get_dist_func_param());
    }
    sink = sum;
    best = std::min(best, watch.seconds() * 1e9 / kCalls);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, size_t otherwise) {
    return argc > i ? static_cast<size_t>(std::atoll(argv[i])) : otherwise;
  };
  const bench::Images points = bench::train_images(argument(1, 60'000));
  const bench::Images queries = bench::test_images(argument(2, 10'000));
  const size_t threads = argument(3, 1);
  const std::vector<float> rows = points.floats();
  const std::vector<float> targets = queries.floats();
  const std::vector<int32_t> radii = bench::exact_radii(points, queries);

  hnswlib::L2Space space(bench::kDimension);
  std::printf("distance squared L2 %.1f ns\n", distance_ns(space, rows));
  hnswlib::HierarchicalNSW<float> graph(&space, points.count, 16, 200);
  const bench::Stopwatch watch;
  std::atomic<size_t> next = 0;
  std::vector<std::thread> workers;
  for (size_t i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      for (size_t p = next++; p < points.count; p = next++)
        graph.addPoint(rows.data() + p * bench::kDimension, p);
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::printf("build    %.1f s with %zu threads\n", watch.seconds(), threads);
  for (const size_t ef : bench::kEfs) {
    graph.setEf(ef);
    bench::report("hnswlib", ef, points, queries, radii, [&](size_t q) {
      auto heap = graph.searchKnn(targets.data() + q * bench::kDimension, bench::kRecallAt);
      std::vector<uint32_t> slots;
      for (; !heap.empty(); heap.pop()) slots.push_back(static_cast<uint32_t>(heap.top().second));
      return slots;
    });
  }
}
