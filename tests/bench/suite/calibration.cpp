#include "tests/bench/suite/calibration.h"

namespace vectron::bench {

Result<Calibration> calibrate(const std::function<Result<double>(size_t)>& recall_at) {
  size_t low = kEfMin - 1;  // Too small, or less than is asked for.
  Calibration best;
  for (size_t step = 16; best.ef == 0; step *= 2) {
    const size_t ef = low + step;
    VECTRON_TRY(const double recall, recall_at(ef));
    if (recall >= Calibration::kRecallMin) {
      best = {ef, recall};
    } else if (ef >= kEfMax) {
      return fail(Code::failed_precondition, "no ef reaches the recall");
    } else {
      low = ef;
    }
  }
  while (best.ef - low > 1) {
    const size_t ef = (low + best.ef) / 2;
    VECTRON_TRY(const double recall, recall_at(ef));
    if (recall >= Calibration::kRecallMin) {
      best = {ef, recall};
    } else {
      low = ef;
    }
  }
  return best;
}

}  // namespace vectron::bench
