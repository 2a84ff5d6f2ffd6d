// KvBatch: the changes of one commit of a KvStore.
//
// A plain value that its maker hands over to KvStore::commit. Values are shared, not copied: an
// overlay, a log entry and a batch may hold the same bytes.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace vectron {

/// Immutable bytes, shared. Null means "absent" (an erased key), never "empty".
using KvValue = std::shared_ptr<const Bytes>;

/// Bytes that an operation of a batch is counted with besides its own.
inline constexpr size_t kKvOperationOverheadBytes = 64;
/// The longest key, in bytes; keys hold at least one. (LMDB's 511, less the byte that names our
/// key space.)
inline constexpr size_t kKvKeyBytesMax = 510;

/// Operations in the order in which they were added; a later one of the same key wins.
class KvBatch {
 public:
  /// Sets `key` to `value`. Requires: 1 to kKvKeyBytesMax bytes of key, a value that is not null.
  void put(ByteView key, KvValue value);
  void put(ByteView key, Bytes value) { put(key, std::make_shared<const Bytes>(std::move(value))); }
  /// Removes `key`; does nothing when it is absent.
  void erase(ByteView key);
  /// Sets the record `name`: a small value of its own key space, beside the content (not part of
  /// scans and of digest()). For what describes the content, such as the applied index.
  void put_record(std::string_view name, Bytes value);

  bool empty() const { return operations_.empty(); }
  size_t size() const { return operations_.size(); }
  /// Keys and values, with kKvOperationOverheadBytes for each operation.
  size_t bytes() const { return bytes_; }

  /// One operation: `value` null means erase.
  struct Operation {
    uint8_t space = 0;
    uint32_t key_offset = 0;
    uint32_t key_size = 0;
    KvValue value;
  };
  const std::vector<Operation>& operations() const { return operations_; }
  ByteView key_of(const Operation& operation) const {
    return ByteView(keys_).subspan(operation.key_offset, operation.key_size);
  }

 private:
  void add(uint8_t space, ByteView key, KvValue value);

  Bytes keys_;
  std::vector<Operation> operations_;
  size_t bytes_ = 0;
};

}  // namespace vectron
