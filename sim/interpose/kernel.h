// The kernel's own file calls, past every libc symbol: what an interposed call ends in.
//
// Plain system calls rather than the next definition of the symbol: they need no look-up (libc may
// call us before dlsym works) and do not pass the sanitizers' own interceptors. Each sets errno as
// its libc twin does.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>

namespace vectron::sim::kernel {

inline int open(const char* path, int flags, mode_t mode) {
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
inline int close(int descriptor) {
  return static_cast<int>(::syscall(SYS_close, descriptor));
}
inline ssize_t pread(int descriptor, void* into, size_t size, uint64_t offset) {
  return ::syscall(SYS_pread64, descriptor, into, size, offset);
}
inline ssize_t pwrite(int descriptor, const void* bytes, size_t size, uint64_t offset) {
  return ::syscall(SYS_pwrite64, descriptor, bytes, size, offset);
}
inline ssize_t pwritev(int descriptor, const iovec* parts, int count, uint64_t offset) {
  return ::syscall(SYS_pwritev, descriptor, parts, count, offset, offset >> 32);
}
inline ssize_t write(int descriptor, const void* bytes, size_t size) {
  return ::syscall(SYS_write, descriptor, bytes, size);
}
inline ssize_t writev(int descriptor, const iovec* parts, int count) {
  return ::syscall(SYS_writev, descriptor, parts, count);
}
inline off_t lseek(int descriptor, off_t offset, int whence) {
  return ::syscall(SYS_lseek, descriptor, offset, whence);
}
inline int ftruncate(int descriptor, uint64_t size) {
  return static_cast<int>(::syscall(SYS_ftruncate, descriptor, size));
}
inline int truncate(const char* path, uint64_t size) {
  return static_cast<int>(::syscall(SYS_truncate, path, size));
}
/// Extends the file to `size` bytes, all of them allocated.
inline int fallocate(int descriptor, uint64_t size) {
  return static_cast<int>(::syscall(SYS_fallocate, descriptor, 0, 0, size));
}
inline int fsync(int descriptor) {
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}
inline int fdatasync(int descriptor) {
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
inline int msync(void* address, size_t size, int flags) {
  return static_cast<int>(::syscall(SYS_msync, address, size, flags));
}

}  // namespace vectron::sim::kernel
