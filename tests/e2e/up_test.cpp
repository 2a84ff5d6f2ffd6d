// The real program on real sockets and files: what `vectron up` promises to whoever runs it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>

#include "core/async/task_group.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "services/client/client.h"
#include "services/daemon/demo_server.h"
#include "tests/net/run_task.h"

namespace vectron {
namespace {

using demo::Server;
using demo::ServerOptions;
using testing::HasSubstr;

constexpr uint32_t kDimension = 4;
#if __has_feature(address_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// A folder, a server in it, and a client of the server.
class UpTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "vectron-e2e-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.binary = demo::program_folder() + "/vectron";
    options_.data = folder_ + "/data";
    options_.log = folder_ + "/server.log";
    auto env = ProductionEnv::open(loop_, pools_, network_, sink_, {"test", folder_ + "/client"});
    ASSERT_TRUE(env.has_value()) << env.error().to_string();
    env_ = *std::move(env);
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    env_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(std::vector<std::string> arguments = {}) {
    client_.reset();
    server_.reset();
    options_.arguments = std::move(arguments);
    if (std::ranges::find(options_.arguments, "--http") == options_.arguments.end()) {
      options_.arguments.insert(options_.arguments.end(), {"--http", "127.0.0.1:0"});
    }
    auto server = Server::start(options_);
    ASSERT_TRUE(server.has_value()) << server.error().to_string();
    server_.emplace(*std::move(server));
    ClientConfig config;
    config.gateways = {server_->rpc()};
    client_ = std::make_unique<Client>(*env_, config);
  }
  template <typename T>
  T run(Task<T> task) {
    return run_task(loop_, std::move(task));
  }

  void create(uint32_t shards, uint32_t replication, api::Distance distance) {
    api::CreateCollectionRequest request;
    request.name = "c";
    request.dimension = kDimension;
    request.distance = distance;
    request.shards = shards;
    request.replication = replication;
    const auto created = run(client_->create_collection(request));
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
    EXPECT_TRUE(created->ready);
  }
  static api::Point point(uint64_t number) {
    api::Point out;
    out.id.is_text = number % 2 == 1;
    if (out.id.is_text) {
      out.id.text = "point " + std::to_string(number);
    } else {
      out.id.number = number;
    }
    const auto value = static_cast<float>(number);
    out.vector = {value, value / 3, -value, 1e-7F};
    return out;
  }
  void upsert(uint64_t first, uint64_t last) {
    api::UpsertRequest request;
    request.collection = "c";
    for (uint64_t number = first; number < last; ++number) request.points.push_back(point(number));
    const auto stored = run(client_->upsert(std::move(request)));
    ASSERT_TRUE(stored.has_value()) << stored.error().to_string();
    for (const api::PointResult& result : stored->results) ASSERT_EQ(result.code, 0);
  }
  /// Waits until the server is gone after a signal; its exit status.
  int end_by(int signal) {
    server_->send(signal);
    return run(wait_until_gone());
  }
  Task<int> wait_until_gone() {
    while (true) {
      const std::optional<int> status = server_->poll_gone();
      if (status.has_value()) co_return *status;
      co_await env_->clock().sleep_for(5ms);
    }
  }
  /// False when the server has ended without it, or says that it is ready.
  Task<bool> wait_until_logged(std::string line) {
    while (!log().contains(line)) {
      const auto ready = server_->poll_ready(options_);
      if (!ready.has_value() || *ready) co_return false;
      co_await env_->clock().sleep_for(5ms);
    }
    co_return true;
  }
  std::string log() const {
    std::ifstream stream(options_.log);
    return std::string((std::istreambuf_iterator<char>(stream)), {});
  }
  /// The word of the log that follows `text`.
  std::string logged_after(std::string_view text) const {
    const std::string all = log();
    const size_t begin = all.find(text) + text.size();
    return all.substr(begin, all.find_first_of(" \n", begin) - begin);
  }
  Result<api::GetReply> get(uint64_t number) {
    api::GetRequest request;
    request.collection = "c";
    request.id = point(number).id;
    return run(client_->get(std::move(request)));
  }
  Result<api::SearchReply> search(uint64_t number, uint32_t k) {
    api::SearchRequest request;
    request.collection = "c";
    request.vector = point(number).vector;
    request.top_k = k;
    return run(client_->search(std::move(request)));
  }

