#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/conformance/world.h"

namespace vectron::conformance {
namespace {

constexpr BlockingCost kCommit{.bytes = 4096, .syncs = true};

Task<Result<std::unique_ptr<BlockingDirectory>>> open_directory(Env* env, std::string path) {
  const auto created = co_await env->disk().create_directory(path);
  VECTRON_CO_CHECK_OK(created);
  co_return env->disk().open_blocking_directory(path);
}

Task<void> run_in(BlockingDirectory* directory, std::function<void()> work, int* done) {
  co_await directory->run(kCommit, std::move(work));
  ++*done;
}

void write_real_file(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(::fdatasync(file), 0);
  ::close(file);
}

std::string read_real_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "absent";
  char text[64] = {};
  const ssize_t count = ::pread(file, text, sizeof(text), 0);
  ::close(file);
  return {text, static_cast<size_t>(std::max<ssize_t>(count, 0))};
}

TEST_P(KvDirectoryConformance, ItsPathIsARealFolderOfTheNode) {
  auto directory = run(open_directory(&env(), "shards/7/kv"));
  ASSERT_TRUE(directory.has_value());
  const std::string path = (*directory)->path();
  ASSERT_TRUE(path.starts_with("/"));
  int done = 0;
  world().tasks(0).spawn(run_in(
      directory->get(), [path] { write_real_file(path + "/data", "from the store"); }, &done));
  ASSERT_TRUE(run_until([&] { return done == 1; }));
  EXPECT_EQ(read_real_file(path + "/data"), "from the store");
  EXPECT_THAT(run(env().disk().list("shards/7/kv")).value(), testing::ElementsAre("data"));
}

TEST_P(KvDirectoryConformance, AnAbsentFolderIsNotFound) {
  const auto directory = env().disk().open_blocking_directory("nowhere");
  ASSERT_FALSE(directory.has_value());
  EXPECT_EQ(directory.error().code(), Code::not_found);
}

// The tasks themselves may start in any order: what counts is the order in which they call run().
Task<void> run_numbered(BlockingDirectory* directory, std::shared_ptr<std::vector<int>> order,
                        int* calls, int* done) {
  const int number = (*calls)++;
  std::function<void()> work = [order, number] { order->push_back(number); };
  co_await directory->run(kCommit, std::move(work));
  ++*done;
}

TEST_P(KvDirectoryConformance, ItsWorkRunsInTheOrderOfTheCalls) {
  auto directory = run(open_directory(&env(), "kv"));
  ASSERT_TRUE(directory.has_value());
  // Written by one work at a time: a race here is what a thread sanitizer would see.
  const auto order = std::make_shared<std::vector<int>>();
  int calls = 0;
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    world().tasks(0).spawn(run_numbered(directory->get(), order, &calls, &done));
  }
  ASSERT_TRUE(run_until([&] { return done == 100; }));
  EXPECT_TRUE(std::ranges::is_sorted(*order));
  EXPECT_EQ(order->size(), 100u);
}

TEST_P(KvDirectoryConformance, TwoFoldersAreIndependent) {
  auto first = run(open_directory(&env(), "kv/1"));
  auto second = run(open_directory(&env(), "kv/2"));
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE((*first)->path(), (*second)->path());
  int done = 0;
  for (auto* directory : {first->get(), second->get()}) {
    const std::string path = directory->path();
    world().tasks(0).spawn(
        run_in(directory, [path] { write_real_file(path + "/data", path); }, &done));
  }
  ASSERT_TRUE(run_until([&] { return done == 2; }));
  EXPECT_EQ(read_real_file((*first)->path() + "/data"), (*first)->path());
}

TEST_P(KvDirectoryConformance, AnAwaiterMayBeDestroyedAndTheFolderOpenedAgain) {
  auto directory = run(open_directory(&env(), "kv"));
  ASSERT_TRUE(directory.has_value());
  const auto count = std::make_shared<int>(0);
  int done = 0;
  const auto number =
      world().tasks(0).spawn(run_in(directory->get(), [count] { ++*count; }, &done));
  world().tasks(0).cancel(number);
  directory->reset();
  EXPECT_LE(*count, 1);
  EXPECT_EQ(count.use_count(), 1);
  directory = env().disk().open_blocking_directory("kv");
  ASSERT_TRUE(directory.has_value());
  world().tasks(0).spawn(run_in(directory->get(), [count] { *count = 7; }, &done));
  ASSERT_TRUE(run_until([&] { return done == 1; }));
  EXPECT_EQ(*count, 7);
}

TEST_P(KvDirectoryConformance, WhatItSyncedIsThereAfterARestart) {
  const auto sync_parent = [this] {
    EXPECT_TRUE(run(env().disk().sync_directory("kv")).has_value());
    EXPECT_TRUE(run(env().disk().sync_directory("")).has_value());
  };
  for (const Stop how : {Stop::orderly, Stop::process_kill, Stop::power_loss}) {
    if (!world().can_stop(how)) continue;
    auto directory = run(open_directory(&env(), "kv"));
    ASSERT_TRUE(directory.has_value());
    const std::string text = "life " + std::to_string(static_cast<int>(how));
    int done = 0;
    world().tasks(0).spawn(run_in(
        directory->get(),
        [path = (*directory)->path(), text] { write_real_file(path + "/data", text); }, &done));
    ASSERT_TRUE(run_until([&] { return done == 1; }));
    sync_parent();
    directory->reset();
    world().restart(0, how);
    directory = env().disk().open_blocking_directory("kv");
    ASSERT_TRUE(directory.has_value());
    EXPECT_EQ(read_real_file((*directory)->path() + "/data"), text);
  }
}

TEST_P(KvDirectoryConformance, RemovingTheTreeRemovesTheStore) {
  auto directory = run(open_directory(&env(), "shards/1/kv"));
  ASSERT_TRUE(directory.has_value());
  const std::string path = (*directory)->path();
  int done = 0;
  world().tasks(0).spawn(
      run_in(directory->get(), [path] { write_real_file(path + "/data", "x"); }, &done));
  ASSERT_TRUE(run_until([&] { return done == 1; }));
  directory->reset();
  ASSERT_TRUE(run(env().disk().remove_tree("shards/1")).has_value());
  EXPECT_FALSE(run(env().disk().exists("shards/1")).value());
  EXPECT_EQ(read_real_file(path + "/data"), "absent");
  EXPECT_TRUE(run(env().disk().exists("shards")).value());
}

}  // namespace
}  // namespace vectron::conformance
