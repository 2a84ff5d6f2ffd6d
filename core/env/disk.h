// A node's disk: files, directories, and real directories for a key-value store.
//
// Durability is only what was asked for: bytes of a file after its sync(), a name (created,
// renamed, removed) after sync_directory() of its folder. Paths are relative to the node's data
// folder, with '/' between parts, and may not leave it. In simulation a file is a page-cache image
// plus a durable image, and a crash keeps any subset of what was not synced.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron {

/// An open file. Operations of one file may be in flight together only when their ranges do not
/// overlap; the buffers given to them outlive the await. Errors of all: data_loss (the device said
/// EIO), resource_exhausted (disk full).
class File {
 public:
  virtual ~File() = default;

  /// Reads up to into.size() bytes at `offset`; fewer only at the end of the file.
  virtual Task<Result<size_t>> read_at(uint64_t offset, std::span<uint8_t> into) = 0;
  /// Writes all of `bytes`, growing the file where needed. After an error any part may have been
  /// written.
  virtual Task<Result<void>> write_at(uint64_t offset, ByteView bytes) = 0;
  /// Makes all writes that ended before this call durable. After an error none of them may be
  /// believed durable, ever: a second sync can succeed without having written anything.
  virtual Task<Result<void>> sync() = 0;
  virtual Result<uint64_t> size() = 0;
  virtual Task<Result<void>> truncate(uint64_t size) = 0;
};

enum class OpenMode : uint8_t {
  /// Must exist; not_found otherwise.
  read,
  /// Must exist; not_found otherwise.
  read_write,
  /// Created when absent; read and write.
  create,
  /// Read and write; already_exists when present.
  create_new,
};

/// The cost of a blocking call, for the simulation's model of a disk.
struct BlockingCost {
  uint64_t bytes = 0;
  bool syncs = false;
};

/// A real directory in which a key-value library may do its own blocking I/O (core/kv alone does).
/// Destroying it asserts nothing: its owner has closed the library's environment before.
class BlockingDirectory {
 public:
  virtual ~BlockingDirectory() = default;
  /// An absolute path of the real file system.
  virtual const std::string& path() const = 0;
  /// Runs `work` where blocking is allowed. In production on a pool thread: `work` owns all that it
  /// touches, for it may outlive an awaiter that was destroyed (the Env's destructor joins it). In
  /// simulation inline, after a modelled time.
  virtual Task<void> run(BlockingCost cost, std::function<void()> work) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) = 0;
  /// Replaces `to` if it exists. Atomic, durable after sync_directory of the folders.
  virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  /// Removes a file. Errors: not_found.
  virtual Task<Result<void>> remove(std::string path) = 0;
  /// Removes a folder with all that is in it (files of a key-value directory too). No error when it
  /// is absent.
  virtual Task<Result<void>> remove_tree(std::string path) = 0;
  /// Creates a folder and its parents. No error when it exists.
  virtual Task<Result<void>> create_directory(std::string path) = 0;
  virtual Task<Result<void>> sync_directory(std::string path) = 0;
  /// Names in a folder, sorted. Errors: not_found.
  virtual Task<Result<std::vector<std::string>>> list(std::string path) = 0;
  virtual Task<Result<bool>> exists(std::string path) = 0;
  virtual Result<uint64_t> free_space_bytes() = 0;
  /// How a message names `path`: so that an operator finds it, the data folder included. (In
  /// simulation as it is, for messages must be the same in each run.)
  virtual std::string whole_path(const std::string& path) const { return path; }

  /// Opens the folder `path` (which must exist) for a key-value store. Requires: only one at a time
  /// for each path.
  virtual Result<std::unique_ptr<BlockingDirectory>> open_blocking_directory(
      const std::string& path) = 0;
};

}  // namespace vectron
