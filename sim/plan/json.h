// JSON as plans, failure files and reports need it: objects in written order, integers exact,
// nothing lenient.
//
// Sits at the bottom of sim/plan and knows nothing of plans. The reader refuses duplicate names,
// trailing text and numbers that are not integers of 64 bits, and names the line of each error: a
// person edits these files by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace vectron::sim {

class Json;
using JsonArray = std::vector<Json>;
using JsonMember = std::pair<std::string, Json>;
using JsonObject = std::vector<JsonMember>;

/// Nested arrays and objects.
inline constexpr int kJsonDepthMax = 32;

/// A JSON value. Copies are deep.
class Json {
 public:
  /// Fixed-point decimals, for reports only (the reader knows integers alone).
  struct Decimal {
    double value = 0;
    bool operator==(const Decimal&) const = default;
  };
  using Value = std::variant<std::nullptr_t, bool, uint64_t, int64_t, Decimal, std::string,
                             JsonArray, JsonObject>;

  Json() : value_(nullptr) {}
  Json(bool value) : value_(value) {}                    // NOLINT(google-explicit-constructor)
  Json(uint64_t value) : value_(value) {}                // NOLINT(google-explicit-constructor)
  Json(uint32_t value) : value_(uint64_t{value}) {}      // NOLINT(google-explicit-constructor)
  Json(int64_t value);                                   // NOLINT(google-explicit-constructor)
  Json(Decimal value) : value_(value) {}                 // NOLINT(google-explicit-constructor)
  Json(std::string value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Json(std::string_view value)
      : value_(std::string(value)) {}                      // NOLINT(google-explicit-constructor)
  Json(const char* value) : value_(std::string(value)) {}  // NOLINT(google-explicit-constructor)
  Json(JsonArray value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Json(JsonObject value) : value_(std::move(value)) {}     // NOLINT(google-explicit-constructor)

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }
  /// The member `name` of an object, or null.
  const Json* find(std::string_view name) const;

  /// One line without spaces.
  std::string compact() const;
  /// Indented by two spaces; short arrays of numbers stay on one line.
  std::string pretty() const;

  bool operator==(const Json&) const = default;

 private:
  Value value_;
};

/// Reads one JSON document. Errors: invalid_argument with the line.
Result<Json> parse_json(std::string_view text);

/// `text` as a JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace vectron::sim
