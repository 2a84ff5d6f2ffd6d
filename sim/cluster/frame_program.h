// The input of a FrameForger: a program of steps, which a fuzzer can change one by one.
//
// Byte 0 holds flags. After it come steps: two bytes of length (little-endian, cut to
// kStepBytesMax), then so many bytes. A step reads its choices from its own bytes alone, so a
// change of one leaves the others what they were; what is missing reads as zeros.
#pragma once

#include <span>
#include <vector>

#include "core/base/bytes.h"

namespace vectron::sim {

/// What the bytes of a step choose, one after another. Zeros once they are used up.
class Choices {
 public:
  explicit Choices(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  uint8_t byte();
  /// Below `bound`, which is above 0.
  size_t below(size_t bound) { return bound <= 256 ? byte() % bound : number() % bound; }
  /// Eight bytes as a number.
  uint64_t number();
  /// A number that is small, at the end of its range, or anything.
  uint64_t wild();
  /// So many bytes, or as many as are left.
  Bytes bytes(size_t count);

 private:
  ByteView rest_;
};

struct FrameProgram {
  static constexpr size_t kStepBytesMax = 1'024;
  /// What follows is not played.
  static constexpr size_t kStepsMax = 256;

  /// It may say Hello as a node that holds replicas, and then what that node might say. Without
  /// authentication it is believed, so of such a program it is only asked that no process ends.
  bool member = false;
  std::vector<Bytes> steps;

  static FrameProgram read(ByteView bytes);
  Bytes write() const;
};

}  // namespace vectron::sim
