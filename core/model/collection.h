// What a collection is, and the rules that its name, options and points obey.
//
// The checks return the Status that a client sees: it names the field and says what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace vectron {

enum class Distance : uint8_t { cosine = 0, dot = 1, euclidean = 2 };

inline constexpr size_t kCollectionNameBytesMax = 64;
inline constexpr uint32_t kDimensionMax = 65'535;
inline constexpr uint32_t kShardsMax = 1'024;
inline constexpr uint32_t kReplicationMax = 7;
inline constexpr uint32_t kTopKMax = 10'000;
inline constexpr uint32_t kEfMax = 65'536;
inline constexpr size_t kPayloadBytesMax = 1 << 20;
/// Of one write to one shard, at the very most: the largest point, and what is stored besides. It
/// is one entry of the shard's log, which is looked at, and applied, in one turn of an event loop
/// each.
inline constexpr size_t kWriteBytesMax = 1'344 << 10;
static_assert(kPayloadBytesMax + kDimensionMax * sizeof(float) + (32 << 10) < kWriteBytesMax);
/// The same, in points.
inline constexpr size_t kWriteOperationsMax = 500;
/// What logs of before these bounds may have: such entries are still taken from other members, and
/// hold the event loop for longer than a turn.
inline constexpr size_t kWriteBytesOfBefore = 8 << 20;
inline constexpr size_t kWriteOperationsOfBefore = 10'000;
/// Of points that are written together, as a gateway counts them: a write takes so many bytes with
/// as many points as there may be.
inline constexpr size_t kWritePieceBytesMax = 1 << 20;
inline constexpr size_t kBatchPointsMax = 10'000;
/// Of a vector under dot and euclidean: the root of its summed squares. The sum of products of two
/// such vectors is at most kVectorLengthMax squared, that of their squared differences four times
/// as much (Cauchy-Schwarz), and so is every partial sum of either: 85 times below the largest
/// float, where the rounding of 65,535 additions in any order adds less than a hundredth. So no
/// score of theirs is infinite. (decision 0035)
inline constexpr double kVectorLengthMax = 1e18;
/// Below it squares of differences vanish from 32-bit floats, and all scores are the same. Zero is
/// taken: its distances are those of the other vector. (decision 0040)
inline constexpr double kVectorLengthMin = 1e-12;

/// Parameters of the HNSW graph (Malkov, Yashunin 2016, section 4).
struct IndexOptions {
  /// Links a node keeps on each level above 0; twice that on level 0. 2 to 128.
  uint32_t m = 16;
  /// Candidates kept while inserting. 4 to 4096.
  uint32_t ef_construction = 200;
  /// Candidates kept while searching, where the request names none.
  uint32_t ef_search = 100;
  bool operator==(const IndexOptions&) const = default;
};

struct CollectionOptions {
  std::string name;
  uint32_t dimension = 0;
  Distance distance = Distance::cosine;
  uint32_t shards = 1;
  uint32_t replication = 1;
  IndexOptions index;
  bool operator==(const CollectionOptions&) const = default;
};

/// Checks a collection's name: 1 to 64 of a-z A-Z 0-9 _ - and not beginning with '-'. Errors:
/// invalid_argument.
Result<void> check_collection_name(std::string_view name);

/// Checks all options against their bounds. Errors: invalid_argument with the field.
Result<void> check_collection_options(const CollectionOptions& options);

/// Checks a vector before it is stored or searched with: right dimension, every component finite;
/// under cosine not zero (its direction is undefined), otherwise not longer than kVectorLengthMax,
/// and zero or not shorter than kVectorLengthMin. All distances between vectors that pass are
/// finite. `field` names it in the error. Errors: invalid_argument.
Result<void> check_vector(std::span<const float> vector, uint32_t dimension, Distance distance,
                          std::string_view field);

}  // namespace vectron
