#include "core/kv/kv_batch.h"

#include "core/base/assert.h"
#include "core/kv/kv_format.h"

namespace vectron {

using kv_format::Space;

void KvBatch::put(ByteView key, KvValue value) {
  VECTRON_ASSERT(value != nullptr, "null means absent: use erase()");
  add(static_cast<uint8_t>(Space::content), key, std::move(value));
}

void KvBatch::erase(ByteView key) {
  add(static_cast<uint8_t>(Space::content), key, nullptr);
}

void KvBatch::put_record(std::string_view name, Bytes value) {
  add(static_cast<uint8_t>(Space::record), as_bytes(name),
      std::make_shared<const Bytes>(std::move(value)));
}

void KvBatch::add(uint8_t space, ByteView key, KvValue value) {
  VECTRON_ASSERT(!key.empty() && key.size() <= kKvKeyBytesMax, "a key of {} bytes", key.size());
  bytes_ += key.size() + (value ? value->size() : 0) + kKvOperationOverheadBytes;
  operations_.push_back({space, static_cast<uint32_t>(keys_.size()),
                         static_cast<uint32_t>(key.size()), std::move(value)});
  keys_.insert(keys_.end(), key.begin(), key.end());
}

}  // namespace vectron
