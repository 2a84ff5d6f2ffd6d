#include "sim/world/node_disk.h"

#include "core/async/sync.h"
#include "core/env/descriptors.h"
#include "sim/world/world.h"

namespace vectron::sim {
namespace {

class SimFile final : public File {
 public:
  SimFile(NodeDisk* disk, std::shared_ptr<DiskNode> node) : disk_(*disk), node_(std::move(node)) {}

  Task<Result<size_t>> read_at(uint64_t offset, std::span<uint8_t> into) override {
    return disk_.read_file(node_, offset, into);
  }
  Task<Result<void>> write_at(uint64_t offset, ByteView bytes) override {
    return disk_.write_file(node_, offset, bytes);
  }
  Task<Result<void>> sync() override { return disk_.sync_file(node_); }
  Result<uint64_t> size() override { return node_->image.size(); }
  Task<Result<void>> truncate(uint64_t size) override { return disk_.truncate_file(node_, size); }

 private:
  NodeDisk& disk_;
  std::shared_ptr<DiskNode> node_;
};

class SimBlockingDirectory final : public BlockingDirectory {
 public:
  SimBlockingDirectory(NodeDisk* disk, std::shared_ptr<DiskNode> node)
      : disk_(*disk), node_(std::move(node)) {}
  ~SimBlockingDirectory() override { node_->real_folder_open = false; }

  const std::string& path() const override { return node_->real_folder->path(); }
  Task<void> run(BlockingCost cost, std::function<void()> work) override {
    return disk_.run_blocking(node_, cost, std::move(work));
  }

 private:
  NodeDisk& disk_;
  std::shared_ptr<DiskNode> node_;
};

SimDisk::Creation creation_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
    case OpenMode::read_write:
      return SimDisk::Creation::never;
    case OpenMode::create:
      return SimDisk::Creation::when_absent;
    case OpenMode::create_new:
      return SimDisk::Creation::always;
  }
  VECTRON_ASSERT(false, "open mode {}", static_cast<int>(mode));
}

std::unexpected<Status> io_error() {
  return fail(Code::data_loss, "the disk reported an I/O error (EIO)");
}

std::unexpected<Status> no_space() {
  return fail(Code::resource_exhausted, "the disk is full (ENOSPC)");
}

std::unexpected<Status> no_descriptor(const std::string& path) {
  return fail(Code::resource_exhausted,
              fmt::format("cannot open '{}': too many open files (EMFILE)", path),
              std::string(kDescriptorsField));
}

}  // namespace

NodeDisk::NodeDisk(SimWorld* world, SimNode* node, Scheduler* scheduler)
    : world_(*world), node_(*node), disk_(node->disk()), scheduler_(*scheduler), lane_(scheduler) {}

SleepAwaiter NodeDisk::cache_delay() {
  const auto base = static_cast<uint64_t>(world_.config().disk.page_cache_latency.count());
  return device_delay(world_.now() + Duration(disk_.timing().between(base / 2, base * 2)));
}

SleepAwaiter NodeDisk::device_delay(Instant planned) {
  return {scheduler_, disk_.trouble().delayed(planned)};
}

Duration NodeDisk::sync_latency() {
  const DiskModel& model = world_.config().disk;
  return Duration(disk_.timing().heavy_tail(static_cast<uint64_t>(model.sync_latency_min.count()),
                                            static_cast<uint64_t>(model.sync_latency_max.count())));
}

void NodeDisk::ended(Operation operation, uint64_t detail, bool succeeded) {
  const uint64_t kind =
      node_.index() << 8 | static_cast<uint64_t>(operation) << 1 | (succeeded ? 1 : 0);
  world_.record(TraceKind::disk, kind, detail);
}

template <typename T, typename F>
Task<Result<T>> NodeDisk::cached(Operation operation, uint64_t detail, F action) {
  std::optional<Result<T>> result;
  if ((disk_.timing().next() & 1) != 0) result.emplace(action(disk_));
  SleepAwaiter delay = cache_delay();
  co_await delay;
  if (!result.has_value()) result.emplace(action(disk_));
  ended(operation, detail, result->has_value());
  co_return *std::move(result);
}

