// The node of profile raft: one replica of one group whose state machine is a set of registers.
//
// The smallest service that core/replica can carry: the same write-ahead log, LMDB, transport and
// read barriers as a worker's shard, without shards, vectors or routes. It exists for the
// simulation alone.
#pragma once

#include "core/env/env.h"
#include "core/rpc/method.h"
#include "services/node/node_config.h"

namespace vectron::sim {

inline constexpr GroupId kRegisterGroup{1};

/// Runs until `config.stop` is set, the task is destroyed, or the node must stop. Errors: those of
/// GroupNode.
Task<Result<void>> run_register_node(Env* env, GroupNodeConfig config);

/// The two questions that a node answers; bodies are little-endian integers.
struct RegisterWrite {
  uint64_t key = 0;
  uint64_t value = 0;
};
struct RegisterAnswer {
  /// Of a read; 0 is "never written".
  uint64_t value = 0;
  /// The log index that wrote it (a read), or that it has now (a write).
  uint64_t version = 0;
  uint64_t applied_index = 0;
};

namespace rpc_method {
extern const rpc::MethodInfo kRegisterWrite;
extern const rpc::MethodInfo kRegisterRead;
}  // namespace rpc_method

Bytes encode(const RegisterWrite& request);
Result<RegisterAnswer> decode_register_answer(ByteView bytes);

}  // namespace vectron::sim
