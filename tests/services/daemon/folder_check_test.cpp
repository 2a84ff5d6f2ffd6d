#include "services/daemon/folder_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vectron {
namespace {

using testing::HasSubstr;

std::string refusal(Role role, std::vector<std::string> names) {
  const Status status = status_of(check_folder_names(role, "DIR", names));
  if (!status.ok()) EXPECT_EQ(status.field(), "data");
  return status.message();
}

TEST(FolderCheck, TakesEmptyFoldersAndItsOwn) {
  EXPECT_EQ(refusal(Role::up, {}), "");
  EXPECT_EQ(refusal(Role::up, {"lost+found"}), "");
  EXPECT_EQ(refusal(Role::up, {"cluster", "gateway-1", "placement-1", "worker-1"}), "");
  EXPECT_EQ(refusal(Role::up, {"placement-1"}), "");  // Killed in its first start.
  EXPECT_EQ(refusal(Role::up, {"cluster.new"}), "");
  EXPECT_EQ(refusal(Role::up, {"gateway-1", "placement-1", "worker-12"}), "");
  EXPECT_EQ(refusal(ServiceId::worker, {"node"}), "");
  EXPECT_EQ(refusal(ServiceId::gateway, {"node", "notes.txt"}), "");
}

TEST(FolderCheck, RefusesFoldersOfOthers) {
  EXPECT_THAT(refusal(Role::up, {"node"}), HasSubstr("a node of `vectron serve`"));
  EXPECT_THAT(refusal(ServiceId::worker, {"cluster", "worker-1"}), HasSubstr("of a `vectron up`"));
  for (const Role role : all_roles()) {
    EXPECT_THAT(refusal(role, {"Documents", "Music"}), HasSubstr("it holds \"Documents\""));
    EXPECT_THAT(refusal(role, {".bashrc"}), HasSubstr("is not empty"));
  }
}

// Files of an operator that are named after nodes, as configurations and process ids are.
TEST(FolderCheck, NamesThatOnlyBeginLikeItsOwnAreForeign) {
  for (const std::string name :
       {"cluster.conf", "clusters", "worker-1.pid", "worker-", "worker-1a", "gateway-1.log",
        "placement-1.conf", "placement-one", "gateway-", "worker"}) {
    EXPECT_THAT(refusal(Role::up, {"letter.txt", name}), HasSubstr("is no data folder")) << name;
    EXPECT_THAT(refusal(ServiceId::worker, {name}), HasSubstr("it holds \"" + name + "\"")) << name;
  }
  EXPECT_THAT(refusal(ServiceId::worker, {"nodes"}), HasSubstr("it holds \"nodes\""));
}

TEST(FolderCheck, LooksAtTheRealFolder) {
  const std::string folder = testing::TempDir() + "vectron-check-XXXXXX";
  std::string made = folder;
  ASSERT_NE(mkdtemp(made.data()), nullptr);
  EXPECT_TRUE(check_data_folder(Role::up, made).has_value());
  EXPECT_TRUE(check_data_folder(Role::up, made + "/absent").has_value());
  std::fclose(std::fopen((made + "/file").c_str(), "w"));
  EXPECT_EQ(status_of(check_data_folder(Role::up, made)).code(), Code::failed_precondition);
  EXPECT_EQ(status_of(check_data_folder(Role::up, made + "/file")).code(), Code::invalid_argument);
  std::remove((made + "/file").c_str());
  std::remove(made.c_str());
}

}  // namespace
}  // namespace vectron
