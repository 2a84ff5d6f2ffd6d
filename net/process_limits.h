// What the system lets this process have, and how its descriptors are shared out.
//
// Half of them are for files, the log's and the stores': as many connections as make up the other
// half are kept, so a file always finds a descriptor however many clients come
// (docs/decisions/0047-descriptors-are-shared-out.md).
#pragma once

#include <cstdint>

namespace vectron {

/// Raises the limit of open descriptors to the hard one, and makes a write beyond a limit of the
/// files' size fail instead of ending the process. Called once, before anything is opened.
void raise_process_limits();

/// How many descriptors the process may have.
uint64_t descriptors_max();

/// Whether an accepted connection may keep descriptor `number` of `descriptors_max`, beside
/// `connections` others that were accepted. The last few numbers are for files alone, and where
/// there are very few in all, a few connections are served all the same.
bool may_keep_connection(uint64_t number, uint64_t connections, uint64_t descriptors_max);

/// Whether an accepted connection that may not be kept may stay for a moment, so that its peer is
/// told why, beside `told` others that are being told. Their places are of the connections' half.
bool may_tell_connection(uint64_t number, uint64_t told, uint64_t descriptors_max);

/// Accepted connections that this process has closed for want of descriptors.
struct ConnectionsClosed {
  /// They had moved no byte for longest, and made room for others.
  uint64_t still = 0;
  /// They had just come, and no other was still enough.
  uint64_t fresh = 0;
};
ConnectionsClosed connections_closed();
void count_closed_still();
void count_closed_fresh();

/// How many copies of shards the process can have open, of whatever workers: each takes three
/// descriptors of the files' half.
uint64_t replicas_for(uint64_t descriptors_max);

}  // namespace vectron
