#include "sim/cluster/frame_program.h"

#include <algorithm>

namespace vectron::sim {

namespace {

constexpr uint8_t kMemberFlag = 1;

}  // namespace

uint8_t Choices::byte() {
  if (rest_.empty()) return 0;
  const uint8_t byte = rest_.front();
  rest_ = rest_.subspan(1);
  return byte;
}

uint64_t Choices::number() {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | byte();
  return number;
}

uint64_t Choices::wild() {
  const uint8_t choice = byte();
  if (choice < 128) return choice % 16;
  if (choice < 176) return UINT64_MAX - choice % 4;
  if (choice < 208) return uint64_t{1} << (choice % 64);
  return number();
}

Bytes Choices::bytes(size_t count) {
  Bytes out = to_bytes(rest_.subspan(0, std::min(count, rest_.size())));
  rest_ = rest_.subspan(out.size());
  return out;
}

FrameProgram FrameProgram::read(ByteView bytes) {
  FrameProgram program;
  Choices head(bytes);
  program.member = (head.byte() & kMemberFlag) != 0;
  while (!head.empty() && program.steps.size() < kStepsMax) {
    const size_t low = head.byte();
    const size_t length = low | static_cast<size_t>(head.byte()) << 8;
    program.steps.push_back(head.bytes(std::min(length, kStepBytesMax)));
  }
  return program;
}

Bytes FrameProgram::write() const {
  Bytes out = {member ? kMemberFlag : uint8_t{0}};
  for (const Bytes& step : steps) {
    out.push_back(static_cast<uint8_t>(step.size() & 0xff));
    out.push_back(static_cast<uint8_t>(step.size() >> 8));
    out.insert(out.end(), step.begin(), step.end());
  }
  return out;
}

}  // namespace vectron::sim
