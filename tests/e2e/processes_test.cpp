// A cluster of real processes: three placement nodes, three workers, two gateways, replication 3.
// Each is killed and asked to stop in turn under load, and what the clients saw is judged by the
// oracles of the simulation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "net/event_loop.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "services/daemon/demo_processes.h"
#include "sim/oracle/history_check.h"
#include "tests/e2e/history_load.h"
#include "tests/e2e/named_env.h"
#include "tests/net/run_task.h"

namespace vectron {
namespace {

using demo::ProcessCluster;
using Process = ProcessCluster::Process;

constexpr Duration kPatience = 60s;

class Processes : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "vectron-processes-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto env = ProductionEnv::open(loop_, pools_, network_, sink_, {"test", folder_ + "/client"});
    ASSERT_TRUE(env.has_value()) << env.error().to_string();
    env_ = *std::move(env);
    named_ = std::make_unique<NamedEnv>(env_.get(), &names_);
    plan_.shape.gateways = 2;
    plan_.shape.clients = 6;
    plan_.knobs.client_deadline_ms = 8'000;
    plan_.workload.collections.resize(1);
    plan_.workload.collections[0].shards = 2;
    plan_.workload.collections[0].replication = 3;
    start_cluster();
  }
  void TearDown() override {
    load_.reset();
    // What the processes said helps when something went wrong.
    if (HasFailure() && cluster_ != nullptr) print_logs();
    cluster_.reset();
    named_.reset();
    env_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start_cluster() {
    demo::ProcessClusterShape shape;
    shape.gateways = 2;
    shape.binary = demo::program_folder() + "/vectron";
    shape.folder = folder_;
    shape.config_lines = {"heartbeat_interval_ms = 300", "worker_silence_ms_max = 2000",
                          "cpu_threads = 1", "file_threads = 1", "key_value_threads = 1"};
    auto cluster = ProcessCluster::make(shape);
    ASSERT_TRUE(cluster.has_value()) << cluster.error().to_string();
    cluster_ = *std::move(cluster);
    const auto started = cluster_->start_all();
    ASSERT_TRUE(started.has_value()) << started.error().to_string();
    for (uint32_t i = 0; i < 2; ++i) name_gateway(i);
    load_ = std::make_unique<HistoryLoad>(named_.get(), &plan_);
    const auto created = run(create());
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
  }
  // A gateway that comes back at other ports keeps its name.
  void name_gateway(uint32_t number) {
    const demo::Server& server = *cluster_->process(ServiceId::gateway, number).server;
    names_.name(fmt::format("gateway-{}:7000", number), server.rpc());
    names_.name(fmt::format("gateway-{}:8080", number), server.http());
  }
  void print_logs() {
    for (const Process& process : cluster_->processes()) {
      std::ifstream stream(process.options.log);
      const std::string text((std::istreambuf_iterator<char>(stream)), {});
      if (!text.empty()) fmt::print(stderr, "---- {}\n{}", process.name, text);
    }
  }

  template <typename T>
  T run(Task<T> task) {
    return run_task(loop_, std::move(task));
  }

  Task<bool> pause() {
    co_await env_->clock().sleep_for(5ms);
    co_return true;
  }
  Task<Result<void>> create() {
    const Instant until = env_->clock().monotonic() + kPatience;
    while (true) {
      const auto created = co_await load_->client().create(0);
      if (created.has_value() || created.error().code() == Code::already_exists) break;
      if (env_->clock().monotonic() > until) co_return fail(created.error());
    }
    auto ready = co_await wait_for_workers(3);
    co_return ready;
  }
  /// Waits until so many workers are ready and the others are down, as the cluster says.
  Task<Result<void>> wait_for_workers(size_t ready_count) {
    Client client(*named_, {.gateways = {Address{"gateway-0:7000"}, Address{"gateway-1:7000"}}});
    const Instant until = env_->clock().monotonic() + kPatience;
    std::string last = "no answer";
    while (env_->clock().monotonic() < until) {
      auto listed = co_await client.list_workers();
      if (listed.has_value()) {
        size_t ready = 0;
        size_t down = 0;
        for (const api::WorkerStatus& worker : listed->workers) {
          ready += worker.state == api::WorkerState::ready ? 1 : 0;
          down += worker.state == api::WorkerState::down ? 1 : 0;
        }
        if (ready == ready_count && ready + down == 3) co_return Result<void>();
        last = fmt::format("{} ready, {} down", ready, down);
      }
      co_await env_->clock().sleep_for(20ms);
    }
    co_return fail(Code::deadline_exceeded, last);
  }
  /// Waits until `count` more operations of the load have ended well: the cluster serves.
  Task<Result<void>> serve(uint64_t count) {
    const uint64_t target = load_->done() + count;
    const Instant until = env_->clock().monotonic() + kPatience;
    while (load_->done() < target) {
      if (env_->clock().monotonic() > until) {
        co_return fail(Code::unavailable, "the cluster does not serve");
      }
      co_await env_->clock().sleep_for(10ms);
    }
    co_return Result<void>();
  }
  Task<Result<void>> end_and_start_again(Process* process, int signal) {
    const auto ended = co_await ProcessCluster::end(env_.get(), process, signal);
    VECTRON_CO_CHECK_OK(ended);
    const int expected = signal == SIGKILL ? 128 + SIGKILL : 0;
    if (*ended != expected) {
      co_return fail(Code::internal, fmt::format("{} ended with {}", process->name, *ended));
    }
    const auto served = co_await serve(150);  // Without it: a quorum is left, and a gateway.
    VECTRON_CO_CHECK_OK(served);
    const auto launched = ProcessCluster::launch(process);
    VECTRON_CO_CHECK_OK(launched);
    const auto ready = co_await ProcessCluster::wait_until_ready(env_.get(), process);
    VECTRON_CO_CHECK_OK(ready);
    if (process->service == ServiceId::gateway) name_gateway(process->number);
    auto again = co_await wait_for_workers(3);
    VECTRON_CO_CHECK_OK(again);
    auto serving = co_await serve(50);
    co_return serving;
  }
  Task<Result<void>> end_each(int signal) {
    for (Process& process : cluster_->processes()) {
      const auto done = co_await end_and_start_again(&process, signal);
      if (!done.has_value()) co_return fail(done.error().with_context(process.name));
    }
    co_return Result<void>();
  }

  void check_history() {
    ASSERT_TRUE(run(load_->finish())) << "not every point could be read at the end";
    sim::ViolationLog violations;
    sim::check_history(load_->history(), &violations);
    for (const sim::Violation& violation : violations.kept()) {
      ADD_FAILURE() << violation.oracle << ": " << violation.text;
    }
    const sim::History& history = load_->history();
    const uint64_t unknown = history.count(sim::Outcome::unknown);
    fmt::print("{} operations, {} done, {} refused, {} of unknown outcome\n", history.size(),
               history.count(sim::Outcome::ok), history.count(sim::Outcome::failed), unknown);
    for (const auto kind : {sim::OperationKind::upsert, sim::OperationKind::get,
                            sim::OperationKind::remove, sim::OperationKind::search}) {
      EXPECT_GT(history.count(kind, sim::Outcome::ok), 0U);
    }
    EXPECT_LT(unknown, history.size() / 10);
  }

  std::string folder_;
  LogSink sink_{LogLevel::error};
  ProductionPools pools_{ProductionPools::Config{1, 1, 1}};
  EventLoop loop_;
  TcpNetwork network_{loop_, pools_.files};
  NamedNetwork names_{&network_};
  std::unique_ptr<ProductionEnv> env_;
  std::unique_ptr<NamedEnv> named_;
  sim::Plan plan_;
  std::unique_ptr<ProcessCluster> cluster_;
  std::unique_ptr<HistoryLoad> load_;
};

TEST_F(Processes, KeepEveryPromiseWhenEachIsKilledInTurn) {
  load_->start();
  const auto done = run(end_each(SIGKILL));
  EXPECT_TRUE(done.has_value()) << done.error().to_string();
  check_history();
}

TEST_F(Processes, KeepEveryPromiseWhenEachIsAskedToStopInTurn) {
  load_->start();
  const auto done = run(end_each(SIGTERM));
  EXPECT_TRUE(done.has_value()) << done.error().to_string();
  check_history();
}

TEST_F(Processes, ShowADeadWorkerAndServeItsShardsWithoutIt) {
  load_->start();
  Process& worker = cluster_->process(ServiceId::worker, 1);
  ASSERT_TRUE(run(ProcessCluster::end(env_.get(), &worker, SIGKILL)).has_value());
  const auto seen = run(wait_for_workers(2));
  EXPECT_TRUE(seen.has_value()) << seen.error().to_string();
  const auto served = run(serve(300));
  EXPECT_TRUE(served.has_value()) << served.error().to_string();
  ASSERT_TRUE(ProcessCluster::launch(&worker).has_value());
  ASSERT_TRUE(run(ProcessCluster::wait_until_ready(env_.get(), &worker)).has_value());
  EXPECT_TRUE(run(wait_for_workers(3)).has_value());
  check_history();
}

TEST_F(Processes, LeaveTheClusterServingAfterAPowerCutOfAll) {
  load_->start();
  ASSERT_TRUE(run(serve(200)).has_value());
  for (Process& process : cluster_->processes()) {
    ASSERT_TRUE(run(ProcessCluster::end(env_.get(), &process, SIGKILL)).has_value());
  }
  for (Process& process : cluster_->processes()) {
    ASSERT_TRUE(ProcessCluster::launch(&process).has_value());
  }
  for (Process& process : cluster_->processes()) {
    const auto ready = run(ProcessCluster::wait_until_ready(env_.get(), &process));
    ASSERT_TRUE(ready.has_value()) << ready.error().to_string();
  }
  for (uint32_t i = 0; i < 2; ++i) name_gateway(i);
  const auto served = run(serve(300));
  EXPECT_TRUE(served.has_value()) << served.error().to_string();
  check_history();
}

TEST_F(Processes, RefuseAPlacementNodeThatLostItsDiskThoughBootstrapIsOn) {
  Process& node = cluster_->process(ServiceId::placement, 0);
  ASSERT_TRUE(run(ProcessCluster::end(env_.get(), &node, SIGKILL)).has_value());
  std::filesystem::remove_all(node.options.data);
  ASSERT_TRUE(ProcessCluster::launch(&node).has_value());
  const auto ready = run(ProcessCluster::wait_until_ready(env_.get(), &node));
  ASSERT_FALSE(ready.has_value());
  EXPECT_THAT(ready.error().message(), testing::HasSubstr("data_loss"));
  node.server.reset();
  EXPECT_TRUE(run(wait_for_workers(3)).has_value());
}

TEST_F(Processes, EndAWorkerWithTheReasonWhenItsFolderWasLost) {
  Process& worker = cluster_->process(ServiceId::worker, 1);
  ASSERT_TRUE(run(ProcessCluster::end(env_.get(), &worker, SIGKILL)).has_value());
  std::filesystem::remove_all(worker.options.data);
  ASSERT_TRUE(ProcessCluster::launch(&worker).has_value());
  const auto ready = run(ProcessCluster::wait_until_ready(env_.get(), &worker));
  ASSERT_FALSE(ready.has_value());
  EXPECT_THAT(ready.error().message(), testing::HasSubstr("give it a new node id"));
}

TEST_F(Processes, EndWithTheReasonWhenTheNumberOfTheClusterIsWrong) {
  for (const char* role : {"worker", "gateway"}) {
    const auto outcome =
        demo::run_command(demo::program_folder() + "/vectron",
                          {"serve", role, "--config", folder_ + "/cluster.conf", "--cluster", "82",
                           "--node", "170", "--data", folder_ + "/stranger-" + role, "--rpc",
                           cluster_->process(ServiceId::worker, 0).options.rpc});
    EXPECT_EQ(outcome->status, 1) << outcome->text;
    EXPECT_THAT(outcome->text, testing::HasSubstr("check the options cluster and placement"));
  }
}

TEST_F(Processes, StopWhileTheyWaitForOthers) {
  cluster_->kill_all();
  const std::vector<std::pair<ServiceId, std::string>> waiting = {
      {ServiceId::worker, "this worker is not ready"},
      {ServiceId::gateway, "not ready, the placement driver must be found"}};
  for (const auto& [service, line] : waiting) {
    Process& process = cluster_->process(service, 0);
    std::filesystem::remove(process.options.log);
    ASSERT_TRUE(ProcessCluster::launch(&process).has_value());
    const auto said = [&process] {
      std::ifstream stream(process.options.log);
      return std::string((std::istreambuf_iterator<char>(stream)), {});
    };
    while (!said().contains(line)) run(pause());
    // As the page about operations shows it, and decision 0071: by the name, not by the system's.
    EXPECT_THAT(said(), testing::HasSubstr("nobody listens there"));
    const auto ended = run(ProcessCluster::end(env_.get(), &process, SIGTERM));
    ASSERT_TRUE(ended.has_value()) << ended.error().to_string();
    EXPECT_EQ(*ended, 0) << process.name;
  }
}

TEST_F(Processes, SayWhatIsWrongWithWhatTheyAreTold) {
  // Options of the command line win over the file; a process without what it needs says so.
  const std::string binary = demo::program_folder() + "/vectron";
  const auto without = demo::run_command(binary, {"serve", "worker", "--data", folder_ + "/x"});
  EXPECT_EQ(without->status, 2);
  EXPECT_THAT(without->text, testing::HasSubstr("--cluster"));
  std::ofstream(folder_ + "/bad.conf") << "node = 1\nheartbeat_intervall_ms = 5\n";
  const auto unknown =
      demo::run_command(binary, {"serve", "worker", "--config", folder_ + "/bad.conf"});
  EXPECT_EQ(unknown->status, 2);
  EXPECT_THAT(unknown->text, testing::AllOf(testing::HasSubstr("bad.conf:2"),
                                            testing::HasSubstr("heartbeat_interval_ms")));
  const auto listed = demo::run_command(binary, {"config", "worker", "--node", "7"});
  EXPECT_EQ(listed->status, 0);
  EXPECT_THAT(listed->text, testing::HasSubstr("node = 7\n    from --node"));
}

}  // namespace
}  // namespace vectron
