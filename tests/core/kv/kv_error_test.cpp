// What LMDB and the system say, as the codes that callers act upon.
#include <gtest/gtest.h>
#include <lmdb.h>

#include <cerrno>

#include "core/kv/kv_environment.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

class KvError : public ::testing::Test {
 protected:
  KvError() {
    const auto made = env_.run(env_.disk().create_directory("kv"));
    VECTRON_ASSERT(made.has_value());
    directory_ = *env_.disk().open_blocking_directory("kv");
    auto opened = detail::KvEnvironment::open_blocking(directory_->path(), KvConfig());
    VECTRON_ASSERT(opened.has_value());
    environment_ = *std::move(opened);
  }
  Code code_of(int error) { return environment_->error(error, "test").error().code(); }
  Code commit_code(int error, int system_error) {
    return environment_->commit_error(error, system_error).error().code();
  }

  MemoryEnv env_;
  std::unique_ptr<BlockingDirectory> directory_;
  std::shared_ptr<detail::KvEnvironment> environment_;
};

TEST_F(KvError, WhatMayPassIsNoDamage) {
  for (const int shortage : {ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM, MDB_MAP_FULL,
                             MDB_TXN_FULL, MDB_READERS_FULL}) {
    EXPECT_EQ(code_of(shortage), Code::resource_exhausted) << shortage;
  }
  for (const int refused : {EACCES, EPERM, EROFS}) {
    EXPECT_EQ(code_of(refused), Code::permission_denied) << refused;
  }
  for (const int busy : {EINTR, EAGAIN, EBUSY}) {
    EXPECT_EQ(code_of(busy), Code::unavailable) << busy;
  }
  EXPECT_FALSE(environment_->damaged());
}

TEST_F(KvError, AnIoErrorIsALossAndDamageIsRemembered) {
  EXPECT_EQ(code_of(EIO), Code::data_loss);
  EXPECT_FALSE(environment_->damaged());
  EXPECT_EQ(code_of(MDB_CORRUPTED), Code::data_loss);
  EXPECT_TRUE(environment_->damaged());
}

// LMDB says EIO of a write that ended early, which a full disk does; the system then said nothing.
TEST_F(KvError, AWriteThatEndedEarlyIsAFullDiskAndAnIoErrorIsNot) {
  EXPECT_EQ(commit_code(EIO, 0), Code::resource_exhausted);
  EXPECT_EQ(commit_code(EIO, EIO), Code::data_loss);
  EXPECT_EQ(commit_code(ENOSPC, ENOSPC), Code::resource_exhausted);
}

}  // namespace
}  // namespace vectron
