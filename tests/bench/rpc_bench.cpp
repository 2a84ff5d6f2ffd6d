// Times RPC against the bare connection that it runs on: one call at a time, many at once, large
// bodies; and the codec.
//
// Usage: bench_rpc. Over TCP on two loops (as two machines), and over connections in memory in
// virtual time (as the simulation, where only the processor's time counts).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "core/async/combine.h"
#include "net/tcp_network.h"
#include "schemas/vectron_messages.h"
#include "schemas/worker_messages.h"
#include "tests/core/rpc/rpc_env.h"
#include "tests/support/read_exactly.h"

namespace {

using namespace vectron;

int64_t now_ns() {
  return machine_monotonic().time_since_epoch().count();
}

/// An Env of real loops, as far as RPC needs one.
class LoopEnv final : public Env {
 public:
  LoopEnv(EventLoop& loop, ThreadPool& resolver)
      : loop_(loop), clock_(loop.scheduler(), 0ns), network_(loop, resolver) {}
  Scheduler& scheduler() override { return loop_.scheduler(); }
  Clock& clock() override { return clock_; }
  Network& network() override { return network_; }
  Disk& disk() override { std::abort(); }
  Cpu& cpu() override { std::abort(); }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  RandomStream random(std::string_view name) override { return RandomStream(1, name); }
  bool buggify(std::string_view) override { return false; }
  bool planted(std::string_view) override { return false; }

 private:
  EventLoop& loop_;
  testing::OffsetClock clock_;
  TcpNetwork network_;
  testing::SilentLog log_;
  Metrics metrics_;
};

Task<Result<Bytes>> echo(Bytes body) {
  co_return body;
}

void add_echo(rpc::Server& server) {
  server.add_unary(testing::kReadMethod, [](RequestContext, ByteView body) {
    return Result<Task<Result<Bytes>>>(echo(to_bytes(body)));
  });
}

void print(const char* what, std::vector<int64_t> samples) {
  std::ranges::sort(samples);
  int64_t sum = 0;
  for (const int64_t sample : samples) sum += sample;
  const auto at = [&](size_t percent) {
    return static_cast<double>(samples[(samples.size() - 1) * percent / 100]) / 1e3;
  };
  std::printf("%-46s mean %8.2f us  p50 %8.2f us  p99 %8.2f us\n", what,
              static_cast<double>(sum) / static_cast<double>(samples.size()) / 1e3, at(50), at(99));
}

/// One client's calls, one after the other, each with a deadline.
Task<void> ask(rpc::Channel* channel, Clock* clock, size_t body_bytes, int calls,
               std::vector<int64_t>* out, int* done) {
  for (int i = 0; i < calls; ++i) {
    const int64_t before = now_ns();
    RequestContext context;
    context.deadline = clock->monotonic() + 60s;
    Bytes body(body_bytes, 1);
    const auto answer =
        co_await channel->call(std::move(context), &testing::kReadMethod, std::move(body));
    if (!answer.has_value()) std::abort();
    out->push_back(now_ns() - before);
  }
  ++*done;
}

Task<void> echo_bytes(Listener* listener, size_t bytes) {
  auto accepted = co_await listener->accept();
  Bytes buffer(bytes);
  for (;;) {
    const auto read = co_await read_exactly(accepted->get(), buffer);
    if (!read.has_value()) co_return;
    const auto written = co_await write_all(accepted->get(), buffer);
    if (!written.has_value()) co_return;
  }
}

Task<void> ask_bytes(Network* network, Address address, size_t bytes, int calls,
                     std::vector<int64_t>* out, int* done) {
  auto connected = co_await network->connect(std::move(address));
  Bytes buffer(bytes);
  for (int i = 0; i < calls; ++i) {
    const int64_t before = now_ns();
    const auto written = co_await write_all(connected->get(), buffer);
    const auto read = co_await read_exactly(connected->get(), buffer);
    if (!written.has_value() || !read.has_value()) std::abort();
    out->push_back(now_ns() - before);
  }
  ++*done;
}

void bare(const char* what, size_t bytes, int calls) {
  ThreadPool pool("resolver", 1);
  EventLoop client_loop;
  EventLoop server_loop;
  LoopEnv client(client_loop, pool);
  LoopEnv server(server_loop, pool);
  auto listener = *server.network().listen(Address{"127.0.0.1:0"});
  const Address address = listener->address();
  TaskGroup server_tasks(server_loop.scheduler());
  server_tasks.spawn(echo_bytes(listener.get(), bytes));
  std::thread thread([&] { server_loop.run(); });
  std::vector<int64_t> samples;
  int done = 0;
  {
    TaskGroup tasks(client_loop.scheduler());
    tasks.spawn(ask_bytes(&client.network(), address, bytes, calls, &samples, &done));
    client_loop.run_until([&] { return done == 1; });
  }
  server_loop.stop();
  thread.join();
  print(what, std::move(samples));
}

void calls_over_tcp(const char* what, size_t body_bytes, int clients, int calls) {
  ThreadPool pool("resolver", 1);
  EventLoop client_loop;
  EventLoop server_loop;
  LoopEnv client(client_loop, pool);
  LoopEnv server_env(server_loop, pool);
  rpc::Server server(server_env, {});
  add_echo(server);
  if (!server.start(Address{"127.0.0.1:0"}).has_value()) std::abort();
  const Address address = server.address();
  std::thread thread([&] { server_loop.run(); });
  std::vector<int64_t> samples;
  const int64_t before = now_ns();
  {
    rpc::Channel channel(client, address, {});
    TaskGroup tasks(client_loop.scheduler());
    int done = 0;
    for (int i = 0; i < clients; ++i) {
      tasks.spawn(ask(&channel, &client.clock(), body_bytes, calls / clients, &samples, &done));
    }
    client_loop.run_until([&] { return done == clients; });
  }
  const double seconds = static_cast<double>(now_ns() - before) / 1e9;
  server_loop.stop();
  thread.join();
  print(what, std::move(samples));
  if (clients > 1) std::printf("%-46s %.0f calls/s\n", "", calls / seconds);
}

void calls_in_memory(const char* what, int clients, int calls) {
  testing::RpcWorld world;
  testing::RpcEnv env(world);
  rpc::Server server(env, {});
  add_echo(server);
  if (!server.start(testing::kServerAddress).has_value()) std::abort();
  rpc::Channel channel(env, testing::kServerAddress, {});
  std::vector<int64_t> samples;
  TaskGroup tasks(world.scheduler);
  int done = 0;
  const int64_t before = now_ns();
  for (int i = 0; i < clients; ++i) {
    tasks.spawn(ask(&channel, &env.clock(), 100, calls / clients, &samples, &done));
  }
  // NOLINTNEXTLINE(bugprone-infinite-loop): the tasks count `done` up.
  while (done < clients) world.run_one();
  const double seconds = static_cast<double>(now_ns() - before) / 1e9;
  std::printf("%-46s %.0f calls/s, %.0f frames/s, %.1f events a call\n", what, calls / seconds,
              2 * calls / seconds,
              static_cast<double>(world.scheduler.queue().events_run()) / calls);
}

template <typename Message>
void codec(const char* what, const Message& message) {
  const Bytes bytes = encode(message);
  const int rounds = static_cast<int>(2'000'000'000 / (bytes.size() * 10 + 20'000));
  int64_t before = now_ns();
  size_t sum = 0;
  for (int i = 0; i < rounds; ++i) sum += encode(message).size();
  const double encode_us = static_cast<double>(now_ns() - before) / rounds / 1e3;
  before = now_ns();
  for (int i = 0; i < rounds; ++i) sum += decode<Message>(bytes).has_value() ? 1 : 0;
  const double decode_us = static_cast<double>(now_ns() - before) / rounds / 1e3;
  std::printf("%-46s %zu bytes, encode %.2f us, decode %.2f us%s\n", what, bytes.size(), encode_us,
              decode_us, sum == 0 ? "!" : "");
}

