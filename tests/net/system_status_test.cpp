#include "net/system_status.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/env/descriptors.h"

namespace vectron {
namespace {

// Each means itself: what can be freed, what a person must allow, what is broken.
TEST(SystemStatus, EachErrorOfAFileMeansItself) {
  const std::pair<int, Code> cases[] = {
      {ENOSPC, Code::resource_exhausted},  {EDQUOT, Code::resource_exhausted},
      {EFBIG, Code::resource_exhausted},   {EMFILE, Code::resource_exhausted},
      {ENFILE, Code::resource_exhausted},  {ENOMEM, Code::resource_exhausted},
      {EACCES, Code::permission_denied},   {EPERM, Code::permission_denied},
      {EROFS, Code::permission_denied},    {EIO, Code::data_loss},
      {EUCLEAN, Code::data_loss},          {ENOENT, Code::not_found},
      {EEXIST, Code::already_exists},      {ENAMETOOLONG, Code::invalid_argument},
      {ENOTDIR, Code::failed_precondition}};
  for (const auto& [error, code] : cases) {
    const Status status = system_status(error, "cannot write '/data/wal/1.wal'");
    EXPECT_EQ(status.code(), code) << error;
    EXPECT_THAT(status.message(), testing::StartsWith("cannot write '/data/wal/1.wal': "));
    EXPECT_GT(status.message().size(), std::string("cannot write '/data/wal/1.wal': ").size());
  }
}

// Who waits for a descriptor does not wait for the disk.
TEST(SystemStatus, ALackOfDescriptorsIsToldFromAFullDisk) {
  for (const int error : {EMFILE, ENFILE}) {
    EXPECT_EQ(system_status(error, "cannot open").field(), kDescriptorsField) << error;
  }
  for (const int error : {ENOSPC, EDQUOT, ENOMEM}) {
    EXPECT_NE(system_status(error, "cannot write").field(), kDescriptorsField) << error;
  }
}

}  // namespace
}  // namespace vectron
