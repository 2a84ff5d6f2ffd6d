// A worker whose folder lacks something: what is left is kept, named and reported, and the rest
// goes on.
#include <gmock/gmock.h>

#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerFolder : public WorkerCluster {
 protected:
  void boot_logged(LogLevel level = LogLevel::error) {
    sim::WorldConfig config;
    config.log_level = level;
    config.log_sink = [this](const sim::LogLine& line) { errors_.emplace_back(line.text); };
    boot(1, 3, std::move(config));
  }
  /// Two shards of three copies; a point in the first one, in the stores of all.
  void fill() {
    boot_logged();
    ASSERT_TRUE(create(2, 3).has_value());
    ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
    world_->run_for(5s);
    victim_ = world_->find_node("worker-2");
    victim_->crash(CrashKind::process_kill);
    for (const std::string& folder : folders(2)) {
      if (manifest(folder).group_id == 1) replica_ = folder;
    }
    ASSERT_FALSE(replica_.empty());
    errors_.clear();
  }
  stored::ReplicaManifest manifest(const std::string& folder) {
    constexpr size_t kManifestHeadBytes = 16;
    const auto bytes = victim_->disk().content("replicas/" + folder + "/replica.manifest");
    VECTRON_ASSERT(bytes.has_value());
    return *decode<stored::ReplicaManifest>(ByteView(*bytes).subspan(kManifestHeadBytes));
  }
  void start_again() {
    world_->run_for(100ms);
    start_worker(*victim_, 2);
    world_->run_for(10s);
  }
  wire::WorkerStatus victim_status() {
    auto client = placement(0);
    const auto workers = await(client.list_workers(context(), wire::ListWorkersRequest()));
    VECTRON_ASSERT(workers.has_value() && workers->workers.size() == 3);
    return workers->workers[2];
  }
  bool has_store() {
    const auto names = victim_->disk().list("replicas/" + replica_);
    return names.has_value() &&
           std::ranges::any_of(*names, [](const auto& n) { return n.starts_with("generation-"); });
  }
  /// One replica is reported as lost, its store is kept, the other one runs.
  void expect_one_lost(const std::string& why) {
    EXPECT_TRUE(victim_->running());
    EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
    EXPECT_TRUE(has_store());
    EXPECT_THAT(errors_, Contains(AllOf(HasSubstr("replica " + replica_), HasSubstr(why))));
    const auto status = victim_status();
    EXPECT_EQ(status.lost_replicas, 1u);
    EXPECT_EQ(folders(2).size(), 2u);
    EXPECT_TRUE(read(5).has_value());
  }

  std::vector<std::string> errors_;
  SimNode* victim_ = nullptr;
  std::string replica_;
};

TEST_F(WorkerFolder, AReplicaWithoutItsManifestIsKeptAndLost) {
  fill();
  const std::string path = "replicas/" + replica_ + "/replica.manifest";
  const Bytes manifest_file = *victim_->disk().content(path);
  ASSERT_TRUE(victim_->disk().remove(path).has_value());
  start_again();
  expect_one_lost("put the file back");
  // The file put back makes it whole again.
  victim_->crash(CrashKind::process_kill);
  const auto file = victim_->disk().open_file(path, sim::SimDisk::Creation::always);
  ASSERT_TRUE(file.has_value());
  (*file)->image.write(0, manifest_file);
  start_again();
  EXPECT_EQ(victim_status().lost_replicas, 0u);
}

TEST_F(WorkerFolder, AReplicaWithoutManifestAndLogIsKeptForItsData) {
  fill();
  ASSERT_TRUE(victim_->disk().remove_tree("wal").has_value());
  ASSERT_TRUE(victim_->disk().remove("replicas/" + replica_ + "/replica.manifest").has_value());
  start_again();
  EXPECT_TRUE(victim_->running());
  EXPECT_TRUE(has_store());
  EXPECT_THAT(errors_, Contains(AllOf(HasSubstr("replica " + replica_ + " is lost"),
                                      HasSubstr("put back what is missing of wal"))));
}

TEST_F(WorkerFolder, AReplicaWithoutTheMarkerOfItsStoreIsKeptAndLost) {
  fill();
  const auto names = victim_->disk().list("replicas/" + replica_);
  for (const std::string& name : *names) {
    if (!name.starts_with("generation-")) continue;
    ASSERT_TRUE(
        victim_->disk().remove("replicas/" + replica_ + "/" + name + "/FORMAT").has_value());
  }
  start_again();
  expect_one_lost("FORMAT");
}

TEST_F(WorkerFolder, AnotherGenerationIsKeptWhileTheOneOfTheLogIsMissing) {
  fill();
  const std::string folder = "replicas/" + replica_;
  ASSERT_TRUE(
      victim_->disk().rename(folder + "/generation-1", folder + "/generation-2").has_value());
  start_again();
  expect_one_lost("generation-1 is missing");
}

TEST_F(WorkerFolder, AReplicaWhoseStoreIsEmptyIsLost) {
  fill();
  const std::string folder = "replicas/" + replica_ + "/generation-1";
  ASSERT_TRUE(victim_->disk().remove_tree(folder).has_value());
  ASSERT_TRUE(victim_->disk().create_directory(folder).has_value());
  start_again();
  expect_one_lost("is gone");
}

