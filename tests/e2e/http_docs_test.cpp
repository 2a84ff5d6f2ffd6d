// docs/api.md is true: its commands run against the real program, and answer in the form it shows.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "services/daemon/demo_server.h"

namespace vectron {
namespace {

struct Example {
  std::string commands;
  /// What the page shows; empty where it shows nothing.
  std::string answer;
  /// Its last command is answered with an error.
  bool fails = false;
};

// The blocks ```sh (or ```sh fails), each with the ```json that may follow it.
std::vector<Example> examples_of(const std::string& page) {
  std::vector<Example> out;
  std::ifstream in(page);
  std::string* block = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line == "```sh" || line == "```sh fails") {
      out.emplace_back().fails = line.ends_with("fails");
      block = &out.back().commands;
    } else if (line == "```json" && !out.empty()) {
      block = &out.back().answer;
    } else if (line.starts_with("```")) {
      block = nullptr;
    } else if (block != nullptr) {
      *block += line + "\n";
    }
  }
  return out;
}

struct ShellOutcome {
  int status = 0;
  std::string output;
};

ShellOutcome shell(const std::string& script, const std::string& file) {
  std::ofstream(file) << script;
  ShellOutcome outcome;
  FILE* pipe = popen(("bash -euo pipefail " + file + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "no shell"};
  std::array<char, 4'096> piece;
  while (const size_t count = fread(piece.data(), 1, piece.size(), pipe)) {
    outcome.output.append(piece.data(), count);
  }
  outcome.status = pclose(pipe);
  return outcome;
}

// The names and types in a JSON text, with places in lists counted as one.
std::string shape(const std::string& json, const std::string& folder) {
  std::ofstream(folder + "/answer.json") << json;
  const ShellOutcome outcome = shell(
      "jq -c '[paths(scalars) as $p | [($p | map(numbers |= 0) | map(tostring) | join(\".\")), "
      "(getpath($p) | type)]] | unique' " +
          folder + "/answer.json",
      folder + "/shape.sh");
  EXPECT_EQ(outcome.status, 0) << outcome.output << json;
  return outcome.output;
}

TEST(HttpDocs, EveryExampleRunsAndAnswersAsShown) {
  std::string pattern = testing::TempDir() + "vectron-docs-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string folder = pattern;
  demo::ServerOptions options;
  options.binary = demo::program_folder() + "/vectron";
  options.data = folder + "/data";
  options.log = folder + "/server.log";
  options.arguments = {"--http", "127.0.0.1:0"};
  auto server = demo::Server::start(options);
  ASSERT_TRUE(server.has_value()) << server.error().to_string();
  ASSERT_FALSE(server->http().text.empty());

  const std::string prologue = "export VECTRON=http://" + server->http().text +
                               "\ncurl() { command curl --fail-with-body -s \"$@\"; }\n";
  const auto examples = examples_of(VECTRON_SOURCE_DIR "/docs/api.md");
  EXPECT_GE(examples.size(), 9U);
  for (const Example& example : examples) {
    const ShellOutcome outcome = shell(prologue + example.commands, folder + "/example.sh");
    EXPECT_EQ(outcome.status != 0, example.fails) << example.commands << outcome.output;
    if (example.answer.empty()) continue;
    EXPECT_EQ(shape(outcome.output, folder), shape(example.answer, folder)) << example.commands;
  }
  EXPECT_EQ(server->stop(), 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vectron
