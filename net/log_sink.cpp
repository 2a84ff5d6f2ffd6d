// The only file that knows spdlog.
#include "net/log_sink.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

namespace vectron {

namespace {

constexpr std::array kLevelNames = {"debug", "info", "warning", "error"};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                  spdlog::level::err};
  return kLevels[static_cast<size_t>(level)];
}

/// Text of a peer or a client must not be able to forge a line.
std::string on_one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
  }
  return line;
}

}  // namespace

struct LogSink::Impl {
  spdlog::logger logger{"vectron", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

LogSink::LogSink(LogLevel level) : level_(level), impl_(std::make_unique<Impl>()) {
  impl_->logger.set_level(spdlog_level(level));
  impl_->logger.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
}

LogSink::~LogSink() = default;

void LogSink::write(LogLevel level, std::string_view node, std::string_view component,
                    std::string_view text) {
  const std::string line =
      fmt::format("node={} component={} {}", node, component, on_one_line(text));
  impl_->logger.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (text == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return fail(Code::invalid_argument,
              fmt::format("'{}' is no log level: debug, info, warning or error", text));
}

}  // namespace vectron
