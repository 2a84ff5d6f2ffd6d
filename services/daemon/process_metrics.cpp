#include "services/daemon/process_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "net/process_limits.h"

namespace vectron {
namespace {

void append(std::string* out, std::string_view name, std::string_view kind,
            std::string_view meaning, const std::string& value) {
  fmt::format_to(std::back_inserter(*out), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, kind,
                 meaning, value);
}

// The numbers of /proc/self/stat behind the program's name, which may hold anything; the first is
// the third of the manual.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

// Seconds since 1970.
double read_boot_time() {
  std::ifstream file("/proc/stat");
  std::string key;
  for (std::string line; std::getline(file, line);) {
    double seconds = 0;
    if (std::istringstream(line) >> key >> seconds && key == "btime") return seconds;
  }
  return 0;
}

double boot_time() {
  static const double kBootTime = read_boot_time();
  return kBootTime;
}

size_t open_files() {
  std::error_code failed;
  size_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    ++count;
  }
  return count;
}

}  // namespace

std::string process_metrics_text() {
  constexpr size_t kUserTicks = 11;  // Of stat_fields(); the next one is the system's share.
  constexpr size_t kThreads = 17;
  constexpr size_t kStartTicks = 19;
  constexpr size_t kVirtualBytes = 20;
  constexpr size_t kResidentPages = 21;
  std::string out;
  out +=
      "# HELP vectron_build_info which program this is\n# TYPE vectron_build_info gauge\n"
      "vectron_build_info{version=\"" VECTRON_VERSION "\"} 1\n";
  const std::vector<std::string> fields = stat_fields();
  if (fields.size() > kResidentPages) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto number = [&](size_t field) { return std::stod(fields[field]); };
    append(&out, "process_cpu_seconds_total", "counter", "processor time, user and system",
           fmt::format("{:.2f}", (number(kUserTicks) + number(kUserTicks + 1)) / ticks));
    append(&out, "process_start_time_seconds", "gauge", "when the process started, since 1970",
           fmt::format("{:.2f}", boot_time() + number(kStartTicks) / ticks));
    append(&out, "process_threads", "gauge", "threads", fields[kThreads]);
    append(&out, "process_virtual_memory_bytes", "gauge", "address space", fields[kVirtualBytes]);
    append(&out, "process_resident_memory_bytes", "gauge", "memory in use",
           fmt::format("{}", static_cast<uint64_t>(number(kResidentPages)) *
                                 static_cast<uint64_t>(sysconf(_SC_PAGESIZE))));
  }
  append(&out, "process_open_fds", "gauge", "open files and sockets",
         fmt::format("{}", open_files()));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    append(&out, "process_max_fds", "gauge", "how many there may be",
           fmt::format("{}", limit.rlim_cur));
  }
  const ConnectionsClosed closed = connections_closed();
  fmt::format_to(std::back_inserter(out),
                 "# HELP vectron_connections_closed_total connections closed because descriptors "
                 "ran short: they were still for longest, or had just come\n"
                 "# TYPE vectron_connections_closed_total counter\n"
                 "vectron_connections_closed_total{{reason=\"still\"}} {}\n"
                 "vectron_connections_closed_total{{reason=\"no_room\"}} {}\n",
                 closed.still, closed.fresh);
  return out;
}

ProcessMetrics::ProcessMetrics(EventLoop& loop, ThreadPool& files,
                               std::function<std::string()> make)
    : loop_(loop),
      scheduler_(loop.scheduler()),
      files_(loop, files, Offload::Limits{.jobs_in_flight_max = 1}),
      make_(std::move(make)),
      made_(scheduler_),
      tasks_(scheduler_) {}

bool ProcessMetrics::is_fresh() const {
  return made_at_.has_value() && scheduler_.now() - *made_at_ < kFresh;
}

Task<std::string> ProcessMetrics::text() {
  while (!is_fresh()) {
    if (!std::exchange(making_, true)) tasks_.spawn(renew());
    co_await made_.wait();
  }
  co_return text_ + loop_metrics_text(loop_.turns());
}

Task<void> ProcessMetrics::renew() {
  const auto made = std::make_shared<std::string>();
  std::function<void()> work = [made, make = make_] { *made = make(); };
  co_await files_.run(std::move(work));
  text_ = std::move(*made);
  made_at_ = scheduler_.now();
  making_ = false;
  made_.notify_all();
}

std::string loop_metrics_text(const LoopTurns& turns) {
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  std::string out;
  append(&out, "vectron_loop_turn_longest_seconds", "gauge",
         "the longest turn of the event loop since the start",
         fmt::format("{:.6f}", seconds(turns.longest)));
  append(&out, "vectron_loop_long_turns_total", "counter",
         "turns of the event loop of more than 5 ms, during which nothing else went on",
         fmt::format("{}", turns.long_turns()));
  out +=
      "# HELP vectron_loop_turn_seconds how long turns of the event loop took\n"
      "# TYPE vectron_loop_turn_seconds histogram\n";
  uint64_t total = 0;
  for (size_t bucket = 0; bucket <= LoopTurns::kBuckets.size(); ++bucket) {
    total += turns.counts[bucket];
    const std::string bound = bucket < LoopTurns::kBuckets.size()
                                  ? fmt::format("{:g}", seconds(LoopTurns::kBuckets[bucket]))
                                  : std::string("+Inf");
    fmt::format_to(std::back_inserter(out), "vectron_loop_turn_seconds_bucket{{le=\"{}\"}} {}\n",
                   bound, total);
  }
  fmt::format_to(std::back_inserter(out),
                 "vectron_loop_turn_seconds_sum {:.9f}\nvectron_loop_turn_seconds_count {}\n",
                 seconds(turns.sum), total);
  return out;
}

}  // namespace vectron
