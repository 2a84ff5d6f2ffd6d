#include "core/env/metrics.h"

#include "core/base/assert.h"

namespace vectron {
namespace {

constexpr MetricRow kRows[] = {
#define VECTRON_METRIC(name, unit, meaning) {#name, unit, meaning, false},
#define VECTRON_GAUGE(name, unit, meaning) {#name, unit, meaning, true},
#include "core/env/metrics_table.def"
#undef VECTRON_GAUGE
#undef VECTRON_METRIC
};
static_assert(std::size(kRows) == static_cast<size_t>(Metric::count));

}  // namespace

const MetricRow& metric_row(Metric metric) {
  VECTRON_ASSERT(metric < Metric::count);
  return kRows[static_cast<size_t>(metric)];
}

}  // namespace vectron
