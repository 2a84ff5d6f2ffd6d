#include "services/daemon/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "services/daemon/options/values.h"

namespace vectron {
namespace {

std::optional<uint64_t> limit_in(const char* path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  return memory_limit_of(text);
}

}  // namespace

std::optional<uint64_t> memory_limit_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return options::parse_number(text);
}

uint64_t machine_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  uint64_t bytes = pages > 0 && page_bytes > 0
                       ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                       : 0;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const auto limit = limit_in(path);
    if (limit && *limit > 0) bytes = bytes == 0 ? *limit : std::min(bytes, *limit);
  }
  return bytes;
}

uint64_t worker_memory_bytes_default(uint64_t machine_bytes, uint64_t workers) {
  return machine_bytes / 4 * 3 / std::max<uint64_t>(workers, 1);
}

}  // namespace vectron
