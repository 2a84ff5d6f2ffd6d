#include "core/index/row_codec.h"

#include <algorithm>

namespace vectron::index {

void Float32Codec::encode(std::span<const float> vector, RowForm form, float* row) const {
  VECTRON_ASSERT(vector.size() == dimension_, "{} elements, not {}", vector.size(), dimension_);
  // -0 is stored as 0.
  std::ranges::transform(vector, row, [](float element) { return element + 0.0f; });
  if (form == RowForm::given) return;
  const bool normalized = normalize({row, dimension_});
  VECTRON_ASSERT(normalized, "a zero vector under cosine");
}

}  // namespace vectron::index
