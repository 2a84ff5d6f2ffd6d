// FrameForger: plays a FrameProgram as a peer of the cluster: Hellos, frames and requests, right,
// wrong and damaged, to every role.
//
// The program chooses everything, so that a fuzzer can steer it: which node, what Hello, which
// methods, with a body that can be decoded or with one of raw bytes, what is damaged on the way,
// how long it waits, and whether it reads what it is answered. It says Hello as a node that holds
// replicas only where the program says so (FrameProgram::member).
#pragma once

#include "core/rpc/frame.h"
#include "sim/cluster/frame_bodies.h"
#include "sim/cluster/run_record.h"

namespace vectron::sim {

/// What became of what was sent.
struct ForgedCounts {
  uint64_t connections = 0;
  uint64_t frames = 0;
  /// Requests that were carried out.
  uint64_t answers = 0;
  /// Requests that were refused.
  uint64_t errors = 0;
};

class FrameForger {
 public:
  /// All outlive it.
  FrameForger(Env* env, const Plan* plan, const ReplicaWatch* watch, const FrameProgram* program);

  Task<void> run();

  const ForgedCounts& counts() const { return counts_; }

 private:
  Task<void> play(ByteView step);
  Task<void> connect(Choices choices);
  Task<void> send(Bytes bytes);
  /// Reads what has come by now, and ends the connection.
  Task<void> hang_up();
  Task<bool> read_answers();
  Task<bool> write(Bytes bytes);
  void choose_target(Choices* choices);
  void add_hello(Choices* choices, Bytes* out);
  void add_frame(Choices* choices, Bytes* out);
  Instant soon(Duration time) const;

  Env* env_;
  const FrameProgram& program_;
  ForgerKnowledge knowledge_;
  Address address_;
  std::unique_ptr<Connection> connection_;
  uint64_t last_call_ = 0;
  ForgedCounts counts_;
};

}  // namespace vectron::sim
