// Real LMDB under the interposed calls: what a power loss inside a commit may leave, and that
// nothing passes unseen.
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <lmdb.h>

#include <fstream>
#include <iterator>
#include <set>

#include "tests/sim/world/run_task.h"

namespace vectron::sim {
namespace {

/// A store of LMDB, opened as core/kv opens one.
class Lmdb {
 public:
  explicit Lmdb(const std::string& path) {
    code_ = mdb_env_create(&env_);
    if (code_ == 0) code_ = mdb_env_set_mapsize(env_, 4 << 20);
    if (code_ == 0) code_ = mdb_env_open(env_, path.c_str(), MDB_NOTLS, 0600);
  }
  Lmdb(const Lmdb&) = delete;
  ~Lmdb() {
    if (env_ != nullptr) mdb_env_close(env_);
  }
  int code() const { return code_; }

  /// Sets all keys to `version` in one transaction.
  int commit(int version, int keys) {
    MDB_txn* txn = nullptr;
    MDB_dbi database = 0;
    int code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code != 0) return code;
    code = mdb_dbi_open(txn, nullptr, 0, &database);
    for (int i = 0; code == 0 && i < keys; ++i) {
      std::string name = fmt::format("key-{}", i);
      std::string text = fmt::format("{:0>700}", version);
      MDB_val key{name.size(), name.data()};
      MDB_val data{text.size(), text.data()};
      code = mdb_put(txn, database, &key, &data, 0);
    }
    if (code != 0) {
      mdb_txn_abort(txn);
      return code;
    }
    return mdb_txn_commit(txn);
  }

  /// The versions that its keys have; -1 for an empty store.
  std::set<int> versions() {
    std::set<int> found;
    MDB_txn* txn = nullptr;
    MDB_dbi database = 0;
    MDB_cursor* cursor = nullptr;
    EXPECT_EQ(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), 0);
    EXPECT_EQ(mdb_dbi_open(txn, nullptr, 0, &database), 0);
    EXPECT_EQ(mdb_cursor_open(txn, database, &cursor), 0);
    MDB_val key;
    MDB_val data;
    int code = mdb_cursor_get(cursor, &key, &data, MDB_FIRST);
    for (; code == 0; code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) {
      found.insert(std::stoi(std::string(static_cast<char*>(data.mv_data), data.mv_size)));
    }
    EXPECT_EQ(code, MDB_NOTFOUND);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    if (found.empty()) found.insert(-1);
    return found;
  }

 private:
  MDB_env* env_ = nullptr;
  int code_ = 0;
};

/// What one process saw of its store.
struct StoreRun {
  std::unique_ptr<BlockingDirectory> directory;
  std::shared_ptr<Lmdb> store;
  int opened = -1;
  int committed = -1;
};

Task<void> open_store(Env* env, StoreRun* seen, bool create) {
  if (create) {
    auto made = co_await env->disk().create_directory("kv");
    if (!made.has_value()) co_return;
  }
  auto directory = env->disk().open_blocking_directory("kv");
  if (!directory.has_value()) co_return;
  seen->directory = *std::move(directory);
  std::function<void()> work = [seen] {
    seen->store = std::make_shared<Lmdb>(seen->directory->path());
    seen->opened = seen->store->code();
  };
  const BlockingCost cost{4096, true};
  co_await seen->directory->run(cost, std::move(work));
}

Task<void> commit_version(StoreRun* seen, int version, int keys) {
  seen->committed = -1;
  std::function<void()> work = [seen, version, keys] {
    seen->committed = seen->store->commit(version, keys);
  };
  const BlockingCost cost{4096, true};
  co_await seen->directory->run(cost, std::move(work));
}

Task<void> sync_store(Env* env) {
  auto done = co_await env->disk().sync_directory("kv");
  done = co_await env->disk().sync_directory("");
}

