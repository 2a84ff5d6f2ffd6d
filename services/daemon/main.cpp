// The `vectron` program.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>

#include "services/daemon/config_file.h"
#include "services/daemon/configuration.h"
#include "services/daemon/serve.h"
#include "services/daemon/up.h"

namespace {

using namespace vectron;

// What the program ends with when it was not used as its help says.
constexpr int kWrongUse = 2;

// A subcommand that takes options, and what it was given.
struct Command {
  CLI::App* app = nullptr;
  std::optional<Role> role;
  std::string config;
  std::map<std::string, std::string> given;  // By option; of those that were not, empty.
  std::map<std::string, CLI::Option*> flags;
  bool markdown = false;
};

// In the order in which help lists them: what people set first, then by name.
std::vector<const Option*> options_of(std::optional<Role> role) {
  std::vector<const Option*> out;
  for (const Option& option : option_table()) {
    if (!role || option.roles.has(*role)) out.push_back(&option);
  }
  std::ranges::sort(out, [](const Option* a, const Option* b) {
    if (a->common != b->common) return a->common;
    return a->common ? a < b : a->name < b->name;  // Those of the table in its order.
  });
  return out;
}

// `all`: help shows those that tune, too.
void add_options(Command* command, bool all) {
  command->app->set_help_flag("-h,--help,--help-all", "Show this; --help-all: with every option");
  command->app->add_option("--config", command->config, "A configuration file")
      ->envname("VECTRON_CONFIG")
      ->type_name("FILE");
  size_t hidden = 0;
  for (const Option* row : options_of(command->role)) {
    const Option& option = *row;
    std::string& given = command->given[option.name];
    const std::string usual = option.value.show(Settings());
    const std::string text =
        usual.empty() ? option.meaning : fmt::format("{} [{}]", option.meaning, usual);
    CLI::Option* flag = option.value.is_switch
                            ? command->app->add_flag(option.flag(), given, text)
                            : command->app->add_option(option.flag(), given, text);
    command->flags[option.name] = flag->type_name(option.value.is_switch ? "" : "VALUE");
    if (option.common) continue;
    flag->group(all ? "Tuning" : "");
    ++hidden;
  }
  if (hidden > 0 && !all) {
    command->app->footer(fmt::format("--help-all shows {} more options, for tuning.", hidden));
  }
}

std::map<std::string, std::string> vectron_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (!text.starts_with("VECTRON_") || equals == text.npos) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<Configuration> configuration_of(const Command& command) {
  ConfigSources sources;
  for (const auto& [name, flag] : command.flags) {
    if (flag->count() > 0) sources.flags[name] = command.given.at(name);
  }
  sources.environment = vectron_environment();
  if (!command.config.empty()) {
    VECTRON_TRY(sources.file, read_config_file(command.config));
  }
  return resolve(sources);
}

Result<void> run(const Command& command, bool only_list) {
  if (only_list && command.markdown) {
    fmt::print("{}", options_as_markdown());
    return {};
  }
  VECTRON_TRY(const Configuration configuration, configuration_of(command));
  for (const std::string& warning : configuration.warnings) {
    fmt::print(stderr, "vectron: {}\n", warning);
  }
  if (only_list || !command.role.has_value()) {
    fmt::print("{}", list_options(configuration, command.role));
    return {};
  }
  if (*command.role == Role::up) return run_up(configuration.settings);
  return run_serve(service(*command.role->service()), configuration.settings);
}

int report(const Result<void>& outcome) {
  if (outcome.has_value()) return 0;
  const Status& status = outcome.error();
  fmt::print(stderr, "vectron: {}\n", status.to_string());
  return status.code() == Code::invalid_argument ? kWrongUse : 1;
}

// `help` and `version` are words too: "help serve worker" is "serve worker --help".
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return words;
  if (words.front() == "version") words.front() = "--version";
  if (words.front() == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  return words;
}

// The word of "help up", "help serve worker" and the like that names nothing. (CLI11 would show the
// help of what is before it.)
std::optional<std::string> names_nothing(const CLI::App& app,
                                         const std::vector<std::string>& words) {
  if (words.empty() || words.back() != "--help") return std::nullopt;
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    if (word.starts_with("-")) return std::nullopt;
    const auto named =
        at->get_subcommands([&word](const CLI::App* under) { return under->get_name() == word; });
    if (named.empty()) return word;
    at = named.front();
  }
  return std::nullopt;
}

// CLI11's own statuses (106 and the like) say nothing to a shell.
int end_of_parsing(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  fmt::print(stderr, "vectron: {}\nRun `vectron help` to see what there is.\n", error.what());
  return kWrongUse;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Vectron, a distributed vector database"};
  app.name("vectron");
  std::vector<std::string> words = words_of(argc, argv);
  const bool all_help = std::ranges::find(words, "--help-all") != words.end();
  app.footer(
      "`vectron help COMMAND` says more of one. `vectron up` is all that a first try needs.");
  app.set_version_flag("--version", "vectron " VECTRON_VERSION);
  std::vector<std::unique_ptr<Command>> commands;
  const auto add = [&commands, all_help](CLI::App* under, std::optional<Role> role) {
    commands.push_back(std::make_unique<Command>());
    commands.back()->app = under;
    commands.back()->role = role;
    add_options(commands.back().get(), all_help);
    return commands.back().get();
  };
  add(app.add_subcommand("up", "Run a whole durable cluster in this process"), Role::up);
  CLI::App* serve = app.add_subcommand("serve", "Run one node of a cluster");
  CLI::App* config = app.add_subcommand("config", "List all options, and what they are set to");
  config->require_subcommand(0, 1);
  for (const Service& service : roster()) {
    const std::string name(service.name);
    add(serve->add_subcommand(name, std::string(service.meaning)), service.id);
  }
  for (const Role role : all_roles()) {
    const std::string name(role.name());
    add(config->add_subcommand(name, fmt::format("The options of `{}`", name)), role);
  }
  add(config, std::nullopt)
      ->app->add_flag("--markdown", commands.back()->markdown, "As docs/configuration.md");
  if (words.empty()) {
    fmt::print(stderr, "{}", app.help());
    return kWrongUse;
  }
  if (const auto wrong = names_nothing(app, words)) {
    fmt::print(stderr,
               "vectron: there is no command {}\nRun `vectron help` to see what there is.\n",
               *wrong);
    return kWrongUse;
  }
  try {
    std::ranges::reverse(words);  // As CLI11 takes them.
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return end_of_parsing(app, error);
  }
  if (serve->parsed() && serve->get_subcommands().empty()) {
    fmt::print(stderr, "vectron: serve needs a role: {}\n{}", service_names(), serve->help());
    return kWrongUse;
  }
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return kWrongUse;
  }

  const bool only_list = config->parsed();
  // A role's own command comes before `config` itself in the list.
  for (const auto& command : commands) {
    if (command->app->parsed()) return report(run(*command, only_list));
  }
  return 2;
}
