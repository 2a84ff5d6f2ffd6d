#include "tests/net/production_world.h"

#include "core/async/sync.h"

namespace vectron {

namespace {

/// Wakes the loop now and then, for conditions that other threads bring about.
class Tick final : public QueuedEvent {
 public:
  explicit Tick(EventLoop& loop) : loop_(loop) { fire(); }

 protected:
  void fire() override { loop_.scheduler().post_at(*this, machine_monotonic() + 500us); }

 private:
  EventLoop& loop_;
};

}  // namespace

bool run_loop(EventLoop& loop, const std::function<bool()>& done, Duration limit) {
  Tick tick(loop);
  const Instant last = machine_monotonic() + limit;
  bool was_done = false;
  loop.run_until([&] { return (was_done = done()) || machine_monotonic() >= last; });
  return was_done;
}

ProductionWorld::ProductionWorld(Links links) : links_(links) {}

ProductionWorld::~ProductionWorld() {
  // All tasks before any Env, since tests let tasks of one node use connections of another.
  for (auto& [index, process] : processes_) process.tasks.reset();
}

ProductionWorld::Process& ProductionWorld::process(size_t index) {
  Process& process = processes_[index];
  if (process.env != nullptr) return process;
  Network& network = links_ == Links::tcp ? static_cast<Network&>(tcp_) : in_process_;
  const std::string name = "n" + std::to_string(index);
  auto env = ProductionEnv::open(loop_, pools_, network, sink_,
                                 {.node_name = name, .root = folder_.path() + "/" + name});
  if (!env.has_value()) throw std::runtime_error(env.error().to_string());
  process.env = *std::move(env);
  process.tasks = std::make_unique<TaskGroup>(loop_.scheduler());
  return process;
}

bool ProductionWorld::run_until(const std::function<bool()>& done, Duration limit) {
  return run_loop(loop_, done, limit);
}

Address ProductionWorld::free_address(size_t index) {
  if (links_ == Links::tcp) return {index % 2 == 0 ? "[::1]:0" : "127.0.0.1:0"};
  return {"@n" + std::to_string(index) + ":0"};
}

void ProductionWorld::restart(size_t index, conformance::Stop) {
  processes_[index].tasks.reset();
  processes_[index].env.reset();
  process(index);
}

namespace conformance {
namespace {

std::unique_ptr<World> tcp_world() {
  return std::make_unique<ProductionWorld>(ProductionWorld::Links::tcp);
}
std::unique_ptr<World> in_process_world() {
  return std::make_unique<ProductionWorld>(ProductionWorld::Links::in_process);
}
constexpr WorldKind kTcp{"Tcp", tcp_world};
constexpr WorldKind kInProcess{"InProcess", in_process_world};

INSTANTIATE_TEST_SUITE_P(Production, ClockConformance, testing::Values(kTcp), world_name);
INSTANTIATE_TEST_SUITE_P(Production, NetworkConformance, testing::Values(kTcp, kInProcess),
                         world_name);
INSTANTIATE_TEST_SUITE_P(Production, CpuConformance, testing::Values(kTcp), world_name);
INSTANTIATE_TEST_SUITE_P(Production, DiskConformance, testing::Values(kTcp), world_name);
INSTANTIATE_TEST_SUITE_P(Production, KvDirectoryConformance, testing::Values(kTcp), world_name);

}  // namespace
}  // namespace conformance

}  // namespace vectron
