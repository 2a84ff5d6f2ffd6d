// A log on a MemoryDisk for the tests of core/wal: opens, crashes, and makes batches.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/wal/wal.h"
#include "core/wal/wal_format.h"
#include "tests/support/memory_env.h"

namespace vectron {

inline raft::Entry make_entry(uint64_t index, uint64_t term, std::string_view data) {
  return {Term(term), LogIndex(index), raft::EntryKind::normal,
          raft::make_payload(to_bytes(as_bytes(data)))};
}

/// `count` entries of `group` from `first` on.
inline WalBatch entries_batch(uint64_t group, uint64_t first, uint64_t count, uint64_t term,
                              std::string_view data) {
  WalBatch batch;
  batch.group = GroupId(group);
  for (uint64_t i = 0; i < count; ++i) batch.entries.push_back(make_entry(first + i, term, data));
  return batch;
}

inline WalBatch hard_state_batch(uint64_t group, uint64_t term, uint64_t voted_for) {
  WalBatch batch;
  batch.group = GroupId(group);
  batch.hard_state = raft::HardState{Term(term), ReplicaId(voted_for), LogIndex()};
  return batch;
}

inline WalBatch mark_batch(uint64_t group, uint64_t generation, uint64_t index, uint64_t term,
                           bool replaces_log = false) {
  WalBatch batch;
  batch.group = GroupId(group);
  batch.mark = WalMark{
      generation, {LogIndex(index), Term(term), {{ReplicaId(1), ReplicaId(2)}, {}}}, replaces_log};
  return batch;
}

inline WalBatch dropped_batch(uint64_t group, uint64_t replica) {
  WalBatch batch;
  batch.group = GroupId(group);
  batch.dropped_replica = ReplicaId(replica);
  return batch;
}

inline std::vector<std::string> texts(const std::vector<raft::Entry>& entries) {
  std::vector<std::string> result;
  result.reserve(entries.size());
  for (const raft::Entry& entry : entries) {
    result.push_back(
        fmt::format("{}@{}:{}", entry.index, entry.term, as_text(raft::view(entry.data))));
  }
  return result;
}

/// A node's log and its disk.
struct TestLog {
  TestLog() {
    config.cluster = ClusterId(7);
    config.node = NodeId(3);
    config.prefill_bytes = 0;  // Most tests look at the bytes of records.
    config.reserve_bytes = 0;
  }
  Result<void> try_open() {
    opened = {};
    Result<WalOpened> result = env.run(Wal::open(&env, "node/wal", config));
    if (!result.has_value()) return fail(result.error());
    opened = *std::move(result);
    return {};
  }
  void open() {
    const Result<void> result = try_open();
    ASSERT_TRUE(result.has_value()) << result.error().to_string();
  }
  Wal& wal() { return *opened.wal; }
  Result<void> write(WalBatch batch) { return env.run(wal().append_and_sync(std::move(batch))); }
  const WalGroupState& group(uint64_t id) { return opened.groups.at(GroupId(id)); }
  void crash(CrashMode mode, uint64_t seed = 1) {
    opened = {};
    RandomStream random(seed, "crash");
    env.disk().crash(mode, &random);
  }
  static std::string path(uint64_t segment) {
    return "node/wal/" + wal_format::segment_name(segment);
  }

  MemoryEnv env;
  WalConfig config;
  WalOpened opened;
};

}  // namespace vectron