/// A node with a durable store at version 1.
struct StoreNode {
  StoreNode(uint64_t seed, int keys, WorldConfig config = {})
      : world(seed, std::move(config)), node(world.add_node("a")) {
    node.start();
    EXPECT_TRUE(run(node, open_store(&node.env(), &seen, true)));
    EXPECT_EQ(seen.opened, 0);
    EXPECT_TRUE(run(node, commit_version(&seen, 1, keys)));
    EXPECT_EQ(seen.committed, 0);
    EXPECT_TRUE(run(node, sync_store(&node.env())));
  }
  /// LMDB's environment is closed with the process, as the node's tasks own it in a service.
  void close() {
    seen.store.reset();
    seen.directory.reset();
  }
  /// The versions found after a restart.
  std::set<int> reopen() {
    node.start();
    EXPECT_TRUE(run(node, open_store(&node.env(), &seen, false)));
    EXPECT_EQ(seen.opened, 0) << mdb_strerror(seen.opened);
    return seen.store->versions();
  }
  ~StoreNode() { close(); }

  StoreRun seen;  // Before the world: tasks that live to its end use it.
  SimWorld world;
  SimNode& node;
};

// The store of a run is destroyed by its process' end: its environment must be closed before the
// disk loses power.
Task<void> own_store_until_death(StoreNode* test, int version, int keys) {
  struct Owner {
    StoreNode* test;
    ~Owner() { test->close(); }
  };
  Owner owner{test};
  co_await commit_version(&test->seen, version, keys);
  Event never(test->node.env().scheduler());
  co_await never.wait();
}

TEST(Lmdb, ACommitIsAtomicUnderAPowerLossAtEachOfItsCalls) {
  for (const int keys : {1, 40}) {
    int old_state = 0;
    int new_state = 0;
    for (uint64_t seed = 0; seed < 25; ++seed) {
      for (uint64_t call = 1;; ++call) {
        StoreNode test(seed, keys);
        test.node.cut_power_at_kv_call(call);
        test.node.tasks().spawn(own_store_until_death(&test, 2, keys));
        test.world.run_for(1s);
        if (test.node.running()) {
          // More calls than a commit has: it was acknowledged, and must survive.
          ASSERT_GE(call, 4u);
          ASSERT_EQ(test.seen.committed, 0);
          test.node.crash(CrashKind::power_loss);
          ASSERT_EQ(test.reopen(), std::set<int>{2});
          break;
        }
        ASSERT_NE(test.seen.committed, 0);
        const std::set<int> versions = test.reopen();
        ASSERT_EQ(versions.size(), 1u) << "a mix of two commits; call " << call;
        ++(versions.contains(1) ? old_state : new_state);
        ASSERT_TRUE(versions.contains(1) || versions.contains(2));
        ASSERT_EQ(test.seen.store->commit(3, keys), 0);
      }
    }
    EXPECT_GT(old_state, 50);
    EXPECT_GT(new_state, 5) << "the meta page may reach the disk although the call failed";
  }
}

TEST(Lmdb, AnAcknowledgedCommitSurvivesEveryCrash) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (const CrashKind kind : {CrashKind::process_kill, CrashKind::power_loss}) {
      StoreNode test(seed, 10);
      for (int version = 2; version < 20; ++version) {
        ASSERT_TRUE(run(test.node, commit_version(&test.seen, version, 10)));
        ASSERT_EQ(test.seen.committed, 0);
      }
      test.close();
      test.node.crash(kind);
      ASSERT_EQ(test.reopen(), std::set<int>{19});
    }
  }
}

TEST(Lmdb, UnsyncedNamesOfItsFilesMayBeLost) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    StoreRun seen;
    SimWorld world(seed, {});
    SimNode& node = world.add_node("a");
    node.start();
    ASSERT_TRUE(run(node, open_store(&node.env(), &seen, true)));
    ASSERT_TRUE(run(node, commit_version(&seen, 1, 1)));
    seen = {};
    value(run(node, node.env().disk().sync_directory("")));
    node.crash(CrashKind::power_loss);
    lost += value(node.disk().exists("kv/data.mdb")) ? 0 : 1;
  }
  EXPECT_GT(lost, 5);
}

