// What the system refuses, with the limits of a child process: files that may not grow, descriptors
// that are used up.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/env/acceptor.h"
#include "core/kv/kv_store.h"
#include "core/wal/wal.h"
#include "net/accepted_connections.h"
#include "net/endpoint.h"
#include "net/process_limits.h"
#include "tests/core/kv/scrub_all.h"
#include "tests/net/production_world.h"
#include "tests/net/run_task.h"

namespace vectron {
namespace {

/// What `body` found wrong in a process of its own; empty when nothing.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    raise_process_limits();
    const std::string wrong = body();
    (void)!::write(ends[1], wrong.data(), wrong.size());
    ::_exit(wrong.empty() ? 0 : 1);
  }
  ::close(ends[1]);
  std::string wrong(4096, '\0');
  const ssize_t count = ::read(ends[0], wrong.data(), wrong.size());
  wrong.resize(count > 0 ? static_cast<size_t>(count) : 0);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) wrong += fmt::format(" ended by signal {}", WTERMSIG(status));
  return wrong;
}

void limit(__rlimit_resource resource, uint64_t soft) {
  rlimit now{};
  ::getrlimit(resource, &now);
  now.rlim_cur = soft;
  ::setrlimit(resource, &now);
}

struct Machine {
  TemporaryFolder folder;
  LogSink sink{LogLevel::warning};
  ProductionPools pools{{.cpu_threads = 1, .file_threads = 1, .key_value_threads = 1}};
  EventLoop loop;
  TcpNetwork tcp{loop, pools.files};
  std::unique_ptr<ProductionEnv> env =
      *ProductionEnv::open(loop, pools, tcp, sink, {"node", folder.path() + "/node"});

  template <typename T>
  T run(Task<T> task) {
    return run_task(loop, std::move(task));
  }
};

