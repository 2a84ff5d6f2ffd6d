// RpcEnv: an Env with a MemoryNetwork and virtual time, and what tests of RPC need around it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/rpc/channel.h"
#include "core/rpc/server.h"
#include "tests/core/rpc/memory_network.h"

namespace vectron::testing {

/// First in, first out.
class FifoScheduler final : public Scheduler {
 public:
  EventQueue& queue() override { return queue_; }
  void post(QueuedEvent& event) override { queue_.add(event, queue_.now(), 0); }
  void post_at(QueuedEvent& event, Instant when) override { queue_.add(event, when, 0); }

 private:
  EventQueue queue_;
};

/// A clock that runs with an offset against the scheduler's, so that mixing the two is noticed.
class OffsetClock final : public Clock {
 public:
  OffsetClock(Scheduler& scheduler, Duration offset) : scheduler_(scheduler), offset_(offset) {}
  Instant monotonic() override { return scheduler_.now() + offset_; }
  WallTime wall() override { return WallTime(monotonic().time_since_epoch()); }
  Instant scheduler_time(Instant local) override {
    return local == kNever ? kNever : local - offset_;
  }
  Scheduler& scheduler() override { return scheduler_; }

 private:
  Scheduler& scheduler_;
  Duration offset_;
};

class SilentLog final : public Log {
 public:
  bool enabled(LogLevel) const override { return false; }
  void write(LogLevel, std::string_view, std::string_view) override {}
};

/// One world: scheduler and network, shared by the nodes of a test.
struct RpcWorld {
  FifoScheduler scheduler;
  MemoryNetwork network{scheduler};

  bool run_one() {
    if (scheduler.queue().next_time() == kNever) return false;
    scheduler.queue().run_next();
    return true;
  }
  void run_for(Duration time) {
    const Instant end = scheduler.now() + time;
    while (scheduler.queue().next_time() <= end) scheduler.queue().run_next();
    scheduler.queue().advance_to(end);
  }
};

/// Does what it is given, after a while and whether anybody still waits for it, and counts it.
class CountingCpu final : public Cpu {
 public:
  explicit CountingCpu(Clock& clock) : clock_(clock), tasks_(clock.scheduler()) {}
  Task<void> run(CpuCost, std::function<void()> work) override {
    ++jobs;
    if (takes == Duration::zero()) {
      work();
      co_return;
    }
    auto done = std::make_shared<Event>(clock_.scheduler());
    tasks_.spawn(run_later(std::move(work), done));
    co_await done->wait();
  }
  size_t parallelism() const override { return 1; }
  size_t jobs = 0;
  size_t done = 0;
  Duration takes{};

 private:
  Task<void> run_later(std::function<void()> work, std::shared_ptr<Event> ended) {
    co_await clock_.sleep_for(takes);
    work();
    ++done;
    ended->set();
  }

  Clock& clock_;
  TaskGroup tasks_;
};

/// One node of an RpcWorld.
class RpcEnv final : public Env {
 public:
  explicit RpcEnv(RpcWorld& world, Duration clock_offset = 1h)
      : world_(world), clock_(world.scheduler, clock_offset) {}

  Scheduler& scheduler() override { return world_.scheduler; }
  Clock& clock() override { return clock_; }
  Network& network() override { return world_.network; }
  Disk& disk() override { std::abort(); }
  CountingCpu& cpu() override { return cpu_; }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  RandomStream random(std::string_view name) override { return RandomStream(1, name); }
  bool buggify(std::string_view point) override { return buggified && buggified(point); }
  bool planted(std::string_view) override { return false; }
  MessageFate message_fate() override {
    if (fates.empty()) return MessageFate::deliver;
    const MessageFate fate = fates.front();
    fates.pop_front();
    return fate;
  }

  RpcWorld& world() { return world_; }
  Instant in(Duration time) { return clock_.monotonic() + time; }

  std::function<bool(std::string_view)> buggified;
  /// Of the next messages; then all are delivered.
  std::deque<MessageFate> fates;

