// Configuration: what a process was told by flags, environment and file, put together.
//
// Flags win over the environment, the environment over the file, the file over the defaults. Pure:
// main.cpp reads the arguments, the environment and the file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/daemon/option.h"

namespace vectron {

/// A line of a configuration file that says something.
struct ConfigLine {
  std::string key;
  std::string value;
  /// From 1.
  uint32_t line = 0;
};

/// A configuration file, read but not judged.
struct ConfigFile {
  /// For messages.
  std::string path;
  std::vector<ConfigLine> lines;
};

/// Reads lines "key = value". '#' begins a comment (not inside quotes); a value may stand in double
/// quotes. Errors: invalid_argument with the path, the line and what is wrong.
Result<ConfigFile> parse_config_file(std::string path, std::string_view text);

/// What a process was told, by where.
struct ConfigSources {
  /// By option name.
  std::map<std::string, std::string> flags;
  /// By variable: those that begin VECTRON_.
  std::map<std::string, std::string> environment;
  std::optional<ConfigFile> file;
};

struct Configuration {
  Settings settings;
  /// For each option that was told: by what ("--rpc", "VECTRON_RPC", "FILE:7").
  std::map<std::string, std::string> origins;
  /// What looks like a mistake and is none for certain.
  std::vector<std::string> warnings;
};

/// Errors: invalid_argument. The message names the flag, variable or file and line, and what to do;
/// the field is the option.
Result<Configuration> resolve(const ConfigSources& sources);

/// Every option (of `role`, or of all) with its value and where that came from, for a terminal.
std::string list_options(const Configuration& configuration, std::optional<Role> role);
/// docs/configuration.md.
std::string options_as_markdown();

}  // namespace vectron
