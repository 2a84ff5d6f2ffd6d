#include "services/worker/shard_rebuild.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/base/random.h"

namespace vectron {
namespace {

ShardOptions small_options() {
  ShardOptions options;
  options.dimension = 3;
  options.distance = Distance::cosine;
  options.index = {.m = 4, .ef_construction = 16, .ef_search = 16};
  return options;
}

std::vector<float> vector_of(uint64_t seed) {
  RandomStream random(seed, "vector");
  return {random.unit_float() + 0.1f, random.unit_float(), random.unit_float()};
}

/// What ShardState does to a content and to its rebuild.
struct Writer {
  std::shared_ptr<ShardContent> content = std::make_shared<ShardContent>(small_options());
  std::shared_ptr<ShardRebuild> rebuild;
  uint64_t version = 0;

  void remove(uint64_t id) {
    const auto old = content->slots.find(PointId(id));
    if (old == content->slots.end()) return;
    content->index.remove(old->second);
    if (rebuild) rebuild->removed(old->second);
    content->slots.erase(old);
  }
  void put(uint64_t id) {
    remove(id);
    ++version;
    content->put(PointId(id), version, vector_of(version));
  }
  uint64_t coverage(const ShardContent& of) const { return of.coverage(of.index.cut()); }
};

TEST(ShardRebuild, LeavesTheTombstonesBehind) {
  Writer writer;
  for (uint64_t id = 0; id < 50; ++id) writer.put(id % 10);
  ShardRebuild rebuild(writer.content, small_options(), false);
  while (!rebuild.copy_some(7)) {
  }
  EXPECT_EQ(rebuild.to()->rows.size(), 10u);
  EXPECT_EQ(rebuild.to()->index.cut().removals, 0u);
  EXPECT_EQ(writer.coverage(*rebuild.to()), writer.coverage(*writer.content));
}

TEST(ShardRebuild, LosesNoWriteAndNoDeleteThatHappensMeanwhile) {
  EXPECT_TRUE(rc::check("the new content holds what the old one holds", [](uint64_t seed) {
    RandomStream random(seed, "rebuild");
    Writer writer;
    const auto change = [&] {
      const uint64_t id = random.below(30);
      random.below(3) == 0 ? writer.remove(id) : writer.put(id);
    };
    for (uint64_t i = random.below(80); i > 0; --i) change();
    writer.rebuild = std::make_shared<ShardRebuild>(writer.content, small_options(), false);
    while (!writer.rebuild->copy_some(static_cast<uint32_t>(1 + random.below(10)))) {
      for (uint64_t i = random.below(6); i > 0; --i) change();
      writer.rebuild->to()->index.index_some(static_cast<uint32_t>(random.below(8)));
    }
    const ShardContent& to = *writer.rebuild->to();
    RC_ASSERT(writer.coverage(to) == writer.coverage(*writer.content));
    RC_ASSERT(to.slots.size() == writer.content->slots.size());
    const auto query = vector_of(seed);
    const auto expected =
        writer.content->index.search(writer.content->index.cut(), query, {.k = 30, .exact = true});
    const auto found = to.index.search(to.index.cut(), query, {.k = 30, .exact = true});
    RC_ASSERT(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      RC_ASSERT(found[i].distance == expected[i].distance);
      RC_ASSERT(to.rows[found[i].slot].id == writer.content->rows[expected[i].slot].id);
    }
  }));
}

}  // namespace
}  // namespace vectron
