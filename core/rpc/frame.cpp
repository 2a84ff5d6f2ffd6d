#include "core/rpc/frame.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron::rpc {
namespace {

constexpr size_t kLengthOffset = 0;
constexpr size_t kVersionOffset = 4;
constexpr size_t kKindOffset = 5;
constexpr size_t kPriorityOffset = 6;
constexpr size_t kMethodOffset = 8;
constexpr size_t kCreditOffset = 12;
constexpr size_t kCallIdOffset = 16;
constexpr size_t kRemainingOffset = 24;
constexpr size_t kTraceIdOffset = 32;
constexpr size_t kIdempotencyKeyOffset = 40;
constexpr size_t kCredentialSlotOffset = 48;
constexpr size_t kChecksumOffset = 56;
static_assert(kChecksumOffset + sizeof(uint64_t) == kFrameHeaderBytes);

template <typename T>
void store(uint8_t* header, size_t offset, T value) {
  std::memcpy(header + offset, &value, sizeof(T));
}

template <typename T>
T load(const uint8_t* header, size_t offset) {
  T value;
  std::memcpy(&value, header + offset, sizeof(T));
  return value;
}

/// The checksum of a frame: of its header, in which the body's checksum stands where the frame's
/// will.
uint64_t frame_checksum(const uint8_t* header, uint64_t body_checksum) {
  std::array<uint8_t, kFrameHeaderBytes> copy;
  std::memcpy(copy.data(), header, copy.size());
  store(copy.data(), kChecksumOffset, body_checksum);
  return checksum64(copy);
}

Result<void> check_frame(const uint8_t* header, uint64_t body_checksum) {
  if (load<uint64_t>(header, kChecksumOffset) != frame_checksum(header, body_checksum)) {
    return fail(Code::data_loss, "a frame's checksum is wrong");
  }
  const uint8_t kind = header[kKindOffset];
  if (kind == 0 || kind > kFrameKindMax) {
    return fail(Code::invalid_argument, fmt::format("frame kind {} is not known", kind));
  }
  return {};
}

FrameHeader decode_header(const uint8_t* raw) {
  FrameHeader header;
  header.kind = static_cast<FrameKind>(raw[kKindOffset]);
  header.priority = raw[kPriorityOffset];
  header.method = load<uint32_t>(raw, kMethodOffset);
  header.credit_bytes = load<uint32_t>(raw, kCreditOffset);
  header.call_id = load<uint64_t>(raw, kCallIdOffset);
  header.remaining_us = load<uint64_t>(raw, kRemainingOffset);
  header.trace_id = load<uint64_t>(raw, kTraceIdOffset);
  header.idempotency_key = load<uint64_t>(raw, kIdempotencyKeyOffset);
  header.credential_slot = load<uint32_t>(raw, kCredentialSlotOffset);
  return header;
}

}  // namespace

std::array<uint8_t, kFrameHeaderBytes> encode_header(const FrameHeader& header, ByteView body) {
  return encode_header(header, body.size(), checksum64(body));
}

std::array<uint8_t, kFrameHeaderBytes> encode_header(const FrameHeader& header, size_t body_bytes,
                                                     uint64_t body_checksum) {
  VECTRON_ASSERT(body_bytes < UINT32_MAX - kFrameHeaderBytes, "{} bytes", body_bytes);
  std::array<uint8_t, kFrameHeaderBytes> raw{};
  store(raw.data(), kLengthOffset, static_cast<uint32_t>(kFrameHeaderBytes + body_bytes));
  raw[kVersionOffset] = kFrameHeaderVersion;
  raw[kKindOffset] = static_cast<uint8_t>(header.kind);
  raw[kPriorityOffset] = header.priority;
  store(raw.data(), kMethodOffset, header.method);
  store(raw.data(), kCreditOffset, header.credit_bytes);
  store(raw.data(), kCallIdOffset, header.call_id);
  store(raw.data(), kRemainingOffset, header.remaining_us);
  store(raw.data(), kTraceIdOffset, header.trace_id);
  store(raw.data(), kIdempotencyKeyOffset, header.idempotency_key);
  store(raw.data(), kCredentialSlotOffset, header.credential_slot);
  store(raw.data(), kChecksumOffset, frame_checksum(raw.data(), body_checksum));
  return raw;
}

