#include "tests/support/memory_disk.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/base/assert.h"

namespace vectron {

namespace {

constexpr uint64_t kSectorBytes = 512;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string make_temporary() {
  const std::string base = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
  std::string pattern = base + "/vectron-test-XXXXXX";
  VECTRON_ASSERT(mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

}  // namespace

// ------------------------------------------------------------------------------------- files

class MemoryDisk::OpenFile final : public File {
 public:
  OpenFile(MemoryDisk* disk, std::shared_ptr<FileData> data)
      : disk_(disk), data_(std::move(data)) {}

  Task<Result<size_t>> read_at(uint64_t offset, std::span<uint8_t> into) override {
    co_await disk_->pause(disk_->write_time);
    const Bytes& cache = data_->cache;
    if (offset >= cache.size()) co_return size_t{0};
    const size_t size = std::min<uint64_t>(into.size(), cache.size() - offset);
    std::memcpy(into.data(), cache.data() + offset, size);
    co_return size;
  }

  Task<Result<void>> write_at(uint64_t offset, ByteView bytes) override {
    co_await disk_->pause(disk_->write_time);
    ++disk_->write_count;
    PendingWrite write{offset, to_bytes(bytes)};
    const uint64_t grown = std::max<uint64_t>(data_->cache.size(), offset + bytes.size());
    const bool fails = disk_->writes_until_error == 0;
    const uint64_t others = disk_->used_bytes() - data_->cache.size();
    const bool full = grown > data_->cache.size() && others + grown > disk_->capacity_bytes;
    if (disk_->writes_until_error > 0) --disk_->writes_until_error;
    // A write that fails leaves its first half behind, as far as that fits.
    if (fails || full) {
      const uint64_t end_max = std::max<uint64_t>(
          data_->cache.size(), disk_->capacity_bytes > others ? disk_->capacity_bytes - others : 0);
      const uint64_t room = end_max > offset ? end_max - offset : 0;
      write.bytes.resize(std::min<uint64_t>(bytes.size() / 2, room));
    }
    apply(write, &data_->cache);
    data_->pending.push_back(std::move(write));
    if (fails) co_return fail(Code::data_loss, "injected write error");
    if (full) co_return fail(Code::resource_exhausted, "the disk is full");
    co_return Result<void>();
  }

  Task<Result<void>> sync() override {
    // Only writes that ended before the call become durable.
    const size_t count = data_->pending.size();
    co_await disk_->pause(disk_->sync_time);
    ++disk_->sync_count;
    if (disk_->syncs_without_space > 0) {
      --disk_->syncs_without_space;
      data_->pending.erase(data_->pending.begin(),
                           data_->pending.begin() + static_cast<ptrdiff_t>(count));
      co_return fail(Code::resource_exhausted, "no space for what was written");
    }
    if (disk_->syncs_until_error == 0) co_return fail(Code::data_loss, "injected sync error");
    if (disk_->syncs_until_error > 0) --disk_->syncs_until_error;
    auto& pending = data_->pending;
    for (size_t i = 0; i < count; ++i) apply(pending[i], &data_->durable);
    pending.erase(pending.begin(), pending.begin() + static_cast<ptrdiff_t>(count));
    co_return Result<void>();
  }

  Result<uint64_t> size() override { return data_->cache.size(); }

  Task<Result<void>> truncate(uint64_t size) override {
    co_await disk_->pause(disk_->write_time);
    PendingWrite write{size, {}, true};
    apply(write, &data_->cache);
    data_->pending.push_back(std::move(write));
    co_return Result<void>();
  }

 private:
  MemoryDisk* disk_;
  std::shared_ptr<FileData> data_;
};

void MemoryDisk::apply(const PendingWrite& write, Bytes* image) {
  if (write.truncates) {
    image->resize(write.offset);
    return;
  }
  if (image->size() < write.offset + write.bytes.size()) {
    image->resize(write.offset + write.bytes.size());
  }
  std::copy(write.bytes.begin(), write.bytes.end(),
            image->begin() + static_cast<ptrdiff_t>(write.offset));
}

// ------------------------------------------------------------------------------- directories

class MemoryDisk::Directory final : public BlockingDirectory {
 public:
  Directory(MemoryDisk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  const std::string& path() const override { return path_; }
  Task<void> run(BlockingCost cost, std::function<void()> work) override {
    co_await disk_->pause(cost.syncs ? disk_->sync_time : disk_->write_time);
    work();
  }

 private:
  MemoryDisk* disk_;
  std::string path_;
};

MemoryDisk::MemoryDisk(Scheduler& scheduler)
    : scheduler_(scheduler), temporary_(make_temporary()) {}

MemoryDisk::~MemoryDisk() {
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

Task<Result<std::unique_ptr<File>>> MemoryDisk::open(std::string path, OpenMode mode) {
  co_await pause(write_time);
  const auto found = names_.find(path);
  const bool must_exist = mode == OpenMode::read || mode == OpenMode::read_write;
  if (found == names_.end() && must_exist) co_return fail(Code::not_found, path + " is absent");
  if (found != names_.end() && mode == OpenMode::create_new) {
    co_return fail(Code::already_exists, path + " exists");
  }
  std::shared_ptr<FileData>& data = names_[path];
  if (!data) data = std::make_shared<FileData>();
  std::unique_ptr<File> file = std::make_unique<OpenFile>(this, data);
  co_return std::move(file);
}

Task<Result<void>> MemoryDisk::rename(std::string from, std::string to) {
  co_await pause(write_time);
  const auto found = names_.find(from);
  if (found == names_.end()) co_return fail(Code::not_found, from + " is absent");
  std::shared_ptr<FileData> data = std::move(found->second);
  names_.erase(found);
  names_[to] = std::move(data);
  co_return Result<void>();
}

Task<Result<void>> MemoryDisk::remove(std::string path) {
  co_await pause(write_time);
  if (names_.erase(path) == 0) co_return fail(Code::not_found, path + " is absent");
  co_return Result<void>();
}

Task<Result<void>> MemoryDisk::remove_tree(std::string path) {
  co_await pause(write_time);
  std::erase_if(names_, [&](const auto& item) { return item.first.starts_with(path + "/"); });
  std::erase_if(folders_, [&](const std::string& folder) {
    return folder == path || folder.starts_with(path + "/");
  });
  std::filesystem::remove_all(real_path(path));
  co_return Result<void>();
}

Task<Result<void>> MemoryDisk::create_directory(std::string path) {
  co_await pause(write_time);
  folders_.insert(path);
  std::filesystem::create_directories(real_path(path));
  co_return Result<void>();
}

Task<Result<void>> MemoryDisk::sync_directory(std::string path) {
  co_await pause(sync_time);
  std::erase_if(durable_names_, [&](const auto& item) {
    return folder_of(item.first) == path && !names_.contains(item.first);
  });
  for (const auto& [name, data] : names_) {
    if (folder_of(name) == path) durable_names_[name] = data;
  }
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> MemoryDisk::list(std::string path) {
  co_await pause(write_time);
  const bool there = path.empty() || folders_.contains(path);
  if (!there) co_return fail(Code::not_found, path + " is absent");
  const size_t begin = path.empty() ? 0 : path.size() + 1;
  std::set<std::string> result;
  for (const auto& [name, data] : names_) {
    if (folder_of(name) == path) result.insert(name.substr(begin));
  }
  for (const std::string& folder : folders_) {
    if (!folder.empty() && folder_of(folder) == path) result.insert(folder.substr(begin));
  }
  co_return std::vector<std::string>(result.begin(), result.end());
}

Task<Result<bool>> MemoryDisk::exists(std::string path) {
  co_await pause(write_time);
  co_return names_.contains(path) || folders_.contains(path);
}

Result<uint64_t> MemoryDisk::free_space_bytes() {
  const uint64_t used = used_bytes();
  return capacity_bytes > used ? capacity_bytes - used : 0;
}

Result<std::unique_ptr<BlockingDirectory>> MemoryDisk::open_blocking_directory(
    const std::string& path) {
  if (!folders_.contains(path)) return fail(Code::not_found, path + " is absent");
  if (make_directory) return make_directory(real_path(path));
  return std::make_unique<Directory>(this, real_path(path));
}

uint64_t MemoryDisk::used_bytes() const {
  uint64_t sum = 0;
  for (const auto& [name, data] : names_) sum += data->cache.size();
  return sum;
}

// ------------------------------------------------------------------------------------- tests

void MemoryDisk::crash(CrashMode mode, RandomStream* random) {
  if (mode == CrashMode::process_kill) return;
  const bool any = mode == CrashMode::random_subset;
  Names kept = durable_names_;
  if (any) {
    for (const auto& [name, data] : names_) {
      const auto durable = durable_names_.find(name);
      if ((durable == durable_names_.end() || durable->second != data) && random->below(2) == 0) {
        kept[name] = data;
      }
    }
    const auto has = [](const Names& names, const std::shared_ptr<FileData>& data) {
      return std::ranges::any_of(names, [&](const auto& named) { return named.second == data; });
    };
    for (const auto& [name, data] : durable_names_) {
      if (names_.contains(name)) continue;
      // A file that was renamed has one of its names.
      const bool renamed = has(names_, data);
      std::erase_if(kept, [&](const auto& named) { return named.first == name; });
      if (renamed ? !has(kept, data) : random->below(2) != 0) kept[name] = data;
    }
  }
  names_ = kept;
  durable_names_ = kept;
  for (auto& [name, data] : names_) {
    for (const PendingWrite& write : data->pending) {
      if (!any) break;
      if (write.truncates) {
        if (random->below(2) == 0) apply(write, &data->durable);
        continue;
      }
      for (uint64_t begin = 0; begin < write.bytes.size();) {
        const uint64_t sector_end =
            (write.offset + begin) / kSectorBytes * kSectorBytes + kSectorBytes - write.offset;
        const uint64_t end = std::min<uint64_t>(sector_end, write.bytes.size());
        if (random->below(2) == 0) {
          apply({write.offset + begin,
                 Bytes(write.bytes.begin() + static_cast<ptrdiff_t>(begin),
                       write.bytes.begin() + static_cast<ptrdiff_t>(end)),
                 false},
                &data->durable);
        }
        begin = end;
      }
    }
    data->pending.clear();
    data->cache = data->durable;
  }
}

Bytes& MemoryDisk::content(const std::string& path) {
  VECTRON_ASSERT(names_.contains(path), "{} is absent", path);
  return names_[path]->cache;
}

std::vector<std::string> MemoryDisk::paths() const {
  std::vector<std::string> result;
  for (const auto& [name, data] : names_) result.push_back(name);
  return result;
}

void MemoryDisk::put(const std::string& path, Bytes content) {
  auto data = std::make_shared<FileData>();
  data->durable = content;
  data->cache = std::move(content);
  names_[path] = data;
  durable_names_[path] = data;
  folders_.insert(folder_of(path));
}

}  // namespace vectron
