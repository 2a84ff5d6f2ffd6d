#include "net/free_memory.h"

// gperftools' own names (gperftools/malloc_extension_c.h), where programs are linked to it.
extern "C" {
[[gnu::weak]] int MallocExtension_GetNumericProperty(const char* property, size_t* value);
[[gnu::weak]] void MallocExtension_ReleaseToSystem(size_t bytes);
}

namespace vectron {

std::optional<size_t> free_memory_bytes() {
  if (MallocExtension_GetNumericProperty == nullptr) return std::nullopt;
  size_t bytes = 0;
  if (MallocExtension_GetNumericProperty("tcmalloc.pageheap_free_bytes", &bytes) == 0) {
    return std::nullopt;
  }
  return bytes;
}

void give_back_memory(size_t bytes) {
  if (MallocExtension_ReleaseToSystem != nullptr) MallocExtension_ReleaseToSystem(bytes);
}

}  // namespace vectron
