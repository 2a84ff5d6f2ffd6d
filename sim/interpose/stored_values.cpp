#include "sim/interpose/stored_values.h"

#include "core/kv/kv_store.h"
#include "sim/interpose/page_undo.h"

namespace vectron::sim {
namespace {

constexpr size_t kPageHeaderBytes = 16;
constexpr size_t kNodeHeaderBytes = 8;
constexpr uint16_t kLeafFlag = 0x02;
constexpr uint16_t kMetaFlags = 0x01 | 0x04 | 0x08;  ///< Branch, overflow, meta: not a plain leaf.
constexpr uint8_t kContentSpace = 0x01;              ///< docs/internals/kv.md
constexpr size_t kHashBytes = 8;

template <typename T>
T load(ByteView bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// The value of the node at `offset` of a leaf page, when it is one of ours and intact.
std::optional<ValuePlace> value_of_node(ByteView page, size_t offset) {
  if (offset < kPageHeaderBytes || offset + kNodeHeaderBytes > page.size()) return std::nullopt;
  const uint32_t value_bytes =
      load<uint16_t>(page, offset) | uint32_t{load<uint16_t>(page, offset + 2)} << 16;
  const uint16_t flags = load<uint16_t>(page, offset + 4);
  const uint16_t key_bytes = load<uint16_t>(page, offset + 6);
  const size_t value_at = offset + kNodeHeaderBytes + key_bytes;
  if (flags != 0 || key_bytes < 2 || value_bytes < kHashBytes) return std::nullopt;
  if (value_at + value_bytes > page.size()) return std::nullopt;
  const ByteView key = page.subspan(offset + kNodeHeaderBytes, key_bytes);
  const ByteView value = page.subspan(value_at, value_bytes - kHashBytes);
  const auto hash = load<uint64_t>(page, value_at + value.size());
  if (key[0] != kContentSpace || hash != kv_pair_hash(key.subspan(1), value)) return std::nullopt;
  return ValuePlace{value_at, value_bytes};
}

}  // namespace

std::vector<ValuePlace> stored_values(ByteView file) {
  std::vector<ValuePlace> places;
  for (uint64_t begin = 0; begin + kPageBytes <= file.size(); begin += kPageBytes) {
    const ByteView page = file.subspan(begin, kPageBytes);
    const uint16_t flags = load<uint16_t>(page, 10);
    const size_t lower = load<uint16_t>(page, 12);
    if ((flags & kLeafFlag) == 0 || (flags & kMetaFlags) != 0 || lower > kPageBytes) continue;
    for (size_t at = kPageHeaderBytes; at + 2 <= lower; at += 2) {
      auto place = value_of_node(page, load<uint16_t>(page, at));
      if (!place.has_value()) continue;
      place->offset += begin;
      places.push_back(*place);
    }
  }
  return places;
}

}  // namespace vectron::sim
