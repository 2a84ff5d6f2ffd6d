// The stored format of a KvStore, free of LMDB: keys, values with their hash, header, digest rows.
//
// Drawn byte by byte in docs/internals/kv.md. Private to core/kv.
#pragma once

#include <array>
#include <optional>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/kv/kv_batch.h"

namespace vectron::kv_format {

inline constexpr uint32_t kVersion = 1;
/// The file beside LMDB's own that says that the creation of the store was completed.
inline constexpr std::string_view kMarkerName = "FORMAT";

/// The first byte of each stored key.
enum class Space : uint8_t { system = 0, content = 1, record = 2 };

inline constexpr size_t kHashBytes = 8;
inline constexpr size_t kBucketCount = 256;
inline constexpr size_t kRowBuckets = 32;
inline constexpr size_t kRowCount = kBucketCount / kRowBuckets;

/// The stored hash of a pair, and the bucket in whose sum it takes part.
struct PairHash {
  uint64_t hash = 0;
  size_t bucket = 0;
};
PairHash pair_hash(Space space, ByteView key, ByteView value);
/// The bucket of a content key.
size_t bucket_of(ByteView key);

/// A stored key on the stack.
class StoredKey {
 public:
  StoredKey(Space space, ByteView key) : size_(key.size() + 1) {
    VECTRON_ASSERT(size_ <= bytes_.size(), "a key of {} bytes", key.size());
    bytes_[0] = static_cast<uint8_t>(space);
    if (!key.empty()) std::memcpy(bytes_.data() + 1, key.data(), key.size());
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  std::array<uint8_t, kKvKeyBytesMax + 2> bytes_;
  size_t size_;
};

/// A stored value: the value, then its pair hash. Views live as long as `stored`.
struct StoredValue {
  ByteView value;
  uint64_t hash = 0;
};
/// None when `stored` is too short to hold a hash.
std::optional<StoredValue> split(ByteView stored);
/// The value of a stored pair. None when its hash does not match (damage).
std::optional<ByteView> checked(Space space, ByteView key, ByteView stored);

/// The record of the system space that tells of the whole store.
struct Header {
  uint32_t version = kVersion;
  /// Pairs in the content space.
  uint64_t item_count = 0;
  /// The sum of their hashes.
  uint64_t content_digest = 0;
  /// The sum of the hashes of the record space.
  uint64_t record_digest = 0;
};
ByteView header_key();
Bytes encode_header(const Header& header);
std::optional<Header> decode_header(ByteView value);

/// kRowBuckets sums of pair hashes.
using Row = std::array<uint64_t, kRowBuckets>;
std::array<uint8_t, 2> row_key(size_t row);
Bytes encode_row(const Row& row);
std::optional<Row> decode_row(ByteView value);

/// The content of the marker file.
Bytes encode_marker();
/// Errors: failed_precondition (a newer format), data_loss.
Result<void> check_marker(ByteView bytes);

}  // namespace vectron::kv_format
