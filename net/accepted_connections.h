// The connections that a process has accepted, in the order in which they last moved bytes.
//
// When descriptors run short the one that has been still for longest is closed, idle or slow: its
// client can connect again, and whoever does something is served. Belongs to one event loop.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "core/base/time.h"

namespace vectron {

class AcceptedConnections {
 public:
  struct Entry {
    std::function<void()> close;
    Instant moved{};
  };
  using Place = std::list<Entry>::iterator;

  Place add(std::function<void()> close, Instant now) {
    return entries_.insert(entries_.end(), Entry{std::move(close), now});
  }
  void remove(Place place) { entries_.erase(place); }
  /// Bytes went in or out.
  void moved(Place place, Instant now) {
    place->moved = now;
    entries_.splice(entries_.end(), entries_, place);
  }
  /// Closes the one that has moved nothing for longest, when that is `still_min` or more before
  /// `now`. False when there is none.
  bool close_stillest(Instant now, Duration still_min) {
    if (entries_.empty() || now - entries_.front().moved < still_min) return false;
    // Closing it may remove it.
    const std::function<void()> close = entries_.front().close;
    moved(entries_.begin(), now);
    close();
    ++closed_;
    return true;
  }
  size_t size() const { return entries_.size(); }
  /// How many were closed to make room.
  uint64_t closed() const { return closed_; }

 private:
  std::list<Entry> entries_;
  uint64_t closed_ = 0;
};

}  // namespace vectron
