// Runs the scripts of testdata/: commands, a line of four dashes, the expected output, an empty
// line.
//
// VECTRON_REWRITE=1 writes the actual output into the scripts instead; the difference is then
// reviewed. Commands are documented at their handlers in script_group.cpp. A command starting with
// # is a comment.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "script_group.h"

namespace vectron::raft {
namespace {

std::vector<std::string> script_names() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(VECTRON_TEST_DIR "/testdata")) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

struct ScriptResult {
  /// The file as it is.
  std::string expected;
  /// The file as it would be rewritten.
  std::string actual;
};

ScriptResult run_script(const std::string& path) {
  ScriptResult result;
  std::ifstream file(path);
  ScriptGroup group;
  std::string output;
  bool in_output = false;
  for (std::string line; std::getline(file, line);) {
    result.expected += line + "\n";
    if (in_output) {
      // Expected output ends with the first empty line.
      in_output = !line.empty();
      if (!in_output) result.actual += "\n";
      continue;
    }
    result.actual += line + "\n";
    if (line == "----") {
      result.actual += output;
      output.clear();
      in_output = true;
    } else if (!line.empty() && line.front() != '#') {
      output += group.execute(Command::parse(line));
    }
  }
  return result;
}

class RaftScript : public testing::TestWithParam<std::string> {};

TEST_P(RaftScript, DoesWhatIsWritten) {
  const std::string path = std::string(VECTRON_TEST_DIR "/testdata/") + GetParam() + ".txt";
  const ScriptResult result = run_script(path);
  EXPECT_EQ(result.actual.find("VIOLATION"), std::string::npos) << result.actual;
  EXPECT_EQ(result.actual.find("INVARIANT"), std::string::npos) << result.actual;
  EXPECT_EQ(result.actual.find("unknown command"), std::string::npos) << result.actual;
  if (std::getenv("VECTRON_REWRITE") != nullptr) {
    std::ofstream(path) << result.actual;
  } else {
    EXPECT_EQ(result.expected, result.actual) << "VECTRON_REWRITE=1 accepts the new output";
  }
}

INSTANTIATE_TEST_SUITE_P(Testdata, RaftScript, testing::ValuesIn(script_names()),
                         [](const auto& info) { return info.param; });

TEST(RaftScripts, AreAllThere) {
  EXPECT_GE(script_names().size(), 30u);
}

}  // namespace
}  // namespace vectron::raft