KvBatch batch_of(char content, size_t items) {
  KvBatch batch;
  for (size_t i = 0; i < items; ++i) {
    batch.put(as_bytes(fmt::format("key-{}", i)), Bytes(3'000, static_cast<uint8_t>(content)));
  }
  return batch;
}

TEST(Shortage, AStoreWhoseFileMayNotGrowGoesOnWhenItMay) {
  EXPECT_EQ(in_child([]() -> std::string {
              Machine machine;
              auto store = machine.run(KvStore::open(machine.env.get(), "kv", KvConfig()));
              if (!machine.run((*store)->commit(batch_of('a', 3))).has_value()) return "no commit";
              struct stat status{};
              ::stat((machine.folder.path() + "/node/kv/data.mdb").c_str(), &status);
              // In the middle of a page: the kernel writes a part, and refuses the rest.
              limit(RLIMIT_FSIZE, static_cast<uint64_t>(status.st_size) + 10'000);
              for (int round = 0; round < 2; ++round) {
                const auto refused = machine.run((*store)->commit(batch_of('b', 50)));
                if (status_of(refused).code() != Code::resource_exhausted) {
                  return "refused with " + status_of(refused).to_string();
                }
                if (!status_of(refused).message().contains(machine.folder.path() + "/node/kv")) {
                  return "no path in " + status_of(refused).message();
                }
              }
              if (**(*store)->get(as_bytes("key-2")) != Bytes(3'000, 'a')) return "no reading";
              limit(RLIMIT_FSIZE, RLIM_INFINITY);
              const auto taken = machine.run((*store)->commit(batch_of('b', 50)));
              if (!taken.has_value()) return "then " + taken.error().to_string();
              const auto verified = machine.run(scrub_all(&**store));
              if (!verified.has_value()) return verified.error().to_string();
              machine.run([](KvStore* closing) -> Task<bool> {
                co_await closing->close();
                co_return true;
              }(store->get()));
              return "";
            }),
            "");
}

TEST(Shortage, WithoutDescriptorsTheLogWaitsAndAStoreOpensLater) {
  EXPECT_EQ(in_child([]() -> std::string {
              Machine machine;
              WalConfig config;
              config.cluster = ClusterId(1);
              config.node = NodeId(1);
              config.segment_bytes_max = 4'096;
              config.prefill_bytes = 0;
              config.full_pause = 1ms;
              auto opened = machine.run(Wal::open(machine.env.get(), "wal", config));
              if (!opened.has_value()) return opened.error().to_string();
              Wal& wal = *opened->wal;
              const int next = ::dup(0);
              ::close(next);
              limit(RLIMIT_NOFILE, static_cast<uint64_t>(next));
              const auto none = machine.run(KvStore::open(machine.env.get(), "kv", KvConfig()));
              if (status_of(none).code() != Code::resource_exhausted) {
                return "opened with " + status_of(none).to_string();
              }
              const auto folder = machine.run(machine.env->disk().sync_directory("wal"));
              if (status_of(folder).code() != Code::resource_exhausted) {
                return "synced with " + status_of(folder).to_string();
              }
              WalBatch batch;
              batch.group = GroupId(1);
              batch.mark = WalMark{1, raft::SnapshotMeta(), false};
              std::optional<Result<void>> written;
              TaskGroup tasks(machine.loop.scheduler());
              tasks.spawn(keep_result(wal.append_and_sync(std::move(batch)), &written));
              machine.loop.run_until([&] { return wal.is_full() || written.has_value(); });
              if (written.has_value()) return "written without a descriptor";
              limit(RLIMIT_NOFILE, static_cast<uint64_t>(next) + 20);
              machine.loop.run_until([&] { return written.has_value(); });
              if (!written->has_value()) return "then " + written->error().to_string();
              const auto store = machine.run(KvStore::open(machine.env.get(), "kv", KvConfig()));
              if (!store.has_value()) return "later " + store.error().to_string();
              tasks.cancel_all();
              opened->wal.reset();
              return "";
            }),
            "");
}

TEST(ProcessLimits, TheLimitOfDescriptorsIsRaisedToTheHardOne) {
  EXPECT_EQ(in_child([]() -> std::string {
              rlimit before{};
              ::getrlimit(RLIMIT_NOFILE, &before);
              limit(RLIMIT_NOFILE, 64);
              if (descriptors_max() != 64) return "not lowered";
              raise_process_limits();
              rlimit after{};
              ::getrlimit(RLIMIT_NOFILE, &after);
              if (after.rlim_cur != after.rlim_max) return fmt::format("{}", after.rlim_cur);
              return after.rlim_max == before.rlim_max ? "" : "the hard limit changed";
            }),
            "");
}

/// A server that keeps what it takes, and whose goodbye is a word.
class KeepingServer final : public PeerHolder {
 public:
  static constexpr std::string_view kGoodbye = "no room";

  explicit KeepingServer(Env& env) : env_(env) {}

  Result<void> start() { return acceptor_.start(Address{"127.0.0.1:0"}); }
  const Address& address() const { return acceptor_.address(); }
  std::vector<HeldForPeer> held_for_peers() const override { return {}; }
  const BodyMemory& counter() const override { return counter_; }
  uint64_t refused() const { return env_.metrics().value(Metric::rpc_connections_refused); }

  std::vector<std::unique_ptr<Connection>> kept;

 private:
  void keep(std::unique_ptr<Connection> connection) {
    // Somebody waits for an answer: none of them is still enough to make room for others.
    connection->ask_before_closing([] { return true; });
    kept.push_back(std::move(connection));
  }

  Env& env_;
  BodyMemory counter_{{}};
  Acceptor acceptor_{env_,
                     {.name = "test",
                      .refused = Metric::rpc_connections_refused,
                      .connections_max = 1'000,
                      .host_connections_max = 1'000},
                     this,
                     {.connections = [this] { return kept.size(); },
                      .take = [this](auto connection) { keep(std::move(connection)); },
                      .goodbye = [] { return to_bytes(as_bytes(kGoodbye)); }}};
};

/// A client of another process, as it were: its descriptor is above any limit of this one.
int distant_client(const Address& server) {
  constexpr int kAboveAnyLimit = 500;
  const int near = ::socket(AF_INET, SOCK_STREAM, 0);
  const Endpoint endpoint = numeric_endpoints(*parse_host_port(server)).front();
  if (::connect(near, endpoint.get(), endpoint.size) != 0) return -1;
  const int distant = ::fcntl(near, F_DUPFD, kAboveAnyLimit);
  ::close(near);
  return distant;
}

/// What a client has been told: nothing yet, a goodbye, or the end without a word.
enum class Told : uint8_t { nothing, goodbye, end };
Told what_was_told(int client) {
  char word[16];
  const ssize_t count = ::recv(client, word, sizeof(word), MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return Told::nothing;
  const bool whole =
      std::string_view(word, count > 0 ? static_cast<size_t>(count) : 0) == KeepingServer::kGoodbye;
  return whole ? Told::goodbye : Told::end;
}

TEST(Shortage, WhoComesWhenDescriptorsAreUsedUpIsToldSo) {
  EXPECT_EQ(in_child([]() -> std::string {
              Machine machine;
              KeepingServer server(*machine.env);
              if (!server.start().has_value()) return "does not listen";
              std::vector<int> clients;
              for (int i = 0; i < 36; ++i) clients.push_back(distant_client(server.address()));
              if (std::ranges::count(clients, -1) > 0) return "not connected";
              const ConnectionsClosed before = connections_closed();
              testing::internal::CaptureStderr();
              limit(RLIMIT_NOFILE, 64);
              const auto count = [&](Told what) {
                return static_cast<size_t>(std::ranges::count(clients, what, &what_was_told));
              };
              machine.loop.run_until([&] {
                return server.refused() == 20 && count(Told::goodbye) + count(Told::end) == 20;
              });
              const std::string log = testing::internal::GetCapturedStderr();
              // 16 are kept, 16 are told at a time, and the rest cannot be.
              if (server.kept.size() != 16) return fmt::format("kept {}", server.kept.size());
              if (count(Told::goodbye) != 16) return fmt::format("{} told", count(Told::goodbye));
              if (connections_closed().fresh - before.fresh != 20) return "not counted";
              if (!log.contains("1 connections were refused, the last of 127.0.0.1:")) {
                return "the log says: " + log;
              }
              if (!log.contains("for 1 of them the process had no descriptor left")) return log;
              for (const int client : clients) ::close(client);
              return "";
            }),
            "");
}

TEST(ProcessLimits, ConnectionsLeaveHalfOfTheDescriptorsToFiles) {
  // Of the connections' half, 16 are for those that are told that there is no room.
  EXPECT_TRUE(may_keep_connection(530, 495, 1'024));
  EXPECT_FALSE(may_keep_connection(600, 496, 1'024));
  EXPECT_TRUE(may_tell_connection(600, 15, 1'024));
  EXPECT_FALSE(may_tell_connection(600, 16, 1'024));
  EXPECT_TRUE(may_tell_connection(1'015, 0, 1'024));
  EXPECT_FALSE(may_tell_connection(1'016, 0, 1'024));  // Nor do goodbyes get the very last ones.
  EXPECT_TRUE(may_keep_connection(900, 400, 1'024));   // 500 files were opened before.
  EXPECT_FALSE(may_keep_connection(1'008, 3, 1'024));  // The last ones are for files.
  EXPECT_TRUE(may_keep_connection(5, 15, 30));         // Few, where there are few in all.
}

/// One of those that a process accepted.
class FakeAccepted final : public AcceptedConnection {
 public:
  FakeAccepted(AcceptedConnections& all, std::string_view host, Instant now)
      : all_(all), place_(all.add(this, std::string(host) + ":1", now)) {}
  ~FakeAccepted() override {
    if (!closed) all_.remove(place_);
  }
  void close() override {
    closed = true;
    all_.remove(place_);
  }
  bool owes() override { return owing; }
  bool holds_unsent() override { return unsent; }
  void moves(Instant now) { all_.moved(place_, now); }

  bool owing = false;
  bool unsent = false;
  bool closed = false;

 private:
  AcceptedConnections& all_;
  AcceptedConnections::Place place_;
};

class AcceptedConnectionsTest : public testing::Test {
 protected:
  FakeAccepted* add(std::string_view host, Instant now = {}) {
    each.push_back(std::make_unique<FakeAccepted>(all, host, now));
    return each.back().get();
  }
  AcceptedConnections all;
  std::vector<std::unique_ptr<FakeAccepted>> each;
};

TEST_F(AcceptedConnectionsTest, ClosesTheOneThatHasBeenStillForLongest) {
  FakeAccepted* const first = add("a");
  FakeAccepted* const second = add("b", Instant(1s));
  FakeAccepted* const third = add("c", Instant(2s));
  first->moves(Instant(10'800ms));
  EXPECT_TRUE(all.close_stillest(Instant(11s)));
  EXPECT_TRUE(second->closed);
  EXPECT_TRUE(all.close_stillest(Instant(11s)));
  EXPECT_TRUE(third->closed);
  // What moved a moment ago is nobody's room.
  EXPECT_FALSE(all.close_stillest(Instant(11s)));
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all.closed(), 2u);
}

TEST_F(AcceptedConnectionsTest, KeepsThoseWhoseAnswersAreComing) {
  FakeAccepted* const waits = add("a");
  FakeAccepted* const reads = add("a");
  FakeAccepted* const idle = add("a", Instant(1s));
  waits->owing = true;
  reads->unsent = true;
  EXPECT_TRUE(all.close_stillest(Instant(2s)));
  EXPECT_TRUE(idle->closed);
  EXPECT_FALSE(all.close_stillest(Instant(2s))) << "nobody idle is left";
  // But for ever nobody's place is kept.
  EXPECT_TRUE(all.close_stillest(Instant(20s)));
  EXPECT_TRUE(waits->closed);
  EXPECT_TRUE(all.close_stillest(Instant(20s)));
  EXPECT_TRUE(reads->closed);
}

TEST_F(AcceptedConnectionsTest, LetsTheHostWithTheMostConnectionsPay) {
  FakeAccepted* const guest = add("a");
  for (int i = 0; i < 20; ++i) add("b", Instant(1s));
  for (int i = 0; i < 19; ++i) EXPECT_TRUE(all.close_stillest(Instant(2s)));
  EXPECT_FALSE(guest->closed);
  EXPECT_TRUE(all.close_stillest(Instant(2s)));
  EXPECT_TRUE(guest->closed) << "of equals the stillest";
}

}  // namespace
}  // namespace vectron