void append_frame(Bytes& out, const FrameHeader& header, ByteView body) {
  const auto raw = encode_header(header, body);
  const size_t padding_bytes = frame_bytes(body.size()) - kFrameHeaderBytes - body.size();
  out.insert(out.end(), raw.begin(), raw.end());
  out.insert(out.end(), body.begin(), body.end());
  out.insert(out.end(), padding_bytes, 0);
}

// Double what has come, up to what the frame needs: a header alone takes no memory. Of a frame that
// is well under way all is taken: pages to which nothing came take none, and moving much would hold
// the event loop.
size_t FrameBuffer::wanted_bytes() const {
  const size_t buffered = end_ - begin_;
  const bool idle = buffered == 0 && last_filled_ < kBufferBytesIdle;
  if (frame_length_ == 0) return idle ? kBufferBytesIdle : kBufferBytesMin;
  const size_t whole = frame_bytes(frame_length_ - kFrameHeaderBytes);
  VECTRON_ASSERT(buffered < whole, "frames are taken out before more is read");
  if (buffered > kMovedBytesMax) return whole;
  return std::max(kBufferBytesMin, std::min(whole, 2 * buffered));
}

size_t FrameBuffer::room_bytes() const {
  const size_t buffered = end_ - begin_;
  const size_t uncounted = kBufferBytesKept - std::min(buffered, kBufferBytesKept);
  return std::max(uncounted, std::min(wanted_bytes() - buffered, kReadBytesMax));
}

// Keeps what is buffered, at the beginning of a buffer of `bytes`.
void FrameBuffer::grow(size_t bytes) {
  const size_t buffered = end_ - begin_;
  VECTRON_ASSERT(bytes >= buffered);
  const size_t count = (bytes + sizeof(Block) - 1) / sizeof(Block);
  auto blocks = std::make_unique_for_overwrite<Block[]>(count);
  if (buffered > 0) std::memcpy(blocks[0].bytes.data(), data() + begin_, buffered);
  blocks_ = std::move(blocks);
  capacity_ = count * sizeof(Block);
  begin_ = 0;
  end_ = buffered;
}

std::span<uint8_t> FrameBuffer::writable() {
  const size_t buffered = end_ - begin_;
  const size_t wanted = wanted_bytes();
  if (buffered == 0) begin_ = end_ = 0;
  if (capacity_ < wanted) {
    grow(wanted);
  } else if (buffered == 0 && capacity_ > wanted) {
    grow(wanted);  // What a large frame, or many, needed is given back.
  } else if (capacity_ > kBufferBytesKept && wanted <= kBufferBytesKept) {
    grow(kBufferBytesKept);
  } else if (capacity_ - begin_ < wanted) {
    std::memmove(data(), data() + begin_, buffered);
    begin_ = 0;
    end_ = buffered;
  }
  VECTRON_ASSERT(end_ < capacity_);
  const std::span<uint8_t> room(data() + end_, std::min(capacity_ - end_, room_bytes()));
  if (!dropping_.has_value()) return room;
  return room.first(std::min(room.size(), dropping_->body_left + dropping_->padding_left));
}

void FrameBuffer::filled(size_t count) {
  VECTRON_ASSERT(count <= capacity_ - end_);
  last_filled_ = count;
  if (dropping_.has_value()) return pass_by({data(), count});
  end_ += count;
  if (sum_.has_value()) sum_up();
}

// What has come of the body and was not summed up yet.
void FrameBuffer::sum_up() {
  const size_t come = std::min(end_ - begin_, frame_length_) - kFrameHeaderBytes;
  sum_->add({data() + begin_ + kFrameHeaderBytes + summed_, come - summed_});
  summed_ = come;
}

uint64_t FrameBuffer::body_checksum(ByteView body) {
  if (!sum_.has_value()) return checksum64(body);
  VECTRON_ASSERT(summed_ == body.size());
  const uint64_t sum = sum_->value();
  sum_.reset();
  return sum;
}

