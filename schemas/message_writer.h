// How plain structs become a FlatBuffer. For the generated codec sources only.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace vectron {

template <typename Flat, typename Message>
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Flat>>> pack_tables(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<Message>& messages) {
  std::vector<flatbuffers::Offset<Flat>> offsets;
  offsets.reserve(messages.size());
  for (const Message& message : messages) offsets.push_back(pack(builder, message));
  return builder.CreateVector(offsets);
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

template <typename Message>
Bytes encode_root(const Message& message) {
  flatbuffers::FlatBufferBuilder builder(size_hint(message) + 32);
  builder.Finish(pack(builder, message));
  return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

}  // namespace vectron
