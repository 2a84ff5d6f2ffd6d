// A value number made into a point's vector and payload, and back: how oracles know who wrote what
// they see.
#pragma once

#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "sim/history/history.h"

namespace vectron::sim {

/// The number of the point at position `item` of a client's arrival: the same whatever else happens
/// in the run. Numbers below value_of_arrival(0, 0, 0) belong to nobody's arrival.
inline ValueNumber value_of_arrival(uint32_t client, uint64_t arrival, uint64_t item) {
  return (ValueNumber{client} + 1) << 40 | arrival << 8 | item;
}

/// Whether other values have the vector of this one.
bool has_shared_vector(ValueNumber value);

/// The vector of `value`: never all zero; the same for the same value and dimension everywhere.
/// About one in 16 is one of a few that many values share, so that equal distances are common.
std::vector<float> vector_of_value(ValueNumber value, uint32_t dimension);

/// A FlexBuffer that holds the number.
Bytes payload_of_value(ValueNumber value);

/// The number in a payload: a FlexBuffer whose root is an integer of any width (HTTP writes the
/// shortest); nothing for any other bytes.
std::optional<ValueNumber> value_of_payload(ByteView payload);

}  // namespace vectron::sim
