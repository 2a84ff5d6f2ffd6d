// How Network::connect() says that the other side refused at once: nobody listens there.
#pragma once

#include <string_view>

namespace vectron {

/// The field of that error (its code is `unavailable`, as of all others). Waiting may still help,
/// but whoever asked should be told.
inline constexpr std::string_view kRefusedField = "address";
/// The end of its message, in every network: what the system says of it is no help to a reader.
inline constexpr std::string_view kNobodyListens = "nobody listens there";

}  // namespace vectron