Task<Result<std::unique_ptr<File>>> NodeDisk::open(std::string path, OpenMode mode) {
  const uint64_t detail = hash64(path);
  auto action = [path = std::move(path), mode](SimDisk& disk) -> Result<std::shared_ptr<DiskNode>> {
    if (disk.trouble().has_no_descriptor()) return no_descriptor(path);
    const auto there = disk.exists(path);
    const bool creates =
        there.has_value() && !*there && creation_of(mode) != SimDisk::Creation::never;
    if (creates && disk.trouble().is_full()) return no_space();
    return disk.open_file(path, creation_of(mode));
  };
  Result<std::shared_ptr<DiskNode>> node =
      co_await cached<std::shared_ptr<DiskNode>>(Operation::open, detail, std::move(action));
  if (!node.has_value()) co_return fail(std::move(node).error());
  std::unique_ptr<File> file = std::make_unique<SimFile>(this, *std::move(node));
  co_return file;
}

Task<Result<void>> NodeDisk::rename(std::string from, std::string to) {
  const uint64_t detail = hash64(from) ^ mix64(hash64(to));
  return cached<void>(Operation::rename, detail,
                      [from = std::move(from), to = std::move(to)](SimDisk& disk) {
                        return disk.rename(from, to);
                      });
}

Task<Result<void>> NodeDisk::remove(std::string path) {
  const uint64_t detail = hash64(path);
  return cached<void>(Operation::remove, detail,
                      [path = std::move(path)](SimDisk& disk) { return disk.remove(path); });
}

Task<Result<void>> NodeDisk::remove_tree(std::string path) {
  const uint64_t detail = hash64(path);
  return cached<void>(Operation::remove_tree, detail, [path = std::move(path)](SimDisk& disk) {
    if (disk.trouble().has_no_descriptor()) {
      return Result<void>(no_descriptor(path));
    }
    return disk.remove_tree(path);
  });
}

Task<Result<void>> NodeDisk::create_directory(std::string path) {
  const uint64_t detail = hash64(path);
  return cached<void>(Operation::create_directory, detail, [path = std::move(path)](SimDisk& disk) {
    const auto there = disk.exists(path);
    if (there.has_value() && !*there && disk.trouble().is_full()) return Result<void>(no_space());
    return disk.create_directory(path);
  });
}

Task<Result<void>> NodeDisk::sync_directory(std::string path) {
  const Instant through = disk_.transfer(kPageBytes);
  SleepAwaiter device = device_delay(through + sync_latency());
  co_await device;
  Result<void> result;
  if (disk_.trouble().has_no_descriptor()) {
    result = no_descriptor(path);
  } else {
    result = disk_.trouble().sync_fails() ? Result<void>(io_error()) : disk_.sync_directory(path);
  }
  ended(Operation::sync_directory, hash64(path), result.has_value());
  co_return result;
}

Task<Result<std::vector<std::string>>> NodeDisk::list(std::string path) {
  const uint64_t detail = hash64(path);
  return cached<std::vector<std::string>>(
      Operation::list, detail,
      [path = std::move(path)](SimDisk& disk) -> Result<std::vector<std::string>> {
        if (disk.trouble().has_no_descriptor()) return no_descriptor(path);
        return disk.list(path);
      });
}

Task<Result<bool>> NodeDisk::exists(std::string path) {
  const uint64_t detail = hash64(path);
  return cached<bool>(Operation::exists, detail,
                      [path = std::move(path)](SimDisk& disk) { return disk.exists(path); });
}

Result<uint64_t> NodeDisk::free_space_bytes() {
  const uint64_t capacity = world_.config().disk.capacity_bytes;
  return capacity - std::min(capacity, disk_.used_bytes());
}

Result<std::unique_ptr<BlockingDirectory>> NodeDisk::open_blocking_directory(
    const std::string& path) {
  VECTRON_TRY(std::shared_ptr<DiskNode> folder, disk_.open_real_folder(path));
  return std::make_unique<SimBlockingDirectory>(this, std::move(folder));
}

