#include "sim/history/value.h"

#include "core/base/random.h"

namespace vectron::sim {

namespace {

// A FlexBuffer whose root is one 64-bit unsigned number: the number, its packed type (uint, 8 bytes
// wide), its width.
constexpr uint8_t kFlexUint64 = 2 << 2 | 3;
constexpr uint8_t kFlexWidth = 8;
constexpr size_t kPayloadBytes = 10;

constexpr uint64_t kSharedOneIn = 16;
constexpr uint64_t kSharedVectors = 4;

}  // namespace

std::vector<float> vector_of_value(ValueNumber value, uint32_t dimension) {
  const bool shared = mix64(value) % kSharedOneIn == 0;
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
  ByteReader reader(payload);
  const auto value = reader.get<uint64_t>();
  const auto type = reader.get<uint8_t>();
  const auto width = reader.get<uint8_t>();
  if (payload.size() != kPayloadBytes || !reader.done()) return std::nullopt;
  if (type != kFlexUint64 || width != kFlexWidth) return std::nullopt;
  return value;
}

}  // namespace vectron::sim
