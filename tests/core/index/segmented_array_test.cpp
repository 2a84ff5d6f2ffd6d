#include "core/index/segmented_array.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include <thread>
#include <vector>

namespace vectron::index {
namespace {

TEST(SegmentedArray, NeverMovesAnElementAndBeginsWithZero) {
  SegmentedArray<uint32_t> array(3);
  std::vector<uint32_t*> places;
  for (uint32_t index = 0; index < 10'000; ++index) {
    array.ensure(index);
    uint32_t* place = array.mutable_element(index);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(place[i], 0u);
    place[0] = place[1] = place[2] = index + 1;
    places.push_back(place);
  }
  for (uint32_t index = 0; index < 10'000; ++index) {
    ASSERT_EQ(array.element(index), places[index]);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(places[index][i], index + 1);
  }
}

TEST(SegmentedArray, RunsLieSideBySide) {
  SegmentedArray<float> array(16);
  for (uint32_t index = 0; index < 5'000; ++index) array.ensure(index);
  for (uint32_t begin = 0; begin < 5'000; begin += array.run_length(begin)) {
    for (uint32_t i = 0; i < array.run_length(begin) && begin + i < 5'000; ++i) {
      ASSERT_EQ(array.element(begin + i), array.element(begin) + size_t{16} * i);
    }
  }
}

TEST(SegmentedArray, AlignsSegmentsToCacheLines) {
  SegmentedArray<float> array(16);
  for (const uint32_t index : {0u, 64u, 192u, 100'000u}) {
    EXPECT_FALSE(array.has(index));
    array.ensure(index);
    EXPECT_TRUE(array.has(index));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.element(index)) % 64, 0u);
  }
}

// Which pages of [first, first + bytes) are in memory.
size_t resident_pages(void* first, size_t bytes) {
  std::vector<unsigned char> pages(bytes / 4'096);
  EXPECT_EQ(mincore(first, pages.size() * 4'096, pages.data()), 0);
  return static_cast<size_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(SegmentedArray, ALargeSegmentCostsMemoryAsItIsFilled) {
  constexpr size_t kBytes = 64u << 20;
  const SegmentMemory memory = allocate_segment(kBytes);
  EXPECT_EQ(resident_pages(memory.first, kBytes), 0u);
  static_cast<char*>(memory.first)[kBytes / 2] = 1;
  EXPECT_LE(resident_pages(memory.first, kBytes), (2u << 20) / 4'096) << "one huge page at most";
  free_segment(memory);
  std::vector<unsigned char> page(1);
  EXPECT_EQ(mincore(memory.first, 4'096, page.data()), -1) << "it is mapped no more";
}

TEST(SegmentedArray, GrowsOnceWhenSeveralThreadsAskAtOnce) {
  SegmentedArray<uint32_t> array(1);
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&array, t] {
      for (uint32_t index = t; index < 20'000; index += 4) {
        array.ensure(index);
        *array.mutable_element(index) = index;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint32_t index = 0; index < 20'000; ++index) ASSERT_EQ(*array.element(index), index);
}

}  // namespace
}  // namespace vectron::index
