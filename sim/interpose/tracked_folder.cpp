#include "sim/interpose/tracked_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/base/assert.h"
#include "sim/interpose/kernel.h"
#include "sim/interpose/stored_values.h"

namespace vectron::sim {
namespace {

namespace fs = std::filesystem;

// By path. Never destroyed: libc calls may come after the destructors of statics.
std::map<std::string, TrackedFolder*, std::less<>>& folders() {
  static auto* map = new std::map<std::string, TrackedFolder*, std::less<>>;
  return *map;
}

/// A file opened for the rewriting after a power loss, past the interposers.
class RawFile {
 public:
  explicit RawFile(const std::string& path) : descriptor_(kernel::open(path.c_str(), O_RDWR, 0)) {
    VECTRON_ASSERT(descriptor_ >= 0, "cannot open {}: errno {}", path, errno);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;
  ~RawFile() { kernel::close(descriptor_); }

  void read(uint64_t offset, std::span<uint8_t> into) {
    const ssize_t count = kernel::pread(descriptor_, into.data(), into.size(), offset);
    VECTRON_ASSERT(count == static_cast<ssize_t>(into.size()), "errno {}", errno);
  }
  void write(uint64_t offset, ByteView bytes) {
    const ssize_t count = kernel::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    VECTRON_ASSERT(count == static_cast<ssize_t>(bytes.size()), "errno {}", errno);
  }
  void truncate(uint64_t size) {
    const int result = kernel::ftruncate(descriptor_, size);
    VECTRON_ASSERT(result == 0, "errno {}", errno);
  }

 private:
  int descriptor_;
};

/// Applies the fates of the un-synced pages of `file` to the real file.
PowerLossCounts lose_pages(TrackedFile* file, PageFates* fates) {
  PowerLossCounts counts;
  RawFile raw(file->path);
  uint64_t kept_end = file->durable_size;
  std::vector<uint8_t> page(kPageBytes);
  for (const uint64_t number : file->undo.pages()) {
    const uint64_t begin = number * kPageBytes;
    const SectorMask kept = fates->next();
    if (begin >= file->size) continue;  // Cut off since.
    const std::span<uint8_t> now(page.data(), std::min<uint64_t>(kPageBytes, file->size - begin));
    raw.read(begin, now);
    blend_page(now, file->undo.before(number), kept, &counts);
    raw.write(begin, now);
    for (size_t sector = 0; sector < kSectorsOfPage; ++sector) {
      const uint64_t end = std::min<uint64_t>(begin + (sector + 1) * kSectorBytes, file->size);
      if ((kept >> sector & 1) != 0) kept_end = std::max(kept_end, end);
    }
  }
  for (const uint64_t number : file->doomed.pages()) {
    const uint64_t begin = number * kPageBytes;
    if (begin >= file->size) continue;
    const std::span<uint8_t> now(page.data(), std::min<uint64_t>(kPageBytes, file->size - begin));
    raw.read(begin, now);
    blend_page(now, file->doomed.before(number), 0, &counts);
    raw.write(begin, now);
  }
  file->doomed.clear();
  // A file that grew ends after the last sector that reached the medium, or at its full length with
  // zeros.
  if (file->size > kept_end && fates->loses_metadata()) {
    raw.truncate(kept_end);
    file->size = kept_end;
    ++counts.lost;
  }
  file->durable_size = file->size;
  file->undo.clear();
  return counts;
}

bool process_lives(std::string_view id) {
  const auto process = static_cast<pid_t>(std::atol(std::string(id).c_str()));
  return process > 0 && (::kill(process, 0) == 0 || errno == EPERM);
}

std::string process_folder() {
  return fmt::format("{}{}", kRealFolderPrefix, ::getpid());
}

void sweep_dead_processes() {
  const fs::path prefix(kRealFolderPrefix);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(prefix.parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    const std::string stem = prefix.filename().string();
    if (!name.starts_with(stem) || process_lives(std::string_view(name).substr(stem.size()))) {
      continue;
    }
    fs::remove_all(entry.path(), error);
  }
}

}  // namespace

TrackedFolder::TrackedFolder(std::string path, PowerSwitch* power)
    : path_(std::move(path)), power_(*power) {
  VECTRON_ASSERT(path_.starts_with(kRealFolderPrefix), "{}", path_);
  std::error_code error;
  fs::create_directories(path_, error);
  VECTRON_ASSERT(!error, "cannot create {}: {}", path_, error.message());
  const bool is_new = folders().emplace(path_, this).second;
  VECTRON_ASSERT(is_new, "{} is tracked twice", path_);
}

TrackedFolder::~TrackedFolder() {
  VECTRON_ASSERT(open_descriptors() == 0, "a key-value environment in {} was not closed", path_);
  folders().erase(path_);
  std::error_code error;
  fs::remove_all(path_, error);
}

std::vector<std::string> TrackedFolder::names() const {
  std::vector<std::string> names;
  names.reserve(files_.size());
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

uint64_t TrackedFolder::bytes() const {
  uint64_t bytes = 0;
  for (const auto& [name, file] : files_) bytes += file->size;
  return bytes;
}

size_t TrackedFolder::open_descriptors() const {
  size_t count = 0;
  for (const auto& [name, file] : files_) count += file->descriptors;
  return count;
}

Bytes TrackedFolder::content(const std::string& name) const {
  const TrackedFile& file = *files_.at(name);
  Bytes bytes(file.size);
  RawFile raw(file.path);
  raw.read(0, bytes);
  return bytes;
}

bool TrackedFolder::rot(const std::string& name, uint64_t choice) {
  const Bytes bytes = content(name);
  std::vector<PairPlace> places = stored_pairs(bytes);
  if ((choice >> 56 & 7) == 0)
    std::erase_if(places, [](const auto& place) { return !place.system; });
  if (places.empty()) return false;
  const PairPlace& place = places[choice % places.size()];
  const bool key = (choice >> 59 & 1) != 0;
  const uint64_t within = (choice >> 20) % (key ? place.key_bytes : place.value_bytes);
  flip(name, bytes, (key ? place.key_offset : place.value_offset) + within, choice >> 60);
  return true;
}

bool TrackedFolder::rot_pages(const std::string& name, uint64_t choice) {
  const Bytes bytes = content(name);
  if (bytes.size() < 2 * kPageBytes) return false;
  flip(name, bytes, structural_byte(bytes, choice), choice >> 29);
  return true;
}

void TrackedFolder::flip(const std::string& name, ByteView bytes, uint64_t offset, uint64_t bit) {
  const auto flipped = static_cast<uint8_t>(bytes[offset] ^ (1u << bit % 8));
  RawFile(files_.at(name)->path).write(offset, std::span(&flipped, 1));
}

void TrackedFolder::sync_names() {
  for (const auto& [name, file] : files_) file->durable_name = true;
}

void TrackedFolder::remove(const std::string& name) {
  const auto found = files_.find(name);
  VECTRON_ASSERT(found != files_.end() && found->second->descriptors == 0, "{}/{}", path_, name);
  std::error_code error;
  fs::remove(found->second->path, error);
  files_.erase(found);
}

void TrackedFolder::move_aside() {
  VECTRON_ASSERT(open_descriptors() == 0, "a key-value environment in {} was not closed", path_);
  std::string path = path_ + ".removed";
  while (folders().contains(path)) path += "+";
  std::error_code error;
  fs::rename(path_, path, error);
  VECTRON_ASSERT(!error, "cannot rename {}: {}", path_, error.message());
  folders().erase(path_);
  folders().emplace(path, this);
  path_ = std::move(path);
  for (const auto& [name, file] : files_) file->path = path_ + "/" + name;
}

PowerLossCounts TrackedFolder::lose_power(PageFates* fates) {
  VECTRON_ASSERT(open_descriptors() == 0, "a key-value environment in {} was not closed", path_);
  PowerLossCounts counts;
  for (const std::string& name : names()) {
    TrackedFile& file = *files_.at(name);
    const bool keeps_blocks = file.durable_name && file.durable_size == file.size;
    if (file.volatile_content) {
      if (!keeps_blocks) remove(name);
    } else if (!file.durable_name && fates->loses_metadata()) {
      remove(name);
      ++counts.lost;
    } else {
      file.durable_name = true;
      counts += lose_pages(&file, fates);
    }
  }
  return counts;
}

TrackedFolder* TrackedFolder::find(const char* path, std::string* name) {
  const std::string_view whole(path);
  if (!whole.starts_with(kRealFolderPrefix)) return nullptr;
  const size_t slash = whole.rfind('/');
  const auto found = folders().find(whole.substr(0, slash));
  if (found == folders().end()) return nullptr;
  *name = whole.substr(slash + 1);
  return found->second;
}

TrackedFile& TrackedFolder::file(const std::string& name) {
  std::unique_ptr<TrackedFile>& file = files_[name];
  if (file == nullptr) {
    file = std::make_unique<TrackedFile>();
    file->path = path_ + "/" + name;
    file->power = &power_;
    file->volatile_content = name.ends_with("lock.mdb");
  }
  return *file;
}

std::string make_real_folder() {
  static uint64_t next_number = 0;
  if (next_number == 0) sweep_dead_processes();
  std::string path = fmt::format("{}/world-{}", process_folder(), next_number++);
  std::error_code error;
  fs::create_directories(path, error);
  VECTRON_ASSERT(!error, "the simulation needs a writable /dev/shm: {}", error.message());
  return path;
}

void delete_real_folder(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  ::rmdir(process_folder().c_str());  // Fails while another world lives.
}

}  // namespace vectron::sim
