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

// The costs are upper bounds of what was measured: the processor time of a thread, medians over
// messages of 10 to 10,000 items of 4 to 784 floats and 0 to 60,000 bytes each.

/// By the size hint: 0.05 ns a byte of few large items, 0.3 of many small ones, for which the hint
/// is several times what they take; 0.25 where the memory is touched for the first time.
inline CpuCost encoding_cost(size_t bytes) {
  return {.nanoseconds = 500 + bytes / 2};
}
/// 2 ns a byte of many small items, 0.1 of few large ones.
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
  CpuCost cost = encoding_cost(size_hint(*message));
  cost.prompt = true;
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
  CpuCost cost = decoding_cost(body.bytes().size());
  cost.prompt = true;
  const auto held = std::make_shared<rpc::FrameBody>(std::move(body));
  std::function<Result<Message>()> work = [held] {
    const rpc::FrameBody taken = std::move(*held);
    return decode<Message>(taken.bytes());
  };
  Result<Message> message = co_await run_on<Result<Message>>(cpu, cost, std::move(work));
  co_return message;
}

}  // namespace vectron