  std::string folder_;
  ServerOptions options_;
  LogSink sink_{LogLevel::error};
  ProductionPools pools_{ProductionPools::Config{1, 1, 1}};
  EventLoop loop_;
  TcpNetwork network_{loop_, pools_.files};
  std::unique_ptr<ProductionEnv> env_;
  std::optional<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(UpTest, GivesBackAfterASigkillWhatItAcknowledged) {
  constexpr uint64_t kPoints = 500;
  start();
  create(1, 0, api::Distance::euclidean);
  for (uint64_t first = 0; first < kPoints; first += 50) upsert(first, first + 50);
  api::DeleteRequest removal;
  removal.collection = "c";
  removal.id = point(7).id;
  ASSERT_TRUE(run(client_->remove(removal))->existed);
  server_->kill();

  start();
  for (uint64_t number = 0; number < kPoints; ++number) {
    const auto read = get(number);
    if (number == 7) {
      EXPECT_EQ(status_of(read).code(), Code::not_found);
      continue;
    }
    ASSERT_TRUE(read.has_value()) << number << ": " << read.error().to_string();
    ASSERT_EQ(read->point, point(number));
  }
  const auto found = search(100, 3);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->hits.size(), 3U);
  EXPECT_EQ(found->hits[0].id, point(100).id);
  EXPECT_EQ(found->hits[0].score, 0.0F);
  upsert(kPoints, kPoints + 1);  // It takes writes as before.
  EXPECT_TRUE(get(kPoints).has_value());
}

TEST_F(UpTest, MergesShardsOfReplicatedCollections) {
  start({"--workers", "3"});
  create(4, 3, api::Distance::cosine);
  upsert(1, 200);
  const auto status = run(client_->collection_status("c"));
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
  ASSERT_EQ(status->collection.shards.size(), 4U);
  for (const api::ShardStatus& shard : status->collection.shards) {
    EXPECT_EQ(shard.replicas.size(), 3U);
  }
  const auto found = search(50, 199);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(found->hits.size(), 199U);
  EXPECT_EQ(found->shards.size(), 4U);
  for (size_t i = 1; i < found->hits.size(); ++i) {
    EXPECT_GE(found->hits[i - 1].score, found->hits[i].score);
  }
}

TEST_F(UpTest, EndsWithZeroOnSigtermAndKeepsItsData) {
  start();
  create(1, 0, api::Distance::dot);
  upsert(1, 20);
  EXPECT_EQ(server_->stop(), 0);
  start();
  EXPECT_EQ(get(5)->point, point(5));
  EXPECT_EQ(server_->stop(), 0);
}

TEST_F(UpTest, DrainsWhenItsTerminalGoes) {
  start();
  create(1, 0, api::Distance::dot);
  upsert(1, 20);
  EXPECT_EQ(end_by(SIGHUP), 0);
  start();
  EXPECT_EQ(get(5)->point, point(5));
}

TEST_F(UpTest, TellsTheRightCountsAsSoonAsItIsReadyAgain) {
  start();
  create(2, 0, api::Distance::dot);
  upsert(1, 300);
  server_->kill();
  start();
  const auto status = run(client_->collection_status("c"));
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
  EXPECT_TRUE(status->collection.ready);
  EXPECT_EQ(status->collection.points, 299u);
}

TEST_F(UpTest, IsReadyWithWhatIsThereWhenACopyIsDamaged) {
  start();
  create(1, 1, api::Distance::dot);
  upsert(1, 20);
  api::CreateCollectionRequest whole;
  whole.name = "whole";
  whole.dimension = kDimension;
  ASSERT_TRUE(run(client_->create_collection(whole)).has_value());
  EXPECT_EQ(server_->stop(), 0);
  const std::string replica = options_.data + "/worker-1/replicas/1";
  size_t damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(replica)) {
    if (entry.path().filename() != "data.mdb") continue;
    std::ofstream(entry.path(), std::ios::binary) << std::string(entry.file_size(), '\0');
    ++damaged;
  }
  ASSERT_EQ(damaged, 1u);

