// MemoryDisk: a Disk in memory for unit tests, with a page-cache image and a durable image of each
// file, and crashes of several kinds.
//
// Operations take virtual time (one sleep each), so that tasks really interleave. Folders of
// key-value stores are real folders below a temporary one; their work runs inline.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/base/random.h"
#include "core/env/disk.h"

namespace vectron {

/// What a crash leaves of writes that no sync followed.
enum class CrashMode : uint8_t {
  /// All of them: the page cache survives. They are still not durable.
  process_kill,
  /// None of them.
  drop_unsynced,
  /// Any subset of their 512-byte sectors, names included.
  random_subset,
};

/// See the top of this file.
class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(Scheduler& scheduler);
  ~MemoryDisk() override;

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

  /// Requires: no task of the node lives (its frames hold open files).
  void crash(CrashMode mode, RandomStream* random);

  /// Direct access for tests: the bytes of a file as a reader sees them. Requires: it exists.
  Bytes& content(const std::string& path);
  bool has(const std::string& path) const { return names_.contains(path); }
  std::vector<std::string> paths() const;
  /// The sizes of all files in sum.
  uint64_t used_bytes() const;
  /// Puts a file there, durably.
  void put(const std::string& path, Bytes content);

  Duration write_time = std::chrono::microseconds(10);
  Duration sync_time = std::chrono::microseconds(200);
  /// Operations of this kind left until one fails; negative: none does.
  int64_t writes_until_error = -1;
  int64_t syncs_until_error = -1;
  /// So many syncs fail for want of space: what they should have written looks clean afterwards,
  /// and is lost unless it is written again.
  uint64_t syncs_without_space = 0;
  /// Writes that would make the files larger than this in sum fail with resource_exhausted.
  uint64_t capacity_bytes = UINT64_MAX;
  /// Makes the folders of key-value stores, given a real path; empty: their work runs inline.
  std::function<std::unique_ptr<BlockingDirectory>(std::string)> make_directory;
  uint64_t sync_count = 0;
  uint64_t write_count = 0;

 private:
  struct PendingWrite {
    uint64_t offset = 0;
    Bytes bytes;
    bool truncates = false;  // To `offset`.
  };
  struct FileData {
    Bytes cache;
    Bytes durable;
    std::vector<PendingWrite> pending;
  };
  class OpenFile;
  class Directory;
  using Names = std::map<std::string, std::shared_ptr<FileData>>;

  static void apply(const PendingWrite& write, Bytes* image);
  SleepAwaiter pause(Duration time) { return {scheduler_, scheduler_.now() + time}; }
  std::string real_path(const std::string& path) const { return temporary_ + "/" + path; }

  Scheduler& scheduler_;
  std::string temporary_;
  Names names_;
  Names durable_names_;
  std::set<std::string> folders_;
};

}  // namespace vectron
