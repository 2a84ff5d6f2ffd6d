// Frames: the unit in which RPC speaks over a byte stream. docs/protocol.md draws them byte by
// byte.
//
// Everything here is free of I/O. FrameBuffer turns received bytes into frames: it bounds a frame's
// size before it takes memory for it, and verifies the checksum before it shows the frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/result.h"

namespace vectron::rpc {

inline constexpr size_t kFrameHeaderBytes = 64;
inline constexpr size_t kFrameAlignmentBytes = 16;
inline constexpr uint8_t kFrameHeaderVersion = 1;
inline constexpr uint64_t kNoTimeLimit = UINT64_MAX;
static_assert(kFrameHeaderBytes % kFrameAlignmentBytes == 0, "bodies are aligned as headers are");

/// The numbers are part of the wire format.
enum class FrameKind : uint8_t {
  request = 1,
  response = 2,
  stream_item = 3,
  stream_end = 4,
  /// Ends the call; with call id 0, the connection.
  error = 5,
  cancel = 6,
  one_way = 7,
  hello = 8,
  credit = 9,
  ping = 10,
  pong = 11,
};
inline constexpr uint8_t kFrameKindMax = 11;

/// What stands before a body. Length, version and checksum are computed while encoding.
struct FrameHeader {
  FrameKind kind = FrameKind::request;
  uint8_t priority = 0;
  uint32_t method = 0;
  /// request of a stream: its first credit. credit: what is added.
  uint32_t credit_bytes = 0;
  uint64_t call_id = 0;
  uint64_t remaining_us = kNoTimeLimit;
  uint64_t trace_id = 0;
  uint64_t idempotency_key = 0;
  /// Which of the connection's credentials the call uses; 0 for none.
  uint32_t credential_slot = 0;

  bool operator==(const FrameHeader&) const = default;
};

/// The bytes of a frame on the wire: header, body, and zeros up to a multiple of 16.
constexpr size_t frame_bytes(size_t body_bytes) {
  return (kFrameHeaderBytes + body_bytes + kFrameAlignmentBytes - 1) & ~(kFrameAlignmentBytes - 1);
}

/// What an item of a stream takes from its credit. Never nothing, so that empty items are bounded
/// too.
constexpr size_t stream_item_cost(size_t body_bytes) {
  return kFrameHeaderBytes + body_bytes;
}

/// The header's bytes, checksum of `body` included.
std::array<uint8_t, kFrameHeaderBytes> encode_header(const FrameHeader& header, ByteView body);
/// The same for a body that was summed up already (checksum64).
std::array<uint8_t, kFrameHeaderBytes> encode_header(const FrameHeader& header, size_t body_bytes,
                                                     uint64_t body_checksum);

/// Appends a whole frame, padding included. Requires: `body` is shorter than 4 GiB.
void append_frame(Bytes& out, const FrameHeader& header, ByteView body);

/// A received frame. The body lies at a multiple of 16 and lives until the buffer's next
/// writable().
struct Frame {
  FrameHeader header;
  ByteView body;
  /// The body was checked and not kept (FrameBuffer::drop_body).
  bool dropped = false;
};

/// A body with the memory that it lies in. Moved only: a copy would point into the other's memory.
class FrameBody {
 public:
  FrameBody() = default;
  FrameBody(FrameBody&&) = default;
  FrameBody& operator=(FrameBody&&) = default;
  explicit FrameBody(Bytes bytes) : copy_(std::move(bytes)), bytes_(copy_) {}
  FrameBody(std::shared_ptr<const void> memory, ByteView bytes)
      : memory_(std::move(memory)), bytes_(bytes) {}

  ByteView bytes() const { return bytes_; }
  Bytes to_bytes() && { return memory_ == nullptr ? std::move(copy_) : vectron::to_bytes(bytes_); }

