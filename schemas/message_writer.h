// How plain structs become a FlatBuffer. For the generated codec sources only.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <array>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace vectron {

template <typename Flat, typename Message>
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Flat>>> pack_tables(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<Message>& messages) {
  constexpr size_t kFew = 16;
  std::array<flatbuffers::Offset<Flat>, kFew> few;
  std::vector<flatbuffers::Offset<Flat>> many(messages.size() > kFew ? messages.size() : 0);
  flatbuffers::Offset<Flat>* offsets = many.empty() ? few.data() : many.data();
  for (size_t i = 0; i < messages.size(); ++i) offsets[i] = pack(builder, messages[i]);
  return builder.CreateVector(offsets, messages.size());
}

template <typename Message>
size_t sizes_hint(const std::vector<Message>& messages) {
  size_t sum = 8;
  for (const Message& message : messages) sum += 4 + size_hint(message);
  return sum;
}

inline size_t texts_hint(const std::vector<std::string>& texts) {
  size_t sum = 8;
  for (const std::string& text : texts) sum += 16 + text.size();
  return sum;
}

/// Memory for a builder: on the stack as long as that is enough, which it is for most messages.
class BuilderMemory final : public flatbuffers::Allocator {
 public:
  uint8_t* allocate(size_t size) override {
    if (size > stack_.size() || stack_in_use_) return new uint8_t[size];
    stack_in_use_ = true;
    return stack_.data();
  }
  void deallocate(uint8_t* memory, size_t) override {
    if (memory == stack_.data()) {
      stack_in_use_ = false;
    } else {
      delete[] memory;
    }
  }

 private:
  alignas(16) std::array<uint8_t, 2048> stack_;
  bool stack_in_use_ = false;
};

template <typename Message>
Bytes encode_root(const Message& message) {
  BuilderMemory memory;
  flatbuffers::FlatBufferBuilder builder(size_hint(message) + 32, &memory);
  builder.Finish(pack(builder, message));
  return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

}  // namespace vectron
