#include "services/daemon/process.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/base/assert.h"
#include "net/free_memory.h"
#include "net/in_process_network.h"
#include "net/offload.h"
#include "net/process_limits.h"
#include "net/signals.h"
#include "net/tcp_network.h"

namespace vectron {
namespace {

Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
  Result<void> outcome = co_await task;
  out->emplace(std::move(outcome));
}

// What was freed and stays free goes back to the system, away from the event loop.
Task<void> give_back_idle_memory(EventLoop* loop, ThreadPool* pool) {
  constexpr Duration kInterval = 2s;
  constexpr size_t kPieceBytes = 8 << 20;
  Offload offload(*loop, *pool, Offload::Limits{});
  Scheduler& scheduler = loop->scheduler();
  IdleMemory idle;
  for (;;) {
    co_await SleepAwaiter(scheduler, scheduler.now() + kInterval);
    const std::optional<size_t> free_bytes = free_memory_bytes();
    if (!free_bytes.has_value()) co_return;
    for (size_t left = idle.note(*free_bytes); left > 0; left -= std::min(left, kPieceBytes)) {
      std::function<void()> work = [piece = std::min(left, kPieceBytes)] {
        give_back_memory(piece);
      };
      co_await offload.run(std::move(work));
    }
  }
}

// Appears whole or not at all.
void write_ready_file(const std::string& path, const std::string& line) {
  const std::string fresh = path + ".new";
  std::ofstream(fresh) << line;
  std::error_code failed;
  std::filesystem::rename(fresh, path, failed);
  if (failed) fmt::print(stderr, "vectron: cannot write {}: {}\n", path, failed.message());
}

std::string listed(const std::vector<Address>& addresses, std::string_view before_each) {
  std::string out;
  for (const Address& address : addresses) {
    out += fmt::format("{}{}{}", out.empty() ? "" : ",", before_each, address.text);
  }
  return out;
}

void announce(const Settings& settings, const ReadyAddresses& addresses) {
  const std::string line = ready_line(addresses) + "\n";
  fmt::print("{}", line);
  std::fflush(stdout);
  if (!settings.ready_file.empty()) write_ready_file(settings.ready_file, line);
}

}  // namespace

std::string ready_line(const ReadyAddresses& addresses) {
  std::string line = "vectron is ready: rpc " + listed(addresses.rpc, "");
  if (!addresses.http.empty()) line += " http " + listed(addresses.http, "http://");
  return line;
}

// Who never chose a port does not know that there is a choice.
Status with_advice(const Status& failure) {
  if (failure.code() != Code::unavailable) return failure;
  std::string_view advice;
  if (failure.field() == "rpc") advice = "choose another with --rpc";
  if (failure.field() == "http") advice = "choose another with --http, or --http none";
  if (advice.empty()) return failure;
  return Status(failure.code(), fmt::format("{}; {}", failure.message(), advice), failure.field());
}

Result<void> run_process(const Settings& settings, const ProcessBody& body) {
  raise_process_limits();
  LogSink sink(settings.log_level);
  ProductionPools pools(ProductionPools::Config{settings.cpu_threads, settings.file_threads,
                                                settings.key_value_threads});
  EventLoop loop;
  StopSignals signals(loop);
  TcpNetwork tcp(loop, pools.files);
  InProcessNetwork network(loop.scheduler(), &tcp);
  auto opened = FileDisk::open(loop, {&pools.files, &pools.key_values}, settings.data);
  // One that an earlier, killed process left behind would lie. That of a process which still runs
  // on this folder stays: it holds the folder's lock.
  const bool is_held = status_of(opened).code() == Code::failed_precondition;
  std::error_code ignored;
  if (!settings.ready_file.empty() && !is_held) {
    std::filesystem::remove(settings.ready_file, ignored);
  }
  VECTRON_TRY(const auto disk, std::move(opened));

  const auto ready = [&settings](const ReadyAddresses& addresses) {
    announce(settings, addresses);
  };
  std::optional<Result<void>> outcome;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(give_back_idle_memory(&loop, &pools.files));
  tasks.spawn(keep(
      &outcome, body({&sink, &pools, &loop, &network}, disk.get(), &signals.requested(), ready)));
  loop.run_until([&outcome] { return outcome.has_value(); });
  VECTRON_ASSERT(outcome.has_value());
  if (!settings.ready_file.empty()) std::filesystem::remove(settings.ready_file, ignored);
  if (!outcome->has_value()) return fail(with_advice(outcome->error()));
  return *std::move(outcome);
}

}  // namespace vectron