 private:
  RpcWorld& world_;
  OffsetClock clock_;
  SilentLog log_;
  Metrics metrics_;
  CountingCpu cpu_{clock_};
};

/// A task that runs beside the test and whose result is looked at later.
template <typename T>
class Background {
 public:
  Background(Scheduler& scheduler, Task<T> task) : group_(scheduler) {
    group_.spawn(keep(std::move(task), &result_));
  }
  bool done() const { return result_.has_value(); }
  const T& get() const {
    VECTRON_ASSERT(result_.has_value(), "the task has not ended");
    return *result_;
  }
  void destroy() { group_.cancel_all(); }

 private:
  static Task<void> keep(Task<T> task, std::optional<T>* result) {
    T value = co_await task;
    result->emplace(std::move(value));
  }

  std::optional<T> result_;
  TaskGroup group_;
};

inline constexpr rpc::MethodInfo kWriteMethod = {
    .id = 1, .service = "Test", .name = "write", .permission = "test.write"};
inline constexpr rpc::MethodInfo kReadMethod = {
    .id = 2, .service = "Test", .name = "read", .permission = "test.read", .read_only = true};
inline constexpr rpc::MethodInfo kCountMethod = {.id = 3,
                                                 .service = "Test",
                                                 .name = "count",
                                                 .permission = "test.count",
                                                 .kind = rpc::MethodKind::server_stream,
                                                 .read_only = true};
inline constexpr rpc::MethodInfo kTellMethod = {.id = 4,
                                                .service = "Test",
                                                .name = "tell",
                                                .permission = "test.tell",
                                                .kind = rpc::MethodKind::one_way};
inline constexpr rpc::MethodInfo kUnknownMethod = {
    .id = 99, .service = "Test", .name = "unknown", .permission = "test.unknown"};

inline const Address kServerAddress{"server:1"};

inline Bytes text(std::string_view words) {
  return to_bytes(as_bytes(words));
}

/// A server whose handlers do what the request's words say: "echo ...", "sleep" (for ever), "fail",
/// "big N", "refuse" (as a body that does not pass its verifier), "later" (echo after 10 ms).
class WordServer {
 public:
  explicit WordServer(RpcEnv& env, rpc::ServerConfig config = {})
      : env_(env), server_(env, config) {
    const auto start = [this](RequestContext context, ByteView body) {
      return start_words(std::move(context), body);
    };
    server_.add_unary(kWriteMethod, start);
    server_.add_unary(kReadMethod, start);
    server_.add_stream(
        kCountMethod, [this](const RequestContext&, ByteView body, rpc::ServerStream* stream) {
          return Result<Task<Result<void>>>(count(std::string(as_text(body)), stream));
        });
    server_.add_one_way(
        kTellMethod,
        [this](const RequestContext&, ByteView body) -> Result<void> {
          told.emplace_back(as_text(body));
          return {};
        },
        [this](const RequestContext&, rpc::FrameBody body) { return take_large(std::move(body)); });
    VECTRON_ASSERT(server_.start(kServerAddress).has_value());
  }

  rpc::Server& server() { return server_; }

  /// Handlers begun.
  int started = 0;
  /// Handlers that run.
  int alive = 0;
  int items_sent = 0;
  std::vector<std::string> told;
  /// Of a one-way message above kOneWayBytesMax.
  Duration large_takes{};
  std::vector<RequestContext> contexts;

 private:
  struct Alive {
    explicit Alive(int* count) : count_(count) { ++*count_; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --*count_; }
    int* count_;
  };

  Result<Task<Result<Bytes>>> start_words(RequestContext context, ByteView body) {
    const std::string words(as_text(body));
    if (words == "refuse") return fail(Code::invalid_argument, "does not pass", "points[3].vector");
    contexts.push_back(std::move(context));
    return answer(words);
  }
  Task<Result<void>> take_large(rpc::FrameBody body) {
    co_await env_.clock().sleep_for(large_takes);
    told.emplace_back(as_text(body.bytes()));
    co_return Result<void>();
  }
  Task<Result<Bytes>> answer(std::string words);
  Task<Result<void>> count(std::string words, rpc::ServerStream* stream);

  RpcEnv& env_;
  rpc::Server server_;
};

}  // namespace vectron::testing
