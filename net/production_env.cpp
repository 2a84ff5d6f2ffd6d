#include "net/production_env.h"

#include <sys/random.h>
#include <time.h>

namespace vectron {

class ProductionEnv::MachineClock final : public Clock {
 public:
  explicit MachineClock(Scheduler& scheduler) : scheduler_(scheduler) {}

  Instant monotonic() override { return machine_monotonic(); }
  WallTime wall() override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return WallTime(Duration(now.tv_sec * 1'000'000'000LL + now.tv_nsec));
  }
  Instant scheduler_time(Instant local) override { return local; }
  Scheduler& scheduler() override { return scheduler_; }

 private:
  Scheduler& scheduler_;
};

/// Destroyed from the last to the first: work on the pools is joined before the folder is unlocked.
struct ProductionEnv::Parts {
  Parts(EventLoop& loop_in, ProductionPools& pools, Network& network_in, LogSink& sink,
        const ProductionEnvConfig& config, std::unique_ptr<FileDisk> disk_in)
      : loop(loop_in),
        network(network_in),
        clock(loop_in.scheduler()),
        log(sink, config.node_name),
        disk(std::move(disk_in)),
        cpu(loop_in, pools.cpu, pools.background) {}

  EventLoop& loop;
  Network& network;
  MachineClock clock;
  NodeLog log;
  Metrics metrics;
  uint64_t entropy = 0;
  std::unique_ptr<FileDisk> disk;
  PoolCpu cpu;
};

Result<std::unique_ptr<ProductionEnv>> ProductionEnv::open(EventLoop& loop, ProductionPools& pools,
                                                           Network& network, LogSink& sink,
                                                           const ProductionEnvConfig& config) {
  const FileDisk::Pools disk_pools{.files = &pools.files, .key_values = &pools.key_values};
  VECTRON_TRY(auto disk, FileDisk::open(loop, disk_pools, config.root));
  auto parts = std::make_unique<Parts>(loop, pools, network, sink, config, std::move(disk));
  const ssize_t got = ::getrandom(&parts->entropy, sizeof(parts->entropy), 0);
  VECTRON_ASSERT(got == sizeof(parts->entropy), "getrandom returned {}", got);
  return std::unique_ptr<ProductionEnv>(new ProductionEnv(std::move(parts)));
}

ProductionEnv::ProductionEnv(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ProductionEnv::~ProductionEnv() = default;

Scheduler& ProductionEnv::scheduler() {
  return parts_->loop.scheduler();
}
Clock& ProductionEnv::clock() {
  return parts_->clock;
}
Network& ProductionEnv::network() {
  return parts_->network;
}
Disk& ProductionEnv::disk() {
  return *parts_->disk;
}
Cpu& ProductionEnv::cpu() {
  return parts_->cpu;
}
Log& ProductionEnv::log() {
  return parts_->log;
}
Metrics& ProductionEnv::metrics() {
  return parts_->metrics;
}
RandomStream ProductionEnv::random(std::string_view name) {
  return {parts_->entropy, name};
}

}  // namespace vectron
