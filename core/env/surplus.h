// Surplus: a connection that a listener has accepted and that its process cannot keep, for want of
// descriptors.
//
// Listener::accept() hands it over so that its peer hears why. The server says goodbye where that
// may be, and closes it in any case.
#pragma once

#include "core/env/network.h"

namespace vectron {

/// What such a connection is besides a Connection.
class Surplus {
 public:
  virtual ~Surplus() = default;
  /// Whether it may stay for as long as a goodbye takes. Few may at a time.
  virtual bool may_be_told() const = 0;
};

/// The surplus that `connection` is; null when it may be kept.
inline const Surplus* as_surplus(const Connection& connection) {
  return dynamic_cast<const Surplus*>(&connection);
}

}  // namespace vectron
