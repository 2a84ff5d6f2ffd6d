// Network over TCP: IPv4 and IPv6, no delay, host names resolved off the loop.
//
// An address is "host:port" with a number, a name or a bracketed IPv6 host ("[::1]:7700"). One
// TcpNetwork serves all nodes of a loop. Connections and listeners may outlive it, not its loop.
#pragma once

#include <memory>

#include "core/env/network.h"
#include "net/event_loop.h"
#include "net/thread_pool.h"

namespace vectron {

class TcpNetwork final : public Network {
 public:
  /// `resolver` runs getaddrinfo for names; numeric hosts never touch it. Both outlive this object.
  TcpNetwork(EventLoop& loop, ThreadPool& resolver);
  ~TcpNetwork() override;

  /// At all addresses of a name, which is resolved here and now, and blocks; `*` and `localhost`
  /// are both families.
  Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  /// Tries each address of a name in the resolver's order.
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vectron
