// ChannelPool: a node's Channels, one for each node at an address.
#pragma once

#include <list>
#include <map>
#include <memory>

#include "core/rpc/channel.h"
#include "core/rpc/node_address.h"

namespace vectron::rpc {

class ChannelPool {
 public:
  /// Keeps `channels_max` channels, those used last. Requires: config.validate(); `env` outlives
  /// the pool and all that it gave out.
  ChannelPool(Env& env, ClientConfig config, size_t channels_max = 1'024)
      : env_(env), config_(config), channels_max_(channels_max) {}

  /// The channel to `peer`, which talks to no other node at that address; made (but not connected)
  /// when there is none. One that left the pool lives on while somebody holds it. O(log n).
  std::shared_ptr<Channel> channel(const NodeAddress& peer);
  /// The same for who does not know which node answers there.
  std::shared_ptr<Channel> channel(const Address& address) {
    return channel(NodeAddress{NodeId(), address});
  }

  size_t size() const { return by_peer_.size(); }

 private:
  struct Kept {
    NodeAddress peer;
    std::shared_ptr<Channel> channel;
  };
  using Order = std::list<Kept>;

  Env& env_;
  ClientConfig config_;
  size_t channels_max_;
  Order used_last_first_;
  std::map<NodeAddress, Order::iterator> by_peer_;
};

}  // namespace vectron::rpc
