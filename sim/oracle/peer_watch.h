// PeerWatch: what servers hold for their peers, looked at again and again while a run goes on.
//
// It adds up what lies in buffers and queues itself, and objects when more lies there than is
// counted or may be, when a hostile connection is not cut off in time, and when somebody else has
// no room because of it. One for each run; everything is one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/peer_holder.h"
#include "core/base/time.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// The machine from which hostile clients connect.
inline constexpr std::string_view kHostileHost = "hostile";

/// What may wait for one connection however much is held: answers up to a small one beyond 64 KiB,
/// and a refusal for each request that was under way when the memory was used up.
inline constexpr size_t kUncheckedBytesMax = 512 << 10;

class PeerWatch {
 public:
  /// `hostile_life_max`: no connection of a hostile client is held for longer, in time that the
  /// server's process lived through and in which it worked on no request of that connection: how
  /// long requests take is not the client's doing.
  PeerWatch(std::function<Instant()> now, Duration hostile_life_max, ViolationLog* log);
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;
  ~PeerWatch();

  /// Whom the servers of a node tell of themselves. `awake`: whether its process is running and not
  /// stopped.
  PeerWatcher* of_node(const std::string& node, std::function<bool()> awake);

  /// Looks at all servers. `passed`: since the last look.
  void look(Duration passed);
  /// What is still held although nobody asks any more; nothing when all was given back.
  std::optional<std::string> left_over() const;
  /// The most that lay for peers at one node.
  size_t bytes_peak() const { return bytes_peak_; }

 private:
  class NodePeers;
  /// All servers of a node that count together.
  struct Together {
    const BodyMemory* counter = nullptr;
    std::vector<HeldForPeer> peers;
  };

  static std::vector<Together> grouped(const NodePeers& node);
  void check(const std::string& node, const Together& servers);
  void check_answers(const std::string& node, const Together& servers);
  void check_lives(NodePeers* node, const std::vector<Together>& servers, Duration passed);
  /// An objection to a node is made once for each kind.
  void object(const std::string& node, std::string_view kind, std::string text);

  std::function<Instant()> now_;
  Duration hostile_life_max_;
  ViolationLog& log_;
  std::map<std::string, std::unique_ptr<NodePeers>> nodes_;
  std::set<std::pair<std::string, std::string>> objected_;
  size_t bytes_peak_ = 0;
};

}  // namespace vectron::sim