Task<Result<size_t>> NodeDisk::read_file(std::shared_ptr<DiskNode> file, uint64_t offset,
                                         std::span<uint8_t> into) {
  SleepAwaiter delay = cache_delay();
  co_await delay;
  if (disk_.trouble().read_fails()) {
    ended(Operation::read, mix64(file->id) ^ offset, false);
    co_return io_error();
  }
  const size_t size = file->image.read(offset, into);
  if (file->image.is_rotten(offset, size)) disk_.rot_was_read(file.get());
  ended(Operation::read, mix64(file->id) ^ offset ^ hash64(into.first(size)), true);
  co_return size;
}

Task<Result<void>> NodeDisk::write_file(std::shared_ptr<DiskNode> file, uint64_t offset,
                                        ByteView bytes) {
  const bool at_begin = (disk_.timing().next() & 1) != 0;
  Result<void> result;
  if (at_begin) result = write_now(file.get(), offset, bytes);
  SleepAwaiter delay = cache_delay();
  co_await delay;
  if (!at_begin) result = write_now(file.get(), offset, bytes);
  ended(Operation::write, mix64(file->id) ^ offset ^ hash64(bytes), result.has_value());
  co_return result;
}

/// A write that fails has done a part of its work: the first half, or what fits.
Result<void> NodeDisk::write_now(DiskNode* file, uint64_t offset, ByteView bytes) {
  FileImage& image = file->image;
  if (disk_.trouble().write_fails()) {
    image.write(offset, bytes.first(bytes.size() / 2));
    return io_error();
  }
  const bool grows = offset + bytes.size() > image.size();
  if (grows && disk_.trouble().is_full()) {
    const uint64_t there = image.size();
    const uint64_t room =
        there + disk_.trouble().take_last_space(offset + bytes.size() - std::max(there, offset));
    if (offset < room) image.write(offset, bytes.first(std::min(bytes.size(), room - offset)));
    return no_space();
  }
  image.write(offset, bytes);
  return {};
}

Task<Result<void>> NodeDisk::sync_file(std::shared_ptr<DiskNode> file) {
  const Instant through = disk_.transfer(file->image.unsynced_bytes());
  const uint64_t generation = file->image.begin_sync();
  SleepAwaiter device = device_delay(through + sync_latency());
  co_await device;
  Result<void> result;
  if (disk_.trouble().sync_fails()) {
    result = io_error();
  } else if (file->image.has_grown() && disk_.trouble().sync_finds_no_space()) {
    result = no_space();
  }
  if (result.has_value()) {
    file->image.end_sync(generation);
  } else {
    file->image.fail_sync(generation);
  }
  ended(Operation::sync, file->id, result.has_value());
  co_return result;
}

Task<Result<void>> NodeDisk::truncate_file(std::shared_ptr<DiskNode> file, uint64_t size) {
  SleepAwaiter delay = cache_delay();
  co_await delay;
  file->image.truncate(size);
  ended(Operation::truncate, mix64(file->id) ^ size, true);
  co_return Result<void>();
}

Task<void> NodeDisk::run_blocking(std::shared_ptr<DiskNode> folder, BlockingCost cost,
                                  std::function<void()> work) {
  const Instant through = std::max(disk_.transfer(cost.bytes), folder->real_folder_free_at);
  const Duration latency = cost.syncs ? sync_latency() : world_.config().disk.page_cache_latency;
  WorkLane::Slot slot;
  slot.begin = std::max(world_.now(), folder->real_folder_free_at);
  slot.end = disk_.trouble().delayed(through + latency);
  slot.runs_at_begin = (disk_.timing().next() & 1) != 0;
  folder->real_folder_free_at = slot.end + 1ns;
  std::function<void()> watched = [this, folder, work = std::move(work)] {
    work();
    ended(Operation::blocking, folder->id, !disk_.power().off());
    // The power went off inside: this process takes no further step.
    if (disk_.power().off()) node_.power_failed();
  };
  co_await lane_.run(slot, std::move(watched));
}

}  // namespace vectron::sim
