#include "core/rpc/frame.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/random.h"
#include "core/rpc/error_body.h"
#include "core/rpc/hello.h"
#include "core/rpc/message_bounds.h"

namespace vectron::rpc {
namespace {

constexpr size_t kMax = 1 << 20;

FrameHeader sample_header() {
  return {.kind = FrameKind::request,
          .priority = 5,
          .method = 0x11223344,
          .credit_bytes = 0x55667788,
          .call_id = 0x0102030405060708,
          .remaining_us = 1'000'000,
          .trace_id = 0xa1a2a3a4a5a6a7a8,
          .idempotency_key = 0xb1b2b3b4b5b6b7b8,
          .credential_slot = 9};
}

void feed(FrameBuffer* buffer, ByteView bytes) {
  while (!bytes.empty()) {
    const std::span<uint8_t> room = buffer->writable();
    const size_t count = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), count, room.begin());
    buffer->filled(count);
    bytes = bytes.subspan(count);
  }
}

Bytes encoded(const FrameHeader& header, ByteView body) {
  Bytes out;
  append_frame(out, header, body);
  return out;
}

std::string hex(ByteView bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    out += fmt::format("{:02x}{}", bytes[i], i % 16 == 15 ? "\n" : "");
  }
  return out;
}

TEST(Frame, HasTheBytesThatTheProtocolDocumentDraws) {
  EXPECT_EQ(hex(encoded(sample_header(), as_bytes("hello"))),
            "45000000010105004433221188776655\n"
            "080706050403020140420f0000000000\n"
            "a8a7a6a5a4a3a2a1b8b7b6b5b4b3b2b1\n"
            "0900000000000000b4eeba28bcbb082c\n"
            "68656c6c6f0000000000000000000000\n");
}

TEST(Frame, SurvivesTheWireInPiecesOfAnySize) {
  EXPECT_TRUE(rc::check([](std::vector<std::string> bodies, std::vector<uint8_t> pieces) {
    Bytes wire;
    for (size_t i = 0; i < bodies.size(); ++i) {
      FrameHeader header = sample_header();
      header.call_id = i + 1;
      append_frame(wire, header, as_bytes(bodies[i]));
    }
    FrameBuffer buffer(kMax);
    size_t seen = 0;
    ByteView rest = wire;
    for (size_t piece = 0; !rest.empty(); ++piece) {
      const size_t wanted = pieces.empty() ? 64 : 1 + pieces[piece % pieces.size()];
      const size_t count = std::min(wanted, rest.size());
      feed(&buffer, rest.first(count));
      rest = rest.subspan(count);
      for (;;) {
        const auto frame = buffer.next();
        RC_ASSERT(frame.has_value());
        if (!frame->has_value()) break;
        RC_ASSERT((*frame)->header.call_id == seen + 1);
        RC_ASSERT(as_text((*frame)->body) == bodies[seen]);
        RC_ASSERT(reinterpret_cast<uintptr_t>((*frame)->body.data()) % kFrameAlignmentBytes == 0u);
        ++seen;
      }
    }
    RC_ASSERT(seen == bodies.size());
  }));
}

TEST(Frame, CarriesALargeBodyThroughAGrowingBuffer) {
  Bytes body(700'000);
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<uint8_t>(i * 7);
  const Bytes wire = encoded(sample_header(), body);
  FrameBuffer buffer(kMax);
  ByteView rest = wire;
  while (!rest.empty()) {
    const auto early = buffer.next();
    ASSERT_TRUE(early.has_value() && !early->has_value());
    const std::span<uint8_t> room = buffer.writable();
    const size_t count = std::min(room.size(), rest.size());
    std::copy_n(rest.begin(), count, room.begin());
    buffer.filled(count);
    rest = rest.subspan(count);
  }
  const auto frame = buffer.next();
  ASSERT_TRUE(frame.has_value() && frame->has_value());
  EXPECT_TRUE(std::ranges::equal((*frame)->body, body));
}

Bytes varied(size_t bytes, uint64_t seed) {
  RandomStream random(seed, "body");
  Bytes out(bytes);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random.next());
  return out;
}

