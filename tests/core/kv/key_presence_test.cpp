#include "core/kv/key_presence.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "core/base/hash.h"

namespace vectron {
namespace {

// Few tables and near homes, so that runs are long and wrap around.
uint64_t crowded(uint64_t number) {
  return (number % 3) << 56 | (number % 5) << 50 | (number + 1);
}

RC_GTEST_PROP(KeyPresence, IsASet, (const std::vector<std::pair<bool, uint16_t>>& steps)) {
  KeyPresence presence(7);
  std::set<uint64_t> model;
  for (const auto& [insert, number] : steps) {
    const uint64_t hash = crowded(number % 300);
    presence.set(hash, insert);
    insert ? (void)model.insert(hash) : (void)model.erase(hash);
    RC_ASSERT(presence.size() == model.size());
  }
  for (uint64_t number = 0; number < 300; ++number) {
    RC_ASSERT(presence.contains(crowded(number)) == model.contains(crowded(number)));
  }
}

TEST(KeyPresence, TakesAboutElevenBytesAKeyAndGivesThemBack) {
  KeyPresence presence(7);
  for (uint64_t i = 1; i <= 200'000; ++i) presence.insert(mix64(i));
  EXPECT_EQ(presence.size(), 200'000u);
  EXPECT_LT(presence.bytes(), 200'000u * 14);
  for (uint64_t i = 1; i <= 200'000; ++i) presence.erase(mix64(i));
  EXPECT_EQ(presence.size(), 0u);
  EXPECT_LT(presence.bytes(), 256u * 8 * 16);
}

TEST(KeyPresence, ItsTablesDoNotGrowAllAtOnce) {
  KeyPresence presence(7);
  uint64_t key = 0;
  while (presence.size() < 20'000) presence.insert(mix64(++key));
  uint64_t most_grown = 0;
  while (presence.size() < 60'000) {
    uint64_t grown = 0;
    for (int i = 0; i < 400; ++i) {
      const uint64_t before = presence.bytes();
      presence.insert(mix64(++key));
      if (presence.bytes() != before) ++grown;
    }
    most_grown = std::max(most_grown, grown);
  }
  // One of a hundred keys more, and a quarter of the 256 tables grow at the most.
  EXPECT_LT(most_grown, 64u);
}

using Operations = std::vector<std::pair<bool, uint8_t>>;

KvBatch batch_of(const Operations& operations) {
  KvBatch batch;
  for (const auto& [put, number] : operations) {
    const Bytes key{static_cast<uint8_t>(number % 10)};
    put ? batch.put(key, Bytes{1}) : batch.erase(key);
  }
  return batch;
}

RC_GTEST_PROP(KeyPresenceChange, ExpectsWhatIsThereAndCommitsOrUndoes,
              (const Operations& first, const Operations& second, bool commits)) {
  KeyPresence presence(7);
  std::set<uint8_t> model;
  const auto apply = [&](const Operations& operations) {
    std::vector<uint8_t> expected;
    for (const auto& [put, number] : operations) {
      const uint8_t key = number % 10;
      expected.push_back(model.contains(key) ? 1 : 0);
      put ? (void)model.insert(key) : (void)model.erase(key);
    }
    return expected;
  };
  KeyPresenceChange setup(&presence, batch_of(first));
  RC_ASSERT(setup.take_expected() == apply(first));
  setup.committed();
  const std::set<uint8_t> before = model;
  KeyPresenceChange change(&presence, batch_of(second));
  RC_ASSERT(change.take_expected() == apply(second));
  commits ? change.committed() : change.undo();
  for (uint8_t key = 0; key < 10; ++key) {
    const uint64_t hash = presence.hash_of(kv_format::Space::content, Bytes{key});
    RC_ASSERT(presence.contains(hash) == (commits ? model : before).contains(key));
  }
}

}  // namespace
}  // namespace vectron
