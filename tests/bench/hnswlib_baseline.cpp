// The yardstick for index_bench.cpp: plain hnswlib on the same data, built by g++ -O3
// -march=native.
//
// Usage: bench_hnswlib [points 60000] [queries 10000] [threads 1], or
// bench_hnswlib serve POINTS QUERIES RADII_FILE: takes commands (see serve()), for
// tests/bench/suite.
#include <hnswlib/hnswlib.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
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

struct Data {
  bench::Images points;
  bench::Images queries;
  std::vector<float> rows;
  std::vector<float> targets;
  std::vector<int32_t> radii;
};

constexpr size_t kM = 16;
constexpr size_t kEfConstruction = 200;

/// Runs work(index) for all indexes below `count` on so many threads; returns the seconds.
template <typename Work>
double on_threads(size_t threads, size_t count, Work work) {
  const bench::Stopwatch watch;
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
  return watch.seconds();
}

double build(hnswlib::HierarchicalNSW<float>& graph, const Data& data, size_t threads) {
  return on_threads(threads, data.points.count,
                    [&](size_t p) { graph.addPoint(data.rows.data() + p * bench::kDimension, p); });
}

std::vector<uint32_t> search(hnswlib::HierarchicalNSW<float>& graph, const Data& data, size_t q) {
  auto heap = graph.searchKnn(data.targets.data() + q * bench::kDimension, bench::kRecallAt);
  std::vector<uint32_t> found;
  for (; !heap.empty(); heap.pop()) found.push_back(static_cast<uint32_t>(heap.top().second));
  return found;
}

/// Answers commands, a line each, with one number each, until its input ends: `build THREADS`
/// (seconds), `search EF THREADS` (queries a second), `recall EF THREADS`.
int serve(hnswlib::L2Space& space, const Data& data) {
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
  char command[16] = {};
  size_t first = 0;
  size_t threads = 0;
  char line[128];
  while (std::fgets(line, sizeof(line), stdin) != nullptr) {
    double answer = 0;
    std::sscanf(line, "%15s %zu %zu", command, &first, &threads);
    const std::string verb = command;
    if (verb == "build") {
      graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, data.points.count, kM,
                                                                kEfConstruction);
      answer = build(*graph, data, first);
    } else if (verb == "search" || verb == "recall") {
      graph->setEf(first);
      std::vector<std::vector<uint32_t>> found(data.queries.count);
      const double seconds = on_threads(threads, data.queries.count,
                                        [&](size_t q) { found[q] = search(*graph, data, q); });
      answer = verb == "search" ? static_cast<double>(data.queries.count) / seconds
                                : bench::recall(found, data.points, data.queries, data.radii);
    }
    std::printf("%.9g\n", answer);
    std::fflush(stdout);
  }
  return 0;
}

std::vector<int32_t> read_radii(const char* path, size_t count) {
  std::vector<int32_t> radii(count);
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr || std::fread(radii.data(), sizeof(int32_t), count, file) != count) {
    std::fprintf(stderr, "cannot read %zu radii from %s\n", count, path);
    std::exit(1);
  }
  std::fclose(file);
  return radii;
}

Data read_data(size_t points, size_t queries) {
  Data data{bench::train_images(points), bench::test_images(queries), {}, {}, {}};
  data.rows = data.points.floats();
  data.targets = data.queries.floats();
  return data;
}

}  // namespace

int main(int argc, char** argv) {
  const bool serves = argc == 5 && std::string(argv[1]) == "serve";
  const int numbers = serves ? 2 : 1;
  const auto argument = [&](int i, size_t otherwise) {
    return argc > numbers + i ? static_cast<size_t>(std::atoll(argv[numbers + i])) : otherwise;
  };
  Data data = read_data(argument(0, 60'000), argument(1, 10'000));
  hnswlib::L2Space space(bench::kDimension);
  if (serves) {
    data.radii = read_radii(argv[4], data.queries.count);
    return serve(space, data);
  }
  data.radii = bench::exact_radii(data.points, data.queries);
  const size_t threads = argument(2, 1);
  std::printf("distance squared L2 %.1f ns\n", distance_ns(space, data.rows));
  hnswlib::HierarchicalNSW<float> graph(&space, data.points.count, kM, kEfConstruction);
  std::printf("build    %.1f s with %zu threads\n", build(graph, data, threads), threads);
  for (const size_t ef : bench::kEfs) {
    graph.setEf(ef);
    bench::report("hnswlib", ef, data.points, data.queries, data.radii,
                  [&](size_t q) { return search(graph, data, q); });
  }
}
