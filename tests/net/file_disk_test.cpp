#include "net/file_disk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/async/task_group.h"
#include "tests/net/production_world.h"
#include "tests/net/run_task.h"

namespace vectron {
namespace {

struct Fixture : testing::Test {
  TemporaryFolder folder;
  EventLoop loop;
  ThreadPool files{"files", 2};
  ThreadPool key_values{"kv", 1};
  FileDisk::Pools pools{.files = &files, .key_values = &key_values};

  std::unique_ptr<FileDisk> open_disk(const std::string& root) {
    auto disk = FileDisk::open(loop, pools, root);
    if (!disk.has_value()) throw std::runtime_error(disk.error().to_string());
    return *std::move(disk);
  }
  template <typename T>
  T run(Task<T> task) {
    return run_task(loop, std::move(task));
  }
};
using FileDiskTest = Fixture;

TEST_F(FileDiskTest, MakesItsRootWithParents) {
  const auto disk = open_disk(folder.path() + "/a/b/root/");
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() + "/a/b/root"));
}

TEST_F(FileDiskTest, AFileInPlaceOfTheRootIsRefused) {
  {
    const auto disk = open_disk(folder.path() + "/root");
  }
  ::close(::open((folder.path() + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const auto disk = FileDisk::open(loop, pools, folder.path() + "/file");
  EXPECT_EQ(status_of(disk).code(), Code::failed_precondition);
}

TEST_F(FileDiskTest, OneFolderCannotBeOpenTwice) {
  auto first = open_disk(folder.path() + "/root");
  const auto second = FileDisk::open(loop, pools, folder.path() + "/root");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::failed_precondition);
  EXPECT_THAT(second.error().message(), testing::HasSubstr("in use by another process"));
  first.reset();
  EXPECT_TRUE(FileDisk::open(loop, pools, folder.path() + "/root").has_value());
}

TEST_F(FileDiskTest, WhatItMakesIsForItsUserAlone) {
  const mode_t usual = ::umask(0);
  const auto disk = open_disk(folder.path() + "/a/root");
  ASSERT_TRUE(run(disk->create_directory("x/y")).has_value());
  ASSERT_TRUE(run(disk->open("x/file", OpenMode::create)).has_value());
  ::umask(usual);
  const auto mode_of = [&](const std::string& name) {
    struct stat status{};
    EXPECT_EQ(::stat((folder.path() + name).c_str(), &status), 0) << name;
    return status.st_mode & 07777;
  };
  for (const char* made : {"/a", "/a/root", "/a/root/x", "/a/root/x/y"}) {
    EXPECT_EQ(mode_of(made), 0700u) << made;
  }
  EXPECT_EQ(mode_of("/a/root/x/file"), 0600u);
}

// Earlier versions made them so. The data folder itself is whoever's who made it.
TEST_F(FileDiskTest, WhatOthersCouldReadIsForItsUserAloneOnceItIsUsed) {
  const std::string root = folder.path() + "/root";
  std::filesystem::create_directories(root + "/wal");
  std::ofstream(root + "/wal/1") << "text";
  for (const char* name : {"", "/wal", "/wal/1"})
    ASSERT_EQ(::chmod((root + name).c_str(), 0755), 0);
  const auto disk = open_disk(root);
  ASSERT_TRUE(run(disk->create_directory("wal")).has_value());
  ASSERT_TRUE(run(disk->open("wal/1", OpenMode::read)).has_value());
  const auto mode_of = [&](const std::string& name) {
    struct stat status{};
    EXPECT_EQ(::stat((root + name).c_str(), &status), 0) << name;
    return status.st_mode & 07777;
  };
  EXPECT_EQ(mode_of(""), 0755u);
  EXPECT_EQ(mode_of("/wal"), 0700u);
  EXPECT_EQ(mode_of("/wal/1"), 0600u);
}

TEST_F(FileDiskTest, EveryMessageNamesTheWholePath) {
  const auto disk = open_disk(folder.path() + "/root");
  const std::string whole = folder.path() + "/root/none";
  const auto names_it = [&](const Status& status) {
    EXPECT_THAT(status.message(), testing::HasSubstr("'" + whole));
  };
  names_it(status_of(run(disk->open("none", OpenMode::read))));
  names_it(status_of(run(disk->remove("none"))));
  names_it(status_of(run(disk->rename("none", "other"))));
  names_it(status_of(run(disk->list("none"))));
  names_it(status_of(run(disk->sync_directory("none"))));
  names_it(status_of(disk->open_blocking_directory("none")));
  ASSERT_TRUE(run(disk->open("none", OpenMode::create)).has_value());
  names_it(status_of(run(disk->create_directory("none"))));
  names_it(status_of(run(disk->create_directory("none/below"))));
  // From the root of the file system on.
  const auto in_file = FileDisk::open(loop, pools, whole + "/data");
  names_it(status_of(in_file));
}

TEST_F(FileDiskTest, AFullDiskIsResourceExhausted) {
  const auto disk = open_disk(folder.path() + "/root");
  ASSERT_EQ(::symlink("/dev/full", (folder.path() + "/root/full").c_str()), 0);
  const auto file = run(disk->open("full", OpenMode::read_write)).value();
  const auto written = run(file->write_at(0, as_bytes("x")));
  EXPECT_EQ(status_of(written).code(), Code::resource_exhausted);
  EXPECT_THAT(written.error().message(), testing::HasSubstr("'" + folder.path() + "/root/full'"));
}

TEST_F(FileDiskTest, NoSyncSucceedsAfterOneThatFailed) {
  const auto disk = open_disk(folder.path() + "/root");
  ASSERT_EQ(::symlink("/dev/full", (folder.path() + "/root/full").c_str()), 0);
  const auto file = run(disk->open("full", OpenMode::read_write)).value();
  ASSERT_FALSE(run(file->sync()).has_value());  // A character device cannot be synced.
  EXPECT_EQ(status_of(run(file->sync())).code(), Code::data_loss);
}

TEST_F(FileDiskTest, AFolderWithoutRightsIsPermissionDenied) {
  const auto disk = open_disk(folder.path() + "/root");
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod((folder.path() + "/root").c_str(), 0500), 0);
    EXPECT_EQ(status_of(run(disk->open("a", OpenMode::create))).code(), Code::permission_denied);
    ASSERT_EQ(::chmod((folder.path() + "/root").c_str(), 0700), 0);
  } else {
    ASSERT_EQ(::symlink("/proc/version", (folder.path() + "/root/locked").c_str()), 0);
    const auto opened = run(disk->open("locked", OpenMode::read_write));
    // The system has no way to refuse root but a file that nobody may write.
    if (opened.has_value()) {
      EXPECT_FALSE(run((*opened)->write_at(0, as_bytes("x"))).has_value());
    } else {
      EXPECT_EQ(opened.error().code(), Code::permission_denied);
    }
  }
}

TEST_F(FileDiskTest, DescriptorsDoNotLeakIntoChildren) {
  const auto disk = open_disk(folder.path() + "/root");
  const auto file = run(disk->open("a", OpenMode::create)).value();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (error || !target.starts_with(folder.path())) continue;
    const int number = std::stoi(entry.path().filename());
    EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC) << target;
  }
}

TEST_F(FileDiskTest, NothingStaysOpenAfterIt) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  {
    const auto warm = open_disk(folder.path() + "/root");
  }
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    const auto disk = open_disk(folder.path() + "/root");
    TaskGroup tasks(loop.scheduler());
    std::optional<Result<std::unique_ptr<File>>> file;
    // Begun, and then given up at different moments.
    tasks.spawn(keep_result(disk->open("f" + std::to_string(i), OpenMode::create), &file));
    if (i % 2 == 0) run_loop(loop, [&] { return file.has_value(); }, i * 10us);
    tasks.cancel_all();
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vectron
