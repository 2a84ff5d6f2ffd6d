#include "services/daemon/data_folder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/memory_env.h"

namespace vectron {
namespace {

DataFolder folder(uint64_t cluster, uint64_t starts, uint32_t workers) {
  DataFolder out;
  out.cluster = ClusterId(cluster);
  out.starts = starts;
  out.workers = workers;
  return out;
}

TEST(DataFolder, KeepsItsFirstIdAndCountsItsStarts) {
  MemoryEnv env;
  const auto first = env.run(open_data_folder(&env.disk(), 2, ClusterId(7)));
  ASSERT_TRUE(first.has_value()) << first.error().to_string();
  EXPECT_EQ(*first, folder(7, 1, 2));
  const auto second = env.run(open_data_folder(&env.disk(), 3, ClusterId(8)));
  EXPECT_EQ(*second, folder(7, 2, 3));
}

TEST(DataFolder, RefusesFewerWorkersThanItHas) {
  MemoryEnv env;
  ASSERT_TRUE(env.run(open_data_folder(&env.disk(), 3, ClusterId(7))).has_value());
  const auto again = env.run(open_data_folder(&env.disk(), 1, ClusterId(7)));
  EXPECT_EQ(status_of(again).code(), Code::failed_precondition);
  EXPECT_EQ(status_of(again).field(), "workers");
}

// A fresh id beside nodes that belong to another would make the folder useless for good.
TEST(DataFolder, IsNotBegunAnewWhereANodeHasSomething) {
  for (const std::string node : {"placement-1", "worker-3"}) {
    MemoryEnv env;
    // A first start that was killed leaves empty folders, and what an operator put there.
    ASSERT_TRUE(env.run(env.disk().create_directory("placement-1")).has_value());
    ASSERT_TRUE(env.run(env.disk().create_directory("worker-3")).has_value());
    ASSERT_TRUE(env.run(env.disk().create_directory("worker-notes/old")).has_value());
    ASSERT_TRUE(env.run(open_data_folder(&env.disk(), 3, ClusterId(7))).has_value());
    ASSERT_TRUE(env.run(env.disk().remove("cluster")).has_value());
    env.disk().put(node + "/node.manifest", Bytes{1});
    const Status lost = status_of(env.run(open_data_folder(&env.disk(), 3, ClusterId(8))));
    EXPECT_EQ(lost.code(), Code::data_loss);
    EXPECT_NE(lost.message().find("cluster is missing, and " + node + " is there: put the file"),
              std::string::npos)
        << lost.to_string();
    EXPECT_FALSE(env.disk().has("cluster"));
  }
}

TEST(DataFolder, RemembersThatItWasBootstrapped) {
  MemoryEnv env;
  auto made = env.run(open_data_folder(&env.disk(), 1, ClusterId(7)));
  EXPECT_FALSE(made->bootstrapped);
  made->bootstrapped = true;
  ASSERT_TRUE(env.run(store_data_folder(&env.disk(), *made)).has_value());
  EXPECT_TRUE(env.run(open_data_folder(&env.disk(), 1, ClusterId(7)))->bootstrapped);
}

TEST(DataFolder, RefusesTheFormatOfANewerVersionByName) {
  const auto decoded = decode_manifest("vectron data folder\nformat 2\nanything");
  EXPECT_EQ(status_of(decoded).code(), Code::failed_precondition);
}

RC_GTEST_PROP(DataFolder, ManifestsRoundTrip,
              (uint64_t cluster, uint64_t starts, uint32_t workers)) {
  RC_PRE(cluster != 0);
  const DataFolder written = folder(cluster, starts, workers);
  const auto read = decode_manifest(encode_manifest(written));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == written);
}

TEST(DataFolder, NoticesEveryDamagedByteAndEveryCut) {
  const std::string text = encode_manifest(folder(7, 1, 2));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(decode_manifest(damaged).has_value()) << i;
    EXPECT_FALSE(decode_manifest(text.substr(0, i)).has_value()) << i;
  }
}

}  // namespace
}  // namespace vectron
