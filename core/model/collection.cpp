#include "core/model/collection.h"

#include <fmt/format.h>

#include "core/model/indexable_vector.h"

namespace vectron {
namespace {

std::unexpected<Status> bad(std::string_view field, std::string message) {
  return fail(Code::invalid_argument, std::move(message), std::string(field));
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

bool is_too_short(std::span<const float> vector) {
  constexpr double kSquaredMin = kVectorLengthMin * kVectorLengthMin;
  const float largest = largest_magnitude(vector);
  if (largest == 0 || largest >= kVectorLengthMin) return false;
  return squared_length(vector) < kSquaredMin;
}

Result<void> check_between(std::string_view field, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return {};
  return bad(field, fmt::format("{} must be between {} and {}, not {}", field, low, high, value));
}

}  // namespace

Result<void> check_collection_name(std::string_view name) {
  if (name.empty() || name.size() > kCollectionNameBytesMax) {
    return bad("name", fmt::format("a collection's name has 1 to {} bytes, this one has {}",
                                   kCollectionNameBytesMax, name.size()));
  }
  if (name.front() == '-') return bad("name", "a collection's name does not begin with '-'");
  for (const char c : name) {
    if (!is_name_character(c)) {
      return bad("name", "a collection's name has letters a-z A-Z, digits, '_' and '-' only");
    }
  }
  return {};
}

Result<void> check_collection_options(const CollectionOptions& options) {
  VECTRON_CHECK_OK(check_collection_name(options.name));
  VECTRON_CHECK_OK(check_between("dimension", options.dimension, 1, kDimensionMax));
  if (options.distance > Distance::euclidean) {
    return bad("distance", "distance must be cosine, dot or euclidean");
  }
  VECTRON_CHECK_OK(check_between("shards", options.shards, 1, kShardsMax));
  VECTRON_CHECK_OK(check_between("replication", options.replication, 1, kReplicationMax));
  VECTRON_CHECK_OK(check_between("index.m", options.index.m, 2, 128));
  VECTRON_CHECK_OK(check_between("index.ef_construction", options.index.ef_construction, 4, 4096));
  return check_between("index.ef_search_default", options.index.ef_search, 1, kEfMax);
}

Result<void> check_vector(std::span<const float> vector, uint32_t dimension, Distance distance,
                          std::string_view field) {
  VECTRON_CHECK_OK(check_indexable(vector, dimension, distance, field));
  if (distance == Distance::cosine || !is_too_short(vector)) return {};
  return bad(field, fmt::format("the vector's length (the root of its summed squares) is below "
                                "{:g} and not 0, so that its distances vanish: scale it up",
                                kVectorLengthMin));
}

}  // namespace vectron
