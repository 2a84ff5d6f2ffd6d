// Metrics of a node, declared in one table (core/env/metrics_table.def) with unit and meaning.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vectron {

enum class Metric : uint16_t {
#define VECTRON_METRIC(name, unit, meaning) name,
#define VECTRON_GAUGE(name, unit, meaning) name,
#include "core/env/metrics_table.def"
#undef VECTRON_GAUGE
#undef VECTRON_METRIC
  count
};

struct MetricRow {
  std::string_view name;
  std::string_view unit;
  std::string_view meaning;
  /// A level rather than a count.
  bool gauge = false;
};
const MetricRow& metric_row(Metric metric);

/// Counters and levels of one node. Single-threaded: touched on the node's event loop only.
class Metrics {
 public:
  void add(Metric metric, uint64_t amount = 1) { values_[static_cast<size_t>(metric)] += amount; }
  /// Of a gauge.
  void set(Metric metric, uint64_t value) { values_[static_cast<size_t>(metric)] = value; }
  uint64_t value(Metric metric) const { return values_[static_cast<size_t>(metric)]; }

 private:
  std::array<uint64_t, static_cast<size_t>(Metric::count)> values_{};
};

}  // namespace vectron