  start({"--http", "127.0.0.1:0"});
  EXPECT_THAT(log(), HasSubstr("is ready without collection 'c': replica 1 of shard 1"));
  const auto probe =
      demo::run_command("/usr/bin/curl", {"-sf", "http://" + server_->http().text + "/readyz"});
  EXPECT_EQ(probe->status, 0) << probe->text;
  const auto listed = run(client_->list_collections());
  ASSERT_TRUE(listed.has_value()) << listed.error().to_string();
  ASSERT_EQ(listed->collections.size(), 2u);
  EXPECT_FALSE(listed->collections[0].ready);
  EXPECT_TRUE(listed->collections[0].shards.at(0).replicas.at(0).lost);
  EXPECT_TRUE(listed->collections[1].ready);
  EXPECT_EQ(end_by(SIGTERM), 0);
}

TEST_F(UpTest, IsReadyWithTheCopiesThatItHasDescriptorsFor) {
  constexpr size_t kCollections = 9;
  start();
  for (size_t i = 0; i < kCollections; ++i) {
    api::CreateCollectionRequest request;
    request.name = fmt::format("c{}", i);
    request.dimension = kDimension;
    request.shards = 1;
    const auto created = run(client_->create_collection(request));
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
  }
  EXPECT_EQ(server_->stop(), 0);
  // Of 110 descriptors, 55 are for files, 40 of these for other ones than stores.
  const std::string limited = folder_ + "/limited";
  std::ofstream(limited) << "#!/bin/sh\nulimit -n 110\nexec " << options_.binary << " \"$@\"\n";
  std::filesystem::permissions(limited, std::filesystem::perms::owner_all);
  options_.binary = limited;
  start();
  EXPECT_THAT(log(), HasSubstr("starts with 5 of 9 copies"));
  EXPECT_THAT(log(), HasSubstr("is ready without collection 'c5'"));
  EXPECT_THAT(log(), HasSubstr("raise the limit of descriptors (ulimit -n)"));
  const auto listed = run(client_->list_collections());
  ASSERT_TRUE(listed.has_value()) << listed.error().to_string();
  ASSERT_EQ(listed->collections.size(), kCollections);
  for (size_t i = 0; i < kCollections; ++i) {
    EXPECT_EQ(listed->collections[i].ready, i < 5) << listed->collections[i].name;
  }
  EXPECT_EQ(end_by(SIGTERM), 0);
}

TEST_F(UpTest, NamesTheWholePathOfWhatIsMissingOrDamaged) {
  start();
  create(1, 1, api::Distance::dot);
  upsert(1, 20);
  EXPECT_EQ(server_->stop(), 0);
  const std::string worker = options_.data + "/worker-1";
  const std::string store = worker + "/replicas/1/generation-1";
  const std::string aside = folder_ + "/aside";
  // A copy that lost something leaves a server without it, a node that did leaves none.
  const auto log_of_start = [this] {
    std::filesystem::remove(options_.log);
    auto server = Server::start(options_);
    if (server.has_value()) EXPECT_EQ(server->stop(), 0);
    return log();
  };
  for (const std::string& path : {store, store + "/FORMAT", worker + "/replicas/1/replica.manifest",
                                  worker + "/node.manifest"}) {
    std::filesystem::rename(path, aside);
    EXPECT_THAT(log_of_start(),
                testing::ContainsRegex(path + "( of this data folder)? is missing"));
    std::filesystem::rename(aside, path);
  }
  for (const std::string& path : {store + "/FORMAT", worker + "/replicas/1/replica.manifest",
                                  worker + "/node.manifest", options_.data + "/cluster"}) {
    std::filesystem::copy(path, aside);
    std::ofstream(path, std::ios::binary) << std::string(300, 'x');
    EXPECT_THAT(log_of_start(), HasSubstr(path));
    std::filesystem::rename(aside, path);
  }
}

