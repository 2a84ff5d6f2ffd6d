// Runnable: a service with its configuration, whichever it is, ready to run once.
//
// What a service is to whoever runs it: the part of its configuration that all have, and a task.
#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include "core/async/task.h"
#include "core/env/env.h"
#include "services/node/node_config.h"

namespace vectron {

class Runnable {
 public:
  template <std::derived_from<NodeConfig> Config>
  Runnable(Config config, Task<Result<void>> (*run)(Env*, Config))
      : service_(std::make_unique<Of<Config>>(std::move(config), run)) {}

  NodeConfig& config() { return service_->config(); }
  /// Runs until `config().stop` is set, or until the task is destroyed. `env` outlives it.
  /// Requires: it was not called before. Errors: those of the service.
  Task<Result<void>> run(Env* env) { return service_->run(env); }

 private:
  class Any {
   public:
    virtual ~Any() = default;
    virtual NodeConfig& config() = 0;
    virtual Task<Result<void>> run(Env* env) = 0;
  };

  template <typename Config>
  class Of final : public Any {
   public:
    Of(Config config, Task<Result<void>> (*run)(Env*, Config))
        : config_(std::move(config)), run_(run) {}
    NodeConfig& config() override { return config_; }
    Task<Result<void>> run(Env* env) override { return run_(env, std::move(config_)); }

   private:
    Config config_;
    Task<Result<void>> (*run_)(Env*, Config);
  };

  std::unique_ptr<Any> service_;
};

}  // namespace vectron
