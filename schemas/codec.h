// Decoding of messages: each generated `*_messages.h` specialises decode() for its structs and
// overloads encode().
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron {

/// Reads a message. The bytes may come from anywhere and lie anywhere (they are copied when they
/// are not aligned); they pass the FlatBuffers verifier before they are read, and what is taken for
/// the result is bounded by a multiple of their size. Errors: invalid_argument, with the field
/// where one is missing or out of range.
template <typename Message>
Result<Message> decode(ByteView bytes) = delete;

}  // namespace vectron
