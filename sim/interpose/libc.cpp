// The libc calls by which LMDB, and core/kv around it, read and change files, defined here so that
// the simulation's programs bind to them.
//
// This file must reach the link as an object (the OBJECT library sim_interpose): from an archive
// the linker would take libc's definitions instead, silently. A descriptor that was not opened
// below a TrackedFolder costs one table look-up.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <memory>

#include "core/base/assert.h"
#include "sim/interpose/kernel.h"
#include "sim/interpose/tracked_folder.h"

namespace vectron::sim {
namespace {

/// An open descriptor of a tracked file. Its position is ours alone: the kernel's stays at zero.
struct Descriptor {
  TrackedFile* file = nullptr;
  /// O_DSYNC or O_SYNC.
  bool durable_writes = false;
  uint64_t position = 0;
};

constexpr size_t kDescriptorsMax = 65'536;
constinit std::array<Descriptor*, kDescriptorsMax> descriptors{};

Descriptor* tracked(int descriptor) {
  if (descriptor < 0 || static_cast<size_t>(descriptor) >= kDescriptorsMax) return nullptr;
  return descriptors[static_cast<size_t>(descriptor)];
}

int fail_with(int code) {
  errno = code;
  return -1;
}

int open_tracked(TrackedFolder* folder, const std::string& name, const char* path, int flags,
                 mode_t mode) {
  const bool creates = !folder->contains(name);
  if (creates && (flags & O_CREAT) == 0) return fail_with(ENOENT);
  VECTRON_ASSERT((flags & O_TRUNC) == 0, "the interposers do not know O_TRUNC");
  TrackedFile& file = folder->file(name);
  if (file.power->off()) return fail_with(EIO);
  const bool makes_name = creates && !file.volatile_content;
  const int trouble =
      file.power->trouble(makes_name ? FileCall::create : FileCall::open, makes_name);
  if (trouble != 0) return fail_with(trouble);
  const bool cut = creates && !file.volatile_content && file.power->count_call();
  const int descriptor = kernel::open(path, flags, mode);
  if (creates && !file.volatile_content) {
    file.power->tell({FileCall::create, descriptor >= 0 && !cut, 0, 0});
  }
  if (descriptor < 0) return descriptor;
  VECTRON_ASSERT(static_cast<size_t>(descriptor) < kDescriptorsMax, "descriptor {}", descriptor);
  if (cut) {
    kernel::close(descriptor);
    return fail_with(EIO);
  }
  ++file.descriptors;
  descriptors[static_cast<size_t>(descriptor)] =
      new Descriptor{&file, (flags & (O_DSYNC | O_SYNC)) != 0, 0};
  return descriptor;
}

/// Saves what the pages of [offset, offset + size) hold, those that are not saved yet.
void save_pages(TrackedFile* file, uint64_t offset, uint64_t size) {
  for (uint64_t page = offset / kPageBytes; page * kPageBytes < offset + size; ++page) {
    if (file->undo.contains(page)) continue;
    const uint64_t begin = page * kPageBytes;
    const std::span<uint8_t> image = file->undo.add(page);
    if (file->doomed.contains(page)) {
      // Dirty again: what the medium holds is still what it held before the sync that failed.
      std::ranges::copy(file->doomed.before(page), image.begin());
      file->doomed.remove(page);
      continue;
    }
    const uint64_t there =
        file->size > begin ? std::min<uint64_t>(file->size - begin, kPageBytes) : 0;
    std::memcpy(image.data(), file->map.data() + begin, there);
    std::memset(image.data() + there, 0, kPageBytes - there);
  }
}

/// How many of `size` bytes at `offset` a full disk takes: those over what is there, and of the
/// rest what it has left.
uint64_t bytes_that_fit(const TrackedFile& file, uint64_t offset, uint64_t size) {
  const uint64_t end = offset + size;
  const uint64_t room = file.size + file.power->last_space(end - std::max(file.size, offset));
  return room > offset ? std::min(size, room - offset) : 0;
}

ssize_t write_tracked(int descriptor, Descriptor* open, const iovec* parts, int count,
                      uint64_t offset) {
  TrackedFile& file = *open->file;
  if (file.volatile_content) return kernel::pwritev(descriptor, parts, count, offset);
  if (file.power->off()) return fail_with(EIO);
  uint64_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  const int trouble = file.power->trouble(FileCall::write, offset + size > file.size);
  if (trouble == ENOSPC) size = bytes_that_fit(file, offset, size);
  if (trouble != 0 && (trouble != ENOSPC || size == 0)) return fail_with(trouble);
  const uint64_t end = offset + size;
  const int failed = file.map.reserve(file.path, std::max(end, file.size));
  if (failed != 0) return fail_with(failed);
  const bool cut = file.power->count_call();
  const bool durable = open->durable_writes && !cut;
  if (!durable) save_pages(&file, offset, size);
  uint8_t* to = file.map.data() + offset;
  uint64_t left = size;
  for (int i = 0; i < count && left > 0; ++i) {
    const size_t bytes = std::min<size_t>(parts[i].iov_len, left);
    std::memcpy(to, parts[i].iov_base, bytes);
    to += bytes;
    left -= bytes;
  }
  file.size = std::max(file.size, end);
  if (durable) {
    file.durable_size = std::max(file.durable_size, end);
    for (uint64_t page = offset / kPageBytes; page * kPageBytes < end; ++page) {
      file.undo.remove(page);
      file.doomed.remove(page);
    }
  }
  file.power->tell({FileCall::write, !cut, offset, size});
  return cut ? fail_with(EIO) : static_cast<ssize_t>(size);
}

/// The kernel gives up the pages that it could not write: they look clean from now on.
void doom_pages(TrackedFile* file) {
  for (const uint64_t page : file->undo.pages()) {
    std::ranges::copy(file->undo.before(page), file->doomed.add(page).begin());
  }
  file->undo.clear();
}

int sync_tracked(Descriptor* open) {
  TrackedFile& file = *open->file;
  if (file.power->off()) return fail_with(EIO);
  if (file.volatile_content) {
    file.durable_size = file.allocated_bytes;  // Its blocks; nobody misses what is in them.
    return 0;
  }
  const int trouble = file.power->trouble(FileCall::sync, file.size > file.durable_size);
  if (trouble != 0) {
    doom_pages(&file);
    return fail_with(trouble);
  }
  const bool cut = file.power->count_call();
  file.power->tell({FileCall::sync, !cut, 0, file.size});
  if (cut) return fail_with(EIO);
  file.undo.clear();
  file.durable_size = file.size;
  return 0;
}

int truncate_tracked(int descriptor, Descriptor* open, uint64_t size) {
  TrackedFile& file = *open->file;
  if (file.volatile_content) {
    // It is written to through a map, and a page without a block ends the process by SIGBUS.
    const bool sparse = size > std::max(file.allocated_bytes, file.size);
    VECTRON_ASSERT(!sparse || file.power->trouble(FileCall::allocate, true) != ENOSPC,
                   "{} grows to {} bytes without blocks, on a full disk", file.path, size);
    const int result = kernel::ftruncate(descriptor, size);
    if (result == 0) file.size = size;
    return result;
  }
  if (file.power->off()) return fail_with(EIO);
  VECTRON_ASSERT(size >= file.size, "the interposers do not know how to cut {}", file.path);
  const int trouble = file.power->trouble(FileCall::truncate, size > file.size);
  if (trouble != 0) return fail_with(trouble);
  const int failed = file.map.reserve(file.path, size);
  if (failed != 0) return fail_with(failed);
  const bool cut = file.power->count_call();
  file.power->tell({FileCall::truncate, !cut, size, 0});
  if (cut) return fail_with(EIO);
  file.size = size;
  return 0;
}

/// Returns an errno, as its libc twin does. Blocks that are there already need no space.
int allocate_tracked(int descriptor, Descriptor* open, uint64_t end) {
  TrackedFile& file = *open->file;
  VECTRON_ASSERT(file.volatile_content, "the interposers do not know how to fill {}", file.path);
  if (file.power->off()) return EIO;
  if (end <= file.allocated_bytes) return 0;
  const int trouble = file.power->trouble(FileCall::allocate, true);
  if (trouble != 0) return trouble;
  if (kernel::fallocate(descriptor, end) != 0) return errno;
  file.allocated_bytes = end;
  file.size = std::max(file.size, end);
  return 0;
}

ssize_t read_tracked(int descriptor, Descriptor* open, void* into, size_t size, uint64_t offset) {
  TrackedFile& file = *open->file;
  if (!file.volatile_content) {
    if (file.power->off()) return fail_with(EIO);
    const int trouble = file.power->trouble(FileCall::read, false);
    if (trouble != 0) return fail_with(trouble);
  }
  return kernel::pread(descriptor, into, size, offset);
}

off_t seek_tracked(Descriptor* open, off_t offset, int whence) {
  off_t base = 0;
  if (whence == SEEK_CUR) base = static_cast<off_t>(open->position);
  if (whence == SEEK_END) base = static_cast<off_t>(open->file->size);
  if (base + offset < 0) return fail_with(EINVAL);
  open->position = static_cast<uint64_t>(base + offset);
  return base + offset;
}

int open_any(const char* path, int flags, mode_t mode) {
  if (std::string_view(path).starts_with(kRealFolderPrefix)) {
    std::string name;
    TrackedFolder* folder = TrackedFolder::find(path, &name);
    if (folder != nullptr) return open_tracked(folder, name, path, flags, mode);
  }
  return kernel::open(path, flags, mode);
}

int close_any(int descriptor) {
  Descriptor* open = tracked(descriptor);
  if (open != nullptr) {
    TrackedFile& file = *open->file;
    if (--file.descriptors == 0) file.map.release(file.path, file.size);
    delete open;
    descriptors[static_cast<size_t>(descriptor)] = nullptr;
  }
  return kernel::close(descriptor);
}

mode_t mode_argument(int flags, va_list arguments) {
  const bool present = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return present ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace
}  // namespace vectron::sim

using namespace vectron::sim;  // NOLINT: the definitions below are libc's.

extern "C" {

__attribute__((visibility("default"))) int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_any(path, flags, mode);
}

__attribute__((visibility("default"))) int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return open_any(path, flags, mode);
}

__attribute__((visibility("default"))) int close(int descriptor) {
  return close_any(descriptor);
}

__attribute__((visibility("default"))) ssize_t pread(int descriptor, void* into, size_t size,
                                                     off_t offset) {
  Descriptor* open = tracked(descriptor);
  const auto place = static_cast<uint64_t>(offset);
  if (open == nullptr) return kernel::pread(descriptor, into, size, place);
  return read_tracked(descriptor, open, into, size, place);
}

__attribute__((visibility("default"))) ssize_t pread64(int descriptor, void* into, size_t size,
                                                       off64_t offset) {
  return pread(descriptor, into, size, offset);
}

__attribute__((visibility("default"))) ssize_t pwrite(int descriptor, const void* bytes,
                                                      size_t size, off_t offset) {
  Descriptor* open = tracked(descriptor);
  const auto place = static_cast<uint64_t>(offset);
  if (open == nullptr) return kernel::pwrite(descriptor, bytes, size, place);
  const iovec part{const_cast<void*>(bytes), size};
  return write_tracked(descriptor, open, &part, 1, place);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int descriptor, const void* bytes,
                                                        size_t size, off64_t offset) {
  return pwrite(descriptor, bytes, size, offset);
}

__attribute__((visibility("default"))) ssize_t pwritev(int descriptor, const iovec* parts,
                                                       int count, off_t offset) {
  Descriptor* open = tracked(descriptor);
  const auto place = static_cast<uint64_t>(offset);
  if (open == nullptr) return kernel::pwritev(descriptor, parts, count, place);
  return write_tracked(descriptor, open, parts, count, place);
}

__attribute__((visibility("default"))) ssize_t writev(int descriptor, const iovec* parts,
                                                      int count) {
  Descriptor* open = tracked(descriptor);
  if (open == nullptr) return kernel::writev(descriptor, parts, count);
  const ssize_t written = write_tracked(descriptor, open, parts, count, open->position);
  if (written > 0) open->position += static_cast<uint64_t>(written);
  return written;
}

__attribute__((visibility("default"))) ssize_t write(int descriptor, const void* bytes,
                                                     size_t size) {
  if (tracked(descriptor) == nullptr) return kernel::write(descriptor, bytes, size);
  const iovec part{const_cast<void*>(bytes), size};
  return writev(descriptor, &part, 1);
}

__attribute__((visibility("default"))) off_t lseek(int descriptor, off_t offset,
                                                   int whence) noexcept {
  Descriptor* open = tracked(descriptor);
  if (open == nullptr) return kernel::lseek(descriptor, offset, whence);
  return seek_tracked(open, offset, whence);
}

__attribute__((visibility("default"))) off64_t lseek64(int descriptor, off64_t offset,
                                                       int whence) noexcept {
  return lseek(descriptor, offset, whence);
}

__attribute__((visibility("default"))) int fdatasync(int descriptor) {
  Descriptor* open = tracked(descriptor);
  return open == nullptr ? kernel::fdatasync(descriptor) : sync_tracked(open);
}

__attribute__((visibility("default"))) int fsync(int descriptor) {
  Descriptor* open = tracked(descriptor);
  return open == nullptr ? kernel::fsync(descriptor) : sync_tracked(open);
}

__attribute__((visibility("default"))) int ftruncate(int descriptor, off_t size) noexcept {
  Descriptor* open = tracked(descriptor);
  const auto bytes = static_cast<uint64_t>(size);
  if (open == nullptr) return kernel::ftruncate(descriptor, bytes);
  return truncate_tracked(descriptor, open, bytes);
}

__attribute__((visibility("default"))) int ftruncate64(int descriptor, off64_t size) noexcept {
  return ftruncate(descriptor, size);
}

__attribute__((visibility("default"))) int posix_fallocate(int descriptor, off_t offset,
                                                           off_t size) {
  Descriptor* open = tracked(descriptor);
  const auto end = static_cast<uint64_t>(offset + size);
  if (open != nullptr) return allocate_tracked(descriptor, open, end);
  return kernel::fallocate(descriptor, end) == 0 ? 0 : errno;
}

__attribute__((visibility("default"))) int posix_fallocate64(int descriptor, off64_t offset,
                                                             off64_t size) {
  return posix_fallocate(descriptor, offset, size);
}

/// LMDB syncs its map only under MDB_WRITEMAP, which is never used. Passed on.
__attribute__((visibility("default"))) int msync(void* address, size_t size, int flags) {
  return kernel::msync(address, size, flags);
}

}  // extern "C"
