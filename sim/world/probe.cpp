#include "sim/world/probe.h"

#include "core/base/assert.h"
#include "core/kv/kv_store.h"
#include "sim/world/world.h"

namespace vectron::sim {
namespace {

// Creating a store and one commit are at least: a file, two meta pages, a sync, pages, a sync, a
// meta page.
constexpr uint64_t kCallsMin = 6;

Task<void> commit_once(Env* env, bool* committed) {
  KvConfig config;
  config.map_bytes_max = 1 << 20;
  config.readers_max = 4;
  Result<std::unique_ptr<KvStore>> store = co_await KvStore::open(env, "probe", config);
  if (!store.has_value()) co_return;
  KvBatch batch;
  batch.put(as_bytes("key"), to_bytes(as_bytes("value")));
  const Result<void> result = co_await (*store)->commit(std::move(batch));
  *committed = result.has_value();
}

}  // namespace

void require_interposers() {
  static bool checked = false;
  if (std::exchange(checked, true)) return;
  bool committed = false;
  SimWorld world(0, {});
  SimNode& node = world.add_node("probe");
  node.start([&committed](Env& env) { return commit_once(&env, &committed); });
  world.run_for(10s);
  VECTRON_ASSERT(committed, "the probe commit of the key-value store failed");
  const uint64_t calls = node.disk().power().calls();
  VECTRON_ASSERT(calls >= kCallsMin,
                 "the interposers saw {} file calls of the key-value library: link sim_interpose "
                 "into this program as objects (vectron_sim_executable)",
                 calls);
}

}  // namespace vectron::sim
