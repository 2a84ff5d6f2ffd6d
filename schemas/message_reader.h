// How a verified FlatBuffer becomes plain structs. For the generated codec sources only.
//
// A buffer may let many offsets point at one table, so a small buffer can describe a huge message.
// The reader therefore counts what it copies, and refuses a message that is several times larger
// than its buffer.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron {

enum class Presence : uint8_t { optional, required };

/// Each function copies one field and returns false at the first error, which error() then tells.
class MessageReader {
 public:
  explicit MessageReader(size_t buffer_bytes)
      : budget_bytes_(buffer_bytes * 4 + 1024),
        entry_budget_bytes_(buffer_bytes * kEntryFactor + kEntryBytesFree) {}

  const Status& error() const { return error_; }

  bool text(const flatbuffers::String* from, std::string* to, const char* name, Presence presence) {
    if (from == nullptr) return absent(name, presence);
    if (!take(from->size(), name)) return false;
    to->assign(from->data(), from->size());
    return true;
  }

  template <typename T>
  bool scalars(const flatbuffers::Vector<T>* from, std::vector<T>* to, const char* name,
               Presence presence) {
    if (from == nullptr) return absent(name, presence);
    if (!take(size_t{from->size()} * sizeof(T), name)) return false;
    to->resize(from->size());
    if (!to->empty()) std::memcpy(to->data(), from->Data(), to->size() * sizeof(T));
    return true;
  }

  bool booleans(const flatbuffers::Vector<uint8_t>* from, std::vector<bool>* to, const char* name,
                Presence presence) {
    if (from == nullptr) return absent(name, presence);
    if (!take(from->size(), name)) return false;
    to->resize(from->size());
    for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) (*to)[i] = from->Get(i) != 0;
    return true;
  }

  /// Bytes that must be a valid FlexBuffer (when there are any).
  bool flexbuffer(const flatbuffers::Vector<uint8_t>* from, Bytes* to, const char* name,
                  Presence presence);

  template <typename Texts>
  bool texts(const Texts* from, std::vector<std::string>* to, const char* name, Presence presence) {
    if (from == nullptr) return absent(name, presence);
    to->resize(from->size());
    for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
      if (!text(from->Get(i), &(*to)[i], name, Presence::required)) return false;
    }
    return true;
  }

  template <typename Flat, typename Message>
  bool tables(const flatbuffers::Vector<flatbuffers::Offset<Flat>>* from, std::vector<Message>* to,
              const char* name, Presence presence) {
    if (from == nullptr) return absent(name, presence);
    if (!take(size_t{from->size()} * kTableBytesMin, name)) return false;
    if (!take_entries(from->size(), sizeof(Message), name)) return false;
    to->resize(from->size());
    for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
      if (!unpack(*this, *from->Get(i), &(*to)[i])) return inside(name, i);
    }
    return true;
  }

  template <typename Flat, typename Message>
  bool table(const Flat* from, Message* to, const char* name) {
    if (from == nullptr) return absent(name, Presence::required);
    if (!take(kTableBytesMin, name)) return false;
    return unpack(*this, *from, to) || inside(name);
  }

  template <typename Flat, typename Message>
  bool optional_table(const Flat* from, std::optional<Message>* to, const char* name) {
    return from == nullptr || table(from, &to->emplace(), name);
  }

  template <typename Flat, typename Enum>
  bool enumeration(Flat from, Enum* to, int64_t value_max, const char* name) {
    const auto value = static_cast<int64_t>(from);
    if (value < 0 || value > value_max) return out_of_range(name, value);
    *to = static_cast<Enum>(value);
    return true;
  }

 private:
  static constexpr size_t kTableBytesMin = 8;  // Its offset and its vtable's offset.

  /// What the entries of lists become in memory is several times their bytes, and bounded before a
  /// list is made. Entries that no other shares stay far below.
  static constexpr size_t kEntryFactor = 8;
  static constexpr size_t kEntryBytesFree = 256 << 10;

  bool take(size_t bytes, const char* name);
  bool take_entries(size_t count, size_t entry_bytes, const char* name);
  bool absent(const char* name, Presence presence);
  bool out_of_range(const char* name, int64_t value);
  /// Puts the name of the enclosing field before the field at fault; returns false.
  bool inside(const char* name);
  bool inside(const char* name, size_t position);

  size_t budget_bytes_;
  size_t entry_budget_bytes_;
  Status error_;
};

/// The limits under which a buffer is verified.
inline constexpr flatbuffers::uoffset_t kMessageDepthMax = 16;
inline constexpr flatbuffers::uoffset_t kMessageTablesMax = 1'000'000;
inline constexpr size_t kMessageBytesMax = 1 << 30;

/// The bytes, copied into `storage` where they do not lie at a multiple of 8.
ByteView aligned(ByteView bytes, std::vector<uint64_t>* storage);
Status unreadable(const char* name, ByteView bytes);

template <typename Flat, typename Message>
Result<Message> decode_root(ByteView bytes, const char* name) {
  if (bytes.size() > kMessageBytesMax || bytes.size() < sizeof(flatbuffers::uoffset_t)) {
    return fail(unreadable(name, bytes));
  }
  std::vector<uint64_t> storage;
  const ByteView buffer = aligned(bytes, &storage);
  flatbuffers::Verifier verifier(buffer.data(), buffer.size(), kMessageDepthMax, kMessageTablesMax);
  if (!verifier.VerifyBuffer<Flat>(nullptr)) return fail(unreadable(name, bytes));
  MessageReader reader(buffer.size());
  Result<Message> message(std::in_place);
  if (!unpack(reader, *flatbuffers::GetRoot<Flat>(buffer.data()), &*message)) {
    return fail(reader.error().with_context(name));
  }
  return message;
}

}  // namespace vectron
