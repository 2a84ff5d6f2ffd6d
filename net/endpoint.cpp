#include "net/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "core/base/shown.h"

namespace vectron {

namespace {

Result<std::vector<Endpoint>> look_up(const HostPort& where, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(where.port);
  const int error = ::getaddrinfo(where.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return fail(Code::unavailable, "cannot resolve '" + where.host + "': " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
    Endpoint endpoint;
    if (one->ai_addrlen > sizeof(endpoint.storage)) continue;
    std::memcpy(&endpoint.storage, one->ai_addr, one->ai_addrlen);
    endpoint.size = one->ai_addrlen;
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

}  // namespace

Result<HostPort> parse_host_port(const Address& address) {
  const std::string& text = address.text;
  const auto bad = [&text] {
    return fail(Code::invalid_argument,
                "'" + std::string(shown(text)) + "' is not an address: 'host:port' is expected");
  };
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return bad();
  const bool bracketed = text.starts_with('[');
  if (!bracketed && text.find(':') != colon) {
    // Which of its parts the port is nobody can tell.
    return fail(Code::invalid_argument,
                "'" + std::string(shown(text)) +
                    "' is not an address: an IPv6 host stands in brackets, as in '[::1]:8080'");
  }
  HostPort result;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, result.port);
  if (error != std::errc() || rest != end) return bad();
  result.host = text.substr(0, colon);
  if (result.host.starts_with('[') && result.host.ends_with(']')) {
    result.host = result.host.substr(1, result.host.size() - 2);
  } else if (bracketed) {
    return bad();
  }
  if (result.host.empty() || result.host.find('\0') != text.npos) return bad();
  return result;
}

Address Endpoint::address() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return {std::string(text) + ":" + std::to_string(ntohs(v4.sin_port))};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
  return {"[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port))};
}

void Endpoint::set_port(uint16_t port) {
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  }
}

uint16_t Endpoint::port() const {
  return ntohs(family() == AF_INET ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                                   : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

std::vector<Endpoint> numeric_endpoints(const HostPort& where) {
  auto endpoints = look_up(where, AI_NUMERICHOST);
  return endpoints.has_value() ? *std::move(endpoints) : std::vector<Endpoint>();
}

Result<std::vector<Endpoint>> resolve_blocking(const HostPort& where) {
  return look_up(where, 0);
}

Result<std::vector<Endpoint>> listening_endpoints(const HostPort& where) {
  // The resolver takes `*` for loopback.
  const bool everywhere = is_every_address(where);
  std::vector<Endpoint> endpoints;
  if (!everywhere) endpoints = numeric_endpoints(where);
  if (!endpoints.empty()) return endpoints;
  if (everywhere || where.host == "localhost") {
    for (const char* host : {everywhere ? "0.0.0.0" : "127.0.0.1", everywhere ? "::" : "::1"}) {
      for (const Endpoint& endpoint : numeric_endpoints({host, where.port})) {
        endpoints.push_back(endpoint);
      }
    }
    return endpoints;
  }
  VECTRON_TRY(const std::vector<Endpoint> found, resolve_blocking(where));
  for (const Endpoint& endpoint : found) {
    const auto same = [&](const Endpoint& other) { return other.address() == endpoint.address(); };
    if (std::ranges::none_of(endpoints, same)) endpoints.push_back(endpoint);
  }
  return endpoints;
}

Endpoint local_endpoint(int socket) {
  Endpoint endpoint;
  endpoint.size = sizeof(endpoint.storage);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&endpoint.storage), &endpoint.size);
  return endpoint;
}

Endpoint remote_endpoint(int socket) {
  Endpoint endpoint;
  endpoint.size = sizeof(endpoint.storage);
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&endpoint.storage), &endpoint.size);
  return endpoint;
}

}  // namespace vectron
