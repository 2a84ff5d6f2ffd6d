// RequestContext: who asks, until when, and for what purpose. The first parameter of every request,
// by value.
//
// It is made at the edge (a client library, a gateway) and handed on from call to call; on the wire
// it is part of the frame's header, where the deadline becomes a remaining time because clocks
// differ.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/async/cancellation.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/base/time.h"

namespace vectron {

/// What a request turned out to be about, for those who are told of its end.
struct RequestSubject {
  std::string collection;
};

/// Room for the answer to a request while it is made, within what a server may hold for its peers.
class AnswerRoom {
 public:
  virtual ~AnswerRoom() = default;
  /// Counts `bytes` for the answer from now on: all that there is of it so far. False, and counts
  /// what it did before, when there is no room for more: the answer is given up then.
  virtual bool hold(size_t bytes) = 0;
};

inline Status no_room_for_answer() {
  return Status(Code::resource_exhausted,
                "answers that wait for their readers hold as much memory as they may: retry later");
}

struct RequestContext {
  /// Of this node's own monotonic clock. The task that serves the request is destroyed when it
  /// passes.
  Instant deadline = kNever;
  /// Set when nobody waits any more; for work on the Cpu pool, which cannot be destroyed.
  CancellationToken cancellation;
  /// The same for all calls that one request causes; 0 for none.
  uint64_t trace_id = 0;
  /// Who asks; empty until there is authentication.
  std::string principal;
  /// On whose account; empty until there is authentication.
  std::string tenant;
  /// 0 is ordinary; a greater number is served first where there is a choice.
  uint8_t priority = 0;
  /// Names the request for ever, so that repeating it changes nothing; 0 for none.
  uint64_t idempotency_key = 0;
  /// The node at the other end of the connection, as its Hello says; none for a client. It is not
  /// handed on over the wire.
  NodeId peer;
  /// Null where nobody wants to know.
  std::shared_ptr<RequestSubject> subject;
  /// Of the request that came to this node; null where nothing is counted.
  std::shared_ptr<AnswerRoom> answer_room;
};

}  // namespace vectron