FrameBody FrameBuffer::take(const Frame& frame) {
  if (frame.body.size() < kLargeBytesMin) return FrameBody(to_bytes(frame.body));
  std::shared_ptr<Block[]> blocks = std::move(blocks_);
  const ByteView rest(blocks[0].bytes.data() + begin_, end_ - begin_);
  capacity_ = begin_ = end_ = 0;
  if (!rest.empty()) {
    grow(std::max(kBufferBytesMin, rest.size()));
    std::memcpy(data(), rest.data(), rest.size());
    end_ = rest.size();
  }
  const uint8_t* const memory = blocks[0].bytes.data();
  return FrameBody(std::shared_ptr<const void>(std::move(blocks), memory), frame.body);
}

FrameKind FrameBuffer::frame_kind() const {
  VECTRON_ASSERT(frame_length_ > 0);
  return static_cast<FrameKind>(blocks_[0].bytes.data()[begin_ + kKindOffset]);
}

void FrameBuffer::drop_body() {
  VECTRON_ASSERT(growth_bytes() > 0 && !dropping_.has_value());
  const size_t body_bytes = frame_length_ - kFrameHeaderBytes;
  sum_.reset();
  Dropping& dropping = dropping_.emplace(Dropping{});
  std::memcpy(dropping.header.data(), data() + begin_, kFrameHeaderBytes);
  dropping.body_left = body_bytes;
  dropping.padding_left = frame_bytes(body_bytes) - kFrameHeaderBytes - body_bytes;
  pass_by({data() + begin_ + kFrameHeaderBytes, end_ - begin_ - kFrameHeaderBytes});
  begin_ = end_ = frame_length_ = 0;
  blocks_ = nullptr;
  capacity_ = 0;
}

void FrameBuffer::pass_by(ByteView bytes) {
  VECTRON_ASSERT(dropping_.has_value());
  const size_t of_body = std::min(bytes.size(), dropping_->body_left);
  dropping_->body.add(bytes.first(of_body));
  dropping_->body_left -= of_body;
  VECTRON_ASSERT(bytes.size() - of_body <= dropping_->padding_left);
  dropping_->padding_left -= bytes.size() - of_body;
}

Result<std::optional<Frame>> FrameBuffer::dropped_frame() {
  VECTRON_ASSERT(dropping_.has_value());
  if (dropping_->body_left + dropping_->padding_left > 0) return std::nullopt;
  const Dropping done = *std::move(dropping_);
  dropping_.reset();
  VECTRON_CHECK_OK(check_frame(done.header.data(), done.body.value()));
  return Frame{.header = decode_header(done.header.data()), .body = {}, .dropped = true};
}

Result<std::optional<Frame>> FrameBuffer::next() {
  if (dropping_.has_value()) return dropped_frame();
  if (end_ - begin_ < kFrameHeaderBytes) return std::nullopt;
  if (frame_length_ == 0) VECTRON_CHECK_OK(check_start());
  const size_t body_bytes = frame_length_ - kFrameHeaderBytes;
  if (end_ - begin_ < frame_bytes(body_bytes)) return std::nullopt;

  const uint8_t* raw = data() + begin_;
  const ByteView body(raw + kFrameHeaderBytes, body_bytes);
  VECTRON_CHECK_OK(check_frame(raw, body_checksum(body)));
  begin_ += frame_bytes(body_bytes);
  frame_length_ = 0;
  return Frame{decode_header(raw), body};
}

Result<void> FrameBuffer::check_start() {
  const uint8_t* raw = data() + begin_;
  const auto length = load<uint32_t>(raw, kLengthOffset);
  if (raw[kVersionOffset] != kFrameHeaderVersion) {
    return fail(Code::unimplemented,
                fmt::format("frame header version {} is not known", raw[kVersionOffset]));
  }
  if (length < kFrameHeaderBytes) return fail(Code::data_loss, "a frame is shorter than a header");
  if (length > frame_bytes_max_) {
    return fail(Code::invalid_argument,
                fmt::format("a frame of {} bytes is larger than {}", length, frame_bytes_max_));
  }
  frame_length_ = length;
  if (length - kFrameHeaderBytes >= kLargeBytesMin) {
    sum_.emplace();
    summed_ = 0;
    sum_up();
  }
  return {};
}

}  // namespace vectron::rpc
