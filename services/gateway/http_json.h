// The public messages as JSON, by the names of their fields.
//
// One reader and one writer serve every message of schemas/vectron.fbs: they follow the generated
// field tables, so a field that is added to the schema is readable and writable at once. Where JSON
// says a thing in another way than the schema:
//   PointId               7 or "seven"
//   enumerations          their name: "cosine"
//   status codes (ubyte)  their name: "not_found"
//   payloads              any JSON; integers, doubles, booleans, null and text keep their types
//   absent payloads and optional tables, and empty vectors of floats, are left out
// simdjson reads straight into the structs; this file's .cpp files own it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/model/collection.h"
#include "schemas/vectron_messages.h"

namespace vectron::gateway {

/// Objects and lists inside one another in a payload.
inline constexpr size_t kJsonDepthMax = 32;
/// Entries of a list that has no bound of its own. (A vector has kDimensionMax components.)
inline constexpr size_t kJsonEntriesMax = 100'000;

struct JsonLimits {
  /// Of one body.
  size_t points_max = kBatchPointsMax;
};

/// Reads bodies, one at a time, on one thread. Keeps its buffers between them, unless they grew
/// very large.
///
/// Memory: about five times the body at worst (simdjson's list of places), besides what becomes of
/// it. Lists, vectors and payloads are given up as soon as they pass their bounds.
class JsonReader {
 public:
  explicit JsonReader(JsonLimits limits = {});
  ~JsonReader();

  /// Reads `body`, which must be one JSON object, into `message`. `bound` are fields that were
  /// given elsewhere (in the path): they count as present and may not stand in the body. `body` may
  /// be given more capacity, its text stays. Errors: invalid_argument, with the place
  /// ("points[3].vector[7]"): not JSON (the message then names the byte), unknown or repeated
  /// fields, wrong types, values that do not fit, missing fields, bounds. `message` is in an
  /// unspecified state then.
  template <typename Message>
  Result<void> read(std::string* body, Message* message,
                    std::span<const std::string_view> bound = {});

 private:
  class Scratch;
  JsonLimits limits_;
  std::unique_ptr<Scratch> scratch_;
};

/// What `message` takes in memory, about.
template <typename Message>
size_t memory_bytes(const Message& message);

/// `message` as JSON. Errors: out_of_range (more than `bytes_max` bytes), data_loss (a payload that
/// is not a FlexBuffer).
template <typename Message>
Result<std::string> to_json(const Message& message, size_t bytes_max);

}  // namespace vectron::gateway
