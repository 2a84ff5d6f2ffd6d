#include "sim/history/value.h"

#include "core/base/random.h"

namespace vectron::sim {

namespace {

// A FlexBuffer whose root is one 64-bit unsigned number: the number, its packed type (uint, 8 bytes
// wide), its width.
constexpr uint8_t kFlexInt = 1;
constexpr uint8_t kFlexUint = 2;
constexpr uint8_t kFlexUint64 = kFlexUint << 2 | 3;
constexpr uint8_t kFlexWidth = 8;

constexpr uint64_t kSharedOneIn = 16;
constexpr uint64_t kSharedVectors = 4;

}  // namespace

bool has_shared_vector(ValueNumber value) {
  return mix64(value) % kSharedOneIn == 0;
}

std::vector<float> vector_of_value(ValueNumber value, uint32_t dimension) {
  const bool shared = has_shared_vector(value);
  RandomStream random(shared ? value % kSharedVectors : value, "value");
  std::vector<float> out(dimension);
  for (float& element : out) element = random.unit_float();
  if (out[0] == 0) out[0] = 0.25F;
  return out;
}

Bytes payload_of_value(ValueNumber value) {
  Bytes out;
  ByteWriter writer(out);
  writer.put(value);
  writer.put(kFlexUint64);
  writer.put(kFlexWidth);
  return out;
}

std::optional<ValueNumber> value_of_payload(ByteView payload) {
  if (payload.size() < 3) return std::nullopt;
  const size_t width = payload.back();
  const uint8_t type = payload[payload.size() - 2] >> 2;
  const bool integer = type == kFlexInt || type == kFlexUint;
  const bool known = width == 1 || width == 2 || width == 4 || width == 8;
  if (!integer || !known || payload.size() != width + 2) return std::nullopt;
  const uint8_t highest = payload[width - 1];
  if (type == kFlexInt && highest >= 0x80) return std::nullopt;  // Nobody writes negative ones.
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value |= uint64_t{payload[i]} << (8 * i);
  return value;
}

}  // namespace vectron::sim
