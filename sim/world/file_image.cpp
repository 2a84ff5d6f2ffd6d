#include "sim/world/file_image.h"

#include <algorithm>
#include <ranges>

namespace vectron::sim {

size_t FileImage::read(uint64_t offset, std::span<uint8_t> into) const {
  if (offset >= content_.size()) return 0;
  const size_t size = std::min<uint64_t>(into.size(), content_.size() - offset);
  std::memcpy(into.data(), content_.data() + offset, size);
  return size;
}

void FileImage::write(uint64_t offset, ByteView bytes) {
  if (bytes.empty()) return;
  Generation& generation = open_generation();
  const uint64_t end = offset + bytes.size();
  for (uint64_t page = offset / kPageBytes; page * kPageBytes < end; ++page) {
    save_page(&generation, page);
  }
  generation.first_changed = std::min(generation.first_changed, offset);
  if (!rotten_.empty()) {
    std::erase_if(rotten_, [&](uint64_t place) { return place >= offset && place < end; });
  }
  if (end > content_.size()) content_.resize(end);
  std::memcpy(content_.data() + offset, bytes.data(), bytes.size());
}

void FileImage::truncate(uint64_t size) {
  if (size == content_.size()) return;
  Generation& generation = open_generation();
  for (uint64_t page = size / kPageBytes; page * kPageBytes < content_.size(); ++page) {
    save_page(&generation, page);
  }
  content_.resize(size);
}

uint64_t FileImage::begin_sync() {
  newest_is_open_ = false;
  return next_generation_ - 1;
}

void FileImage::end_sync(uint64_t number) {
  if (has_doomed_) {
    for (const Generation& generation : generations_) {
      if (generation.number <= number && !generation.doomed) outlive_doomed(generation);
    }
  }
  auto at = generations_.begin();
  while (at != generations_.end() && at->number <= number) {
    if (at->doomed) {
      ++at;
      continue;
    }
    if (at->first_changed != UINT64_MAX) settled_bytes_ = at->first_changed;
    spare_ = std::move(at->undo);
    spare_.clear();
    at = generations_.erase(at);
  }
}

void FileImage::fail_sync(uint64_t number) {
  for (Generation& generation : generations_) {
    if (generation.number <= number) generation.doomed = has_doomed_ = true;
  }
}

/// Pages that were written again as a whole page and synced are durable, whatever failed before.
void FileImage::outlive_doomed(const Generation& synced) {
  for (Generation& older : generations_) {
    if (!older.doomed || older.number > synced.number) continue;
    for (const uint64_t page : synced.undo.pages()) older.undo.remove(page);
    older.size_before = content_.size();
  }
}

void FileImage::rot(uint64_t offset, unsigned bit) {
  content_[offset] ^= static_cast<uint8_t>(1u << (bit % 8));
  rotten_.push_back(offset);
}

bool FileImage::is_rotten(uint64_t offset, uint64_t size) const {
  return std::ranges::any_of(
      rotten_, [&](uint64_t place) { return place >= offset && place < offset + size; });
}

uint64_t FileImage::unsynced_bytes() const {
  uint64_t pages = 0;
  for (const Generation& generation : generations_) {
    if (!generation.doomed) pages += generation.pages;
  }
  return pages * kPageBytes;
}

FileImage::Generation& FileImage::open_generation() {
  if (!newest_is_open_) {
    generations_.emplace_back();
    generations_.back().number = next_generation_++;
    generations_.back().size_before = content_.size();
    generations_.back().undo = std::exchange(spare_, {});
    newest_is_open_ = true;
  }
  return generations_.back();
}

void FileImage::save_page(Generation* generation, uint64_t page) {
  if (generation->undo.contains(page)) return;
  const std::span<uint8_t> image = generation->undo.add(page);
  const size_t there = read(page * kPageBytes, image);
  std::ranges::fill(image.subspan(there), uint8_t{0});
  ++generation->pages;
}

PowerLossCounts FileImage::lose_power(PageFates* fates) {
  PowerLossCounts counts;
  for (const Generation& generation : generations_ | std::views::reverse) {
    counts += lose(generation, fates);
  }
  generations_.clear();
  newest_is_open_ = false;
  has_doomed_ = false;
  std::erase_if(rotten_, [&](uint64_t place) { return place >= content_.size(); });
  return counts;
}

PowerLossCounts FileImage::lose(const Generation& generation, PageFates* fates) {
  PowerLossCounts counts;
  const uint64_t size_now = content_.size();
  const uint64_t size_before = generation.size_before;
  // A cut that never reached the medium brings back the old end, and all pages behind the cut with
  // it.
  const bool cut_is_lost = size_now < size_before && fates->loses_metadata();
  if (cut_is_lost) {
    content_.resize(size_before);
    ++counts.lost;
  }
  uint64_t kept_end = std::min(size_before, size_now);
  for (const uint64_t page : generation.undo.pages()) {
    const uint64_t begin = page * kPageBytes;
    SectorMask kept = generation.doomed ? SectorMask{0} : fates->next();
    if (cut_is_lost && begin + kPageBytes > size_now) kept = 0;
    if (begin >= content_.size()) continue;
    const std::span<uint8_t> now =
        std::span(content_).subspan(begin, std::min<uint64_t>(kPageBytes, content_.size() - begin));
    blend_page(now, generation.undo.before(page), kept, &counts);
    for (size_t sector = 0; sector < kSectorsOfPage; ++sector) {
      const uint64_t end = std::min<uint64_t>(begin + (sector + 1) * kSectorBytes, content_.size());
      if ((kept >> sector & 1) != 0) kept_end = std::max(kept_end, end);
    }
  }
  // A file that grew ends after the last sector that reached the medium, or at its full length with
  // zeros.
  const bool grew = size_now > size_before && content_.size() > kept_end;
  if (grew && (generation.doomed || fates->loses_metadata())) {
    content_.resize(kept_end);
    ++counts.lost;
  }
  return counts;
}

}  // namespace vectron::sim
