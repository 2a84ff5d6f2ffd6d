#include "services/daemon/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace vectron {
namespace {

using testing::HasSubstr;

class ConfigFileOnDisk : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "vectron-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string written(const std::string& text) const {
    const std::string path = folder_ + "/v.conf";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string refusal(const std::string& path) {
    const Status status = status_of(read_config_file(path));
    EXPECT_EQ(status.code(), Code::invalid_argument);
    EXPECT_EQ(status.field(), "config");
    EXPECT_THAT(status.message(), HasSubstr(path));
    return status.message();
  }

  std::string folder_;
};

TEST_F(ConfigFileOnDisk, IsReadToItsEnd) {
  const std::string path = written("workers = 2\n# the end\nhttp = none");
  const auto file = read_config_file(path);
  ASSERT_TRUE(file.has_value()) << file.error().to_string();
  EXPECT_EQ(file->path, path);
  ASSERT_EQ(file->lines.size(), 2U);
  EXPECT_EQ(file->lines[1].value, "none");
}

TEST_F(ConfigFileOnDisk, WhatIsNoFileIsRefused) {
  EXPECT_THAT(refusal(folder_), HasSubstr("is a folder"));
  EXPECT_THAT(refusal(folder_ + "/absent"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal("/dev/zero"), HasSubstr("is no regular file"));
  const std::string pipe = folder_ + "/pipe";  // Opening it would wait for a writer.
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal(pipe), HasSubstr("is no regular file"));
}

TEST_F(ConfigFileOnDisk, OneThatIsTooLargeIsNotReadWhole) {
  const std::string path = written("");
  std::filesystem::resize_file(path, kConfigFileBytesMax + 1);
  EXPECT_THAT(refusal(path), HasSubstr("is larger than 1048576 bytes"));
  std::filesystem::resize_file(path, uint64_t{1} << 40);  // Of holes: more than fits into memory.
  EXPECT_THAT(refusal(path), HasSubstr("is larger than 1048576 bytes"));
}

TEST_F(ConfigFileOnDisk, OneOfTheGreatestSizeIsTaken) {
  const std::string line = "workers = 2\n";
  const std::string path = written(line + std::string(kConfigFileBytesMax - line.size(), '#'));
  EXPECT_TRUE(read_config_file(path).has_value());
}

}  // namespace
}  // namespace vectron
