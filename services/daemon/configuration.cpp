#include "services/daemon/configuration.h"

#include <fmt/format.h>

namespace vectron {
namespace {

// Names of variables that are no options and belong to the program all the same.
constexpr std::string_view kConfigVariable = "VECTRON_CONFIG";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  while (!text.empty() && kBlank.find(text.front()) != kBlank.npos) text.remove_prefix(1);
  while (!text.empty() && kBlank.find(text.back()) != kBlank.npos) text.remove_suffix(1);
  return text;
}

std::string_view without_comment(std::string_view line) {
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '#' && !quoted) return line.substr(0, i);
  }
  return line;
}

std::unexpected<Status> wrong(std::string_view origin, std::string_view what,
                              std::string_view option = {}) {
  return fail(Code::invalid_argument, fmt::format("{}: {}", origin, what), std::string(option));
}

std::string no_such_option(std::string_view name) {
  const Option* nearest = nearest_option(name);
  std::string text = fmt::format("there is no option \"{}\"; ", name);
  if (nearest != nullptr) text += fmt::format("is \"{}\" meant? ", nearest->name);
  return text + "`vectron config` lists all";
}

// Takes `text` for `option`, unless something of more weight has said it already.
Result<void> take(const Option& option, std::string_view text, const std::string& origin,
                  Configuration* out) {
  // What loses is checked too: a mistake that shows only when a flag is dropped helps nobody.
  Settings ignored;
  const bool counts = !out->origins.contains(option.name);
  const auto lowered = option.value.lowered ? option.value.lowered(text) : std::nullopt;
  if (lowered) {
    out->warnings.push_back(
        fmt::format("{}: {} is {} now, not {}: it may have no more, though it might in older "
                    "programs; set it to that, or take the line out",
                    origin, option.name, *lowered, text));
    text = *lowered;
  }
  const auto read = option.value.read(counts ? &out->settings : &ignored, text);
  if (!read.has_value()) {
    return wrong(origin, fmt::format("{} {}", option.name, read.error().message()), option.name);
  }
  if (counts) out->origins[option.name] = origin;
  return {};
}

Result<void> take_environment(const std::map<std::string, std::string>& environment,
                              Configuration* out) {
  std::map<std::string, const Option*> by_variable;
  for (const Option& option : option_table()) by_variable[option.variable()] = &option;
  for (const auto& [variable, text] : environment) {
    const auto found = by_variable.find(variable);
    if (found != by_variable.end()) {
      VECTRON_CHECK_OK(take(*found->second, text, variable, out));
    } else if (variable != kConfigVariable) {
      // Not an error: a container platform may set VECTRON_SERVICE_HOST for a service of that name.
      out->warnings.push_back(fmt::format("the environment has {}, which is no option", variable));
    }
  }
  return {};
}

Result<void> take_file(const ConfigFile& file, Configuration* out) {
  std::map<std::string, uint32_t> seen;
  for (const ConfigLine& line : file.lines) {
    const std::string origin = fmt::format("{}:{}", file.path, line.line);
    const Option* option = find_option(line.key);
    if (option == nullptr) return wrong(origin, no_such_option(line.key), line.key);
    const auto [first, is_new] = seen.emplace(line.key, line.line);
    if (!is_new) {
      return wrong(origin,
                   fmt::format("\"{}\" was said in line {} already: keep one of the two", line.key,
                               first->second),
                   line.key);
    }
    VECTRON_CHECK_OK(take(*option, line.value, origin, out));
  }
  return {};
}

std::string roles_text(const RoleSet& roles) {
  std::string out;
  for (const Role role : all_roles()) {
    if (roles.has(role)) out += fmt::format("{}{}", out.empty() ? "" : ", ", role.name());
  }
  return out;
}

// With what the role itself chooses where nothing was said.
std::string value_of(const Option& option, const Settings& settings, std::optional<Role> role) {
  std::string shown = option.value.show(settings);
  if (option.name != "http" || !role || !shown.empty()) return shown;
  const std::optional<Address> http = http_of(settings, *role);
  return http.has_value() ? http->text : "none";
}

std::string shown_value(const std::string& value) {
  return value.empty() ? "(none)" : value;
}

}  // namespace

Result<ConfigFile> parse_config_file(std::string path, std::string_view text) {
  ConfigFile file;
  uint32_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(without_comment(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    const std::string origin = fmt::format("{}:{}", path, number);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return wrong(origin, fmt::format("\"{}\" is no \"key = value\"", line));
    }
    std::string_view value = trimmed(line.substr(equals + 1));
    const bool opens = value.starts_with('"');
    const bool closes = value.size() >= 2 && value.ends_with('"');
    if (opens != closes || (opens && value.substr(1, value.size() - 2).contains('"'))) {
      return wrong(origin, fmt::format("the quotes of {} do not match", value));
    }
    if (opens) value = value.substr(1, value.size() - 2);
    file.lines.push_back(
        {std::string(trimmed(line.substr(0, equals))), std::string(value), number});
  }
  file.path = std::move(path);
  return file;
}

Result<Configuration> resolve(const ConfigSources& sources) {
  Configuration out;
  for (const auto& [name, text] : sources.flags) {
    const Option* option = find_option(name);
    if (option == nullptr) return wrong("--" + name, no_such_option(name), name);
    VECTRON_CHECK_OK(take(*option, text, option->flag(), &out));
  }
  VECTRON_CHECK_OK(take_environment(sources.environment, &out));
  if (sources.file) VECTRON_CHECK_OK(take_file(*sources.file, &out));
  return out;
}

std::string list_options(const Configuration& configuration, std::optional<Role> role) {
  std::string out;
  for (const Option& option : option_table()) {
    if (role && !option.roles.has(*role)) continue;
    const auto origin = configuration.origins.find(option.name);
    const std::string value = value_of(option, configuration.settings, role);
    const std::string usual = value_of(option, Settings(), role);
    out += fmt::format("{} = {}\n", option.name, value.empty() ? "\"\"" : value);
    out += origin == configuration.origins.end() ? "    the default\n"
                                                 : fmt::format("    from {}; the default is {}\n",
                                                               origin->second, shown_value(usual));
    out += fmt::format("    {}; {}\n    {}\n\n", option.kind(), roles_text(option.roles),
                       option.meaning);
  }
  return out;
}

std::string options_as_markdown() {
  std::string out = R"(# Configuration

Every option may be a flag (`--wal-queue-bytes-max 32MiB`), a variable of the environment (`VECTRON_WAL_QUEUE_BYTES_MAX=32MiB`) or a line of a file (`wal_queue_bytes_max = 32MiB`). Flags win over
the environment, the environment over the file. The file is named by `--config FILE` or `VECTRON_CONFIG`; one file may serve several roles, each of which takes what is meant for it. `#` begins a
comment, a value may stand in double quotes. A key that does not exist or a value that does not fit is an error that names the file, the line and what to do; a variable that begins with `VECTRON_`
and is no option is a warning. So is a size or a number that older programs took and that is too large now: it is lowered to the greatest that fits.

`vectron config ROLE`, with the flags, the environment and the file of a process, shows what that process would run with, and where each value came from. Sizes may end in KiB, MiB, GiB or TiB.

This page is made from the program's own table: `vectron config --markdown`.

| option | default | what it takes | roles | meaning |
|---|---|---|---|---|
)";
  for (const Option& option : option_table()) {
    const std::string usual = option.value.show(Settings());
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", option.name,
                       usual.empty() ? "" : fmt::format("`{}`", usual), option.kind(),
                       roles_text(option.roles), option.meaning);
  }
  return out;
}

}  // namespace vectron
