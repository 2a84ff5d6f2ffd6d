// TrackedFolder: a real folder on tmpfs in which a key-value library does its own file calls, under
// our eyes.
//
// The simulation's programs define the libc calls that LMDB makes (sim/interpose/libc.cpp). Calls
// on descriptors that were opened below a TrackedFolder are followed: which pages are not synced
// and what they held before, which names are new. All others go straight to the kernel. A machine's
// folders share one PowerSwitch, which can cut the power inside any of those calls. One thread
// only, the simulation's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "sim/interpose/file_map.h"
#include "sim/interpose/page_undo.h"

namespace vectron::sim {

/// The calls that change something, and so count for PowerSwitch::cut_at; and those that do not:
/// the opening of what is there, the giving of blocks to a file that is shared memory, and reading
/// other than through a map.
enum class FileCall : uint8_t { create, write, sync, truncate, open, allocate, read };

/// The record of one file call.
struct FileCallRecord {
  FileCall call;
  bool succeeded;
  uint64_t offset;
  uint64_t bytes;
};

/// A machine's power, as its key-value files see it.
class PowerSwitch {
 public:
  /// Power goes off inside the `call`-th call from now on (1 is the next): it fails, and so do all
  /// after it. Zero disarms.
  void cut_at(uint64_t call) { calls_left_ = call; }
  bool off() const { return off_; }
  /// Power is back, and nothing armed.
  void restore() {
    off_ = false;
    calls_left_ = 0;
  }
  /// Calls seen since the machine was made.
  uint64_t calls() const { return calls_; }
  /// Told of every call, in order.
  void observe(std::function<void(const FileCallRecord&)> observer) {
    observer_ = std::move(observer);
  }

  /// Asked before each call (`needs_space`: it adds bytes or a name, or syncs bytes that were
  /// added): 0, or the errno with which the call fails.
  using Trouble = std::function<int(FileCall call, bool needs_space)>;
  void set_trouble(Trouble trouble) { trouble_ = std::move(trouble); }
  /// Asked when a write is to fail with ENOSPC: how many of the `bytes` that it lacks there are all
  /// the same. A kernel writes these and says so: the error comes with the next call.
  using LastSpace = std::function<uint64_t(uint64_t bytes)>;
  void set_last_space(LastSpace last_space) { last_space_ = std::move(last_space); }

  // For the interposed calls.

  int trouble(FileCall call, bool needs_space) {
    return trouble_ ? trouble_(call, needs_space) : 0;
  }
  uint64_t last_space(uint64_t bytes) { return last_space_ ? last_space_(bytes) : 0; }
  /// Counts a call. True when power goes off within it.
  bool count_call() {
    ++calls_;
    if (calls_left_ == 0) return false;
    if (--calls_left_ > 0) return false;
    off_ = true;
    return true;
  }
  void tell(const FileCallRecord& record) {
    if (observer_) observer_(record);
  }

 private:
  uint64_t calls_ = 0;
  uint64_t calls_left_ = 0;
  bool off_ = false;
  std::function<void(const FileCallRecord&)> observer_;
  Trouble trouble_;
  LastSpace last_space_;
};

/// A file below a TrackedFolder. Its content is the real file's; here is what of it is not durable.
struct TrackedFile {
  std::string path;
  PowerSwitch* power = nullptr;
  uint64_t size = 0;
  uint64_t durable_size = 0;
  bool durable_name = false;
  /// LMDB's lock file: shared memory between processes, worthless after a power loss.
  bool volatile_content = false;
  /// How much of a file with volatile content has its blocks on the disk.
  uint64_t allocated_bytes = 0;
  size_t descriptors = 0;
  PageUndo undo;
  /// Pages whose sync failed: they look clean, and are lost at a power loss.
  PageUndo doomed;
  /// While descriptors are open and something was written.
  FileMap map;
};

class TrackedFolder {
 public:
  /// Creates the folder and its parents. Requires: it is below kRealFolderPrefix, and new.
  TrackedFolder(std::string path, PowerSwitch* power);
  TrackedFolder(const TrackedFolder&) = delete;
  TrackedFolder& operator=(const TrackedFolder&) = delete;
  /// Deletes the folder. Requires: no descriptor is open in it.
  ~TrackedFolder();

  const std::string& path() const { return path_; }
  /// Names of its files, sorted.
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return files_.contains(name); }
  uint64_t bytes() const;
  size_t open_descriptors() const;
  /// The bytes of a file as they stand. Requires: contains(name).
  Bytes content(const std::string& name) const;

  /// Flips one bit of an intact pair of the store in file `name`, of its key or its value, wherever
  /// `choice` says; false when none is found. A process that uses the store sees it at once.
  /// Requires: contains(name).
  bool rot(const std::string& name, uint64_t choice);
  /// Flips one bit of what holds the file's pages together. A process that used the store then
  /// might be taken along by the library: only while nobody does. False for a file that is empty.
  bool rot_pages(const std::string& name, uint64_t choice);

  /// Makes the names of its files durable.
  void sync_names();
  /// Requires: contains(name), and no descriptor of it is open.
  void remove(const std::string& name);
  /// Frees the path: the folder was removed, durably or not, and goes on under another one.
  /// Requires: no descriptor is open.
  void move_aside();
  /// Rewrites the real files to what a power loss leaves. Requires: no descriptor is open.
  PowerLossCounts lose_power(PageFates* fates);

  // For the interposed calls.

  /// The folder that holds `path`, or null. `name` gets the last part.
  static TrackedFolder* find(const char* path, std::string* name);
  /// The file `name`, made known when it is new.
  TrackedFile& file(const std::string& name);

 private:
  void flip(const std::string& name, ByteView bytes, uint64_t offset, uint64_t bit);

  std::string path_;
  PowerSwitch& power_;
  std::map<std::string, std::unique_ptr<TrackedFile>> files_;
};

/// All real folders lie below <prefix><process id>/.
inline constexpr std::string_view kRealFolderPrefix = "/dev/shm/vectron-sim-";

/// Makes a folder of this process, and deletes what dead processes left behind. Returns its path.
std::string make_real_folder();
/// Deletes such a folder, and the process' one when it was the last.
void delete_real_folder(const std::string& path);

}  // namespace vectron::sim
