#include "core/rpc/channel_pool.h"

namespace vectron::rpc {

std::shared_ptr<Channel> ChannelPool::channel(const Address& address) {
  const auto found = by_address_.find(address);
  if (found != by_address_.end()) {
    used_last_first_.splice(used_last_first_.begin(), used_last_first_, found->second);
    return *found->second;
  }
  if (by_address_.size() >= channels_max_ && !used_last_first_.empty()) {
    by_address_.erase(used_last_first_.back()->address());
    used_last_first_.pop_back();
  }
  used_last_first_.push_front(std::make_shared<Channel>(env_, address, config_));
  by_address_.emplace(address, used_last_first_.begin());
  return used_last_first_.front();
}

}  // namespace vectron::rpc
