// Encoding and decoding where it does not hold the event loop: a small message at once, a large one
// on the Cpu pool.
#pragma once

#include <memory>
#include <utility>

#include "core/env/cpu.h"
#include "core/rpc/frame.h"
#include "schemas/codec.h"

namespace vectron {

/// A message of at least so many bytes is encoded and decoded on the pool.
inline constexpr size_t kPooledMessageBytesMin = rpc::FrameBuffer::kLargeBytesMin;

/// As measured: most of it is memory that is touched for the first time.
inline CpuCost encoding_cost(size_t bytes) {
  return {.nanoseconds = 500 + bytes};
}
/// Of small entries, which cost more than their bytes.
inline CpuCost decoding_cost(size_t bytes) {
  return {.nanoseconds = 500 + 2 * bytes};
}

/// Whether the loop encodes `message` itself: then the caller does, now.
template <typename Message>
bool encodes_here(Cpu* cpu, const Message& message) {
  const size_t bytes = size_hint(message);
  if (bytes >= kPooledMessageBytesMin) return false;
  cpu->worked_on_loop(encoding_cost(bytes));
  return true;
}

/// Encodes `message` on the pool; nobody changes it until the task has ended. It is given up there
/// when nobody else has it, for that takes its time too.
template <typename Message>
Task<Bytes> encode_on_pool(Cpu* cpu, std::shared_ptr<const Message> message) {
  const CpuCost cost = encoding_cost(size_hint(*message));
  const auto held = std::make_shared<std::shared_ptr<const Message>>(std::move(message));
  std::function<Bytes()> work = [held] {
    const std::shared_ptr<const Message> taken = std::move(*held);
    return encode(*taken);
  };
  Bytes encoded = co_await run_on<Bytes>(cpu, cost, std::move(work));
  co_return encoded;
}

/// Whether the loop decodes a body itself: then the caller does, now.
inline bool decodes_here(Cpu* cpu, ByteView body) {
  if (body.size() >= kPooledMessageBytesMin) return false;
  cpu->worked_on_loop(decoding_cost(body.size()));
  return true;
}

/// Decodes on the pool. Errors: of decode().
template <typename Message>
Task<Result<Message>> decode_on_pool(Cpu* cpu, rpc::FrameBody body) {
  const CpuCost cost = decoding_cost(body.bytes().size());
  const auto held = std::make_shared<rpc::FrameBody>(std::move(body));
  std::function<Result<Message>()> work = [held] {
    const rpc::FrameBody taken = std::move(*held);
    return decode<Message>(taken.bytes());
  };
  Result<Message> message = co_await run_on<Result<Message>>(cpu, cost, std::move(work));
  co_return message;
}

}  // namespace vectron
