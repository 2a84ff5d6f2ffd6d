#include "sim/plan/without.h"

#include <algorithm>

namespace vectron::sim {
namespace {

void calm(PlanIntensities& out, FaultClass fault_class) {
  switch (fault_class) {
    case FaultClass::delay:
      out.delay_base_us_max = out.delay_tail_us_max = out.delay_tail_ppm = 0;
      break;
    case FaultClass::reset:
      out.reset_ppm = 0;
      break;
    case FaultClass::half_open:
      out.half_open_ppm = 0;
      break;
    case FaultClass::short_io:
      out.short_io_ppm = 0;
      break;
    case FaultClass::stall:
      out.stall_ppm = out.stall_us_max = 0;
      break;
    case FaultClass::connect:
      out.refuse_ppm = out.hang_ppm = 0;
      break;
    case FaultClass::message:
      out.message_lose_ppm = out.message_repeat_ppm = out.message_overtake_ppm = 0;
      break;
    case FaultClass::forgery:
      out.forged_per_second = 0;
      break;
    case FaultClass::clock_skew:
      out.clock_offset_ms_max = out.clock_drift_ppm_max = 0;
      break;
    default:
      break;  // Scheduled faults alone.
  }
}

}  // namespace

Plan plan_without(Plan plan, FaultClass fault_class) {
  calm(plan.intensities, fault_class);
  std::erase_if(plan.faults,
                [&](const PlannedFault& fault) { return fault.fault_class == fault_class; });
  std::erase(plan.switched_on, std::string(fault_class_name(fault_class)));
  if (fault_class == FaultClass::lost_unsynced) plan.lost_unsynced = false;
  if (fault_class == FaultClass::torn_write) plan.torn_writes = false;
  if (fault_class == FaultClass::knobs) plan.knobs = {};
  return plan;
}

}  // namespace vectron::sim
