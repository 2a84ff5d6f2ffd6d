// What a bench says: one ratio against its goals, and how it came about.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vectron::bench {

/// A JSON object that keeps the order in which its fields were added.
class Fields {
 public:
  void add(std::string_view name, double value);
  void add(std::string_view name, size_t value);
  void add(std::string_view name, std::string_view text);
  void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }
  void add(std::string_view name, bool value);
  void add(std::string_view name, const std::vector<double>& values);
  void add(std::string_view name, const Fields& object);

  std::string to_json() const;
  /// A line for each field, indented by two spaces for each level.
  std::string to_text(size_t depth = 0) const;

 private:
  struct Field {
    std::string name;
    std::string json;
    std::vector<Fields> object;  // At most one.
  };
  void put(std::string_view name, std::string json);

  std::vector<Field> fields_;
};

/// A ratio and what it should be.
struct Goal {
  /// Of its fields in the report; "value" is the bench's own.
  std::string name;
  double value = 0;
  double must = 0;
  double aim = 0;
  /// Of times rather than rates: the goal is reached from above.
  bool lower_is_better = false;
  /// Printed only: whatever it is, the bench does not fail because of it.
  bool informative = false;

  bool reached() const { return informative || (lower_is_better ? value <= must : value >= must); }
};

struct Report {
  std::string bench;
  /// The first one is the bench's value.
  std::vector<Goal> goals;
  Fields details;

  bool reached() const;
  /// One object: bench, value, must, aim, further goals as value_NAME, must_NAME, aim_NAME,
  /// machine, details.
  std::string to_json() const;
  std::string to_text() const;
};

/// The machine that the bench runs on: processor, cores, memory, kernel, load.
Fields describe_machine();

/// The median; the mean of the middle two of an even number. Requires: not empty.
double median(std::vector<double> values);
/// The value below which `share` of the values lie, nearest rank. Requires: not empty.
double percentile(std::vector<double> values, double share);

}  // namespace vectron::bench
