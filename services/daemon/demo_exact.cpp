#include "services/daemon/demo_exact.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "core/base/assert.h"

namespace vectron::demo {
namespace {

// A chunk of queries is compared with a block of points that stays in the cache meanwhile.
constexpr size_t kQueriesPerChunk = 50;
constexpr size_t kPointsPerBlock = 256;

// Written so that the compiler turns it into multiply-add of 16-bit pairs, for each of these
// targets.
__attribute__((target_clones("avx512bw", "avx2", "default"))) int32_t
inner_product(const int16_t* a, const int16_t* b) {
  int32_t sum = 0;
  for (size_t i = 0; i < kDimension; ++i) sum += int32_t{a[i]} * int32_t{b[i]};
  return sum;
}

struct Rows {
  std::vector<int16_t> values;
  std::vector<int32_t> squared_lengths;

  explicit Rows(const Images& images) : values(images.pixels.begin(), images.pixels.end()) {
    for (size_t i = 0; i < images.count(); ++i) {
      squared_lengths.push_back(inner_product(row(i), row(i)));
    }
  }
  const int16_t* row(size_t index) const { return values.data() + index * kDimension; }
  size_t count() const { return squared_lengths.size(); }
};

// The k smallest values seen, largest first: a heap.
void offer(std::vector<int32_t>* nearest, size_t k, int32_t distance) {
  if (nearest->size() == k) {
    if (distance >= nearest->front()) return;
    std::pop_heap(nearest->begin(), nearest->end());
    nearest->back() = distance;
  } else {
    nearest->push_back(distance);
  }
  std::push_heap(nearest->begin(), nearest->end());
}

void search_chunk(const Rows& points, const Rows& queries, size_t first, size_t k,
                  std::vector<int32_t>* radii) {
  const size_t last = std::min(first + kQueriesPerChunk, queries.count());
  std::vector<std::vector<int32_t>> nearest(last - first);
  for (size_t block = 0; block < points.count(); block += kPointsPerBlock) {
    const size_t block_end = std::min(block + kPointsPerBlock, points.count());
    for (size_t q = first; q < last; ++q) {
      for (size_t p = block; p < block_end; ++p) {
        const int32_t product = inner_product(points.row(p), queries.row(q));
        offer(&nearest[q - first], k,
              points.squared_lengths[p] + queries.squared_lengths[q] - 2 * product);
      }
    }
  }
  for (size_t q = first; q < last; ++q) (*radii)[q] = nearest[q - first].front();
}

}  // namespace

int32_t squared_distance(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  int32_t sum = 0;
  for (size_t i = 0; i < kDimension; ++i) {
    const int32_t difference = int32_t{a[i]} - int32_t{b[i]};
    sum += difference * difference;
  }
  return sum;
}

std::vector<int32_t> exact_radii(const Images& points, const Images& queries, size_t k,
                                 const std::function<void(double)>& progress) {
  VECTRON_ASSERT(k >= 1 && k <= points.count());
  const Rows point_rows(points);
  const Rows query_rows(queries);
  std::vector<int32_t> radii(queries.count());
  std::atomic<size_t> next{0};
  const auto work = [&](bool reports) {
    while (true) {
      const size_t first = next.fetch_add(kQueriesPerChunk);
      if (first >= queries.count()) return;
      search_chunk(point_rows, query_rows, first, k, &radii);
      if (reports) {
        progress(static_cast<double>(std::min(first + kQueriesPerChunk, queries.count())) /
                 static_cast<double>(queries.count()));
      }
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) {
    threads.emplace_back([&work] { work(false); });
  }
  work(true);
  threads.clear();
  return radii;
}

double recall_of(const Images& points, std::span<const uint8_t> query,
                 const std::vector<uint64_t>& found, int32_t radius, size_t k) {
  const std::set<uint64_t> distinct(found.begin(), found.end());
  size_t right = 0;
  for (const uint64_t index : distinct) {
    if (index < points.count() && squared_distance(points.row(index), query) <= radius) ++right;
  }
  return static_cast<double>(std::min(right, k)) / static_cast<double>(k);
}

}  // namespace vectron::demo
