// BrowserPolicy: which requests a server takes that a web page may have sent.
//
// A browser sends what any page asks it to, also to servers that only this machine can reach. Three
// things tell a page's request from a client's: the Host (a page whose name was pointed at this
// server names itself there), the Origin, and a content type that a page may not say without asking
// first (CORS).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/env/network.h"
#include "core/http/gate.h"

namespace vectron::http {

class BrowserPolicy {
 public:
  struct Config {
    /// Where the server listens: its host is a name that clients may use.
    std::vector<Address> listen;
    /// Further names, without ports; "*" for any.
    std::vector<std::string> hosts;
    /// Origins whose pages may ask and read, as "https://app.example:8443"; "*" for any.
    std::vector<std::string> origins;

    /// Errors: invalid_argument with the field: `hosts` or `origins`.
    Result<void> validate() const;
  };

  /// Requires: config.validate().
  explicit BrowserPolicy(const Config& config);

  /// As a Gate has it. The Host is not asked of probes: what looks after processes reaches them by
  /// whatever name it likes, and a page learns no more there than whether the process lives.
  Verdict judge(const Request& request, std::optional<RouteKind> kind) const;

 private:
  bool knows_host(std::string_view host) const;
  bool allows(std::string_view origin) const;
  void add_cors_fields(const Request& request, std::string_view origin,
                       std::vector<Field>* fields) const;

  std::vector<std::string> hosts_;  // In lower case, without ports.
  std::vector<std::string> origins_;
  bool any_host_ = false;
  bool any_origin_ = false;
  bool listens_everywhere_ = false;
};

/// The host of "host", "host:port" or "[::1]:port", in lower case, without brackets and without the
/// dot at the end of a full name. Empty when there is none.
std::string host_name_of(std::string_view host_and_port);

/// Whether a body of this content type is JSON in UTF-8.
bool is_json_type(std::string_view content_type);

}  // namespace vectron::http