 private:
  Bytes copy_;
  std::shared_ptr<const void> memory_;
  ByteView bytes_;  // Within one of them, which stays where it is when this is moved.
};

/// Bytes received on one connection, cut into frames.
class FrameBuffer {
 public:
  /// `frame_bytes_max` bounds header and body of one frame, and with it the memory taken.
  explicit FrameBuffer(size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  void set_frame_bytes_max(size_t bytes) { frame_bytes_max_ = bytes; }

  /// Where to read to; never empty, at most kReadBytesMax. Ends the life of frames given out.
  /// Requires: next() returned empty since the last filled(), for the buffer grows with what has
  /// come, not with what a header promises.
  std::span<uint8_t> writable();
  /// Says that the first `count` bytes of writable() were filled.
  void filled(size_t count);

  /// What was received and not given out yet.
  ByteView buffered() const {
    return blocks_ == nullptr ? ByteView()
                              : ByteView(blocks_[0].bytes.data() + begin_, end_ - begin_);
  }
  /// Bytes that have come and were not given out, where they are more than every buffer may hold
  /// (kBufferBytesKept): pages to which nothing came yet take no memory.
  size_t held_bytes() const { return counted(end_ - begin_); }
  /// What it takes in memory, counted or not.
  size_t capacity_bytes() const { return capacity_; }
  /// How much more of it there may be after the next filled().
  size_t growth_bytes() const { return counted(end_ - begin_ + room_bytes()) - held_bytes(); }
  /// All memory of the buffer, with that to which nothing came yet.
  size_t memory_bytes() const { return capacity_; }
  /// Bytes of the frame whose beginning is here; 0 where it is not known.
  size_t frame_length() const { return frame_length_; }
  /// Its kind, as its header says. Requires: frame_length() > 0.
  FrameKind frame_kind() const;
  /// Whether a frame has begun to come and is not whole.
  bool mid_frame() const { return dropping_.has_value() || end_ > begin_; }
  /// Takes no more memory for the frame whose beginning is here: its body is checked as it comes,
  /// and thrown away. Requires: growth_bytes() > 0, and the requirement of writable().
  void drop_body();

  /// The next whole frame; empty when more bytes are needed. After an error the stream is lost:
  /// close the connection. Errors: data_loss (damaged), invalid_argument (too large, or a kind that
  /// no protocol has), unimplemented (a header version of another time).
  Result<std::optional<Frame>> next();

  /// The body of the frame that next() gave out last, as one that lives on: a small one is copied,
  /// a large one takes the buffer's memory along. Requires: neither next() nor writable() was
  /// called since.
  FrameBody take(const Frame& frame);

  /// While it is empty and what came last was short: most connections are idle most of the time.
  static constexpr size_t kBufferBytesIdle = 8 << 10;
  static constexpr size_t kBufferBytesMin = 32 << 10;
  static constexpr size_t kReadBytesMax = 256 << 10;
  /// So much is not counted: it is bounded by the number of connections.
  static constexpr size_t kBufferBytesKept = 64 << 10;
  /// Bodies above it are not copied, nor summed up or moved as a whole at once: that would hold the
  /// event loop.
  static constexpr size_t kLargeBytesMin = 512 << 10;
  /// What is here of a frame is moved into a larger buffer no more once it is so much.
  static constexpr size_t kMovedBytesMax = 1 << 20;

 private:
  struct alignas(kFrameAlignmentBytes) Block {
    std::array<uint8_t, kFrameAlignmentBytes> bytes;
  };
  /// A frame whose body goes by.
  struct Dropping {
    std::array<uint8_t, kFrameHeaderBytes> header;
    ChecksumStream body;
    size_t body_left = 0;
    size_t padding_left = 0;
  };

  static size_t counted(size_t bytes) { return bytes <= kBufferBytesKept ? 0 : bytes; }
  /// The capacity that the next writable() needs, and how much of it it gives at most.
  size_t wanted_bytes() const;
  size_t room_bytes() const;
  void grow(size_t bytes);
  void sum_up();
  uint64_t body_checksum(ByteView body);
  void pass_by(ByteView bytes);
  Result<std::optional<Frame>> dropped_frame();

  uint8_t* data() { return blocks_ == nullptr ? nullptr : blocks_[0].bytes.data(); }
  Result<void> check_start();

  size_t frame_bytes_max_;
  std::unique_ptr<Block[]> blocks_;  // Not initialised: what nothing came to was never touched.
  size_t capacity_ = 0;              // In bytes.
  size_t begin_ = 0;                 // The first byte not yet given out; a multiple of 16.
  size_t end_ = 0;                   // One past the last byte received.
  size_t last_filled_ = 0;
  size_t frame_length_ = 0;  // Of the frame at begin_, once its header is checked; otherwise 0.
  std::optional<Dropping> dropping_;  // Then nothing is buffered.
  /// Of a large body, as far as it has come: `summed_` bytes.
  std::optional<ChecksumStream> sum_;
  size_t summed_ = 0;
};

}  // namespace vectron::rpc