TEST_F(UpTest, GoesOnWithoutAWorkerThatIsRefused) {
  start({"--workers", "2"});
  create(2, 1, api::Distance::dot);
  upsert(1, 20);
  EXPECT_EQ(server_->stop(), 0);
  std::filesystem::remove_all(options_.data + "/worker-1");
  start({"--workers", "2"});
  EXPECT_THAT(log(), HasSubstr("goes on without worker-1"));
  EXPECT_THAT(log(), HasSubstr("comes with another folder"));
  EXPECT_THAT(log(), HasSubstr("is ready without collection 'c'"));
  EXPECT_EQ(end_by(SIGTERM), 0);
}

// All its nodes run, and the copies of its collection take their time to elect a leader: one after
// the placement driver, which is alone, has had its own.
TEST_F(UpTest, StopsWhileItWaitsForACollection) {
  start({"--workers", "3"});
  create(1, 3, api::Distance::dot);
  EXPECT_EQ(server_->stop(), 0);
  std::filesystem::remove(options_.log);
  options_.arguments.insert(options_.arguments.end(),
                            {"--election-ticks", "200", "--log-level", "info"});
  auto server = Server::launch(options_);
  ASSERT_TRUE(server.has_value()) << server.error().to_string();
  server_.emplace(*std::move(server));
  ASSERT_TRUE(run(wait_until_logged("waits for collection 'c'"))) << log();
  // Alive, and not ready: the ready line was not written either.
  const std::string http = logged_after("listens for HTTP on ");
  const auto status_at = [&](const std::string& path) {
    return demo::run_command("/usr/bin/curl", {"-s", "-o", "/dev/null", "-w", "%{http_code}",
                                               fmt::format("http://{}{}", http, path)})
        ->text;
  };
  EXPECT_EQ(status_at("/livez"), "200") << http;
  EXPECT_EQ(status_at("/readyz"), "503");
  EXPECT_EQ(end_by(SIGTERM), 0);
}

TEST_F(UpTest, EndsWithTheReasonWhenItsOnlyWorkerIsRefused) {
  start();
  create(1, 1, api::Distance::dot);
  EXPECT_EQ(server_->stop(), 0);
  std::filesystem::remove_all(options_.data + "/worker-1");
  const auto refused =
      demo::run_command(options_.binary, {"up", "--data", options_.data, "--rpc", "127.0.0.1:0"});
  EXPECT_EQ(refused->status, 1);
  EXPECT_THAT(refused->text, HasSubstr("worker-1"));
  EXPECT_THAT(refused->text, HasSubstr("comes with another folder"));
}

TEST_F(UpTest, RefusesASecondProcessOnTheSameFolder) {
  start();
  const auto second =
      demo::run_command(options_.binary, {"up", "--data", options_.data, "--rpc", "127.0.0.1:0"});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->status, 1);
  EXPECT_THAT(second->text, HasSubstr("in use by another process"));
  EXPECT_TRUE(run(client_->list_collections()).has_value());
}

TEST_F(UpTest, RefusesToStartWithFewerWorkersThanTheFolderHas) {
  start({"--workers", "2"});
  EXPECT_EQ(server_->stop(), 0);
  const auto fewer =
      demo::run_command(options_.binary, {"up", "--data", options_.data, "--rpc", "127.0.0.1:0"});
  EXPECT_EQ(fewer->status, 1);
  EXPECT_THAT(fewer->text, HasSubstr("--workers 2"));
}

TEST_F(UpTest, SaysWhyItCannotListen) {
  start();
  const auto second = demo::run_command(
      options_.binary, {"up", "--data", folder_ + "/other", "--rpc", server_->rpc().text});
  EXPECT_EQ(second->status, 1);
  EXPECT_THAT(second->text, HasSubstr("unavailable"));
  EXPECT_THAT(second->text, HasSubstr("choose another with --rpc"));
  const auto third = demo::run_command(
      options_.binary,
      {"up", "--data", folder_ + "/third", "--rpc", "127.0.0.1:0", "--http", server_->http().text});
  EXPECT_EQ(third->status, 1);
  EXPECT_THAT(third->text, HasSubstr("choose another with --http, or --http none"));
}

