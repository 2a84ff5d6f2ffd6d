#include "services/daemon/part_check.h"

#include <fmt/format.h>

#include "services/daemon/option.h"
#include "services/daemon/probes.h"

namespace vectron {
namespace {

/// A part's refusal under the name of the option: that is `prefix` and the part's own field.
Result<void> under_option(const Settings& settings, std::string_view prefix,
                          const Result<void>& checked) {
  if (checked.has_value()) return {};
  const Status& why = checked.error();
  const Option* option = find_option(fmt::format("{}{}", prefix, why.field()));
  if (option == nullptr) return checked;
  return fail(
      why.code(),
      fmt::format("{} is {}: {}", option->name, option->value.show(settings), why.message()),
      option->name);
}

// Who it is comes later for some; it is no matter of options that do not fit.
GatewayConfig whole_gateway(const Settings& settings, Role role) {
  GatewayConfig config = gateway_config(settings);
  config.cluster = ClusterId(1);
  config.node = NodeId(1);
  config.incarnation = 1;
  config.placement = {{NodeId(1), Address{"placement:1"}}};
  config.http_listen = http_of(settings, role);
  return config;
}

WorkerConfig whole_worker(const Settings& settings) {
  WorkerConfig config = settings.worker;
  config.cluster = ClusterId(1);
  config.node = NodeId(1);
  config.placement = {{NodeId(1), Address{"placement:1"}}};
  config.request_timeout = settings.request_timeout;
  config.replica = settings.replica;
  return config;
}

}  // namespace

Result<void> check_parts(const Settings& settings, Role role) {
  const bool stores = !role.service() || service(*role.service()).keeps_data;
  if (stores) {
    VECTRON_CHECK_OK(under_option(settings, "kv_", settings.replica.kv.validate()));
    VECTRON_CHECK_OK(under_option(settings, "wal_", settings.wal.validate()));
    VECTRON_CHECK_OK(under_option(settings, "", settings.replica.validate()));
  }
  if (role.runs(ServiceId::worker))
    VECTRON_CHECK_OK(under_option(settings, "", whole_worker(settings).validate()));
  if (role.runs(ServiceId::gateway)) {
    return under_option(settings, "", whole_gateway(settings, role).validate());
  }
  const Probes::Config probes{settings.http.value_or(Address{}), settings.gateway.http_hosts};
  return under_option(settings, "", probes.validate());
}

}  // namespace vectron
