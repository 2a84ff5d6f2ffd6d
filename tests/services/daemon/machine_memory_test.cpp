#include "services/daemon/machine_memory.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(MachineMemory, ReadsALimitOrThatThereIsNone) {
  EXPECT_EQ(memory_limit_of("536870912\n"), 536'870'912u);
  EXPECT_FALSE(memory_limit_of("max\n").has_value());
  EXPECT_FALSE(memory_limit_of("").has_value());
}

TEST(MachineMemory, IsSharedByTheWorkersOfAMachine) {
  EXPECT_EQ(worker_memory_bytes_default(8'000, 1), 6'000u);
  EXPECT_EQ(worker_memory_bytes_default(8'000, 3), 2'000u);
  EXPECT_GT(machine_memory_bytes(), uint64_t{64} << 20);
}

}  // namespace
}  // namespace vectron
