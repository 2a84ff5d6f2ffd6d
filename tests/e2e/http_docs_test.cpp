// docs/api.md is true: its commands run against the real program, and answer in the form it shows.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
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

// The last of several JSON texts, each of which begins a line.
std::string last_answer(const std::string& output) {
  const size_t at = output.rfind("\n{");
  return at == std::string::npos ? output : output.substr(at + 1);
}

// A database in a folder of its own, and its pages' examples against it.
class HttpDocs : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "vectron-docs-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    demo::ServerOptions options;
    options.binary = demo::program_folder() + "/vectron";
    options.data = folder_ + "/data";
    options.log = folder_ + "/server.log";
    options.arguments = {"--http", "127.0.0.1:0"};
    auto server = demo::Server::start(options);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    ASSERT_FALSE(server->http().text.empty());
    server_.emplace(std::move(*server));
  }

  void TearDown() override {
    if (server_) EXPECT_EQ(server_->stop(), 0);
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  ShellOutcome run(const Example& example) {
    const std::string prologue = "export VECTRON=http://" + address() +
                                 "\ncurl() { command curl --fail-with-body -s \"$@\"; }\n";
    return shell(prologue + example.commands, folder_ + "/example.sh");
  }

  const std::string& address() const { return server_->http().text; }

  std::string folder_;
  std::optional<demo::Server> server_;
};

TEST_F(HttpDocs, EveryExampleRunsAndAnswersAsShown) {
  const auto examples = examples_of(VECTRON_SOURCE_DIR "/docs/api.md");
  EXPECT_GE(examples.size(), 9U);
  for (const Example& example : examples) {
    const ShellOutcome outcome = run(example);
    EXPECT_EQ(outcome.status != 0, example.fails) << example.commands << outcome.output;
    if (example.answer.empty()) continue;
    EXPECT_EQ(shape(outcome.output, folder_), shape(example.answer, folder_)) << example.commands;
  }
}

TEST_F(HttpDocs, TheReadmesFirstRequestsRunAndAnswerAsShown) {
  size_t runs = 0;
  for (Example example : examples_of(VECTRON_SOURCE_DIR "/README.md")) {
    if (example.answer.empty()) continue;
    example.commands =
        std::regex_replace(example.commands, std::regex(R"(127\.0\.0\.1:8080)"), address());
    const ShellOutcome outcome = run(example);
    EXPECT_EQ(outcome.status, 0) << example.commands << outcome.output;
    EXPECT_EQ(shape(last_answer(outcome.output), folder_), shape(example.answer, folder_));
    ++runs;
  }
  EXPECT_EQ(runs, 1U);
}

}  // namespace
}  // namespace vectron
