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
  EXPECT_EQ(refusal(Role::worker, {"node"}), "");
  EXPECT_EQ(refusal(Role::gateway, {"node", "notes.txt"}), "");
}

TEST(FolderCheck, RefusesFoldersOfOthers) {
  EXPECT_THAT(refusal(Role::up, {"node"}), HasSubstr("a node of `vectron serve`"));
  EXPECT_THAT(refusal(Role::worker, {"cluster", "worker-1"}), HasSubstr("of a `vectron up`"));
  for (const Role role : kRoles) {
    EXPECT_THAT(refusal(role, {"Documents", "Music"}), HasSubstr("it holds \"Documents\""));
    EXPECT_THAT(refusal(role, {".bashrc"}), HasSubstr("is not empty"));
  }
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
