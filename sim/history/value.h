// A value number made into a point's vector and payload, and back: how oracles know who wrote what
// they see.
#pragma once

#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "sim/history/history.h"

namespace vectron::sim {

/// The vector of `value`: never all zero; the same for the same value and dimension everywhere.
/// About one in 16 is one of a few that many values share, so that equal distances are common.
std::vector<float> vector_of_value(ValueNumber value, uint32_t dimension);

/// A FlexBuffer that holds the number.
Bytes payload_of_value(ValueNumber value);

/// The number in a payload made by payload_of_value(); nothing for any other bytes.
std::optional<ValueNumber> value_of_payload(ByteView payload);

}  // namespace vectron::sim
