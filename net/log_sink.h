// Log lines of a process's nodes on standard error.
//
//   2026-01-31T12:00:00.123Z info node=worker-1 component=raft became leader of group 7
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/env/log.h"

namespace vectron {

/// The one place that writes them. Thread-safe, a line at a time. Outlives its NodeLogs.
class LogSink {
 public:
  explicit LogSink(LogLevel level);
  ~LogSink();

  LogLevel level() const { return level_; }
  void write(LogLevel level, std::string_view node, std::string_view component,
             std::string_view text);

 private:
  struct Impl;
  LogLevel level_;
  std::unique_ptr<Impl> impl_;
};

/// "debug", "info", "warning" or "error"; invalid_argument otherwise.
Result<LogLevel> parse_log_level(std::string_view text);

class NodeLog final : public Log {
 public:
  NodeLog(LogSink& sink, std::string node) : sink_(sink), node_(std::move(node)) {}
  bool enabled(LogLevel level) const override { return level >= sink_.level(); }
  void write(LogLevel level, std::string_view component, std::string_view text) override {
    sink_.write(level, node_, component, text);
  }

 private:
  LogSink& sink_;
  std::string node_;
};

}  // namespace vectron
