// NodeAddress: a node, and where it should answer.
#pragma once

#include <compare>
#include <string_view>

#include "core/base/ids.h"
#include "core/env/network.h"

namespace vectron::rpc {

struct NodeAddress {
  /// Zero where any node will do.
  NodeId node;
  Address address;
  auto operator<=>(const NodeAddress&) const = default;
};

/// The field of a failure because another node answers at an address: nothing was asked of it.
inline constexpr std::string_view kNodeField = "node";

}  // namespace vectron::rpc
