#include "sim/world/file_image.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace vectron::sim {
namespace {

Bytes filled(size_t size, uint8_t value) {
  return Bytes(size, value);
}

TEST(FileImage, SyncedBytesSurviveEveryPowerLoss) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed);
    FileImage image;
    image.write(0, filled(10'000, 1));
    image.end_sync(image.begin_sync());
    image.write(20'000, filled(5'000, 2));
    PageFates fates(&random, {});
    image.lose_power(&fates);
    ASSERT_GE(image.size(), 10'000u);
    ASSERT_TRUE(
        std::ranges::all_of(image.content().first(10'000), [](uint8_t b) { return b == 1; }));
  }
}

TEST(FileImage, ChangesDuringASyncBelongToTheNext) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed);
    FileImage image;
    image.write(0, filled(100, 1));
    const uint64_t sync = image.begin_sync();
    image.write(0, filled(100, 2));
    image.end_sync(sync);
    EXPECT_FALSE(image.synced());
    PageFates fates(&random, {});
    image.lose_power(&fates);
    ASSERT_EQ(image.size(), 100u);
    ASSERT_TRUE(image.content()[0] == 1 || image.content()[0] == 2);
    lost += image.content()[0] == 1 ? 1 : 0;
  }
  EXPECT_GT(lost, 10);
  EXPECT_LT(lost, 90);
}

TEST(FileImage, AnUnfinishedSyncProvesNothing) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed);
    FileImage image;
    image.write(0, filled(4'096, 1));
    image.begin_sync();
    PageFates fates(&random, {});
    image.lose_power(&fates);
    lost += image.size() < 4'096 ? 1 : 0;
  }
  EXPECT_GT(lost, 10);
}

TEST(FileImage, ATornPageHoldsSectorsOfBothVersions) {
  int torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed);
    FileImage image;
    image.write(0, filled(kPageBytes, 1));
    image.end_sync(image.begin_sync());
    image.write(0, filled(kPageBytes, 2));
    PageFates fates(&random, {});
    const PowerLossCounts counts = image.lose_power(&fates);
    bool both = false;
    for (size_t sector = 0; sector < kSectorsOfPage; ++sector) {
      const ByteView bytes = image.content().subspan(sector * kSectorBytes, kSectorBytes);
      ASSERT_TRUE(std::ranges::all_of(bytes, [&](uint8_t b) { return b == bytes[0]; }));
      both |= bytes[0] != image.content()[0];
    }
    EXPECT_EQ(counts.torn, both ? 1u : 0u);
    torn += both ? 1 : 0;
  }
  EXPECT_GT(torn, 10);
}

TEST(FileImage, RulesLimitWhatAPowerLossDoes) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed);
    FileImage image;
    image.write(0, filled(40 * kPageBytes, 1));
    image.end_sync(image.begin_sync());
    image.write(0, filled(50 * kPageBytes, 2));
    PageFates fates(&random, {.lose = false, .tear = false});
    const PowerLossCounts counts = image.lose_power(&fates);
    ASSERT_EQ(counts.lost + counts.torn, 0u);
    ASSERT_EQ(to_bytes(image.content()), filled(50 * kPageBytes, 2));
  }
}

// The dumb twin keeps whole copies: each sector must hold what some un-synced or the durable
// version of it held.
TEST(FileImage, EverySectorHoldsAVersionSinceTheLastFinishedSync) {
  EXPECT_TRUE(rc::check([] {
    FileImage image;
    std::vector<Bytes> versions{{}};  // Versions since the last finished sync, that one first.
    std::map<uint64_t, Bytes> syncs;
    const auto steps = *rc::gen::inRange(1, 40);
    for (int i = 0; i < steps; ++i) {
      const auto action = *rc::gen::inRange(0, 8);
      Bytes now = versions.back();
      if (action < 4) {
        const auto offset = *rc::gen::inRange<size_t>(0, 30'000);
        const auto size = *rc::gen::inRange<size_t>(1, 9'000);
        const Bytes bytes = filled(size, static_cast<uint8_t>(i + 1));
        image.write(offset, bytes);
        now.resize(std::max(now.size(), offset + size));
        std::ranges::copy(bytes, now.begin() + static_cast<ptrdiff_t>(offset));
        versions.push_back(now);
      } else if (action == 4) {
        now.resize(*rc::gen::inRange<size_t>(0, 30'000));
        image.truncate(now.size());
        versions.push_back(now);
      } else if (action == 5) {
        syncs[image.begin_sync()] = now;
      } else if (!syncs.empty()) {
        const auto [number, durable] = *syncs.begin();
        image.end_sync(number);
        while (versions.size() > 1 && versions.front() != durable) versions.erase(versions.begin());
        syncs.erase(syncs.begin());
      }
      RC_ASSERT(to_bytes(image.content()) == versions.back());
    }
    RandomStream random(*rc::gen::arbitrary<uint64_t>());
    PageFates fates(&random, {});
    image.lose_power(&fates);
    RC_ASSERT(image.synced());
    for (size_t begin = 0; begin < image.size(); begin += kSectorBytes) {
      const size_t size = std::min(kSectorBytes, image.size() - begin);
      const Bytes sector = to_bytes(image.content().subspan(begin, size));
      const bool known = std::ranges::any_of(versions, [&](const Bytes& version) {
        Bytes part(size);
        for (size_t j = 0; j < size && begin + j < version.size(); ++j)
          part[j] = version[begin + j];
        return part == sector;
      });
      // The last sector before an end that moved may mix a cut with what was there.
      const bool at_an_end = std::ranges::any_of(versions, [&](const Bytes& version) {
        return version.size() > begin && version.size() < begin + kSectorBytes;
      });
      RC_ASSERT(known || at_an_end);
    }
  }));
}

TEST(PageUndo, RemembersEachPageOnceAndForgetsAll) {
  PageUndo undo;
  for (const uint64_t page : {7, 3, 100}) undo.add(page)[0] = static_cast<uint8_t>(page);
  EXPECT_EQ(undo.pages(), (std::vector<uint64_t>{3, 7, 100}));
  undo.remove(7);
  undo.remove(7);
  EXPECT_FALSE(undo.contains(7));
  undo.add(7)[0] = 70;
  EXPECT_EQ(undo.before(7)[0], 70);
  EXPECT_EQ(undo.before(100)[0], 100);
  undo.clear();
  EXPECT_TRUE(undo.empty());
  EXPECT_TRUE(undo.pages().empty());
  undo.add(3)[0] = 9;
  EXPECT_EQ(undo.before(3)[0], 9);
}

}  // namespace
}  // namespace vectron::sim
