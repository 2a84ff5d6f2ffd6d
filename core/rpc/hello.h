// Hello: what the two ends of a connection tell each other first, and who refuses whom.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"

namespace vectron::rpc {

inline constexpr uint32_t kProtocolMin = 1;
inline constexpr uint32_t kProtocolMax = 1;
inline constexpr uint32_t kFeatureLevel = 1;

/// Who an end is. A client library belongs to no cluster and is no node: it leaves both zero.
struct Identity {
  /// Zero fits every cluster.
  ClusterId cluster;
  /// Zero for a client.
  NodeId node;
  /// Counts the node's starts.
  uint64_t incarnation = 0;
};

/// The body of the first frame in each direction.
struct Hello {
  Identity identity;
  /// The oldest protocol that this end speaks.
  uint32_t protocol_min = kProtocolMin;
  /// The newest one. Both use the newest that both speak.
  uint32_t protocol_max = kProtocolMax;
  uint32_t feature_level = kFeatureLevel;
  /// The largest frame that this end takes; 0 in a program that does not say.
  uint32_t frame_bytes_max = 0;
};

/// The largest frame for a peer that said `peer`, of an end that itself takes `own_bytes_max`.
size_t frame_bytes_for(const Hello& peer, size_t own_bytes_max);

Bytes encode_hello(const Hello& hello);
/// Errors: invalid_argument (not a Hello).
Result<Hello> decode_hello(ByteView body);

/// Checks a peer's Hello. Errors: failed_precondition (another cluster, or no protocol in common).
Result<void> check_hello(const Hello& own, const Hello& peer);

}  // namespace vectron::rpc
