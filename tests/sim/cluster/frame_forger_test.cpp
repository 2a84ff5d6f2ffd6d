// Random bytes as connections of a stranger, to each role of a small cluster. The same as the fuzz
// target `roles` does with chosen ones.
//
// VECTRON_FRAME_INPUTS raises the number of inputs (nightly runs), VECTRON_FRAME_SEED sets the
// first.
#include "sim/cluster/frame_forger.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/random.h"
#include "sim/cluster/frame_plan.h"

namespace vectron::sim {
namespace {

uint64_t number_from(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(FrameForger, FindsNoRoleThatAStrangerCanHurt) {
  ASSERT_TRUE(frame_plan().validate().has_value());
  const uint64_t first = number_from("VECTRON_FRAME_SEED", 1);
  const uint64_t inputs = number_from("VECTRON_FRAME_INPUTS", 20);
  for (uint64_t seed = first; seed < first + inputs; ++seed) {
    RandomStream random(seed, "frames");
    Bytes bytes(1 + random.below(4'000));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
    const RunReport report = run_frames(bytes);
    for (const Violation& violation : report.violations) {
      ADD_FAILURE() << "seed " << seed << ": [" << violation.oracle << "] " << violation.text;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace vectron::sim
