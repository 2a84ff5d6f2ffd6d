// Bytes from a connection, as frames: any bytes, in pieces of any size, must be refused or shown
// whole.
//
// The first byte says in which pieces the rest comes. Each frame that is shown is encoded again and
// must give the bytes that it was made from, so that a parser that is too lenient fails too.
#include <algorithm>
#include <cstdlib>

#include "core/rpc/error_body.h"
#include "core/rpc/frame.h"
#include "core/rpc/hello.h"

namespace {

using namespace vectron;
using namespace vectron::rpc;

constexpr size_t kFrameBytesMax = 256 << 10;

void check_bodies(ByteView body) {
  if (decode_error(body).ok()) std::abort();
  const Result<Hello> hello = decode_hello(body);
  if (hello.has_value() &&
      decode_hello(encode_hello(*hello))->protocol_max != hello->protocol_max) {
    std::abort();
  }
}

/// The bytes as the body of a frame with a right checksum, which must come through whole; or, if
/// they need memory and it `drops`, without the body.
void check_mended(ByteView body, size_t piece, bool drops) {
  Bytes wire;
  append_frame(wire, FrameHeader{.kind = FrameKind::one_way}, body);
  FrameBuffer buffer(kFrameBytesMax);
  ByteView rest = wire;
  for (;;) {
    const auto frame = buffer.next();
    if (!frame.has_value()) std::abort();
    if (frame->has_value()) {
      if (!(*frame)->dropped && !std::ranges::equal((*frame)->body, body)) std::abort();
      return;
    }
    if (drops && buffer.growth_bytes() > 0) buffer.drop_body();
    const std::span<uint8_t> room = buffer.writable();
    const size_t count = std::min({piece, rest.size(), room.size()});
    if (count == 0) std::abort();
    std::copy_n(rest.begin(), count, room.begin());
    buffer.filled(count);
    rest = rest.subspan(count);
  }
}

void check_frame(const Frame& frame) {
  if (reinterpret_cast<uintptr_t>(frame.body.data()) % kFrameAlignmentBytes != 0) std::abort();
  const auto header = encode_header(frame.header, frame.body);
  Bytes wire;
  append_frame(wire, frame.header, frame.body);
  if (!std::ranges::equal(header, ByteView(wire).first(kFrameHeaderBytes))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  ByteView rest(data + 1, size - 1);
  check_bodies(rest);
  if (rest.size() + kFrameHeaderBytes <= kFrameBytesMax) {
    check_mended(rest, piece, false);
    // Long enough for a body that takes memory, whatever the length of the input.
    Bytes longer(rest.begin(), rest.end());
    longer.resize(std::min(longer.size() + 100'000, kFrameBytesMax - kFrameHeaderBytes));
    check_mended(longer, 40 * piece, true);
  }
  FrameBuffer buffer(kFrameBytesMax);
  while (!rest.empty()) {
    const std::span<uint8_t> room = buffer.writable();
    const size_t count = std::min({piece, rest.size(), room.size()});
    std::copy_n(rest.begin(), count, room.begin());
    buffer.filled(count);
    rest = rest.subspan(count);
    for (;;) {
      const auto frame = buffer.next();
      if (!frame.has_value()) return 0;
      if (!frame->has_value()) break;
      check_frame(**frame);
    }
  }
  return 0;
}
