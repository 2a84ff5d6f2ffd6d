// Addresses as the socket calls want them.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/env/network.h"

namespace vectron {

/// "host:port" taken apart: host "::1" for "[::1]:80".
struct HostPort {
  std::string host;
  uint16_t port = 0;
};

/// Errors: invalid_argument.
Result<HostPort> parse_host_port(const Address& address);

/// Whether the host is `*`: all addresses of this machine, which only a listener can have.
inline bool is_every_address(const HostPort& where) {
  return where.host == "*";
}

/// An IPv4 or IPv6 socket address.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  /// Gives it another port.
  void set_port(uint16_t port);
  uint16_t port() const;
  /// "1.2.3.4:80" or "[::1]:80".
  Address address() const;
};

/// The endpoint of a numeric host; empty when the host is a name.
std::vector<Endpoint> numeric_endpoints(const HostPort& where);

/// Asks the system's resolver; blocks, for seconds when a name server is down. Errors: unavailable.
Result<std::vector<Endpoint>> resolve_blocking(const HostPort& where);

/// Where a listener at `where` listens: both families of `*` and of `localhost` (whatever the
/// resolver says of the latter), every address of another name. Blocks as resolve_blocking() does.
Result<std::vector<Endpoint>> listening_endpoints(const HostPort& where);

/// The local end of a socket, or its remote one.
Endpoint local_endpoint(int socket);
Endpoint remote_endpoint(int socket);

}  // namespace vectron
