// Which vectors an index can hold, whoever accepted them. Pure.
//
// What a client sends has to pass check_vector(), which asks for more. What was stored, or stands
// in a log, may have been accepted under older rules, and must go on being readable: of it only
// this is asked.
#pragma once

#include <span>
#include <string_view>

#include "core/model/collection.h"

namespace vectron {

/// The greatest magnitude of a component; not finite where one is not.
float largest_magnitude(std::span<const float> vector);

/// The sum of the squares, in double precision, where squares of floats neither overflow nor
/// vanish.
double squared_length(std::span<const float> vector);

/// Checks that the vector has the dimension, that every component is finite, and that it is not
/// zero under cosine and otherwise not longer than kVectorLengthMax. `field` names it in the error.
/// Errors: invalid_argument.
Result<void> check_indexable(std::span<const float> vector, uint32_t dimension, Distance distance,
                             std::string_view field);

}  // namespace vectron
