// HostileClient: clients that speak the protocols rightly and behave badly, all from one machine.
//
// Some ask a lot and take no answer, some begin large frames and bodies and feed them a few bytes
// at a time, some open connections and leave them idle, some flood a node with small frames. What
// they are told and whether they are cut off is no matter to them: they connect again. PeerWatch
// and the clients of the workload judge what becomes of it.
#pragma once

#include "core/async/task_group.h"
#include "core/env/env.h"
#include "sim/cluster/node_configs.h"
#include "sim/world/world.h"

namespace vectron::sim {

/// What the machine of hostile clients may have on its way in one connection: as much as an
/// ordinary system's largest receive buffer, so that a flood finds room.
inline constexpr size_t kHostileWindowBytesMax = 4 << 20;

class HostileClient {
 public:
  /// `tasks` are those of the machine `env` belongs to. All outlive it.
  HostileClient(Env* env, TaskGroup* tasks, const Plan* plan, SimWorld* world)
      : env_(*env), tasks_(*tasks), plan_(*plan), world_(*world) {}
  HostileClient(const HostileClient&) = delete;
  HostileClient& operator=(const HostileClient&) = delete;

  /// Begins what a fault of class `hostile` says, against one node.
  void attack(const PlannedFault& fault, ServiceId kind, uint32_t number);
  /// How many connections are held, or tried for, at present.
  size_t attacks() const { return attacks_; }

 private:
  struct Attack {
    HostileKind hostile = HostileKind::unread;
    HostileDoor door = HostileDoor::rpc;
    ServiceId kind = ServiceId::gateway;
    Address address;
    /// Of this machine's monotonic clock.
    Instant until{};
    RandomStream random;
  };

  Task<void> keep_attacking(Attack attack);
  /// Connects once, and does what it came for until the connection is lost.
  Task<bool> attack_once(Attack* attack);
  Task<bool> ask_and_not_read(Connection* connection, Attack* attack);
  Task<bool> dawdle(Connection* connection, Attack* attack);
  Task<bool> idle(Connection* connection, Attack* attack);
  Task<bool> flood(Connection* connection, Attack* attack);

  /// Requests with large answers, or many with small ones; what a node serves decides.
  Bytes requests(Attack* attack, uint64_t* call_id) const;
  Bytes rpc_search(uint64_t call_id, RandomStream* random) const;
  Bytes http_search(const Address& address, RandomStream* random) const;
  /// The beginning of a frame or of a request with a body, which is never ended.
  static Bytes beginning(Attack* attack);
  /// Small frames that nobody answers, of about so many bytes.
  static Bytes small_frames(size_t bytes, RandomStream* random);

  Env& env_;
  TaskGroup& tasks_;
  const Plan& plan_;
  SimWorld& world_;
  size_t attacks_ = 0;
};

}  // namespace vectron::sim
