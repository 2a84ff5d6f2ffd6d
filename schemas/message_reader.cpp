#include "schemas/message_reader.h"

#include <flatbuffers/flexbuffers.h>
#include <fmt/core.h>

namespace vectron {

bool MessageReader::flexbuffer(const flatbuffers::Vector<uint8_t>* from, Bytes* to,
                               const char* name, Presence presence) {
  if (!scalars(from, to, name, presence)) return false;
  if (to->empty()) return true;
  std::vector<uint8_t> reuse;
  if (flexbuffers::VerifyBuffer(to->data(), to->size(), &reuse)) return true;
  error_ = Status(Code::invalid_argument, "is not a valid FlexBuffer", name);
  return false;
}

bool MessageReader::take(size_t bytes, const char* name) {
  if (bytes > budget_bytes_) {
    error_ = Status(Code::invalid_argument, "the message is far larger than its bytes", name);
    return false;
  }
  budget_bytes_ -= bytes;
  return true;
}

bool MessageReader::take_entries(size_t count, size_t entry_bytes, const char* name) {
  const size_t bytes = count * entry_bytes;
  if (bytes <= entry_budget_bytes_) {
    entry_budget_bytes_ -= bytes;
    return true;
  }
  error_ =
      Status(Code::invalid_argument,
             fmt::format("a list of {} entries is far larger than its bytes: no entry may stand "
                         "in it many times",
                         count),
             name);
  return false;
}

bool MessageReader::absent(const char* name, Presence presence) {
  if (presence == Presence::optional) return true;
  error_ = Status(Code::invalid_argument, "a required field is missing", name);
  return false;
}

bool MessageReader::out_of_range(const char* name, int64_t value) {
  error_ = Status(Code::invalid_argument, fmt::format("{} is not a known value", value), name);
  return false;
}

bool MessageReader::inside(const char* name) {
  error_ = Status(error_.code(), error_.message(), fmt::format("{}.{}", name, error_.field()));
  return false;
}

bool MessageReader::inside(const char* name, size_t position) {
  error_ = Status(error_.code(), error_.message(),
                  fmt::format("{}[{}].{}", name, position, error_.field()));
  return false;
}

ByteView aligned(ByteView bytes, std::vector<uint64_t>* storage) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) == 0) return bytes;
  storage->resize((bytes.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(storage->data(), bytes.data(), bytes.size());
  return {reinterpret_cast<const uint8_t*>(storage->data()), bytes.size()};
}

Status unreadable(const char* name, ByteView bytes) {
  return Status(Code::invalid_argument,
                fmt::format("{} bytes are not a valid {}", bytes.size(), name));
}

}  // namespace vectron
