// SimNetwork: the wires between the machines of a world, and the scheduled faults on them.
//
// Connections are byte streams with TCP's truth: bytes arrive in order or the connection dies. A
// partition or a clog never loses bytes of a living connection; they wait, and arrive after it has
// healed, or the connection dies of NetworkFaults::retransmission_timeout. Each direction between
// two machines is a Link with its own latency, faults and random stream `net[a->b]`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/env/network.h"
#include "sim/world/config.h"

namespace vectron::sim {

class NodeNetwork;
struct ListenerState;
class SimNode;
class SimWorld;
class Stream;

/// One direction between two machines (or a machine and itself).
struct Link {
  /// Streams `net[a->b]` and `net[a->b].<class>`: a class draws from its own alone.
  RandomStream ties;
  RandomStream delay;
  RandomStream reset;
  RandomStream short_io;
  RandomStream stall;
  RandomStream connect;
  Duration latency{};
  bool loopback = false;
  /// In the past: open. kNever: until healed.
  Instant partitioned_until{};
  Instant clogged_until{};
  /// Connects of this direction.
  Instant refusing_until{};
  Instant hanging_until{};
};

/// The directions of a pair of machines that a fault affects.
enum class Direction : uint8_t {
  both,
  /// Only what the first named machine sends to the second.
  forward,
};

class SimNetwork {
 public:
  explicit SimNetwork(SimWorld* world);
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;
  ~SimNetwork();

  // Scheduled faults. Each does nothing when its class is off. `until` is a time of the world;
  // kNever: until heal().

  /// Nothing that `a` sends reaches `b` (and the other way round). Class partition.
  void partition(const SimNode& a, const SimNode& b, Direction direction, Instant until);
  /// Ends partitions, clogs, refusals and hangs between the two at once.
  void heal(const SimNode& a, const SimNode& b);
  void heal_all();
  /// From now on nothing goes wrong by chance any more; latencies stay. Connections that are broken
  /// already stay so until their ends notice.
  void calm();
  /// Bytes stop, then come all at once. Class stall.
  void clog(const SimNode& a, const SimNode& b, Direction direction, Instant until);
  /// Resets every connection between the two. Class reset. Returns how many.
  size_t reset_all(const SimNode& a, const SimNode& b);
  /// Every connection between the two dies at `dead` alone; `survivor` learns it when it next
  /// sends. Class half_open.
  size_t half_open(const SimNode& survivor, const SimNode& dead);
  /// Connects from `a` to `b` are refused, or hang. Class connect.
  void refuse_connects(const SimNode& a, const SimNode& b, Instant until);
  void hang_connects(const SimNode& a, const SimNode& b, Instant until);

  /// Bytes that were handed over to readers, and how often.
  uint64_t bytes_delivered() const { return bytes_delivered_; }
  /// Living connections.
  size_t connections() const { return streams_.size(); }

 private:
  friend class NodeNetwork;
  friend struct ListenerState;
  friend class SimNode;
  friend class Stream;

  Link& link(size_t from, size_t to);
  /// A machine has power again: what is on its way to connections that it forgot gets a reset.
  void power_restored(size_t node);
  /// Ends the scheduled faults of a direction, and wakes what waits for it.
  void heal_link(size_t from, size_t to);
  std::vector<std::shared_ptr<Stream>> streams_between(size_t a, size_t b) const;
  /// Sets `until` of a direction (of both), when the class is on.
  void block(Instant Link::* until, FaultClass fault_class, const SimNode& a, const SimNode& b,
             Direction direction, Instant value);
  uint16_t next_port(size_t node);

  SimWorld& world_;
  /// Those of the classes that are on.
  NetworkFaults faults_;
  std::map<std::pair<size_t, size_t>, std::unique_ptr<Link>> links_;
  /// In order of creation.
  std::map<uint64_t, std::shared_ptr<Stream>> streams_;
  /// By machine and port.
  std::map<std::pair<size_t, uint16_t>, ListenerState*> listeners_;
  /// The last port given out, by machine.
  std::map<size_t, uint16_t> last_ports_;
  uint64_t next_stream_ = 1;
  uint64_t bytes_delivered_ = 0;
};

}  // namespace vectron::sim
