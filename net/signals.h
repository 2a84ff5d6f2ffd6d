// SIGTERM, SIGINT and SIGHUP as an Event of a loop.
#pragma once

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/event_loop.h"
#include "net/watched_descriptor.h"

namespace vectron {

/// While it lives, the first SIGTERM, SIGINT or SIGHUP sets requested(). A second SIGTERM or SIGINT
/// kills the process as usual; a second SIGHUP changes nothing, for a terminal that goes may send
/// several. Where SIGHUP was ignored before (`nohup`), it stays so. SIGPIPE is ignored from the
/// first StopSignals on, for ever. At most one lives at a time in a process.
class StopSignals {
 public:
  explicit StopSignals(EventLoop& loop);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  Event& requested() { return requested_; }

 private:
  Task<void> watch();

  Event requested_;
  WatchedDescriptor pipe_;
  TaskGroup tasks_;
};

}  // namespace vectron
