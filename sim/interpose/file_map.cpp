#include "sim/interpose/file_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "core/base/assert.h"
#include "sim/interpose/kernel.h"

namespace vectron::sim {

int FileMap::reserve(const std::string& path, uint64_t bytes) {
  if (bytes <= backed_bytes_) return 0;
  const uint64_t backed = (bytes + kGrowBytes - 1) / kGrowBytes * kGrowBytes;
  const int descriptor = kernel::open(path.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  // Allocates, so that a full tmpfs is an error here and not a signal at the first touch.
  const int failed = kernel::fallocate(descriptor, backed) == 0 ? 0 : errno;
  kernel::close(descriptor);
  if (failed != 0) return failed;
  if (backed > mapped_bytes_) {
    const int error = map(path, std::max({backed * 2, kMapBytesMin}));
    if (error != 0) return error;
  }
  backed_bytes_ = backed;
  return 0;
}

int FileMap::map(const std::string& path, uint64_t bytes) {
  unmap();
  const int descriptor = kernel::open(path.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const int error = address == MAP_FAILED ? errno : 0;
  kernel::close(descriptor);
  if (error != 0) return error;
  data_ = static_cast<uint8_t*>(address);
  mapped_bytes_ = bytes;
  return 0;
}

void FileMap::release(const std::string& path, uint64_t bytes) {
  if (data_ == nullptr) return;
  unmap();
  const int result = kernel::truncate(path.c_str(), bytes);
  VECTRON_ASSERT(result == 0, "cannot cut {}: errno {}", path, errno);
}

void FileMap::unmap() {
  if (data_ != nullptr) ::munmap(data_, mapped_bytes_);
  data_ = nullptr;
  mapped_bytes_ = 0;
  backed_bytes_ = 0;
}

}  // namespace vectron::sim
