// Times net/: a round trip over loopback and in process, against bare sockets; a hop to a thread
// pool and back; a burst of searches through the pool.
//
// Usage: bench_net. Each line is the best of a few rounds, in microseconds, with the median of
// single operations beside.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "core/async/combine.h"
#include "core/async/task_group.h"
#include "net/in_process_network.h"
#include "net/offload.h"
#include "net/tcp_network.h"
#include "tests/support/read_exactly.h"

namespace {

using namespace vectron;

constexpr int kTrips = 20'000;
constexpr size_t kMessageBytes = 128;

int64_t now_ns() {
  return machine_monotonic().time_since_epoch().count();
}

void print(const char* what, std::vector<int64_t> samples) {
  std::ranges::sort(samples);
  int64_t sum = 0;
  for (const int64_t sample : samples) sum += sample;
  const auto at = [&](size_t percent) {
    return static_cast<double>(samples[(samples.size() - 1) * percent / 100]) / 1e3;
  };
  std::printf("%-44s mean %7.2f us  p50 %7.2f us  p99 %7.2f us\n", what,
              static_cast<double>(sum) / static_cast<double>(samples.size()) / 1e3, at(50), at(99));
}

Task<void> echo(Listener* listener) {
  auto accepted = co_await listener->accept();
  Connection* connection = accepted->get();
  Bytes buffer(kMessageBytes);
  while (true) {
    const auto read = co_await read_exactly(connection, buffer);
    if (!read.has_value()) co_return;
    const auto written = co_await write_all(connection, buffer);
    if (!written.has_value()) co_return;
  }
}

Task<void> ask(Network* network, Address address, std::vector<int64_t>* out, bool* done) {
  auto connected = co_await network->connect(std::move(address));
  Connection* connection = connected->get();
  Bytes buffer(kMessageBytes);
  for (int i = 0; i < kTrips; ++i) {
    const int64_t before = now_ns();
    const auto written = co_await write_all(connection, buffer);
    if (!written.has_value()) co_return;
    const auto read = co_await read_exactly(connection, buffer);
    if (!read.has_value()) co_return;
    out->push_back(now_ns() - before);
  }
  *done = true;
}

/// Both ends on one loop, as the nodes of `vectron up`.
void one_loop(const char* what, EventLoop& loop, Network& network, const char* address) {
  auto listener = *network.listen(Address{address});
  std::vector<int64_t> samples;
  bool done = false;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(echo(listener.get()));
  tasks.spawn(ask(&network, listener->address(), &samples, &done));
  loop.run_until([&] { return done; });
  print(what, std::move(samples));
}

void two_loops(const char* what) {
  ThreadPool pool("resolver", 1);
  EventLoop client_loop;
  TcpNetwork client_network(client_loop, pool);
  EventLoop server_loop;
  TcpNetwork server_network(server_loop, pool);
  auto listener = *server_network.listen(Address{"127.0.0.1:0"});
  const Address address = listener->address();
  TaskGroup server_tasks(server_loop.scheduler());
  server_tasks.spawn(echo(listener.get()));
  std::thread server([&] { server_loop.run(); });
  std::vector<int64_t> samples;
  bool done = false;
  {
    TaskGroup tasks(client_loop.scheduler());
    tasks.spawn(ask(&client_network, address, &samples, &done));
    client_loop.run_until([&] { return done; });
  }
  server_loop.stop();
  server.join();
  print(what, std::move(samples));
}

void exchange(int socket, bool asks, std::vector<int64_t>* out) {
  uint8_t buffer[kMessageBytes] = {};
  for (int i = 0; i < kTrips; ++i) {
    const int64_t before = now_ns();
    if (asks && ::send(socket, buffer, sizeof(buffer), 0) < 0) return;
    if (::recv(socket, buffer, sizeof(buffer), MSG_WAITALL) <= 0) return;
    if (!asks && ::send(socket, buffer, sizeof(buffer), 0) < 0) return;
    if (asks) out->push_back(now_ns() - before);
  }
}

void bare_sockets(const char* what) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  (void)::bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  ::listen(listener, 1);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::thread server([&] {
    const int socket = ::accept(listener, nullptr, nullptr);
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    exchange(socket, false, nullptr);
    ::close(socket);
  });
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  (void)::connect(socket, reinterpret_cast<sockaddr*>(&address), size);
  const int one = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  std::vector<int64_t> samples;
  exchange(socket, true, &samples);
  server.join();
  ::close(socket);
  ::close(listener);
  print(what, std::move(samples));
}

void spin(int64_t nanoseconds) {
  const int64_t end = now_ns() + nanoseconds;
  while (now_ns() < end) {
  }
}

Task<void> hop(Cpu* cpu, int times, int64_t work_ns, std::vector<int64_t>* out, int* done) {
  for (int i = 0; i < times; ++i) {
    const int64_t before = now_ns();
    std::function<void()> work = [work_ns] { spin(work_ns); };
    co_await cpu->run(CpuCost(), std::move(work));
    out->push_back(now_ns() - before - work_ns);
  }
  ++*done;
}

void pool_hops(const char* what, size_t threads, int clients, int64_t work_ns) {
  EventLoop loop;
  ThreadPool pool("cpu", threads);
  ThreadPool background("background", 1, ThreadPool::Priority::background);
  PoolCpu cpu(loop, pool, background);
  std::vector<int64_t> samples;
  int done = 0;
  TaskGroup tasks(loop.scheduler());
  const int64_t before = now_ns();
  for (int i = 0; i < clients; ++i)
    tasks.spawn(hop(&cpu, kTrips / clients, work_ns, &samples, &done));
  loop.run_until([&] { return done == clients; });
  const double seconds = static_cast<double>(now_ns() - before) / 1e9;
  print(what, std::move(samples));
  if (clients > 1) std::printf("%-44s %.0f jobs/s\n", "", kTrips / seconds);
}

}  // namespace

int main() {
  for (int round = 0; round < 2; ++round) {
    bare_sockets("bare blocking sockets, two threads");
    two_loops("Connection over TCP, two loops");
    EventLoop loop;
    ThreadPool pool("resolver", 1);
    TcpNetwork tcp(loop, pool);
    InProcessNetwork inside(loop.scheduler(), &tcp);
    one_loop("Connection over TCP, one loop", loop, tcp, "127.0.0.1:0");
    one_loop("Connection in process, one loop", loop, inside, "@a:0");
    pool_hops("pool hop, idle, 1 thread", 1, 1, 0);
    pool_hops("pool hop, idle, 2 threads", 2, 1, 0);
    pool_hops("8 clients x 100 us, 2 threads: wait", 2, 8, 100'000);
    pool_hops("64 clients x 5 us, 2 threads: wait", 2, 64, 5'000);
    std::printf("\n");
  }
}
