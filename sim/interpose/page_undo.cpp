#include "sim/interpose/page_undo.h"

#include <algorithm>

namespace vectron::sim {

PageFates::PageFates(RandomStream* random, PowerLossRules rules) : random_(*random), rules_(rules) {
  struct Mood {
    uint64_t lost_ppm;
    uint64_t torn_ppm;
  };
  static constexpr Mood kMoods[] = {
      {1'000'000, 0}, {0, 500'000}, {500'000, 200'000}, {300'000, 300'000}, {900'000, 50'000}};
  const Mood& mood = kMoods[random_.below(std::size(kMoods))];
  lost_ppm_ = mood.lost_ppm;
  torn_ppm_ = mood.torn_ppm;
}

SectorMask PageFates::next() {
  const uint64_t draw = random_.below(1'000'000);
  const auto mask = static_cast<SectorMask>(random_.between(1, 254));
  if (draw < lost_ppm_) return rules_.lose ? 0 : 0xff;
  if (draw < lost_ppm_ + torn_ppm_) return rules_.tear ? mask : 0xff;
  return 0xff;
}

bool PageFates::loses_metadata() {
  const bool lost = random_.chance_ppm(std::max<uint64_t>(lost_ppm_, 200'000));
  return lost && rules_.lose;
}

void blend_page(std::span<uint8_t> page, ByteView before, SectorMask kept,
                PowerLossCounts* counts) {
  bool undone = false;
  bool stayed = false;
  for (size_t sector = 0; sector * kSectorBytes < page.size(); ++sector) {
    const size_t begin = sector * kSectorBytes;
    const size_t size = std::min(kSectorBytes, page.size() - begin);
    if (std::memcmp(page.data() + begin, before.data() + begin, size) == 0) continue;
    if ((kept >> sector & 1) != 0) {
      stayed = true;
      continue;
    }
    std::memcpy(page.data() + begin, before.data() + begin, size);
    undone = true;
  }
  if (!undone) return;
  ++(stayed ? counts->torn : counts->lost);
}

std::span<uint8_t> PageUndo::add(uint64_t page) {
  if (slots_.size() <= page) slots_.resize(std::max<size_t>(page + 1, slots_.size() * 2));
  VECTRON_ASSERT(slots_[page] == 0, "page {} has a pre-image", page);
  added_.push_back(page);
  slots_[page] = static_cast<uint32_t>(added_.size());
  const size_t end = added_.size() * kPageBytes;
  if (images_.size() < end) images_.resize(std::max(end, images_.size() * 2));
  ++live_;
  return std::span(images_).subspan(end - kPageBytes, kPageBytes);
}

void PageUndo::remove(uint64_t page) {
  if (!contains(page)) return;
  added_[slots_[page] - 1] = kRemoved;
  slots_[page] = 0;
  if (--live_ == 0) clear();
}

void PageUndo::clear() {
  for (const uint64_t page : added_) {
    if (page != kRemoved) slots_[page] = 0;
  }
  added_.clear();
  live_ = 0;
}

std::vector<uint64_t> PageUndo::pages() const {
  std::vector<uint64_t> pages;
  for (const uint64_t page : added_) {
    if (page != kRemoved) pages.push_back(page);
  }
  std::ranges::sort(pages);
  return pages;
}

ByteView PageUndo::before(uint64_t page) const {
  VECTRON_ASSERT(contains(page));
  return ByteView(images_).subspan((slots_[page] - 1) * kPageBytes, kPageBytes);
}

}  // namespace vectron::sim
