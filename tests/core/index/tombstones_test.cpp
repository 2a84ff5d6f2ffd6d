#include "core/index/tombstones.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <vector>

namespace vectron::index {
namespace {

TEST(Tombstones, RemembersEveryCutThatWasTaken) {
  EXPECT_TRUE(rc::check([] {
    Tombstones tombstones;
    std::vector<Slot> live;
    Slot slots = 0;
    std::vector<std::pair<Cut, std::set<Slot>>> cuts;
    const auto steps = *rc::gen::container<std::vector<uint32_t>>(rc::gen::arbitrary<uint32_t>());
    for (const uint32_t step : steps) {
      if (step % 3 != 0 || live.empty()) {
        tombstones.append(slots);
        live.push_back(slots++);
      } else {
        const size_t victim = step / 3 % live.size();
        tombstones.remove(live[victim]);
        live.erase(live.begin() + static_cast<ptrdiff_t>(victim));
      }
      cuts.emplace_back(Cut{slots, tombstones.count()}, std::set<Slot>(live.begin(), live.end()));
    }
    for (const auto& [cut, expected] : cuts) {
      RC_ASSERT(cut.live() == expected.size());
      for (Slot slot = 0; slot < slots; ++slot) {
        RC_ASSERT(tombstones.live_at(slot, cut) == expected.contains(slot));
      }
    }
  }));
}

TEST(TombstonesDeathTest, RefusesToRemoveASlotTwice) {
  Tombstones tombstones;
  tombstones.append(0);
  tombstones.remove(0);
  EXPECT_DEATH(tombstones.remove(0), "removed already");
}

}  // namespace
}  // namespace vectron::index
