#include "services/daemon/role.h"

namespace vectron {

std::string_view Role::name() const {
  return place_ == 0 ? "up" : vectron::service(*service()).name;
}

std::vector<Role> all_roles() {
  std::vector<Role> roles = {Role::up};
  for (const Service& service : roster()) roles.emplace_back(service.id);
  return roles;
}

std::string service_names() {
  std::string names;
  for (const Service& service : roster()) {
    const bool last = &service == &roster().back();
    names += fmt::format("{}{}", names.empty() ? "" : last ? " or " : ", ", service.name);
  }
  return names;
}

std::optional<Address> http_of(const Settings& settings, Role role) {
  if (settings.http_said || role != Role::up) return settings.http;
  return Address{"127.0.0.1:8080"};
}

}  // namespace vectron
