#include "core/rpc/channel_pool.h"

namespace vectron::rpc {

std::shared_ptr<Channel> ChannelPool::channel(const NodeAddress& peer) {
  const auto found = by_peer_.find(peer);
  if (found != by_peer_.end()) {
    used_last_first_.splice(used_last_first_.begin(), used_last_first_, found->second);
    return found->second->channel;
  }
  if (by_peer_.size() >= channels_max_ && !used_last_first_.empty()) {
    by_peer_.erase(used_last_first_.back().peer);
    used_last_first_.pop_back();
  }
  ClientConfig config = config_;
  config.expected_node = peer.node;
  used_last_first_.push_front({peer, std::make_shared<Channel>(env_, peer.address, config)});
  by_peer_.emplace(peer, used_last_first_.begin());
  return used_last_first_.front().channel;
}

}  // namespace vectron::rpc
