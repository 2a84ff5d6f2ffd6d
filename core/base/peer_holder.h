// What a server holds for its peers, looked up where it lies and not where it is counted
// (BodyMemory): for a watcher that does not believe the counters.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/base/body_memory.h"

namespace vectron {

/// Of one connection.
struct HeldForPeer {
  /// "host:port".
  std::string_view peer;
  /// Bytes of what has come in part. Counted above kSmallBytesMax.
  size_t arrived = 0;
  /// Bytes of answers that the network has not taken.
  size_t waiting = 0;
  /// Memory to which its input is read.
  size_t buffers = 0;
  /// Bytes that answers which are being made were given room for.
  size_t making = 0;
  /// Of these, bytes of answers above kSmallBytesMax.
  size_t making_large = 0;
  /// Requests that are being worked on, and wait for nothing of the peer.
  size_t running = 0;
};

class PeerHolder {
 public:
  virtual ~PeerHolder() = default;
  /// All connections. What is said of them holds until the running event ends.
  virtual std::vector<HeldForPeer> held_for_peers() const = 0;
  /// Against what it counts them; several servers may share it.
  virtual const BodyMemory& counter() const = 0;
};

/// Told of servers as they begin and end.
class PeerWatcher {
 public:
  virtual ~PeerWatcher() = default;
  virtual void began(const PeerHolder* holder) = 0;
  virtual void ended(const PeerHolder* holder) = 0;
  /// There was no room for a connection of `peer` ("host:port").
  virtual void turned_away(const PeerHolder* holder, std::string_view peer) = 0;
  /// A large answer is finished and not handed over yet: with it most lies there, for a moment
  /// only.
  virtual void answer_made(const PeerHolder* holder) = 0;
};

}  // namespace vectron
