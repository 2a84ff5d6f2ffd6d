// The scrubber's pages: what is committed between them counts once, wherever it lies.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "core/kv/kv_store.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

constexpr uint64_t kKeys = 12;  // So few that every other write is at a page's seam.

/// A few random writes, as one commit.
KvBatch some_writes(RandomStream* random) {
  KvBatch batch;
  std::set<uint64_t> keys;
  for (uint64_t i = random->below(4); i > 0; --i) keys.insert(random->below(kKeys));
  for (const uint64_t number : keys) {
    const std::string key = fmt::format("key-{:02}", number);
    if (random->below(3) == 0) {
      batch.erase(as_bytes(key));
    } else {
      batch.put(as_bytes(key), Bytes(random->between(1, 4), static_cast<uint8_t>(random->next())));
    }
  }
  return batch;
}

// A page ends where the next one begins: a key there that was counted with both, or with none,
// would pass for damage, and the replica would be lost.
RC_GTEST_PROP(KvScrub, FindsAWholeStoreWholeWhateverIsWrittenBetweenItsPages, (uint64_t seed)) {
  MemoryEnv env;
  RandomStream random(seed, "scrub");
  KvConfig config;
  config.map_bytes_max = 4 << 20;
  auto opened = env.run(KvStore::open(&env, "kv", config));
  RC_ASSERT(opened.has_value());
  std::unique_ptr<KvStore> store = *std::move(opened);
  for (int pass = 0; pass < 4; ++pass) {
    bool more = true;
    while (more) {
      const auto written = env.run(store->commit(some_writes(&random)));
      RC_ASSERT(written.has_value());
      // One to three pairs.
      const auto scrubbed = env.run(store->scrub_some(random.between(1, 25)));
      if (!scrubbed.has_value()) RC_FAIL(scrubbed.error().to_string());
      more = *scrubbed;
    }
  }
  // A start reads everything, and compares the digest of each bucket.
  store.reset();
  RC_ASSERT(env.run(KvStore::open(&env, "kv", config)).has_value());
}

}  // namespace
}  // namespace vectron
