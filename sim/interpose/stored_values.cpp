#include "sim/interpose/stored_values.h"

#include <algorithm>

#include "core/kv/kv_format.h"
#include "sim/interpose/page_undo.h"

namespace vectron::sim {
namespace {

constexpr size_t kPageHeaderBytes = 16;
constexpr size_t kNodeHeaderBytes = 8;
constexpr uint16_t kLeafFlag = 0x02;
constexpr uint16_t kOtherFlags = 0x01 | 0x04 | 0x08;  ///< Branch, overflow, meta: no plain leaf.
constexpr size_t kMetaBytes = 152;

template <typename T>
T load(ByteView bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// The pair of the node at `offset` of a leaf page, when it is one of ours and intact.
std::optional<PairPlace> pair_of_node(ByteView page, size_t offset) {
  if (offset < kPageHeaderBytes || offset + kNodeHeaderBytes > page.size()) return std::nullopt;
  PairPlace place;
  place.value_bytes = load<uint16_t>(page, offset) | uint32_t{load<uint16_t>(page, offset + 2)}
                                                         << 16;
  const uint16_t flags = load<uint16_t>(page, offset + 4);
  place.key_bytes = load<uint16_t>(page, offset + 6);
  place.key_offset = offset + kNodeHeaderBytes;
  place.value_offset = place.key_offset + place.key_bytes;
  if (flags != 0 || place.key_bytes < 2) return std::nullopt;
  if (place.value_offset + place.value_bytes > page.size()) return std::nullopt;
  const ByteView key = page.subspan(place.key_offset, place.key_bytes);
  const auto space = static_cast<kv_format::Space>(key[0]);
  if (space > kv_format::Space::record) return std::nullopt;
  place.system = space == kv_format::Space::system;
  const ByteView value = page.subspan(place.value_offset, place.value_bytes);
  if (!kv_format::checked(space, key.subspan(1), value)) return std::nullopt;
  return place;
}

}  // namespace

std::vector<PairPlace> stored_pairs(ByteView file) {
  std::vector<PairPlace> places;
  for (uint64_t begin = 0; begin + kPageBytes <= file.size(); begin += kPageBytes) {
    const ByteView page = file.subspan(begin, kPageBytes);
    const uint16_t flags = load<uint16_t>(page, 10);
    const size_t lower = load<uint16_t>(page, 12);
    if ((flags & kLeafFlag) == 0 || (flags & kOtherFlags) != 0 || lower > kPageBytes) continue;
    for (size_t at = kPageHeaderBytes; at + 2 <= lower; at += 2) {
      auto place = pair_of_node(page, load<uint16_t>(page, at));
      if (!place.has_value()) continue;
      place->key_offset += begin;
      place->value_offset += begin;
      places.push_back(*place);
    }
  }
  return places;
}

uint64_t structural_byte(ByteView file, uint64_t choice) {
  const uint64_t in_page = choice >> 32;
  if ((choice & 1) != 0) return (choice >> 1 & 1) * kPageBytes + in_page % kMetaBytes;
  const uint64_t begin = (choice >> 1) % (file.size() / kPageBytes) * kPageBytes;
  const ByteView page = file.subspan(begin, kPageBytes);
  const uint16_t flags = load<uint16_t>(page, 10);
  const auto lower = std::max<uint64_t>(load<uint16_t>(page, 12), kPageHeaderBytes);
  const bool head = (flags & kLeafFlag) != 0 && lower < kPageBytes && (choice >> 20 & 3) != 0;
  return begin + in_page % (head ? lower : kPageBytes);
}

}  // namespace vectron::sim
