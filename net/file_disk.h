// Disk on real files under one root folder.
//
// Writes go to the page cache from the loop itself, in bounded pieces; reads too when the page
// cache has the bytes. Whatever can block on the device or the journal (sync, misses, names) runs
// on a pool. Symbolic links that an operator put under the root are followed; a path can never
// leave the root by itself.
#pragma once

#include <memory>
#include <string>

#include "core/env/disk.h"
#include "net/event_loop.h"
#include "net/offload.h"
#include "net/thread_pool.h"

namespace vectron {

class FileDisk final : public Disk {
 public:
  struct Pools {
    /// Syncs, page-cache misses and names.
    ThreadPool* files;
    /// Work of blocking directories: apart, so that no log sync waits behind a commit.
    ThreadPool* key_values;
  };

  /// Creates the folder when absent, durably, and locks it for this process. Errors:
  /// failed_precondition when another process (or another FileDisk) has it, permission_denied,
  /// unavailable.
  static Result<std::unique_ptr<FileDisk>> open(EventLoop& loop, Pools pools,
                                                const std::string& root);
  /// Joins what it has on the pools, then unlocks the folder. Files and BlockingDirectories are
  /// destroyed before.
  ~FileDisk() override;

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> remove_tree(std::string path) override;
  Task<Result<void>> create_directory(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Task<Result<bool>> exists(std::string path) override;
  Result<uint64_t> free_space_bytes() override;
  std::string whole_path(const std::string& path) const override;
  Result<std::unique_ptr<BlockingDirectory>> open_blocking_directory(
      const std::string& path) override;

 private:
  struct Root;
  class RealFile;
  class RealBlockingDirectory;
  FileDisk(EventLoop& loop, Pools pools, std::shared_ptr<Root> root);

  /// Runs a function that returns a Result on the files pool.
  template <typename T>
  Task<Result<T>> offload(std::function<Result<T>()> work);

  EventLoop& loop_;
  Pools pools_;
  std::shared_ptr<Root> root_;
  Offload files_;
};

}  // namespace vectron
