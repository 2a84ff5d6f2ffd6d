// How fast the simulated world runs: events, messages, file syncs, and LMDB commits through the
// interposers, on one core.
//
//   ./dev build release bench_sim_world && build/release/bin/bench_sim_world
//
// Method: the processor time of this thread for a fixed simulated load on a calm network; one line
// each, best of three.
#include <fmt/format.h>
#include <lmdb.h>

#include <ctime>

#include "sim/world/world.h"

namespace vectron::sim {
namespace {

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Task<void> sleep_for_ever(Env* env, uint64_t* wakes) {
  for (;;) {
    co_await env->clock().sleep_for(1us);
    ++*wakes;
  }
}

double timers_per_second() {
  SimWorld world(1, {});
  uint64_t wakes = 0;
  SimNode& node = world.add_node("a");
  node.start();
  for (int i = 0; i < 100; ++i) node.tasks().spawn(sleep_for_ever(&node.env(), &wakes));
  const double begin = processor_seconds();
  world.run_for(50ms);
  return static_cast<double>(world.events_run()) / (processor_seconds() - begin);
}

Task<void> echo(std::unique_ptr<Connection> connection) {
  Bytes buffer(4096);
  for (;;) {
    const auto size = co_await connection->read_some(buffer);
    if (!size.has_value() || *size == 0) co_return;
    const ByteView back = ByteView(buffer).first(*size);
    const auto sent = co_await connection->write_some(back);
    if (!sent.has_value()) co_return;
  }
}

Task<void> serve(Env* env, TaskGroup* tasks) {
  auto listener = env->network().listen(Address{"server:1"});
  for (;;) {
    auto connection = co_await (*listener)->accept();
    tasks->spawn(echo(*std::move(connection)));
  }
}

Task<void> ask(Env* env, uint64_t* messages) {
  auto connection = co_await env->network().connect(Address{"server:1"});
  Bytes buffer(100);
  for (;;) {
    const auto sent = co_await (*connection)->write_some(buffer);
    if (!sent.has_value()) co_return;
    const auto got = co_await (*connection)->read_some(buffer);
    if (!got.has_value()) co_return;
    *messages += 2;
  }
}

double messages_per_second() {
  SimWorld world(1, {});
  uint64_t messages = 0;
  SimNode& server = world.add_node("server");
  SimNode& client = world.add_node("client");
  server.start();
  client.start();
  server.tasks().spawn(serve(&server.env(), &server.tasks()));
  world.run_for(1ms);
  for (int i = 0; i < 50; ++i) client.tasks().spawn(ask(&client.env(), &messages));
  const double begin = processor_seconds();
  world.run_for(4s);
  return static_cast<double>(messages) / (processor_seconds() - begin);
}

Task<void> append(Env* env, uint64_t* syncs) {
  auto file = co_await env->disk().open("log", OpenMode::create);
  const Bytes record(500, 7);
  for (uint64_t offset = 0;; offset += record.size()) {
    const auto written = co_await (*file)->write_at(offset, record);
    const auto synced = co_await (*file)->sync();
    if (!written.has_value() || !synced.has_value()) co_return;
    ++*syncs;
  }
}

double syncs_per_second() {
  SimWorld world(1, {});
  uint64_t syncs = 0;
  SimNode& node = world.add_node("a");
  node.start([&syncs](Env& env) { return append(&env, &syncs); });
  const double begin = processor_seconds();
  world.run_for(100s);
  return static_cast<double>(syncs) / (processor_seconds() - begin);
}

int commit(MDB_env* store, uint64_t number) {
  MDB_txn* txn = nullptr;
  MDB_dbi database = 0;
  int code = mdb_txn_begin(store, nullptr, 0, &txn);
  if (code != 0) return code;
  code = mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &database);
  uint64_t name = number % 1000;
  MDB_val key{sizeof(name), &name};
  MDB_val data{sizeof(number), &number};
  if (code == 0) code = mdb_put(txn, database, &key, &data, 0);
  return code == 0 ? mdb_txn_commit(txn) : code;
}

Task<void> commit_for_ever(Env* env, uint64_t* commits, double* seconds) {
  auto made = co_await env->disk().create_directory("kv");
  auto directory = env->disk().open_blocking_directory("kv");
  if (!made.has_value() || !directory.has_value()) co_return;
  MDB_env* store = nullptr;
  mdb_env_create(&store);
  mdb_env_set_mapsize(store, 16 << 20);
  VECTRON_ASSERT(mdb_env_open(store, (*directory)->path().c_str(), MDB_NOTLS, 0600) == 0);
  const double begin = processor_seconds();
  for (; *commits < 200'000; ++*commits) {
    std::function<void()> work = [store, commits] { VECTRON_ASSERT(commit(store, *commits) == 0); };
    const BlockingCost cost{4096, true};
    co_await (*directory)->run(cost, std::move(work));
  }
  *seconds = processor_seconds() - begin;
  mdb_env_close(store);
}

double commits_per_second() {
  SimWorld world(1, {});
  uint64_t commits = 0;
  double seconds = 0;
  SimNode& node = world.add_node("a");
  node.start([&](Env& env) { return commit_for_ever(&env, &commits, &seconds); });
  world.run_until([&] { return seconds > 0; }, kNever);
  return static_cast<double>(commits) / seconds;
}

void report(const char* what, double (*measure)()) {
  double best = 0;
  for (int i = 0; i < 3; ++i) best = std::max(best, measure());
  fmt::print("{:<28} {:>12.0f} / s\n", what, best);
}

}  // namespace
}  // namespace vectron::sim

int main() {
  using namespace vectron::sim;
  report("timer events", timers_per_second);
  report("echo messages (100 bytes)", messages_per_second);
  report("file appends with sync", syncs_per_second);
  report("LMDB commits", commits_per_second);
}
