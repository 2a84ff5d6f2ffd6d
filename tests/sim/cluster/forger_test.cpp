#include "sim/cluster/forger.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

TEST(Forger, SaysSoMuchASecondAsThePlanHasIt) {
  for (const uint64_t rate :
       {uint64_t{1}, uint64_t{5}, uint64_t{20}, uint64_t{25}, uint64_t{200}}) {
    const Forger::Pace pace = Forger::pace_of(rate);
    EXPECT_EQ(pace.messages * static_cast<uint64_t>(Duration(1s) / pace.pause), rate);
    EXPECT_GE(pace.pause, 40ms);
  }
  EXPECT_GE(Forger::pace_of(0).messages, 1u);
}

}  // namespace
}  // namespace vectron::sim
