// SimEnv: the Env of one simulated process, from its start to its end.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/env/env.h"
#include "sim/world/clock.h"
#include "sim/world/config.h"
#include "sim/world/cpu.h"
#include "sim/world/node_disk.h"
#include "sim/world/node_network.h"
#include "sim/world/tie_scheduler.h"

namespace vectron::sim {

class NodeClock final : public Clock {
 public:
  NodeClock(SimNode* node, const SimClock* clock, Scheduler* scheduler)
      : node_(*node), clock_(*clock), scheduler_(*scheduler) {}
  Instant monotonic() override { return clock_.monotonic(scheduler_.now()); }
  WallTime wall() override;
  Instant scheduler_time(Instant local) override;
  Scheduler& scheduler() override { return scheduler_; }

 private:
  SimNode& node_;
  const SimClock& clock_;
  Scheduler& scheduler_;
};

/// Hands a node's lines to WorldConfig::log_sink.
class SimLog final : public Log {
 public:
  SimLog(const SimWorld* world, const SimNode* node) : world_(*world), node_(*node) {}
  bool enabled(LogLevel level) const override;
  void write(LogLevel level, std::string_view component, std::string_view text) override;

 private:
  const SimWorld& world_;
  const SimNode& node_;
};

class SimEnv final : public Env {
 public:
  SimEnv(SimWorld* world, SimNode* node, uint64_t incarnation);
  SimEnv(const SimEnv&) = delete;
  SimEnv& operator=(const SimEnv&) = delete;

  Scheduler& scheduler() override { return scheduler_; }
  Clock& clock() override { return clock_; }
  NodeNetwork& network() override { return network_; }
  NodeDisk& disk() override { return disk_; }
  Cpu& cpu() override { return cpu_; }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  RandomStream random(std::string_view name) override;
  bool buggify(std::string_view point) override;
  bool planted(std::string_view name) override;
  MessageFate message_fate() override;

 private:
  struct BuggifyPoint {
    bool active = false;
    RandomStream random;
  };

  SimWorld& world_;
  SimNode& node_;
  const uint64_t incarnation_;
  TieScheduler scheduler_;
  NodeClock clock_;
  NodeNetwork network_;
  RandomStream message_fates_;
  SimLog log_;
  Metrics metrics_;
  /// Looked up, never iterated.
  std::unordered_map<std::string_view, BuggifyPoint> buggify_points_;
  // Dropped first: functions that have not run may own key-value environments.
  NodeDisk disk_;
  SimCpu cpu_;
};

}  // namespace vectron::sim
