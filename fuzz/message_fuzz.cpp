// Bytes as messages of every contract: refused, or read; and what was read must survive being
// encoded again.
//
// The first byte chooses the message.
#include <cstdlib>

#include "schemas/placement_fields.h"
#include "schemas/raft_fields.h"
#include "schemas/storage_fields.h"
#include "schemas/vectron_fields.h"
#include "schemas/worker_fields.h"

namespace {

using namespace vectron;

template <typename Message>
void check(ByteView bytes) {
  const Result<Message> message = decode<Message>(bytes);
  if (!message.has_value()) return;
  const Bytes again = encode(*message);
  const Result<Message> back = decode<Message>(again);
  // Compared as bytes: a NaN does not equal itself.
  if (!back.has_value() || encode(*back) != again) std::abort();
}

template <typename... Messages>
void check_one_of(MessageList<Messages...>, size_t chosen, ByteView bytes) {
  size_t position = 0;
  ((position++ == chosen % sizeof...(Messages) ? check<Messages>(bytes) : void()), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t chosen = data[0] / 5;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      check_one_of(api::VectronMessageList(), chosen, bytes);
      break;
    case 1:
      check_one_of(wire::WorkerMessageList(), chosen, bytes);
      break;
    case 2:
      check_one_of(wire::PlacementMessageList(), chosen, bytes);
      break;
    case 3:
      check_one_of(wire::RaftMessageList(), chosen, bytes);
      break;
    default:
      check_one_of(stored::StorageMessageList(), chosen, bytes);
      break;
  }
  return 0;
}
