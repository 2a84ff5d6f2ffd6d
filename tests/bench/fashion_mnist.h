// Fashion-MNIST (Debian package dataset-fashion-mnist) as float rows, exact neighbours, and recall.
//
// For the index benches alone. It uses nothing of ours, so that the hnswlib baseline, which another
// compiler builds, can share it.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace bench {

inline constexpr size_t kDimension = 784;
inline constexpr size_t kRecallAt = 10;

/// Images as rows of 784 grey values.
struct Images {
  size_t count = 0;
  std::vector<uint8_t> pixels;
  const uint8_t* row(size_t index) const { return pixels.data() + index * kDimension; }
  std::vector<float> floats() const { return {pixels.begin(), pixels.end()}; }
};

/// Reads the first `count_max` images of an idx3 file: a 16-byte big-endian header, then the rows.
inline Images read_images(const std::string& path, size_t count_max) {
  gzFile file = gzopen(path.c_str(), "rb");
  uint8_t header[16] = {};
  if (file == nullptr || gzread(file, header, sizeof(header)) != sizeof(header)) {
    std::fprintf(stderr, "cannot read %s: install dataset-fashion-mnist\n", path.c_str());
    std::exit(1);
  }
  const size_t stored = size_t{header[4]} << 24 | header[5] << 16 | header[6] << 8 | header[7];
  Images images;
  images.count = std::min(stored, count_max);
  images.pixels.resize(images.count * kDimension);
  gzread(file, images.pixels.data(), static_cast<unsigned>(images.pixels.size()));
  gzclose(file);
  return images;
}

inline Images train_images(size_t count_max) {
  return read_images("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", count_max);
}
inline Images test_images(size_t count_max) {
  return read_images("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz", count_max);
}

/// The exact squared L2 distance of grey values.
inline int32_t exact_distance(const uint8_t* a, const uint8_t* b) {
  int32_t sum = 0;
  for (size_t i = 0; i < kDimension; ++i) {
    const int32_t difference = int32_t{a[i]} - int32_t{b[i]};
    sum += difference * difference;
  }
  return sum;
}

/// For each query the exact distance of its 10th neighbour: a hit counts when it is no farther.
inline std::vector<int32_t> exact_radii(const Images& points, const Images& queries) {
  std::vector<int32_t> radii;
  std::vector<int32_t> distances(points.count);
  for (size_t q = 0; q < queries.count; ++q) {
    for (size_t p = 0; p < points.count; ++p)
      distances[p] = exact_distance(queries.row(q), points.row(p));
    std::nth_element(distances.begin(), distances.begin() + (kRecallAt - 1), distances.end());
    radii.push_back(distances[kRecallAt - 1]);
  }
  return radii;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The share of right answers: indexes of points for each query.
inline double recall(const std::vector<std::vector<uint32_t>>& found, const Images& points,
                     const Images& queries, const std::vector<int32_t>& radii) {
  size_t right = 0;
  for (size_t q = 0; q < queries.count; ++q) {
    for (const uint32_t index : found[q]) {
      right += exact_distance(queries.row(q), points.row(index)) <= radii[q] ? 1 : 0;
    }
  }
  return static_cast<double>(right) / static_cast<double>(queries.count * kRecallAt);
}

/// Prints recall@10 and queries per second for one ef. search(query index) returns indexes of
/// points.
template <typename Search>
void report(const char* name, size_t ef, const Images& points, const Images& queries,
            const std::vector<int32_t>& radii, Search search) {
  std::vector<std::vector<uint32_t>> found(queries.count);
  const Stopwatch watch;
  for (size_t q = 0; q < queries.count; ++q) found[q] = search(q);
  const double seconds = watch.seconds();
  std::printf("%s ef %4zu  recall@10 %.4f  %8.0f queries/s  %7.1f us\n", name, ef,
              recall(found, points, queries, radii), static_cast<double>(queries.count) / seconds,
              seconds * 1e6 / static_cast<double>(queries.count));
  std::fflush(stdout);
}

/// The ef values that both programs are measured at.
inline const std::vector<size_t> kEfs = {10, 20, 30, 40, 50, 60, 80, 100, 150, 200};

}  // namespace bench
