// FrameForger: plays bytes as connections of a peer that nobody knows: Hellos, frames and requests,
// right, wrong and damaged, to every role of the cluster.
//
// The bytes choose everything, so that a fuzzer can steer it: which node, what Hello, how many
// frames, of which kind and method, with a body of raw bytes or with one that can be decoded, and
// what is damaged on the way. It never says Hello as a node with replicas: what such a node says
// could not be told from the truth.
#pragma once

#include "core/rpc/frame.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/replica_watch.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class FrameForger {
 public:
  /// At most so many connections, frames on one, and bytes of one body are made of the input.
  static constexpr size_t kConnectionsMax = 64;
  static constexpr size_t kFramesMax = 8;
  static constexpr size_t kBodyBytesMax = 512;

  /// All outlive it; `bytes` too.
  FrameForger(Env* env, const Plan* plan, const ReplicaWatch* watch, ByteView bytes)
      : env_(env), plan_(plan), watch_(watch), rest_(bytes) {}

  Task<void> run();

 private:
  uint8_t next_byte();
  uint64_t next_number();
  Bytes next_bytes();

  Task<void> connect_once();
  Address next_target();
  void add_hello(Bytes* out);
  void add_frame(Bytes* out);
  Bytes next_body(uint32_t method);
  Bytes raft_body();
  /// Writes, and reads until the node ends the connection.
  Task<bool> exchange(Connection* connection, Bytes bytes);

  Env* env_;
  const Plan* plan_;
  const ReplicaWatch* watch_;
  ByteView rest_;
};

}  // namespace vectron::sim