void codecs() {
  wire::ShardSearchRequest search;
  search.vector.assign(784, 0.5f);
  codec("ShardSearchRequest, 784 floats", search);
  wire::ShardSearchReply reply;
  reply.hits.resize(10);
  codec("ShardSearchReply, 10 hits", reply);
  api::UpsertRequest upsert{.collection = "fashion", .points = std::vector<api::Point>(100)};
  for (api::Point& point : upsert.points) point.vector.assign(784, 0.5f);
  codec("UpsertRequest, 100 points of 784 floats", upsert);
}

}  // namespace

int main() {
  codecs();
  calls_in_memory("in memory, virtual time, 1 client", 1, 200'000);
  calls_in_memory("in memory, virtual time, 64 clients", 64, 500'000);
  for (int round = 0; round < 3; ++round) {
    std::printf("\n");
    bare("bare Connection, 176 bytes", 176, 20'000);
    calls_over_tcp("call, 100 bytes, 1 client", 100, 1, 20'000);
    bare("bare Connection, 3200 bytes", 3'200, 20'000);
    calls_over_tcp("call, 3136 bytes, 1 client", 3'136, 1, 20'000);
    calls_over_tcp("call, 100 bytes, 64 clients", 100, 64, 200'000);
    bare("bare Connection, 313 KB", 313'664, 1'000);
    calls_over_tcp("call, 313 KB, 1 client", 313'600, 1, 1'000);
  }
}
