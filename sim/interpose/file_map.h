// FileMap: a tracked file's bytes in memory, so that the interposed calls copy instead of entering
// the kernel.
//
// tmpfs keeps one copy of a page for all mappings, so LMDB's own map and every read() see what is
// written here at once. While a file is mapped its real size may exceed its content by a piece that
// reads as zeros; release() cuts it off.
#pragma once

#include <cstdint>
#include <string>

namespace vectron::sim {

class FileMap {
 public:
  FileMap() = default;
  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap() { unmap(); }

  /// Makes [0, bytes) accessible and backed by memory. Returns 0, or an errno (ENOSPC).
  int reserve(const std::string& path, uint64_t bytes);
  /// Requires: reserve() of what is touched.
  uint8_t* data() const { return data_; }
  /// Unmaps, and cuts the file to `bytes`.
  void release(const std::string& path, uint64_t bytes);

 private:
  static constexpr uint64_t kGrowBytes = 65'536;
  static constexpr uint64_t kMapBytesMin = 1'048'576;

  int map(const std::string& path, uint64_t bytes);
  void unmap();

  uint8_t* data_ = nullptr;
  uint64_t mapped_bytes_ = 0;
  /// Of the real file.
  uint64_t backed_bytes_ = 0;
};

}  // namespace vectron::sim
