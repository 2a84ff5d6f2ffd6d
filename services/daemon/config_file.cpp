#include "services/daemon/config_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace vectron {
namespace {

namespace fs = std::filesystem;

std::unexpected<Status> refused(const std::string& path, std::string_view why) {
  return fail(Code::invalid_argument, fmt::format("the configuration file {} {}", path, why),
              "config");
}

}  // namespace

// What a folder, a pipe or a device gives has no end that is known, and may be no text at all.
Result<ConfigFile> read_config_file(const std::string& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) return refused(path, "does not exist");
  if (status.type() == fs::file_type::none) {
    return refused(path, fmt::format("cannot be read: {}", failed.message()));
  }
  if (!fs::is_regular_file(status)) {
    return refused(path, fs::is_directory(status) ? "is a folder: name a file"
                                                  : "is no regular file: name one");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) return refused(path, "cannot be opened: may this user read it?");
  std::string text(kConfigFileBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return refused(path, "cannot be read");
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kConfigFileBytesMax) {
    return refused(path, fmt::format("is larger than {} bytes: is it one?", kConfigFileBytesMax));
  }
  return parse_config_file(path, text);
}

}  // namespace vectron
