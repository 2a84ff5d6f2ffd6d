#include "core/base/hash.h"

// The whole function here, without a call into a library: most of what is hashed is short.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace vectron {

namespace {

constexpr uint64_t kChecksumSeed = 0x766563742d637263ULL;

}  // namespace

uint64_t hash64(ByteView bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t checksum64(ByteView bytes) {
  return hash64(bytes, kChecksumSeed);
}

struct ChecksumStream::State {
  XXH3_state_t xxh3;
};

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) {
  XXH3_INITSTATE(&state_->xxh3);
  XXH3_64bits_reset_withSeed(&state_->xxh3, kChecksumSeed);
}
ChecksumStream::ChecksumStream(ChecksumStream&&) noexcept = default;
ChecksumStream& ChecksumStream::operator=(ChecksumStream&&) noexcept = default;
ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::add(ByteView bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

uint64_t ChecksumStream::value() const {
  return XXH3_64bits_digest(&state_->xxh3);
}

}  // namespace vectron