TEST(Lmdb, ItsFileIsTheSameByteForByteInTwoRuns) {
  Bytes content[2];
  for (Bytes& bytes : content) {
    StoreNode test(5, 30);
    for (int version = 2; version < 60; ++version) {
      ASSERT_TRUE(run(test.node, commit_version(&test.seen, version, version % 37)));
    }
    bytes = value(test.node.disk().content("kv/data.mdb"));
  }
  EXPECT_GT(content[0].size(), 20'000u);
  EXPECT_TRUE(content[0] == content[1]);
}

TEST(Lmdb, ARemovedFolderMayComeBackUntilItsParentIsSynced) {
  int came_back = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    for (const bool synced : {false, true}) {
      StoreNode test(seed, 5);
      test.close();
      value(run(test.node, test.node.env().disk().remove_tree("kv")));
      ASSERT_FALSE(value(test.node.disk().exists("kv")));
      if (synced) value(run(test.node, test.node.env().disk().sync_directory("")));
      test.node.crash(CrashKind::power_loss);
      if (!value(test.node.disk().exists("kv"))) continue;
      ASSERT_FALSE(synced);
      ++came_back;
      ASSERT_EQ(test.reopen(), std::set<int>{1});
    }
  }
  EXPECT_GT(came_back, 5);
}

TEST(Lmdb, ALostDiskTakesItsStores) {
  StoreNode test(1, 5);
  test.close();
  test.node.crash(CrashKind::power_loss);
  test.node.lose_disk();
  EXPECT_FALSE(value(test.node.disk().exists("kv")));
}

// The names of all symbols that a shared library takes from others.
std::set<std::string> imported_symbols(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::vector<char> file((std::istreambuf_iterator<char>(stream)), {});
  const auto at = [&]<typename T>(uint64_t offset, T) {
    T out;
    std::memcpy(&out, file.data() + offset, sizeof(T));
    return out;
  };
  const Elf64_Ehdr header = at(0, Elf64_Ehdr{});
  std::set<std::string> names;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr section = at(header.e_shoff + i * sizeof(Elf64_Shdr), Elf64_Shdr{});
    if (section.sh_type != SHT_DYNSYM) continue;
    const Elf64_Shdr strings =
        at(header.e_shoff + section.sh_link * sizeof(Elf64_Shdr), Elf64_Shdr{});
    for (uint64_t offset = 0; offset < section.sh_size; offset += sizeof(Elf64_Sym)) {
      const Elf64_Sym symbol = at(section.sh_offset + offset, Elf64_Sym{});
      if (symbol.st_shndx == SHN_UNDEF) {
        names.insert(file.data() + strings.sh_offset + symbol.st_name);
      }
    }
  }
  names.erase("");
  return names;
}

TEST(Lmdb, ImportsNoFileSystemCallThatWeDoNotKnow) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&mdb_env_open), &info), 0);
  const std::set<std::string> imported = imported_symbols(info.dli_fname);
  ASSERT_GT(imported.size(), 20u) << info.dli_fname;
  const std::set<std::string> interposed{"close", "fdatasync", "fsync",  "ftruncate", "ftruncate64",
                                         "lseek", "lseek64",   "msync",  "open",      "open64",
                                         "pread", "pread64",   "pwrite", "pwrite64",  "pwritev",
                                         "write", "writev"};
  // They change nothing, or memory only. fcntl: record locks on the lock file, which end with its
  // descriptor.
  const std::set<std::string> harmless{"__fxstat",  "fstat",   "fcntl", "fcntl64", "fstatfs",
                                       "fstatfs64", "madvise", "mmap",  "mmap64",  "munmap",
                                       "sysconf",   "uname",   "getpid"};
  // Not about files at all.
  const std::set<std::string> other{"_ITM_deregisterTMCloneTable",
                                    "_ITM_registerTMCloneTable",
                                    "__gmon_start__",
                                    "__cxa_finalize",
                                    "__errno_location",
                                    "__fprintf_chk",
                                    "__sprintf_chk",
                                    "__stack_chk_fail",
                                    "abort",
                                    "calloc",
                                    "free",
                                    "malloc",
                                    "memcmp",
                                    "memcpy",
                                    "memmove",
                                    "memset",
                                    "posix_memalign",
                                    "realloc",
                                    "sigaddset",
                                    "sigemptyset",
                                    "sigwait",
                                    "stderr",
                                    "strcpy",
                                    "strdup",
                                    "strerror",
                                    "strlen",
                                    "strncmp",
                                    "strtol"};
  for (const std::string& name : imported) {
    if (name.starts_with("pthread_")) continue;
    EXPECT_TRUE(interposed.contains(name) || harmless.contains(name) || other.contains(name))
        << name << " is new in " << info.dli_fname
        << ": if it changes files, sim/interpose/libc.cpp must define it";
  }
}

}  // namespace
}  // namespace vectron::sim
