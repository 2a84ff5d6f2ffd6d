// The trace: all that happens in a world, folded into 128 bits. Same seed, same trace.
#pragma once

#include <cstdint>

#include "core/base/hash.h"
#include "core/base/time.h"

namespace vectron::sim {

enum class TraceKind : uint8_t {
  /// An event ran: its sequence ^ tie.
  event,
  /// Bytes, an end or a reset reached one side of a connection.
  delivery,
  /// An operation of a node's disk ended.
  disk,
  /// A file-system call of the key-value library.
  kv,
  /// A node started, crashed or exited.
  node,
  /// A fault changed something.
  fault,
  /// A buggify point fired.
  buggify,
  /// SimWorld::trace().
  explicit_value,
};

/// A happening as the trace folds it in.
struct TraceRecord {
  Instant when;
  TraceKind kind;
  uint64_t a;
  uint64_t b;
  bool operator==(const TraceRecord&) const = default;
};

}  // namespace vectron::sim
