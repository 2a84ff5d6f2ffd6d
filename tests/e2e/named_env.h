// An Env whose network knows nodes by names that a test gives them: a process that comes back at
// another port is found under its old name. Everything else is the Env behind it.
#pragma once

#include <map>

#include "core/env/env.h"

namespace vectron {

class NamedNetwork final : public Network {
 public:
  explicit NamedNetwork(Network* outside) : outside_(outside) {}

  void name(const std::string& address, Address real) { real_[Address{address}] = std::move(real); }

  Result<std::unique_ptr<Listener>> listen(const Address& address) override {
    return outside_->listen(address);
  }
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override {
    const auto found = real_.find(address);
    return outside_->connect(found == real_.end() ? address : found->second);
  }

 private:
  Network* outside_;
  std::map<Address, Address> real_;
};

class NamedEnv final : public Env {
 public:
  /// Both outlive it.
  NamedEnv(Env* env, Network* network) : env_(*env), network_(*network) {}

  Scheduler& scheduler() override { return env_.scheduler(); }
  Clock& clock() override { return env_.clock(); }
  Network& network() override { return network_; }
  Disk& disk() override { return env_.disk(); }
  Cpu& cpu() override { return env_.cpu(); }
  Log& log() override { return env_.log(); }
  Metrics& metrics() override { return env_.metrics(); }
  RandomStream random(std::string_view name) override { return env_.random(name); }
  bool buggify(std::string_view) override { return false; }
  bool planted(std::string_view) override { return false; }

 private:
  Env& env_;
  Network& network_;
};

}  // namespace vectron
