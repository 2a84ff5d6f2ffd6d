#include "sim/oracle/peer_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace vectron::sim {

namespace {

/// What a server says before it counts: an interim answer.
constexpr size_t kInterimBytesMax = 64;
/// A buffer to read to that nobody counts: twice of what may have come uncounted.
constexpr size_t kSpareBufferBytesMax = 2 * BodyMemory::kSmallBytesMax;
/// Of requests between nodes that happen to be under way.
constexpr size_t kQuietBytesMax = 64 << 10;

std::string host_of(std::string_view peer) {
  return std::string(peer.substr(0, peer.rfind(':')));
}

/// What lies for a connection and must be counted.
size_t held_bytes(const HeldForPeer& peer) {
  return peer.waiting + (peer.arrived > BodyMemory::kSmallBytesMax ? peer.arrived : 0);
}

/// What the bounds must have let in of all that is counted for a connection. Nothing of an answer
/// in the making goes unchecked, be it ever so small.
size_t checked_bytes(const HeldForPeer& peer) {
  const size_t held = held_bytes(peer);
  return held - std::min(held, kUncheckedBytesMax) + peer.making;
}

}  // namespace

class PeerWatch::NodePeers final : public PeerWatcher {
 public:
  NodePeers(PeerWatch* watch, std::string name, std::function<bool()> awake)
      : watch_(*watch), name_(std::move(name)), awake_(std::move(awake)) {}

  void began(const PeerHolder* holder) override { holders_.push_back(holder); }
  void ended(const PeerHolder* holder) override { std::erase(holders_, holder); }
  void turned_away(const PeerHolder*, std::string_view peer) override {
    if (host_of(peer) == kHostileHost) return;
    watch_.object(name_, "turned_away", fmt::format("{} has no room for {}", name_, peer));
  }

  void answer_made(const PeerHolder* holder) override {
    for (const Together& servers : grouped(*this)) {
      if (servers.counter == &holder->counter()) watch_.check(name_, servers);
    }
  }

  const std::string& name() const { return name_; }
  bool awake() const { return awake_(); }
  const std::vector<const PeerHolder*>& holders() const { return holders_; }
  /// How long each hostile connection has been held, by its address.
  std::map<std::string, Duration> lives;

 private:
  PeerWatch& watch_;
  std::string name_;
  std::function<bool()> awake_;
  std::vector<const PeerHolder*> holders_;
};

PeerWatch::PeerWatch(std::function<Instant()> now, Duration hostile_life_max, ViolationLog* log)
    : now_(std::move(now)), hostile_life_max_(hostile_life_max), log_(*log) {}

PeerWatch::~PeerWatch() = default;

PeerWatcher* PeerWatch::of_node(const std::string& node, std::function<bool()> awake) {
  std::unique_ptr<NodePeers>& slot = nodes_[node];
  if (slot == nullptr) slot = std::make_unique<NodePeers>(this, node, std::move(awake));
  return slot.get();
}

std::vector<PeerWatch::Together> PeerWatch::grouped(const NodePeers& node) {
  std::vector<Together> out;
  for (const PeerHolder* holder : node.holders()) {
    auto group = std::ranges::find(out, &holder->counter(), &Together::counter);
    if (group == out.end()) group = out.insert(out.end(), {&holder->counter(), {}});
    std::ranges::copy(holder->held_for_peers(), std::back_inserter(group->peers));
  }
  return out;
}

void PeerWatch::look(Duration passed) {
  for (const auto& [name, node] : nodes_) {
    const std::vector<Together> servers = grouped(*node);
    for (const Together& each : servers) check(name, each);
    check_lives(node.get(), servers, passed);
  }
}

