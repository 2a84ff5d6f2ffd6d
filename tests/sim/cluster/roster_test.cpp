// Services have the same names wherever they are listed, and a service that the simulation alone
// has runs as they do.
#include "services/roster.h"

#include <gtest/gtest.h>

#include "sim/cluster/node_configs.h"
#include "sim/plan/plan_services.h"

namespace vectron::sim {
namespace {

TEST(Roster, PlansHaveTheServicesThatThereAre) {
  ASSERT_EQ(plan_services().size(), roster().size());
  for (size_t i = 0; i < roster().size(); ++i) {
    EXPECT_EQ(plan_services()[i].name, roster()[i].name);
    EXPECT_EQ(plan_services()[i].plural, roster()[i].plural);
    EXPECT_EQ(plan_services()[i].keeps_data, roster()[i].keeps_data) << roster()[i].name;
  }
}

TEST(Roster, NumbersLeadBackToTheirNodes) {
  for (const Service& each : roster()) {
    for (const uint32_t number : {0U, 1U, 98U}) {
      EXPECT_EQ(address_of(node_id(each.id, number)), node_address(each.id, number));
    }
    EXPECT_EQ(find_service(each.name), &each);
    EXPECT_EQ(&service(each.id), &each);
  }
  EXPECT_EQ(find_service("baker"), nullptr);
}

}  // namespace
}  // namespace vectron::sim
