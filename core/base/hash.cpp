#include "core/base/hash.h"

// The whole function here, without a call into a library: most of what is hashed is short.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace vectron {

uint64_t hash64(ByteView bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t checksum64(ByteView bytes) {
  return hash64(bytes, 0x766563742d637263ULL);
}

}  // namespace vectron
