// How Disk and Network say that it is descriptors that are used up, and not the disk or memory.
#pragma once

#include <string_view>

namespace vectron {

/// The field of that error; its code is `resource_exhausted`, as of the others.
inline constexpr std::string_view kDescriptorsField = "descriptors";

}  // namespace vectron
