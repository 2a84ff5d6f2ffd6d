// Role: what a process runs as: a node of one service, or `up`, a whole cluster in one process.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/roster.h"
#include "services/settings.h"

namespace vectron {

class Role {
 public:
  static const Role up;

  // A service is a role.
  constexpr Role(ServiceId service)  // NOLINT(google-explicit-constructor)
      : place_(static_cast<uint8_t>(service) + 1) {}

  /// None for `up`.
  constexpr std::optional<ServiceId> service() const {
    if (place_ == 0) return std::nullopt;
    return static_cast<ServiceId>(place_ - 1);
  }
  /// Its place among all roles: 0 for `up`, then the services in the order of the roster.
  constexpr uint8_t place() const { return place_; }
  std::string_view name() const;
  /// Whether a node of `service` runs in such a process.
  constexpr bool runs(ServiceId service) const { return place_ == 0 || *this == Role(service); }
  constexpr bool operator==(const Role&) const = default;

 private:
  constexpr Role() = default;

  uint8_t place_ = 0;
};

inline constexpr Role Role::up;

/// All roles, `up` first.
std::vector<Role> all_roles();
/// "placement, worker or gateway".
std::string service_names();

/// Where `role` serves HTTP; absent for nowhere. `up` does so on loopback when nothing is said.
std::optional<Address> http_of(const Settings& settings, Role role);

}  // namespace vectron