// Feeds `wire` in pieces, dropping each body that needs memory, and returns the frames.
Result<std::vector<Frame>> frames_with_large_bodies_dropped(ByteView wire, RandomStream* random) {
  FrameBuffer buffer(kMax);
  std::vector<Frame> frames;
  while (true) {
    VECTRON_TRY(const std::optional<Frame> frame, buffer.next());
    if (frame.has_value()) {
      frames.push_back({frame->header, {}, frame->dropped});
      continue;
    }
    if (wire.empty()) return frames;
    if (buffer.growth_bytes() > 0) buffer.drop_body();
    EXPECT_EQ(buffer.growth_bytes(), 0u);
    const std::span<uint8_t> room = buffer.writable();
    EXPECT_EQ(buffer.held_bytes(), 0u);
    const size_t count = std::min({room.size(), wire.size(), 1 + random->below(50'000)});
    std::copy_n(wire.begin(), count, room.begin());
    buffer.filled(count);
    wire = wire.subspan(count);
  }
}

// Its checksum is summed up as it comes, and its memory can be kept; what comes behind it is read
// all the same.
TEST(Frame, GivesALargeBodyAwayWithItsMemory) {
  RandomStream random(1, "pieces");
  for (const size_t piece_max : {size_t{100'000}, size_t{300'000}, size_t{3'000'000}}) {
    Bytes large(2 << 20);
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<uint8_t>(i * 7 / 5);
    Bytes wire;
    append_frame(wire, sample_header(), large);
    append_frame(wire, sample_header(), as_bytes("small"));
    FrameBuffer buffer(4 << 20);
    std::vector<FrameBody> bodies;
    const uint8_t* end_of_large = nullptr;  // Where its last byte was received.
    size_t received = 0;
    for (ByteView rest = wire; !rest.empty();) {
      const size_t count = std::min(rest.size(), 1 + random.below(piece_max));
      for (ByteView piece = rest.first(count); !piece.empty();) {
        const std::span<uint8_t> room = buffer.writable();
        const size_t some = std::min(room.size(), piece.size());
        std::copy_n(piece.begin(), some, room.begin());
        buffer.filled(some);
        const size_t end = kFrameHeaderBytes + large.size();
        if (received < end && received + some >= end) end_of_large = &room[end - received - 1] + 1;
        received += some;
        piece = piece.subspan(some);
        for (auto frame = buffer.next();; frame = buffer.next()) {
          ASSERT_TRUE(frame.has_value()) << frame.error().to_string();
          if (!frame->has_value()) break;
          bodies.push_back(buffer.take(**frame));
        }
      }
      rest = rest.subspan(count);
    }
    ASSERT_EQ(bodies.size(), 2U);
    EXPECT_EQ(bodies[0].bytes().data() + large.size(), end_of_large) << "a copy";
    EXPECT_TRUE(std::ranges::equal(bodies[0].bytes(), large));
    EXPECT_TRUE(std::ranges::equal(bodies[1].bytes(), as_bytes("small")));
    EXPECT_EQ(std::move(bodies[0]).to_bytes(), large);
  }
}

TEST(Frame, RefusesALargeBodyWithAFlippedBit) {
  Bytes wire = encoded(sample_header(), Bytes(kMax / 2));
  wire[wire.size() / 2] ^= 1;
  FrameBuffer buffer(kMax);
  ByteView rest = wire;
  auto frame = buffer.next();
  while (frame.has_value() && !rest.empty()) {
    const std::span<uint8_t> room = buffer.writable();
    const size_t count = std::min(room.size(), rest.size());
    std::copy_n(rest.begin(), count, room.begin());
    buffer.filled(count);
    rest = rest.subspan(count);
    frame = buffer.next();
  }
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().code(), Code::data_loss);
}

TEST(Frame, WhoseBodyIsDroppedTakesNoMemoryAndHarmsNoOther) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, "frames");
    Bytes wire;
    std::vector<bool> large;
    for (uint64_t call = 1; call <= 6; ++call) {
      const size_t bytes = random.below(2) == 0 ? random.below(30'000) : random.below(500'000);
      large.push_back(bytes + kFrameHeaderBytes > FrameBuffer::kBufferBytesKept);
      FrameHeader header = sample_header();
      header.call_id = call;
      append_frame(wire, header, varied(bytes, call));
    }
    const auto frames = frames_with_large_bodies_dropped(wire, &random);
    ASSERT_TRUE(frames.has_value()) << frames.error().to_string();
    ASSERT_EQ(frames->size(), 6u);
    for (size_t i = 0; i < frames->size(); ++i) {
      EXPECT_EQ((*frames)[i].header.call_id, i + 1);
      EXPECT_TRUE(large[i] || !(*frames)[i].dropped);
      EXPECT_TRUE(!large[i] || (*frames)[i].dropped || large[i - 1]) << "it may lie in room left";
    }
  }
}

