#include "core/model/point_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/hash.h"

namespace vectron {
namespace {

// Pinned: stored data depends on it.
constexpr uint64_t kPlacementHashSeed = 0x706c6163656d6e74ULL;
constexpr uint8_t kNumberTag = 'n';
constexpr uint8_t kTextTag = 't';

/// The bytes of an id with its tag, without memory of their own on the heap.
class TaggedBytes {
 public:
  explicit TaggedBytes(const PointId& id) {
    if (id.is_text()) {
      bytes_[0] = kTextTag;
      std::ranges::copy(as_bytes(id.text()), bytes_.begin() + 1);
      size_ = 1 + id.text().size();
    } else {
      bytes_[0] = kNumberTag;
      for (size_t i = 0; i < 8; ++i) {
        bytes_[1 + i] = static_cast<uint8_t>(id.number() >> (56 - 8 * i));
      }
      size_ = 9;
    }
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  std::array<uint8_t, 1 + kPointIdTextBytesMax> bytes_;
  size_t size_ = 0;
};

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
  return hash64(TaggedBytes(id).view(), kPlacementHashSeed);
}

Bytes point_key(const PointId& id) {
  const TaggedBytes bytes(id);
  const ByteView tagged = bytes.view();
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
