// Fashion-MNIST: real vectors for the demo, from the Debian package dataset-fashion-mnist.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron::demo {

/// 28 x 28 grey values.
inline constexpr size_t kDimension = 784;

/// Images with the number of the class that each belongs to. Immutable once read.
struct Images {
  /// Row-major, count() x kDimension.
  std::vector<uint8_t> pixels;
  /// count() numbers from 0 to 9.
  std::vector<uint8_t> labels;

  size_t count() const { return labels.size(); }
  std::span<const uint8_t> row(size_t index) const {
    return std::span(pixels).subspan(index * kDimension, kDimension);
  }
  /// The image as the vector that the database stores.
  std::vector<float> vector(size_t index) const;
};

struct Dataset {
  /// The 60,000 training images.
  Images points;
  /// The 10,000 test images.
  Images queries;
};

/// Reads the gzipped idx files in `folder`. Errors: not_found (the package is not installed),
/// data_loss (not such files).
Result<Dataset> read_dataset(const std::string& folder);

/// The first `count` images alone. Requires: count <= images.count().
Images first_images(const Images& images, size_t count);

/// The payload of a point: the map {"index": index, "label": label} as a FlexBuffer.
Bytes make_payload(size_t index, uint8_t label);

/// What make_payload() was given; zeros for bytes that no FlexBuffer has.
struct PointPayload {
  uint64_t index = 0;
  uint64_t label = 0;
  bool operator==(const PointPayload&) const = default;
};
PointPayload read_payload(const Bytes& payload);

}  // namespace vectron::demo