void PeerWatch::check(const std::string& node, const Together& servers) {
  size_t held = 0;
  size_t checked = 0;
  size_t buffers = 0;
  std::map<std::string, size_t> checked_of_host;
  for (const HeldForPeer& peer : servers.peers) {
    held += held_bytes(peer) + peer.making;
    checked += checked_bytes(peer);
    checked_of_host[host_of(peer.peer)] += checked_bytes(peer);
    buffers += peer.buffers - std::min(peer.buffers, kSpareBufferBytesMax);
  }
  bytes_peak_ = std::max(bytes_peak_, held);
  const BodyMemory& counter = *servers.counter;
  if (held > counter.bytes() + servers.peers.size() * kInterimBytesMax) {
    object(
        node, "uncounted",
        fmt::format("{} holds {} bytes for its peers and counts {}", node, held, counter.bytes()));
  }
  if (buffers > 2 * counter.bytes()) {
    object(node, "buffers",
           fmt::format("{} reads to buffers of {} bytes and counts {}", node, buffers,
                       counter.bytes()));
  }
  if (checked > counter.bytes_max()) {
    object(node, "bound",
           fmt::format("{} holds {} bytes for its peers, and may hold {}", node, checked,
                       counter.bytes_max()));
  }
  for (const auto& [host, bytes] : checked_of_host) {
    if (bytes <= counter.host_bytes_max()) continue;
    object(node, "share",
           fmt::format("{} holds {} bytes for {}, and may hold {}", node, bytes, host,
                       counter.host_bytes_max()));
  }
  check_answers(node, servers);
}

// An answer that becomes large, or larger, finds room only while all that are being made, the small
// ones among them, stay within a half of each bound. So the large ones alone never have more.
void PeerWatch::check_answers(const std::string& node, const Together& servers) {
  size_t all = 0;
  std::map<std::string, size_t> of_host;
  for (const HeldForPeer& peer : servers.peers) {
    all += peer.making_large;
    of_host[host_of(peer.peer)] += peer.making_large;
  }
  const BodyMemory& counter = *servers.counter;
  if (all > counter.bytes_max() / 2) {
    object(node, "answers",
           fmt::format("{} makes large answers of {} bytes, and may hold {} of all kinds", node,
                       all, counter.bytes_max()));
  }
  for (const auto& [host, bytes] : of_host) {
    if (bytes <= counter.host_bytes_max() / 2) continue;
    object(node, "answers",
           fmt::format("{} makes large answers of {} bytes for {}, and may hold {} of all kinds",
                       node, bytes, host, counter.host_bytes_max()));
  }
}

void PeerWatch::check_lives(NodePeers* node, const std::vector<Together>& servers,
                            Duration passed) {
  std::map<std::string, Duration> lives;
  for (const Together& each : servers) {
    for (const HeldForPeer& peer : each.peers) {
      if (host_of(peer.peer) != kHostileHost) continue;
      const std::string address(peer.peer);
      const Duration before = node->lives.contains(address) ? node->lives.at(address) : 0ns;
      const bool counts = node->awake() && peer.running == 0;
      lives[address] = before + (counts ? passed : 0ns);
      if (lives[address] <= hostile_life_max_) continue;
      object(
          node->name(), "endless",
          fmt::format("{} has waited for a connection of a hostile client for {:.1f} s: {} bytes "
                      "arrived, {} wait",
                      node->name(), to_seconds(lives[address]), peer.arrived, peer.waiting));
    }
  }
  node->lives = std::move(lives);
}

std::optional<std::string> PeerWatch::left_over() const {
  for (const auto& [name, node] : nodes_) {
    for (const Together& servers : grouped(*node)) {
      const auto hostile = [](const HeldForPeer& peer) {
        return host_of(peer.peer) == kHostileHost;
      };
      const auto connections = std::ranges::count_if(servers.peers, hostile);
      if (connections > 0) {
        return fmt::format("{} still has {} connections of hostile clients", name, connections);
      }
      if (servers.counter->bytes() > kQuietBytesMax) {
        return fmt::format("{} still holds {} bytes for its peers", name, servers.counter->bytes());
      }
    }
  }
  return std::nullopt;
}

void PeerWatch::object(const std::string& node, std::string_view kind, std::string text) {
  if (!objected_.emplace(node, kind).second) return;
  log_.add(oracle::kPeers, now_(), std::move(text), kind);
}

}  // namespace vectron::sim
