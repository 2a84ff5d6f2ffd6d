// What /metrics says of the process and of its build, under the names that Prometheus' own clients
// use.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/loop_turns.h"
#include "net/offload.h"

namespace vectron {

/// In Prometheus' text format: version, start, processor time, memory, threads, open files, and
/// the connections that were closed for want of them. What the system does not tell is left out.
/// Reads files of the system: not for an event loop.
std::string process_metrics_text();

/// In the same format: how long the turns of the process' event loop took.
std::string loop_metrics_text(const LoopTurns& turns);

/// Both texts for those who ask on an event loop: that of the process is made on a pool's thread,
/// and told again for a second, so that whoever asks often costs no more. Its owner outlives the
/// tasks.
class ProcessMetrics {
 public:
  static constexpr Duration kFresh = std::chrono::seconds(1);

  ProcessMetrics(EventLoop& loop, ThreadPool& files,
                 std::function<std::string()> make = process_metrics_text);

  Task<std::string> text();

 private:
  bool is_fresh() const;
  Task<void> renew();

  EventLoop& loop_;
  Scheduler& scheduler_;
  Offload files_;
  std::function<std::string()> make_;
  std::string text_;
  std::optional<Instant> made_at_;
  bool making_ = false;
  Condition made_;
  TaskGroup tasks_;
};

}  // namespace vectron
