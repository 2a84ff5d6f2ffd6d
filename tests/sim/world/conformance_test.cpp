// The simulated world passes the conformance suite of every Env.
#include "core/base/assert.h"
#include "sim/world/world.h"
#include "tests/conformance/world.h"

namespace vectron::conformance {
namespace {

class Simulated final : public World {
 public:
  Simulated(uint64_t seed, sim::WorldConfig config) : world_(seed, std::move(config)) {}

  Env& node(size_t index) override { return started(index).env(); }
  TaskGroup& tasks(size_t index) override { return started(index).tasks(); }
  bool run_until(const std::function<bool()>& done, Duration limit) override {
    return world_.run_until(done, world_.now() + limit);
  }
  Address free_address(size_t index) override {
    return {fmt::format("{}:0", started(index).name())};
  }
  bool work_runs_beside_loop() const override { return false; }
  bool can_stop(Stop) const override { return true; }
  void restart(size_t index, Stop how) override {
    sim::SimNode& node = started(index);
    switch (how) {
      case Stop::orderly:
        node.stop();
        break;
      case Stop::process_kill:
        node.crash(sim::CrashKind::process_kill);
        break;
      case Stop::power_loss:
        node.crash(sim::CrashKind::power_loss);
        break;
    }
    node.start();
  }

 private:
  sim::SimNode& started(size_t index) {
    while (world_.nodes().size() <= index) {
      world_.add_node(fmt::format("node-{}", world_.nodes().size()));
    }
    sim::SimNode& node = *world_.nodes()[index];
    if (!node.running()) node.start();
    return node;
  }

  sim::SimWorld world_;
};

std::unique_ptr<World> make_calm() {
  return std::make_unique<Simulated>(1, sim::WorldConfig{});
}

/// Legal trouble only: delays and short reads and writes.
std::unique_ptr<World> make_rough() {
  sim::WorldConfig config;
  config.network.latency_max = 5ms;
  config.network.delay_tail_ppm = 20'000;
  config.network.delay_tail_max = 300ms;
  config.network.short_io_ppm = 300'000;
  config.network.stall_ppm = 1'000;
  config.network.stall_max = 1s;
  return std::make_unique<Simulated>(2, std::move(config));
}

const auto kWorlds = testing::Values(WorldKind{"calm", make_calm}, WorldKind{"rough", make_rough});
INSTANTIATE_TEST_SUITE_P(Simulated, ClockConformance, kWorlds, world_name);
INSTANTIATE_TEST_SUITE_P(Simulated, NetworkConformance, kWorlds, world_name);
INSTANTIATE_TEST_SUITE_P(Simulated, CpuConformance, kWorlds, world_name);
INSTANTIATE_TEST_SUITE_P(Simulated, DiskConformance, kWorlds, world_name);
INSTANTIATE_TEST_SUITE_P(Simulated, KvDirectoryConformance, kWorlds, world_name);

}  // namespace
}  // namespace vectron::conformance
