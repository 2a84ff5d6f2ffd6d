// The connections that a process has accepted, in the order in which they last moved bytes.
//
// When descriptors run short one that has been still is closed: its client can connect again, and
// whoever does something is served. One that owes its peer an answer goes only when all others
// moved just now, and is given more time; among equals the host with the most connections pays.
// Belongs to one event loop.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace vectron {

/// An accepted connection, as it tells of itself.
class AcceptedConnection {
 public:
  virtual ~AcceptedConnection() = default;
  /// Resets it. It may remove itself from its AcceptedConnections.
  virtual void close() = 0;
  /// Whether its peer waits for an answer that is being made or written.
  virtual bool owes() = 0;
  /// Whether the system holds bytes that the peer has not taken. Costs a system call.
  virtual bool holds_unsent() = 0;
};

class AcceptedConnections {
 public:
  /// How long a connection is still before it may be closed for another one.
  static constexpr Duration kStillMin = std::chrono::milliseconds(500);
  static constexpr Duration kOwingStillMin = std::chrono::seconds(10);

  struct Entry {
    AcceptedConnection* connection = nullptr;
    std::map<std::string, size_t, std::less<>>::iterator host;
    Instant moved{};
    /// Seen so since it last moved.
    bool holds_unsent = false;
  };
  using Place = std::list<Entry>::iterator;

  /// `peer` is "host:port". Requires: `connection` is removed before it goes.
  Place add(AcceptedConnection* connection, std::string_view peer, Instant now);
  void remove(Place place);
  /// Bytes went in or out.
  void moved(Place place, Instant now) {
    place->moved = now;
    place->holds_unsent = false;
    entries_.splice(entries_.end(), entries_, place);
  }
  /// Closes one that is still. False when there is none. O(those that are still).
  bool close_stillest(Instant now);
  size_t size() const { return entries_.size(); }
  /// How many were closed to make room.
  uint64_t closed() const { return closed_; }

 private:
  Place pick(Instant now);

  std::list<Entry> entries_;
  std::map<std::string, size_t, std::less<>> hosts_;  // With how many connections each has.
  uint64_t closed_ = 0;
};

}  // namespace vectron
