// ChannelPool: a node's Channels, one for each address.
#pragma once

#include <list>
#include <map>
#include <memory>

#include "core/rpc/channel.h"

namespace vectron::rpc {

class ChannelPool {
 public:
  /// Keeps `channels_max` channels, those used last. Requires: config.validate(); `env` outlives
  /// the pool and all that it gave out.
  ChannelPool(Env& env, ClientConfig config, size_t channels_max = 1'024)
      : env_(env), config_(config), channels_max_(channels_max) {}

  /// The channel to `address`; made (but not connected) when there is none. One that left the pool
  /// lives on while somebody holds it. O(log n).
  std::shared_ptr<Channel> channel(const Address& address);

  size_t size() const { return by_address_.size(); }

 private:
  using Order = std::list<std::shared_ptr<Channel>>;

  Env& env_;
  ClientConfig config_;
  size_t channels_max_;
  Order used_last_first_;
  std::map<Address, Order::iterator> by_address_;
};

}  // namespace vectron::rpc
