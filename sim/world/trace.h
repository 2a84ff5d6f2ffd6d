// The trace: all that happens in a world, folded into 128 bits. Same seed, same trace.
#pragma once

#include <cstdint>

#include "core/base/hash.h"
#include "core/base/time.h"

namespace vectron::sim {

enum class TraceKind : uint8_t {
  event,           ///< An event ran: its sequence ^ tie.
  delivery,        ///< Bytes, an end or a reset reached one side of a connection.
  disk,            ///< An operation of a node's disk ended.
  kv,              ///< A file-system call of the key-value library.
  node,            ///< A node started, crashed or exited.
  fault,           ///< A fault changed something.
  buggify,         ///< A buggify point fired.
  explicit_value,  ///< SimWorld::trace().
};

/// What the trace folds in for one happening.
struct TraceRecord {
  Instant when;
  TraceKind kind;
  uint64_t a;
  uint64_t b;
  bool operator==(const TraceRecord&) const = default;
};

}  // namespace vectron::sim
