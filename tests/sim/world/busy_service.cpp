#include "tests/sim/world/busy_service.h"

#include <fmt/format.h>

#include "core/async/combine.h"
#include "core/kv/kv_store.h"
#include "tests/support/read_exactly.h"

namespace vectron::sim {
namespace {

constexpr size_t kRecordBytes = 100;

Bytes record(uint64_t number) {
  Bytes bytes(kRecordBytes);
  for (size_t i = 0; i + 8 <= kRecordBytes; i += 8) std::memcpy(&bytes[i], &number, 8);
  return bytes;
}

class BusyService {
 public:
  BusyService(Env* env, BusyConfig config, BusyLedger* ledger)
      : env_(*env), config_(std::move(config)), ledger_(*ledger), tasks_(env->scheduler()) {}

  Task<void> run() {
    const Result<void> opened = co_await open();
    if (!opened.has_value()) {
      ledger_.violations.push_back(opened.error().to_string());
      co_return;
    }
    ledger_.opened = true;
    tasks_.spawn(append_for_ever());
    tasks_.spawn(commit_for_ever());
    tasks_.spawn(compute_for_ever());
    tasks_.spawn(serve());
    for (const std::string& peer : config_.peers) tasks_.spawn(talk_to(peer));
    Event never(env_.scheduler());
    co_await never.wait();
  }

 private:
  Task<Result<void>> open() {
    Result<void> done = co_await env_.disk().create_directory("data");
    VECTRON_CO_CHECK_OK(done);
    done = co_await env_.disk().sync_directory("");
    VECTRON_CO_CHECK_OK(done);
    auto log = co_await env_.disk().open("data/log", OpenMode::create);
    VECTRON_CO_TRY(log_, log);
    done = co_await env_.disk().sync_directory("data");
    VECTRON_CO_CHECK_OK(done);
    done = co_await check_log();
    VECTRON_CO_CHECK_OK(done);
    KvConfig config;
    config.map_bytes_max = 4 << 20;
    config.readers_max = 8;
    auto store = co_await KvStore::open(&env_, "data/kv", config);
    VECTRON_CO_TRY(store_, store);
    const auto counter = store_->get(as_bytes("counter"));
    VECTRON_CO_CHECK_OK(counter);
    if (*counter) std::memcpy(&committed_, counter->value().data(), 8);
    if (committed_ < ledger_.kv_committed) {
      ledger_.violations.push_back(
          fmt::format("committed {}, found {}", ledger_.kv_committed, committed_));
    }
    co_return Result<void>();
  }

  /// Cuts the torn tail off; every synced record must be there.
  Task<Result<void>> check_log() {
    const Result<uint64_t> size = log_->size();
    VECTRON_CO_CHECK_OK(size);
    Bytes all(*size + 1);
    const Result<size_t> read = co_await log_->read_at(0, all);
    VECTRON_CO_CHECK_OK(read);
    while ((appended_ + 1) * kRecordBytes <= *read) {
      const ByteView bytes = ByteView(all).subspan(appended_ * kRecordBytes, kRecordBytes);
      if (to_bytes(bytes) != record(appended_)) break;
      ++appended_;
    }
    if (appended_ < ledger_.log_synced) {
      ledger_.violations.push_back(
          fmt::format("synced {}, found {}", ledger_.log_synced, appended_));
    }
    Result<void> done = co_await log_->truncate(appended_ * kRecordBytes);
    VECTRON_CO_CHECK_OK(done);
    done = co_await log_->sync();
    co_return done;
  }

  Task<void> append_for_ever() {
    RandomStream random = env_.random("append");
    for (;;) {
      for (uint64_t burst = 1 + random.below(30); burst > 0; --burst) {
        const Bytes bytes = record(appended_);
        const auto written = co_await log_->write_at(appended_ * kRecordBytes, bytes);
        if (!written.has_value()) co_return;
        ++appended_;
      }
      co_await env_.clock().sleep_for(Duration(random.below(3'000'000)));
      const uint64_t promised = appended_;
      const auto synced = co_await log_->sync();
      if (!synced.has_value()) co_return;
      ledger_.log_synced = promised;
    }
  }

  Task<void> commit_for_ever() {
    for (;;) {
      KvBatch batch;
      const uint64_t next = committed_ + 1;
      Bytes counter(8);
      std::memcpy(counter.data(), &next, 8);
      batch.put(as_bytes("counter"), counter);
      batch.put(as_bytes(fmt::format("key-{}", next % 50)), Bytes(300, static_cast<uint8_t>(next)));
      const auto done = co_await store_->commit(std::move(batch));
      if (!done.has_value()) co_return;
      committed_ = next;
      ledger_.kv_committed = next;
    }
  }

