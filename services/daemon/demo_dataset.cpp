#include "services/daemon/demo_dataset.h"

#include <fmt/format.h>
#include <zlib.h>

#include <memory>

#include "core/base/assert.h"

namespace vectron::demo {
namespace {

// An idx file: two zero bytes, 8 for unsigned bytes, the number of dimensions, then each dimension
// as 4 big-endian bytes, then the values (yann.lecun.com/exdb/mnist, "THE IDX FILE FORMAT").
struct Idx {
  std::vector<uint32_t> dimensions;
  std::vector<uint8_t> values;
};

struct GzClose {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<std::remove_pointer_t<gzFile>, GzClose>;

bool read_all(gzFile file, std::span<uint8_t> into) {
  const int size = gzread(file, into.data(), static_cast<unsigned>(into.size()));
  return size >= 0 && static_cast<size_t>(size) == into.size();
}

Result<Idx> read_idx(const std::string& path, size_t dimensions) {
  constexpr size_t kValuesBytesMax = 1 << 30;
  const GzHandle file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return fail(Code::not_found, fmt::format("cannot open {}: run ./dev setup, which installs the "
                                             "package dataset-fashion-mnist",
                                             path));
  }
  Bytes header(4 + 4 * dimensions);
  if (!read_all(file.get(), header) || header[0] != 0 || header[1] != 0 || header[2] != 8 ||
      header[3] != dimensions) {
    return fail(Code::data_loss, fmt::format("{} is not an idx file of bytes", path));
  }
  Idx idx;
  size_t total = 1;
  for (size_t i = 0; i < dimensions; ++i) {
    const uint8_t* raw = header.data() + 4 + 4 * i;
    idx.dimensions.push_back(uint32_t{raw[0]} << 24 | uint32_t{raw[1]} << 16 |
                             uint32_t{raw[2]} << 8 | uint32_t{raw[3]});
    total *= idx.dimensions.back();
    if (total > kValuesBytesMax) return fail(Code::data_loss, fmt::format("{} is too large", path));
  }
  idx.values.resize(total);
  if (!read_all(file.get(), idx.values)) {
    return fail(Code::data_loss, fmt::format("{} is shorter than its header says", path));
  }
  return idx;
}

Result<Images> read_images(const std::string& folder, const std::string& name) {
  VECTRON_TRY(Idx pixels, read_idx(fmt::format("{}/{}-images-idx3-ubyte.gz", folder, name), 3));
  VECTRON_TRY(Idx labels, read_idx(fmt::format("{}/{}-labels-idx1-ubyte.gz", folder, name), 1));
  if (size_t{pixels.dimensions[1]} * pixels.dimensions[2] != kDimension ||
      pixels.dimensions[0] != labels.dimensions[0]) {
    return fail(Code::data_loss, fmt::format("the {} images are not 28 x 28 with labels", name));
  }
  return Images{std::move(pixels.values), std::move(labels.values)};
}

}  // namespace

std::vector<float> Images::vector(size_t index) const {
  const std::span<const uint8_t> values = row(index);
  return {values.begin(), values.end()};
}

Result<Dataset> read_dataset(const std::string& folder) {
  Dataset dataset;
  VECTRON_TRY(dataset.points, read_images(folder, "train"));
  VECTRON_TRY(dataset.queries, read_images(folder, "t10k"));
  return dataset;
}

Images first_images(const Images& images, size_t count) {
  VECTRON_ASSERT(count <= images.count());
  return {
      {images.pixels.begin(), images.pixels.begin() + static_cast<ptrdiff_t>(count * kDimension)},
      {images.labels.begin(), images.labels.begin() + static_cast<ptrdiff_t>(count)}};
}

}  // namespace vectron::demo
