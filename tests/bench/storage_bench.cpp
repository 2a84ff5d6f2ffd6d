// Times the write-ahead log and the key-value store on a real disk, through the production Env.
//
// Usage: bench_storage FOLDER (on the disk to be measured; created, and emptied of this bench's
// files at the end).
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "core/async/task_group.h"
#include "core/kv/kv_store.h"
#include "core/wal/wal.h"
#include "net/in_process_network.h"
#include "net/production_env.h"

namespace {

using namespace vectron;

constexpr size_t kValueBytes = 1024;

double seconds_since(Instant start) {
  return to_seconds(machine_monotonic() - start);
}

Task<void> append_for(Wal* wal, uint64_t group, uint64_t count, size_t* done) {
  const raft::Payload data = raft::make_payload(Bytes(kValueBytes, 7));
  for (uint64_t index = 1; index <= count; ++index) {
    WalBatch batch;
    batch.group = GroupId(group);
    batch.entries.push_back({Term(1), LogIndex(index), raft::EntryKind::normal, data});
    const auto written = co_await wal->append_and_sync(std::move(batch));
    VECTRON_ASSERT(written.has_value());
    if (index % 64 == 0) wal->release(GroupId(group), LogIndex(index));
  }
  ++*done;
}

Task<void> open_wal(Env* env, std::unique_ptr<Wal>* out) {
  WalConfig config;
  config.node = NodeId(1);
  auto opened = co_await Wal::open(env, "bench/wal", config);
  VECTRON_ASSERT(opened.has_value());
  *out = std::move(opened->wal);
}

void bench_wal(EventLoop& loop, Env& env, uint64_t writers, uint64_t count) {
  std::unique_ptr<Wal> wal;
  TaskGroup tasks(env.scheduler());
  tasks.spawn(open_wal(&env, &wal));
  loop.run_until([&] { return wal != nullptr; });
  const uint64_t syncs = wal->syncs();
  const Instant start = machine_monotonic();
  size_t done = 0;
  for (uint64_t i = 1; i <= writers; ++i) tasks.spawn(append_for(wal.get(), i, count, &done));
  loop.run_until([&] { return done == writers; });
  const double time = seconds_since(start);
  const auto appends = static_cast<double>(writers * count);
  std::printf(
      "wal: %4lu writers, 1 KiB entries  %9.0f durable appends/s  %7.0f syncs/s  %6.1f "
      "appends/sync\n",
      static_cast<unsigned long>(writers), appends / time,
      static_cast<double>(wal->syncs() - syncs) / time,
      appends / static_cast<double>(wal->syncs() - syncs));
}

KvBatch batch_of(uint64_t first, uint64_t count) {
  KvBatch batch;
  for (uint64_t i = 0; i < count; ++i) {
    Bytes key;
    put_big_endian(key, mix64(first + i));
    batch.put(key, Bytes(kValueBytes, static_cast<uint8_t>(i)));
  }
  return batch;
}

Task<void> commit_batches(KvStore* store, uint64_t batches, uint64_t size, bool* done) {
  for (uint64_t i = 0; i < batches; ++i) {
    const auto committed = co_await store->commit(batch_of(i * size, size));
    VECTRON_ASSERT(committed.has_value(), "{}", committed.error().to_string());
  }
  *done = true;
}

Task<void> open_store(Env* env, std::string path, std::unique_ptr<KvStore>* out) {
  auto opened = co_await KvStore::open(env, std::move(path), KvConfig());
  VECTRON_ASSERT(opened.has_value());
  *out = *std::move(opened);
}

void bench_reads(KvStore& store, uint64_t keys) {
  const Instant start = machine_monotonic();
  uint64_t found = 0;
  for (uint64_t i = 0; i < keys; ++i) {
    Bytes key;
    put_big_endian(key, mix64(i * 7919 % keys));
    const auto value = store.get(key);
    found += value.has_value() && value->has_value() ? 1 : 0;
  }
  const double time = seconds_since(start);
  VECTRON_ASSERT(found == keys);
  std::printf("kv: get of 1 KiB, checked         %9.0f ns\n",
              time * 1e9 / static_cast<double>(keys));
}

void bench_absences(KvStore& store, uint64_t keys) {
  const Instant start = machine_monotonic();
  for (uint64_t i = 0; i < keys; ++i) {
    Bytes key;
    put_big_endian(key, mix64(i + keys));
    const auto value = store.get(key);
    VECTRON_ASSERT(value.has_value() && !value->has_value());
  }
  std::printf("kv: get of an absent key, proved  %9.0f ns\n",
              seconds_since(start) * 1e9 / static_cast<double>(keys));
}

Task<void> close_store(KvStore* store, bool* done) {
  co_await store->close();
  *done = true;
}

void bench_store(EventLoop& loop, Env& env, uint64_t batches, uint64_t size, bool reads) {
  std::unique_ptr<KvStore> store;
  TaskGroup tasks(env.scheduler());
  tasks.spawn(open_store(&env, fmt::format("bench/kv{}", size), &store));
  loop.run_until([&] { return store != nullptr; });
  const Instant start = machine_monotonic();
  bool done = false;
  tasks.spawn(commit_batches(store.get(), batches, size, &done));
  loop.run_until([&] { return done; });
  const double time = seconds_since(start);
  std::printf("kv: commits of %4lu x 1 KiB        %9.0f commits/s  %9.0f puts/s\n",
              static_cast<unsigned long>(size), static_cast<double>(batches) / time,
              static_cast<double>(batches * size) / time);
  if (reads) {
    bench_reads(*store, batches * size);
    bench_absences(*store, batches * size);
  }
  done = false;
  tasks.spawn(close_store(store.get(), &done));
  loop.run_until([&] { return done; });
  store.reset();
  const Instant reopened = machine_monotonic();
  tasks.spawn(open_store(&env, fmt::format("bench/kv{}", size), &store));
  loop.run_until([&] { return store != nullptr; });
  std::printf("kv: open of %6lu x 1 KiB          %9.1f ms\n",
              static_cast<unsigned long>(batches * size), seconds_since(reopened) * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string root = argc > 1 ? argv[1] : "bench-data";
  LogSink sink(LogLevel::warning);
  EventLoop loop;
  ProductionPools pools({});
  InProcessNetwork network(loop.scheduler(), nullptr);
  auto opened = ProductionEnv::open(loop, pools, network, sink, {"bench", root});
  if (!opened.has_value()) {
    std::fprintf(stderr, "%s\n", opened.error().to_string().c_str());
    return 1;
  }
  Env& env = **opened;
  for (const uint64_t writers : {1, 16, 256, 1024})
    bench_wal(loop, env, writers, 200'000 / (writers + 100));
  bench_store(loop, env, 2000, 1, false);
  bench_store(loop, env, 500, 256, true);
  opened->reset();
  std::filesystem::remove_all(std::filesystem::path(root) / "bench");
  return 0;
}
