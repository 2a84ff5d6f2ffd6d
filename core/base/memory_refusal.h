// What a request is answered when peers make a server hold as much as they may.
//
// One text for all servers: the simulation knows by it that an honest client found no room.
#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace vectron {

inline constexpr std::string_view kPeersHoldAll = "hold as much memory as they may";

/// `holders`: what fills the memory, in the plural. Nothing was done; it may be tried again.
inline Status memory_refusal(std::string_view holders) {
  std::string message(holders);
  message.append(" ").append(kPeersHoldAll).append(": retry later");
  return Status(Code::resource_exhausted, std::move(message));
}

}  // namespace vectron