TEST_F(UpTest, SaysThatThereAreTooFewWorkersForSoManyCopies) {
  start({"--create-wait-ms-max", "100"});
  api::CreateCollectionRequest request;
  request.name = "c";
  request.dimension = kDimension;
  request.replication = 3;
  const Status refused = status_of(run(client_->create_collection(request)));
  EXPECT_EQ(refused.code(), Code::failed_precondition);
  EXPECT_THAT(refused.message(), HasSubstr("need 3 workers, and 1 are ready"));
}

// Whoever looks for a client that sends nonsense needs to know where to.
TEST_F(UpTest, LogsWhichCollectionARefusedRequestWasAbout) {
  start({"--log-level", "info"});
  const std::string url = "http://" + server_->http().text + "/v1/collections/films";
  ASSERT_TRUE(
      demo::run_command("/usr/bin/curl", {"-s", url + "/points", "--json", "{"}).has_value());
  ASSERT_TRUE(demo::run_command("/usr/bin/curl", {"-s", url + "?timeout_ms=x"}).has_value());
  for (const std::string operation : {"Upsert", "GetCollectionStatus"}) {
    EXPECT_THAT(log(), testing::ContainsRegex("operation=" + operation +
                                              " protocol=http code=invalid_argument .*"
                                              "reply_bytes=[1-9][0-9]* collection=.films."));
  }
}

TEST_F(UpTest, TellsTheMetricsOfAllItsNodes) {
  start({"--http", "127.0.0.1:0"});
  create(1, 0, api::Distance::cosine);
  upsert(1, 20);
  const auto metrics =
      demo::run_command("/usr/bin/curl", {"-sf", "http://" + server_->http().text + "/metrics"});
  ASSERT_TRUE(metrics.has_value());
  EXPECT_THAT(metrics->text, HasSubstr("\nvectron_worker_points_written_total 19\n"));
  EXPECT_THAT(metrics->text, testing::Not(HasSubstr("\nvectron_wal_syncs_total 0\n")));
}

TEST_F(UpTest, EmptyCollectionsTakeLittleMemory) {
  start();
  const auto resident_bytes = [this] {
    constexpr std::string_view kName = "\nprocess_resident_memory_bytes ";
    const auto metrics =
        demo::run_command("/usr/bin/curl", {"-sf", "http://" + server_->http().text + "/metrics"});
    const size_t found = metrics->text.find(kName);
    if (found == std::string::npos) return int64_t{-1};
    return static_cast<int64_t>(std::stoll(metrics->text.substr(found + kName.size())));
  };
  constexpr int kCollections = 40;
  // Of each collection. A sanitizer's allocator has its own ways, and keeps what was freed.
  constexpr int64_t kBytesMax = kSanitized ? 4 << 20 : 100 << 10;
  const auto name = [](int number) { return fmt::format("c{}", number); };
  const auto make = [&](int number) {
    api::CreateCollectionRequest request;
    request.name = name(number);
    request.dimension = 784;
    ASSERT_TRUE(run(client_->create_collection(request)).has_value());
  };
  const auto remove = [&](int number) {
    api::DeleteCollectionRequest request;
    request.name = name(number);
    ASSERT_TRUE(run(client_->delete_collection(request)).has_value());
  };
  make(0);  // What the first one takes is of the process.
  const int64_t before = resident_bytes();
  ASSERT_GT(before, 0);
  for (int i = 1; i <= kCollections; ++i) make(i);
  EXPECT_LT(resident_bytes() - before, kCollections * kBytesMax);
  // What they took is there for others when they go: four times as many take no more than two
  // rounds of them would (the allocator keeps some of what is free).
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i <= kCollections; ++i) remove(i);
    for (int i = 1; i <= kCollections; ++i) make(i);
  }
  EXPECT_LT(resident_bytes() - before, 2 * kCollections * kBytesMax);
}

