// NodeNetwork: the network as one process sees it. Part of its Env, and gone with it.
#pragma once

#include <memory>
#include <string_view>

#include "core/async/event_queue.h"
#include "core/env/network.h"
#include "sim/world/network.h"

namespace vectron::sim {

class NodeNetwork final : public Network {
 public:
  NodeNetwork(SimWorld* world, SimNetwork* network, SimNode* node, Scheduler* scheduler);

  Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override;

  /// The machine loses power: connections that go from now on say nothing to their peers.
  void lose_power() { powered_ = false; }
  bool powered() const { return powered_; }
  Scheduler& scheduler() { return scheduler_; }
  /// Whether something that needs a new descriptor must fail.
  bool has_no_descriptor();

 private:
  struct Target {
    size_t node;
    uint16_t port;
  };
  Result<Target> resolve(const Address& address) const;
  bool reachable(size_t node);
  std::unique_ptr<Connection> establish(ListenerState* listener, Target target);

  SimWorld& world_;
  SimNetwork& network_;
  SimNode& node_;
  Scheduler& scheduler_;
  bool powered_ = true;
};

}  // namespace vectron::sim
