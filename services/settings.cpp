#include "services/settings.h"

namespace vectron {
namespace {

/// What all nodes are told.
void tell_node(const Settings& settings, NodeConfig* config) {
  config->cluster = settings.cluster;
  config->node = settings.node;
  config->listen = settings.rpc;
  config->request_timeout = settings.request_timeout;
  config->drain_timeout = settings.drain_max;
}

void tell_storing_node(const Settings& settings, StoringNodeConfig* config) {
  tell_node(settings, config);
  config->replica = settings.replica;
  config->wal = settings.wal;
}

}  // namespace

PlacementConfig placement_config(const Settings& settings) {
  PlacementConfig config = settings.placement;
  tell_storing_node(settings, &config);
  config.members = settings.members;
  config.bootstrap = settings.bootstrap;
  return config;
}

WorkerConfig worker_config(const Settings& settings) {
  WorkerConfig config = settings.worker;
  tell_storing_node(settings, &config);
  config.advertise = settings.advertise;
  config.placement = settings.members;
  return config;
}

GatewayConfig gateway_config(const Settings& settings) {
  GatewayConfig config = settings.gateway;
  tell_node(settings, &config);
  config.http_listen = settings.http;
  config.version = VECTRON_VERSION;
  config.placement = settings.members;
  return config;
}

}  // namespace vectron
