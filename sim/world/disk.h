// SimDisk: one machine's disk: folders, files with a page-cache image and a durable image, and real
// folders for LMDB.
//
// It outlives the machine's processes. NodeDisk (sim/world/node_disk.h) is the face that a process'
// Env shows of it; this is the medium behind, and what a power loss does to it. Single-threaded.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/result.h"
#include "sim/interpose/tracked_folder.h"
#include "sim/world/config.h"
#include "sim/world/disk_trouble.h"
#include "sim/world/file_image.h"

namespace vectron::sim {

class SimWorld;

/// A file or a folder, alive as long as a name, a handle or a durable name refers to it.
struct DiskNode {
  enum class Kind : uint8_t { file, folder };
  /// A change of a name that a power loss may undo.
  struct Change {
    std::string name;
    /// Null: the name was removed.
    std::shared_ptr<DiskNode> now;
    /// The next change has the same fate (the two halves of a rename within a folder).
    bool with_next = false;
  };

  DiskNode(Kind k, uint64_t number) : kind(k), id(number) {}

  const Kind kind;
  /// In order of creation on this disk.
  const uint64_t id;
  /// Of a file.
  FileImage image;
  /// Its rot destroys nothing that is not elsewhere too: no reason for anything to end.
  bool spare = false;
  /// A process has read bytes of it that had rotted.
  bool rot_was_read = false;
  /// Of a folder.
  std::map<std::string, std::shared_ptr<DiskNode>> entries;
  std::map<std::string, std::shared_ptr<DiskNode>> durable_entries;
  /// Since the last sync of the folder, in order.
  std::vector<Change> changes;
  /// Of a folder that a key-value store uses.
  std::unique_ptr<TrackedFolder> real_folder;
  bool real_folder_open = false;
  /// Its work runs one at a time, in the order of the calls.
  Instant real_folder_free_at{};
};

/// A place that bit rot strikes.
enum class RotPlace : uint8_t {
  /// A segment of the write-ahead log, before its last write.
  log,
  /// A pair in a key-value store: its key or its value.
  store,
  /// A manifest or a store's marker.
  manifest,
  /// A graph checkpoint: what is in it can be had from the store.
  checkpoint,
  /// The structure that holds the pages of a key-value store together, while no process uses it.
  pages,
};

/// See the top of this file. Paths are relative to the data folder; "" and "." are the data folder
/// itself, which always exists. Errors of all: invalid_argument (the path leaves the data folder),
/// not_found, failed_precondition (a folder where a file is meant, or the reverse).
class SimDisk {
 public:
  SimDisk(SimWorld* world, std::string node_name, uint64_t generation);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;
  ~SimDisk();

  enum class Creation : uint8_t { never, when_absent, always };
  /// Errors also: already_exists (Creation::always).
  Result<std::shared_ptr<DiskNode>> open_file(const std::string& path, Creation creation);
  Result<void> rename(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  Result<void> remove_tree(const std::string& path);
  Result<void> create_directory(const std::string& path);
  Result<void> sync_directory(const std::string& path);
  Result<std::vector<std::string>> list(const std::string& path);
  Result<bool> exists(const std::string& path);
  /// The folder `path` with a real folder behind it. Errors also: failed_precondition when it is
  /// open already.
  Result<std::shared_ptr<DiskNode>> open_real_folder(const std::string& path);

  /// Sum of the sizes of all files.
  uint64_t used_bytes() const;
  /// Content of a file as a reader would see it now, for oracles and tests.
  Result<Bytes> content(const std::string& path);

  /// Loses or tears what was not synced. Requires: no process has anything open here.
  void lose_power();
  PowerSwitch& power() { return power_; }

  /// The faults that the disk has at present.
  DiskTrouble& trouble() { return trouble_; }
  /// Flips one durable bit of such a place, drawn from `random`. False when there is none, when the
  /// class is off, or when the drawn byte has rotted before. It counts as a fault when somebody
  /// reads it (files), or when the owner says so with trouble().rot_was_read() (stores: the
  /// library's reads are not seen).
  bool rot(RotPlace place, RandomStream* random);
  /// Takes away a manifest or a store's marker, durably; returns its path, or none when there is
  /// none or the class bit_rot is off.
  std::optional<std::string> lose_file(RandomStream* random);
  /// Whether anything ever rotted here that is nowhere else on this disk.
  bool ever_rotted() const { return ever_rotted_; }
  /// A process has read rotten bytes of `file`.
  void rot_was_read(DiskNode* file);
  /// Whether a checkpoint in the folder `path` has rotten bytes that a process has read.
  bool gave_rotten_checkpoint(const std::string& path);

  /// Reserves the device for a transfer of `bytes` from now on; returns when it will be through.
  Instant transfer(uint64_t bytes);
  /// Draws the times of operations.
  RandomStream& timing() { return timing_; }

 private:
  /// A name in its folder; the name may be free.
  struct Place {
    std::shared_ptr<DiskNode> folder;
    std::string name;
    /// Null: free.
    std::shared_ptr<DiskNode> node;
  };
  Result<Place> locate(const std::string& path);
  Result<Place> locate_existing(const std::string& path);
  Result<std::shared_ptr<DiskNode>> find_folder(const std::string& path);
  std::shared_ptr<DiskNode> make(DiskNode::Kind kind);
  int trouble_of_call(FileCall call, bool needs_space);
  bool rot_store(const std::vector<TrackedFolder*>& stores, RotPlace place, RandomStream* random);
  void lose_power(DiskNode* node, PageFates* fates, PowerLossCounts* counts);

  SimWorld& world_;
  const std::string name_;
  const std::string real_root_;
  RandomStream timing_;
  RandomStream losses_;
  PowerSwitch power_;
  DiskTrouble trouble_;
  bool ever_rotted_ = false;
  uint64_t next_id_ = 1;
  Instant device_free_at_{};
  std::shared_ptr<DiskNode> root_;
};

}  // namespace vectron::sim
