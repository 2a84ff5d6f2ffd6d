#include "core/model/point_id.h"

#include <fmt/format.h>

#include "core/base/hash.h"

namespace vectron {
namespace {

constexpr uint64_t kPlacementHashSeed =
    0x706c6163656d6e74ULL;  // Pinned: stored data depends on it.
constexpr uint8_t kNumberTag = 'n';
constexpr uint8_t kTextTag = 't';

Bytes tagged_bytes(const PointId& id) {
  Bytes out;
  if (id.is_text()) {
    out.reserve(1 + id.text().size());
    out.push_back(kTextTag);
    const ByteView text = as_bytes(id.text());
    out.insert(out.end(), text.begin(), text.end());
  } else {
    out.reserve(9);
    out.push_back(kNumberTag);
    put_big_endian(out, id.number());
  }
  return out;
}

}  // namespace

Result<PointId> PointId::from_text(std::string text) {
  if (text.empty()) return fail(Code::invalid_argument, "a text id has at least 1 byte", "id");
  if (text.size() > kPointIdTextBytesMax) {
    return fail(Code::invalid_argument,
                fmt::format("a text id has at most {} bytes, this one has {}", kPointIdTextBytesMax,
                            text.size()),
                "id");
  }
  PointId id;
  id.value_ = std::move(text);
  return id;
}

std::string PointId::to_string() const {
  return is_text() ? fmt::format("\"{}\"", text()) : fmt::format("{}", number());
}

uint64_t placement_hash(const PointId& id) {
  return hash64(tagged_bytes(id), kPlacementHashSeed);
}

Bytes point_key(const PointId& id) {
  const Bytes tagged = tagged_bytes(id);
  Bytes key;
  key.reserve(8 + tagged.size());
  put_big_endian(key, hash64(tagged, kPlacementHashSeed));
  key.insert(key.end(), tagged.begin(), tagged.end());
  return key;
}

Result<PointId> point_id_of_key(ByteView key) {
  if (key.size() < 10) return fail(Code::data_loss, "a point key is too short");
  const ByteView rest = key.subspan(9);
  if (key[8] == kNumberTag && rest.size() == 8) return PointId(get_big_endian(rest));
  if (key[8] == kTextTag) return PointId::from_text(std::string(as_text(rest)));
  return fail(Code::data_loss, "a point key has an unknown tag");
}

}  // namespace vectron
