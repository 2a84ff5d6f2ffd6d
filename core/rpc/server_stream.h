// The sending end of a server stream, with its credit.
#pragma once

#include "core/async/sync.h"
#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron::rpc {

class ServerConnection;

/// Belongs to a request of a server's connection and lives as long as its handler's task.
class ServerStream {
 public:
  ServerStream(ServerConnection& connection, Scheduler& scheduler, uint64_t call_id,
               uint32_t credit_bytes)
      : connection_(connection),
        call_id_(call_id),
        credit_bytes_(credit_bytes),
        credited_(scheduler) {}

  /// Sends an item; waits while the client owes credit. An item may overdraw it once, so that no
  /// item is too large for the window. Errors: invalid_argument (larger than a frame may be).
  Task<Result<void>> send(Bytes item);

 private:
  friend class ServerConnection;
  void add_credit(uint32_t bytes);

  ServerConnection& connection_;
  uint64_t call_id_;
  int64_t credit_bytes_;
  Condition credited_;
};

}  // namespace vectron::rpc