TEST(Frame, WhoseBodyIsDroppedIsCheckedAllTheSame) {
  Bytes wire = encoded(sample_header(), varied(200'000, 1));
  for (const size_t at : {size_t{20}, size_t{100}, size_t{150'000}}) {
    Bytes damaged = wire;
    damaged[at] ^= 1;
    RandomStream random(at, "pieces");
    EXPECT_EQ(frames_with_large_bodies_dropped(damaged, &random).error().code(), Code::data_loss);
  }
}

TEST(Frame, IsNeverShownWithAFlippedBit) {
  const Bytes wire = encoded(sample_header(), as_bytes("sixteen bytes ok"));
  for (size_t bit = 0; bit < wire.size() * 8; ++bit) {
    Bytes damaged = wire;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    FrameBuffer buffer(kMax);
    feed(&buffer, damaged);
    const auto frame = buffer.next();
    // A longer length waits for bytes that do not come; everything else is refused at once.
    EXPECT_FALSE(frame.has_value() && frame->has_value()) << "bit " << bit;
  }
}

TEST(Frame, TakesNoMemoryForWhatAHeaderPromises) {
  Bytes wire = encoded(sample_header(), {});
  const uint32_t promised = 900'000;
  std::memcpy(wire.data(), &promised, sizeof promised);
  FrameBuffer buffer(kMax);
  feed(&buffer, wire);
  const auto frame = buffer.next();
  ASSERT_TRUE(frame.has_value() && !frame->has_value());
  EXPECT_LE(buffer.writable().size(), 64u << 10);
}

// Thousands of connections may be idle at once.
TEST(Frame, LeavesLittleMemoryBehindIt) {
  FrameBuffer buffer(kMax);
  const Bytes large = encoded(sample_header(), Bytes(500'000));
  for (ByteView rest = large; !buffer.next()->has_value();) {
    const ByteView piece = rest.first(std::min<size_t>(rest.size(), 8'000));
    feed(&buffer, piece);
    rest = rest.subspan(piece.size());
  }
  EXPECT_GE(buffer.capacity_bytes(), 500'000u);
  const Bytes small = encoded(sample_header(), as_bytes("hello"));
  feed(&buffer, small);
  ASSERT_TRUE(buffer.next()->has_value());
  (void)buffer.writable();
  EXPECT_LE(buffer.capacity_bytes(), FrameBuffer::kBufferBytesIdle);
}

Code refusal(const Bytes& wire, size_t frame_bytes_max) {
  FrameBuffer buffer(frame_bytes_max);
  feed(&buffer, wire);
  const auto frame = buffer.next();
  return frame.has_value() ? Code::ok : frame.error().code();
}

TEST(Frame, IsRefusedByNameWhenItIsTooLargeTooShortOrOfAnotherTime) {
  const Bytes good = encoded(sample_header(), as_bytes("hello"));
  EXPECT_EQ(refusal(good, 68), Code::invalid_argument);
  EXPECT_EQ(refusal(good, 69), Code::ok);
  Bytes shorter = good;
  shorter[0] = 63;
  EXPECT_EQ(refusal(shorter, kMax), Code::data_loss);
  Bytes newer = good;
  newer[4] = 2;
  EXPECT_EQ(refusal(newer, kMax), Code::unimplemented);
  FrameHeader strange = sample_header();
  strange.kind = static_cast<FrameKind>(kFrameKindMax + 1);
  EXPECT_EQ(refusal(encoded(strange, {}), kMax), Code::invalid_argument);
}

TEST(Hello, HasTheBytesThatTheProtocolDocumentDraws) {
  const Hello hello{.identity = {ClusterId(0x0102), NodeId(3), 4},
                    .protocol_min = 1,
                    .protocol_max = 2,
                    .feature_level = 7,
                    .frame_bytes_max = 0x0400'0000};
  EXPECT_EQ(hex(encode_hello(hello)),
            "76656374726f6e310201000000000000\n"
            "03000000000000000400000000000000\n"
            "01000000020000000700000000000004\n");
  const auto back = decode_hello(encode_hello(hello));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->identity.node, NodeId(3));
  EXPECT_EQ(back->protocol_max, 2u);
  EXPECT_EQ(back->frame_bytes_max, 64u << 20);
  EXPECT_EQ(decode_hello(as_bytes("GET / HTTP/1.1\r\n")).error().code(), Code::invalid_argument);
}

TEST(Hello, FitsWhenTheClusterIsTheSameOrUnsaidAndAProtocolIsShared) {
  const Hello own{.identity = {.cluster = ClusterId(1)}};
  Hello peer = own;
  EXPECT_TRUE(check_hello(own, peer).has_value());
  peer.identity.cluster = ClusterId();
  EXPECT_TRUE(check_hello(own, peer).has_value());
  peer.identity.cluster = ClusterId(2);
  EXPECT_EQ(check_hello(own, peer).error().code(), Code::failed_precondition);
  peer = own;
  peer.protocol_min = kProtocolMax + 1;
  peer.protocol_max = kProtocolMax + 3;
  EXPECT_EQ(check_hello(own, peer).error().code(), Code::failed_precondition);
}

TEST(ErrorBody, CarriesAllPartsOfAStatus) {
  const Status status = Status(Code::unavailable, "not the leader", "shard_id").with_detail({1, 2});
  EXPECT_EQ(decode_error(encode_error(status)), status);
}

// Copying it would hold the event loop of who asked.
TEST(ErrorBody, KeepsTheCodeAloneOfAnErrorThatIsTooLong) {
  const Status status(Code::resource_exhausted, std::string(kErrorBytesMax, 'x'));
  EXPECT_EQ(decode_error(encode_error(status)),
            Status(Code::resource_exhausted, "the error is too long"));
}

TEST(ErrorBody, TurnsCodesOfNewerProgramsIntoUnknown) {
  Bytes body = encode_error(Status(Code::aborted, "lost a race"));
  body[0] = kCodeCount;
  EXPECT_EQ(decode_error(body).code(), Code::unknown);
  EXPECT_EQ(decode_error(body).message(), "lost a race");
  body.pop_back();
  EXPECT_EQ(decode_error(body).code(), Code::data_loss);
}

}  // namespace
}  // namespace vectron::rpc
