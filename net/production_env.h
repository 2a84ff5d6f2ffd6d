// The production Env: a node on a real machine.
//
// A process builds, in this order: LogSink, ProductionPools, EventLoop, a Network, one
// ProductionEnv a node, the nodes' tasks; and destroys them in the opposite order. ProductionEnv's
// destructor joins the node's work on the pools, and the loop must not run any more then, or run on
// the thread that destroys.
#pragma once

#include <memory>
#include <string>

#include "core/env/env.h"
#include "net/event_loop.h"
#include "net/file_disk.h"
#include "net/log_sink.h"
#include "net/offload.h"
#include "net/thread_pool.h"

namespace vectron {

/// The threads of a process beside its loops. Shared by all of its nodes.
struct ProductionPools {
  struct Config {
    /// Of each pool that computes. 0: one for each core.
    size_t cpu_threads = 0;
    size_t file_threads = 4;
    size_t key_value_threads = 4;
  };
  explicit ProductionPools(const Config& config)
      : cpu("cpu", config.cpu_threads),
        background("background", config.cpu_threads, ThreadPool::Priority::background),
        files("files", config.file_threads),
        key_values("kv", config.key_value_threads) {}

  ThreadPool cpu;
  /// As many again, for what nobody waits for.
  ThreadPool background;
  /// Also resolves host names.
  ThreadPool files;
  ThreadPool key_values;
};

struct ProductionEnvConfig {
  /// For logs.
  std::string node_name;
  /// The node's data folder; created when absent.
  std::string root;
};

class ProductionEnv final : public Env {
 public:
  /// Opens and locks the data folder. All references outlive the Env. Errors: those of
  /// FileDisk::open.
  static Result<std::unique_ptr<ProductionEnv>> open(EventLoop& loop, ProductionPools& pools,
                                                     Network& network, LogSink& sink,
                                                     const ProductionEnvConfig& config);
  ~ProductionEnv() override;

  Scheduler& scheduler() override;
  Clock& clock() override;
  Network& network() override;
  Disk& disk() override;
  Cpu& cpu() override;
  Log& log() override;
  Metrics& metrics() override;
  /// Keyed by entropy of the system, drawn once for each ProductionEnv.
  RandomStream random(std::string_view name) override;
  bool buggify(std::string_view) override { return false; }
  bool planted(std::string_view) override { return false; }

 private:
  class MachineClock;
  struct Parts;
  explicit ProductionEnv(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace vectron
