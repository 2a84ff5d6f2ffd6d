// Where a node that does not lead says to ask instead.
#pragma once

#include <optional>
#include <vector>

#include "core/rpc/node_address.h"
#include "schemas/model_messages.h"

namespace vectron::wire {

/// Empty fields when `failure` names nobody.
inline ErrorDetail leader_hint(const Status& failure) {
  if (failure.detail().empty()) return {};
  Result<ErrorDetail> detail = decode<ErrorDetail>(failure.detail());
  return detail.has_value() ? *std::move(detail) : ErrorDetail();
}

/// The position among `nodes` of the one whose address `failure` names, if it is one of them.
inline std::optional<size_t> named_leader(const std::vector<rpc::NodeAddress>& nodes,
                                          const Status& failure) {
  const ErrorDetail detail = leader_hint(failure);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].address.text == detail.leader_address) return i;
  }
  return std::nullopt;
}

}  // namespace vectron::wire
