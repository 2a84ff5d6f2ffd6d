#include "sim/explore/minimize.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace vectron::sim {
namespace {

using Predicate = std::function<bool(const Subset&)>;

FirstFailingSubset first_failing(const Predicate& fails, size_t* tried = nullptr) {
  return [&fails, tried](const std::vector<Subset>& candidates) -> std::optional<size_t> {
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (tried != nullptr) ++*tried;
      if (fails(candidates[i])) return i;
    }
    return std::nullopt;
  };
}

Subset everything(size_t count) {
  Subset all(count);
  for (size_t i = 0; i < count; ++i) all[i] = i;
  return all;
}

/// The dumb twin: takes one thing away at a time, from the front, until none can go.
Subset one_at_a_time(size_t count, const Predicate& fails) {
  Subset items = everything(count);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < items.size(); ++i) {
      Subset less = items;
      less.erase(less.begin() + static_cast<ptrdiff_t>(i));
      if (!fails(less)) continue;
      items = less;
      changed = true;
      break;
    }
  }
  return items;
}

bool is_one_minimal(const Subset& items, const Predicate& fails) {
  for (size_t i = 0; i < items.size(); ++i) {
    Subset less = items;
    less.erase(less.begin() + static_cast<ptrdiff_t>(i));
    if (fails(less)) return false;
  }
  return fails(items);
}

TEST(MinimalFailingSubset, IsWhatIsNeededWhenExactlyThatIsNeeded) {
  EXPECT_TRUE(rc::check([] {
    const auto count = *rc::gen::inRange<size_t>(0, 60);
    const auto needed =
        *rc::gen::container<std::set<size_t>>(rc::gen::inRange<size_t>(0, count + 1));
    std::set<size_t> wanted;
    for (const size_t at : needed) {
      if (at < count) wanted.insert(at);
    }
    const Predicate fails = [&](const Subset& kept) { return std::ranges::includes(kept, wanted); };
    const Subset found = minimal_failing_subset(count, first_failing(fails));
    RC_ASSERT(found == Subset(wanted.begin(), wanted.end()));
    RC_ASSERT(found == one_at_a_time(count, fails));
  }));
}

TEST(MinimalFailingSubset, CannotLoseOneThingMoreWhateverThePredicate) {
  EXPECT_TRUE(rc::check([] {
    const auto count = *rc::gen::inRange<size_t>(1, 14);
    const auto salt = *rc::gen::arbitrary<uint64_t>();
    const auto rarity = *rc::gen::inRange<uint64_t>(1, 6);
    const Predicate fails = [&](const Subset& kept) {
      if (kept.size() == count) return true;
      uint64_t key = salt;
      for (const size_t at : kept) key = (key ^ at) * 0x9e3779b97f4a7c15U + (key >> 29);
      return (key >> 33) % rarity == 0;
    };
    const Subset found = minimal_failing_subset(count, first_failing(fails));
    RC_ASSERT(std::ranges::is_sorted(found));
    RC_ASSERT(is_one_minimal(found, fails));
    RC_ASSERT(is_one_minimal(one_at_a_time(count, fails), fails));
  }));
}

TEST(MinimalFailingSubset, NeedsFewTrialsWhenOneThingIsToBlame) {
  for (size_t blame = 0; blame < 1'000; blame += 37) {
    size_t tried = 0;
    const Predicate fails = [&](const Subset& kept) {
      return std::ranges::binary_search(kept, blame);
    };
    EXPECT_EQ(minimal_failing_subset(1'000, first_failing(fails, &tried)), Subset{blame});
    EXPECT_LE(tried, 2 * 10 + 2u);
  }
}

TEST(MinimalFailingSubset, IsEmptyWhenNothingIsNeeded) {
  const Predicate always = [](const Subset&) { return true; };
  EXPECT_EQ(minimal_failing_subset(100, first_failing(always)), Subset());
  EXPECT_EQ(minimal_failing_subset(0, first_failing(always)), Subset());
}

TEST(MinimalFailingSubset, IsEverythingWhenNoMoreMayBeTried) {
  const FirstFailingSubset never = [](const std::vector<Subset>&) { return std::nullopt; };
  EXPECT_EQ(minimal_failing_subset(9, never), everything(9));
}

TEST(MinimalFailingNumber, IsTheThreshold) {
  EXPECT_TRUE(rc::check([] {
    const auto low = *rc::gen::inRange<uint64_t>(0, 100);
    const auto high = *rc::gen::inRange<uint64_t>(low, 10'000);
    const auto threshold = *rc::gen::inRange<uint64_t>(0, high + 1);
    size_t tried = 0;
    const uint64_t found = minimal_failing_number(
        low, high, [&](const std::vector<uint64_t>& numbers) -> std::optional<size_t> {
          ++tried;
          RC_ASSERT(numbers.size() == 1u);
          if (numbers[0] >= threshold) return 0;
          return std::nullopt;
        });
    RC_ASSERT(found == std::max(low, threshold));
    RC_ASSERT(tried <= 16u);
  }));
}

}  // namespace
}  // namespace vectron::sim