TEST_F(UpTest, RefusesAFolderThatIsNotItsOwn) {
  const std::string other = folder_ + "/other";
  std::filesystem::create_directory(other);
  std::ofstream(other + "/letter.txt") << "dear";
  const auto refused =
      demo::run_command(options_.binary, {"up", "--data", other, "--rpc", "127.0.0.1:0"});
  EXPECT_EQ(refused->status, 1);
  EXPECT_THAT(refused->text, HasSubstr("letter.txt"));
  EXPECT_FALSE(std::filesystem::exists(other + "/placement-1"));
}

TEST_F(UpTest, SendsHttpToWhereItIs) {
  start();
  const auto there = demo::run_command("/usr/bin/curl", {"-s", "http://" + server_->rpc().text});
  EXPECT_THAT(there->text, HasSubstr("HTTP is at http://" + server_->http().text));
  const auto here = demo::run_command("/usr/bin/curl", {"-s", "http://" + server_->http().text});
  EXPECT_THAT(here->text, HasSubstr("/openapi.json"));
}

TEST_F(UpTest, RefusesADamagedManifest) {
  start();
  EXPECT_EQ(server_->stop(), 0);
  std::ofstream(options_.data + "/cluster") << "vectron data folder\nformat 1\ncluster 5\n";
  const auto damaged =
      demo::run_command(options_.binary, {"up", "--data", options_.data, "--rpc", "127.0.0.1:0"});
  EXPECT_EQ(damaged->status, 1);
  EXPECT_THAT(damaged->text, HasSubstr("damaged"));
}

TEST_F(UpTest, ServesTheProgramOfTheQuickStart) {
  start();
  const std::string program = demo::program_folder() + "/first_search";
  for (int round = 0; round < 2; ++round) {
    const auto outcome = demo::run_command(program, {server_->rpc().text});
    EXPECT_EQ(outcome->status, 0) << outcome->text;
    EXPECT_THAT(outcome->text, HasSubstr("orange at distance 46.36809"));
    EXPECT_THAT(outcome->text, HasSubstr("red at distance 120.5197"));
    EXPECT_THAT(outcome->text, testing::Not(HasSubstr("blue")));
  }
}

TEST_F(UpTest, RefusesArgumentsThatItDoesNotKnow) {
  using Words = std::vector<std::string>;
  const auto said = [&](const Words& words) { return *demo::run_command(options_.binary, words); };
  for (const Words& wrong : {Words{},
                             {"upp"},
                             {"serve"},
                             {"serve", "up"},
                             {"up", "--frobnicate"},
                             {"up", "--workers", "0"},
                             {"up", "--workers", "0x1"},
                             {"up", "more"},
                             {"help", "nobody"},
                             {"help", "serve", "up"},
                             {"config", "nobody"},
                             {"up", "--config", folder_},
                             {"up", "--config", folder_ + "/absent"},
                             {"up", "--rpc", "@x:1"},
                             {"up", "--http-hosts", "a/b"}}) {
    EXPECT_EQ(said(wrong).status, 2) << (wrong.empty() ? "" : wrong.back());
  }
  for (const Words& right : {Words{"--version"},
                             {"version"},
                             {"help"},
                             {"--help"},
                             {"help", "up"},
                             {"up", "--help"},
                             {"help", "serve", "worker"},
                             {"config"},
                             {"config", "worker"}}) {
    EXPECT_EQ(said(right).status, 0) << right.back();
  }
  EXPECT_THAT(said({"version"}).text, HasSubstr("vectron "));
  const std::string brief = said({"up", "--help"}).text;
  EXPECT_THAT(brief, HasSubstr("--data"));
  EXPECT_THAT(brief, HasSubstr("--help-all"));
  EXPECT_THAT(brief, testing::Not(HasSubstr("--wal-queue-bytes-max")));
  EXPECT_THAT(said({"up", "--help-all"}).text, HasSubstr("--wal-queue-bytes-max"));
}

}  // namespace
}  // namespace vectron
