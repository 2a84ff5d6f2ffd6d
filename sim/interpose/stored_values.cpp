#include "sim/interpose/stored_values.h"

#include <algorithm>

#include "core/kv/kv_format.h"
#include "core/kv/lmdb_page.h"
#include "sim/interpose/page_undo.h"

namespace vectron::sim {
namespace {

using lmdb_page::kHeaderBytes;
using lmdb_page::kNodeHeaderBytes;
using lmdb_page::load;

/// The pair of the node at `offset` of a leaf page, when it is one of ours and intact.
std::optional<PairPlace> pair_of_node(ByteView page, size_t offset) {
  if (offset < kHeaderBytes || offset + kNodeHeaderBytes > page.size()) return std::nullopt;
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

/// Adds the pairs of a leaf page to `places`, or the pages that a branch page leads to, to `pages`.
void look_at_page(ByteView file, uint64_t number, std::vector<PairPlace>* places,
                  std::vector<uint64_t>* pages) {
  const uint64_t begin = number * kPageBytes;
  const ByteView page = file.subspan(begin, kPageBytes);
  const uint16_t flags = load<uint16_t>(page, lmdb_page::kFlagsAt);
  const size_t lower = std::min<size_t>(load<uint16_t>(page, lmdb_page::kLowerAt), kPageBytes);
  for (size_t at = kHeaderBytes; at + 2 <= lower; at += 2) {
    const uint64_t offset = load<uint16_t>(page, at);
    if ((flags & lmdb_page::kBranch) != 0 && offset + kNodeHeaderBytes <= kPageBytes) {
      pages->push_back(load<uint16_t>(page, offset) | uint64_t{load<uint16_t>(page, offset + 2)}
                                                          << 16);
    }
    auto place = (flags & lmdb_page::kLeaf) != 0 ? pair_of_node(page, offset) : std::nullopt;
    if (!place.has_value()) continue;
    place->key_offset += begin;
    place->value_offset += begin;
    places->push_back(*place);
  }
}

}  // namespace

std::vector<PairPlace> stored_pairs(ByteView file) {
  std::vector<PairPlace> places;
  if (file.size() < 2 * kPageBytes) return places;
  const auto transaction = [&](uint64_t meta) {
    return load<uint64_t>(file, meta + lmdb_page::kTransactionAt);
  };
  const uint64_t meta = transaction(0) < transaction(kPageBytes) ? kPageBytes : 0;
  std::vector<uint64_t> pages = {
      load<uint64_t>(file, meta + lmdb_page::kMainTreeAt + lmdb_page::kRootInTree)};
  // Pages that lead in a circle, after rot, are not followed for ever.
  for (uint64_t left = file.size() / kPageBytes; left > 0 && !pages.empty(); --left) {
    const uint64_t page = pages.back();
    pages.pop_back();
    if (page < file.size() / kPageBytes) look_at_page(file, page, &places, &pages);
  }
  return places;
}

uint64_t structural_byte(ByteView file, uint64_t choice) {
  const uint64_t in_page = choice >> 32;
  if ((choice & 1) != 0) return (choice >> 1 & 1) * kPageBytes + in_page % lmdb_page::kMetaBytes;
  const uint64_t begin = (choice >> 1) % (file.size() / kPageBytes) * kPageBytes;
  const ByteView page = file.subspan(begin, kPageBytes);
  const uint16_t flags = load<uint16_t>(page, lmdb_page::kFlagsAt);
  const auto lower = std::max<uint64_t>(load<uint16_t>(page, lmdb_page::kLowerAt), kHeaderBytes);
  const bool head =
      (flags & lmdb_page::kLeaf) != 0 && lower < kPageBytes && (choice >> 20 & 3) != 0;
  return begin + in_page % (head ? lower : kPageBytes);
}

}  // namespace vectron::sim
