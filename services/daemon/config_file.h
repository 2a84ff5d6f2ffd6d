// The configuration file as it lies on the disk. What its lines mean: configuration.h.
#pragma once

#include <string>

#include "core/base/result.h"
#include "services/daemon/configuration.h"

namespace vectron {

/// A file of options is small; what is larger is another file.
inline constexpr size_t kConfigFileBytesMax = 1 << 20;

/// Reads at most kConfigFileBytesMax of it. Errors: invalid_argument with the field `config`: it
/// does not exist, is no regular file, cannot be read or is too large; or a line of it is wrong.
Result<ConfigFile> read_config_file(const std::string& path);

}  // namespace vectron