  Task<void> compute_for_ever() {
    uint64_t sum = 0;
    for (;;) {
      const uint64_t start = sum;
      std::function<uint64_t()> work = [start] { return start * 3 + 1; };
      sum = co_await run_on(&env_.cpu(), CpuCost{50'000}, std::move(work));
      co_await env_.clock().sleep_for(200us);
    }
  }

  Task<void> serve() {
    auto listener = env_.network().listen(Address{"localhost:7"});
    if (!listener.has_value()) co_return;
    for (;;) {
      auto connection = co_await (*listener)->accept();
      if (!connection.has_value()) co_return;
      tasks_.spawn(answer(*std::move(connection)));
    }
  }

  Task<void> answer(std::unique_ptr<Connection> connection) {
    Bytes buffer(500);
    for (;;) {
      const auto size = co_await connection->read_some(buffer);
      if (!size.has_value() || *size == 0) co_return;
      const ByteView back = ByteView(buffer).first(*size);
      const auto sent = co_await write_all(connection.get(), back);
      if (!sent.has_value()) co_return;
    }
  }

  Task<Result<void>> exchange(Connection* connection, Bytes message) {
    const auto sent = co_await write_all(connection, message);
    VECTRON_CO_CHECK_OK(sent);
    Bytes back(message.size());
    const auto read = co_await read_exactly(connection, back);
    VECTRON_CO_CHECK_OK(read);
    if (back != message) ledger_.violations.push_back("bytes changed on their way");
    co_return Result<void>();
  }

  Task<void> talk_to(std::string peer) {
    RandomStream random = env_.random("talk-" + peer);
    std::unique_ptr<Connection> connection;
    for (;;) {
      co_await env_.clock().sleep_for(Duration(1 + random.below(4'000'000)));
      const Instant deadline = env_.scheduler().now() + 500ms;
      if (connection == nullptr) {
        const Address address{peer + ":7"};
        auto made =
            co_await with_deadline(&env_.scheduler(), deadline, env_.network().connect(address));
        if (made.has_value() && made->has_value()) connection = **std::move(made);
        continue;
      }
      Bytes message(1 + random.below(2'000), static_cast<uint8_t>(random.next()));
      const auto done = co_await with_deadline(&env_.scheduler(), deadline,
                                               exchange(connection.get(), std::move(message)));
      if (done.has_value() && done->has_value()) {
        ++ledger_.answers;
      } else {
        connection.reset();
      }
    }
  }

  Env& env_;
  const BusyConfig config_;
  BusyLedger& ledger_;
  std::unique_ptr<File> log_;
  uint64_t appended_ = 0;
  std::unique_ptr<KvStore> store_;
  uint64_t committed_ = 0;
  TaskGroup tasks_;
};

}  // namespace

Task<void> run_busy(Env* env, BusyConfig config, BusyLedger* ledger) {
  BusyService service(env, std::move(config), ledger);
  co_await service.run();
}

BusyCluster::BusyCluster(uint64_t seed, WorldConfig config, size_t count)
    : world(seed, std::move(config)) {
  for (size_t i = 0; i < count; ++i) {
    NodeOptions options;
    options.zone = fmt::format("zone-{}", i % 3);
    options.drift_ppb = static_cast<int64_t>(i) * 10'000;
    world.add_node(fmt::format("n{}", i), options);
    ledgers.push_back(std::make_unique<BusyLedger>());
  }
  for (const auto& node : world.nodes()) start(node.get());
}

void BusyCluster::start(SimNode* node) {
  BusyConfig config;
  for (const auto& other : world.nodes()) config.peers.push_back(other->name());
  BusyLedger* ledger = ledgers[node->index()].get();
  node->start([config, ledger](Env& env) { return run_busy(&env, config, ledger); });
}

WorldConfig rough_config() {
  WorldConfig config;
  config.network.latency_max = 5ms;
  config.network.delay_tail_ppm = 5'000;
  config.network.delay_tail_max = 500ms;
  config.network.reset_ppm = 500;
  config.network.half_open_ppm = 200'000;
  config.network.short_io_ppm = 50'000;
  config.network.stall_ppm = 500;
  config.network.stall_max = 2s;
  config.network.refuse_ppm = 20'000;
  config.network.hang_ppm = 20'000;
  config.buggify_point_ppm = 250'000;
  return config;
}

}  // namespace vectron::sim
