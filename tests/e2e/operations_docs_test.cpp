// docs/operations.md is true: its commands run, in their order, against real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "services/daemon/demo_server.h"

namespace vectron {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// The blocks ```sh of the page, each followed by a line that says which block ended.
std::string script_of(const std::string& page) {
  std::ifstream in(page);
  std::string script;
  bool inside = false;
  size_t blocks = 0;
  for (std::string line; std::getline(in, line);) {
    if (line == "```sh") {
      inside = true;
    } else if (inside && line == "```") {
      inside = false;
      script += "echo; echo \"block " + std::to_string(++blocks) + " done\"\n";
    } else if (inside) {
      script += line + "\n";
    }
  }
  return script;
}

TEST(OperationsPage, IsTrue) {
  std::string pattern = testing::TempDir() + "vectron-operations-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  // A loopback host of this process' own instead of the page's, so that the ports are free.
  const auto pid = static_cast<uint32_t>(getpid());
  const std::string host = "127." + std::to_string(1 + (pid >> 16) % 250) + "." +
                           std::to_string(pid >> 8 & 255) + "." +
                           std::to_string(128 + (pid & 127) % 127);
  const std::string script = "set -e\ncd " + pattern + "\nexport PATH=" + demo::program_folder() +
                             ":$PATH\ntrap 'kill -9 $(cat *.pid) 2>/dev/null' EXIT\n" +
                             "exec 2>&1\n" +
                             script_of(std::string(VECTRON_SOURCE_DIR) + "/docs/operations.md") +
                             "trap - EXIT\necho \"the page is done\"\n";
  const auto outcome = demo::run_command("/bin/bash", {"-c", replaced(script, "127.0.0.1", host)});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->status, 0) << outcome->text;
  EXPECT_THAT(outcome->text, testing::HasSubstr("the page is done"));
  // Nodes that are ready are used: whoever asks for the workers sees them.
  EXPECT_THAT(outcome->text, testing::HasSubstr("\"workers\":[{"));
  EXPECT_THAT(outcome->text, testing::Not(testing::HasSubstr("\"workers\":[]")));
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace vectron