TEST_F(WorkerFolder, AGenerationThatTheLogDoesNotNameGoesOnceTheOtherServes) {
  fill();
  const std::string stray = "replicas/" + replica_ + "/generation-7";
  ASSERT_TRUE(victim_->disk().create_directory(stray).has_value());
  start_again();
  EXPECT_EQ(victim_status().lost_replicas, 0u);
  EXPECT_FALSE(victim_->disk().exists(stray).value());
  EXPECT_TRUE(has_store());
}

TEST_F(WorkerFolder, TheManifestOfAnotherReplicaIsNotTakenForItsOwn) {
  fill();
  std::string other;
  for (const std::string& folder : folders(2)) {
    if (folder != replica_) other = folder;
  }
  const Bytes content = *victim_->disk().content("replicas/" + other + "/replica.manifest");
  const std::string path = "replicas/" + replica_ + "/replica.manifest";
  ASSERT_TRUE(victim_->disk().remove(path).has_value());
  const auto file = victim_->disk().open_file(path, sim::SimDisk::Creation::always);
  ASSERT_TRUE(file.has_value());
  (*file)->image.write(0, content);
  start_again();
  EXPECT_TRUE(victim_->running());
  EXPECT_TRUE(has_store());
  EXPECT_THAT(errors_, Contains(AllOf(HasSubstr("replica " + replica_ + " is lost"),
                                      HasSubstr("put the right file back"))));
}

TEST_F(WorkerFolder, AFolderWithANameOfItsOwnIsLeftAlone) {
  fill();
  ASSERT_TRUE(victim_->disk().create_directory("replicas/1.bak").has_value());
  start_again();
  EXPECT_EQ(victim_status().lost_replicas, 0u);
  EXPECT_THAT(folders(2), Contains("1.bak"));
}

TEST_F(WorkerFolder, AFolderWithoutTheManifestOfItsNodeIsNotBegunAnew) {
  fill();
  ASSERT_TRUE(victim_->disk().remove("node.manifest").has_value());
  start_again();
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_.front().code(), Code::data_loss);
  EXPECT_THAT(failures_.front().message(),
              HasSubstr("node.manifest of this data folder is missing"));
  EXPECT_FALSE(victim_->disk().exists("node.manifest").value());
  EXPECT_TRUE(has_store());
}

TEST_F(WorkerFolder, AFolderThatHasOnlyItsLogLeftIsNotBegunAnew) {
  fill();
  ASSERT_TRUE(victim_->disk().remove("node.manifest").has_value());
  ASSERT_TRUE(victim_->disk().remove_tree("replicas").has_value());
  start_again();
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_.front().code(), Code::data_loss);
  EXPECT_THAT(failures_.front().message(), HasSubstr("wal/"));
  EXPECT_FALSE(victim_->disk().exists("node.manifest").value());
}

// While neither holds a copy, each takes the number from the other. Once one does, the other is
// refused, and does not live on as a worker that is ready and that nobody will use.
TEST_F(WorkerFolder, OfTwoWorkersWithOneNumberOneEnds) {
  boot_logged(LogLevel::warning);
  world_->run_for(2s);
  EXPECT_THAT(errors_, Not(Contains(HasSubstr("came with another folder"))));
  number_of_ = 2;
  start_worker(world_->add_node("worker-9"), 9);
  world_->run_for(5s);
  EXPECT_TRUE(ready_.contains("worker-9"));
  EXPECT_EQ(ends_, 0u);
  EXPECT_EQ(std::ranges::count_if(errors_,
                                  [](const std::string& line) {
                                    return line.contains("worker 102 came with another folder") &&
                                           line.contains("worker-9:1") &&
                                           line.contains("worker-2:1");
                                  }),
            1);
  ASSERT_TRUE(create(1, 3).has_value());
  world_->run_for(10s);
  ASSERT_EQ(ends_, 1u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_.front().field(), "folder_id");
  EXPECT_EQ(victim_status().replicas, 1u);
  EXPECT_TRUE(write(5, {1, 2, 3, 4}).has_value());
}

// A worker that moves to a new folder after it was stopped is no second one.
TEST_F(WorkerFolder, ANewFolderAfterASilenceIsNoSecondWorker) {
  boot_logged(LogLevel::warning);
  world_->run_for(2s);
  SimNode& node = *world_->find_node("worker-2");
  node.crash(CrashKind::power_loss);
  world_->run_for(20s);
  node.lose_disk();
  start_worker(node, 2);
  world_->run_for(5s);
  EXPECT_TRUE(failures_.empty());
  EXPECT_THAT(errors_, Not(Contains(HasSubstr("came with another folder"))));
}

TEST_F(WorkerFolder, AReplacedFolderIsRefusedAloud) {
  fill();
  for (int i = 0; i < 3; ++i) start_again(), victim_->crash(CrashKind::process_kill);
  ASSERT_TRUE(victim_->disk().remove("node.manifest").has_value());
  ASSERT_TRUE(victim_->disk().remove_tree("replicas").has_value());
  ASSERT_TRUE(victim_->disk().remove_tree("wal").has_value());
  errors_.clear();
  start_again();
  EXPECT_THAT(errors_, Contains(HasSubstr("this worker is refused")));
}

}  // namespace
}  // namespace vectron
