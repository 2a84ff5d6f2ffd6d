// Operation: what the gateway asks of a node, and its patience with those that cannot do it.
#pragma once

#include "core/rpc/calls/inquiry.h"
#include "core/rpc/method.h"
#include "services/gateway/gateway_service.h"

namespace vectron::gateway {

/// A method, and whom it may be asked of.
struct Operation {
  const rpc::MethodInfo* method = nullptr;
  rpc::Access access = rpc::Access::read;
  /// Followers may answer too.
  bool any_replica = false;
};

inline rpc::InquiryLimits inquiry_limits(const GatewayConfig& config) {
  return {.attempts = {config.attempts_max, config.backoff_min, config.backoff_max},
          .attempt_timeout = config.read_attempt_timeout};
}

}  // namespace vectron::gateway
