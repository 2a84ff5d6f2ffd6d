// NodeDisk: the disk as one process sees it. Part of its Env, and gone with it; the SimDisk behind
// it stays.
#pragma once

#include <memory>

#include "core/async/sync.h"
#include "core/env/disk.h"
#include "sim/world/disk.h"
#include "sim/world/work_lane.h"

namespace vectron::sim {

class SimNode;

/// Every operation takes the time of DiskModel and is a place where the node can crash: what it
/// does to the medium happens at its start or at its end, as the seed says. Operations on the page
/// cache take a fixed short time; a sync waits for the device.
class NodeDisk final : public Disk {
 public:
  NodeDisk(SimWorld* world, SimNode* node, Scheduler* scheduler);

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> remove_tree(std::string path) override;
  Task<Result<void>> create_directory(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Task<Result<bool>> exists(std::string path) override;
  Result<uint64_t> free_space_bytes() override;
  Result<std::unique_ptr<BlockingDirectory>> open_blocking_directory(
      const std::string& path) override;

  // For the files and folders that it opened.

  Task<Result<size_t>> read_file(std::shared_ptr<DiskNode> file, uint64_t offset,
                                 std::span<uint8_t> into);
  Task<Result<void>> write_file(std::shared_ptr<DiskNode> file, uint64_t offset, ByteView bytes);
  Task<Result<void>> sync_file(std::shared_ptr<DiskNode> file);
  Task<Result<void>> truncate_file(std::shared_ptr<DiskNode> file, uint64_t size);
  Task<void> run_blocking(std::shared_ptr<DiskNode> folder, BlockingCost cost,
                          std::function<void()> work);

 private:
  enum class Operation : uint8_t {
    open,
    rename,
    remove,
    remove_tree,
    create_directory,
    sync_directory,
    list,
    exists,
    read,
    write,
    sync,
    truncate,
    blocking,
  };
  /// Runs `action` on the medium before or after the time that an operation of the page cache
  /// takes.
  template <typename T, typename F>
  Task<Result<T>> cached(Operation operation, uint64_t detail, F action);
  SleepAwaiter cache_delay();
  /// Waits until `planned`, or for as long as a slow or stalled device takes.
  SleepAwaiter device_delay(Instant planned);
  Duration sync_latency();
  Result<void> write_now(DiskNode* file, uint64_t offset, ByteView bytes);
  void ended(Operation operation, uint64_t detail, bool succeeded);

  SimWorld& world_;
  SimNode& node_;
  SimDisk& disk_;
  Scheduler& scheduler_;
  WorkLane lane_;
};

}  // namespace vectron::sim
