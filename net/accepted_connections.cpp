#include "net/accepted_connections.h"

#include <utility>

#include "core/base/assert.h"

namespace vectron {
namespace {

constexpr int kAskedMax = 16;  // Of the system, each time; each connection once until it moves.

}  // namespace

AcceptedConnections::Place AcceptedConnections::add(AcceptedConnection* connection,
                                                    std::string_view peer, Instant now) {
  const auto host = hosts_.try_emplace(std::string(peer.substr(0, peer.rfind(':')))).first;
  ++host->second;
  return entries_.insert(entries_.end(),
                         Entry{.connection = connection, .host = host, .moved = now});
}

void AcceptedConnections::remove(Place place) {
  VECTRON_ASSERT(place->host->second > 0);
  if (--place->host->second == 0) hosts_.erase(place->host);
  entries_.erase(place);
}

// The first is the stillest, so that of equals it is the one that is taken.
AcceptedConnections::Place AcceptedConnections::pick(Instant now) {
  const auto weight = [](const Entry& entry) {
    const bool owes = entry.holds_unsent || entry.connection->owes();
    return std::pair(!owes, entry.host->second);
  };
  Place picked = entries_.end();
  std::pair<bool, size_t> heaviest;
  for (Place place = entries_.begin(); place != entries_.end(); ++place) {
    if (now - place->moved < kStillMin) break;
    const auto its = weight(*place);
    if (!its.first && now - place->moved < kOwingStillMin) continue;
    if (picked != entries_.end() && its <= heaviest) continue;
    picked = place;
    heaviest = its;
  }
  return picked;
}

bool AcceptedConnections::close_stillest(Instant now) {
  const auto has_news = [](const Entry& entry) {
    return !entry.holds_unsent && !entry.connection->owes() && entry.connection->holds_unsent();
  };
  Place place = pick(now);
  for (int asked = 1; place != entries_.end() && has_news(*place); ++asked) {
    place->holds_unsent = true;
    if (asked == kAskedMax) return false;  // The next time goes on from here.
    place = pick(now);
  }
  if (place == entries_.end()) return false;
  AcceptedConnection* const connection = place->connection;
  moved(place, now);  // Closing it may remove it.
  connection->close();
  ++closed_;
  return true;
}

}  // namespace vectron
