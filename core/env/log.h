// Log lines of a node. They never take part in a trace hash.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace vectron {

enum class LogLevel : uint8_t { debug, info, warning, error };

class Log {
 public:
  virtual ~Log() = default;
  virtual bool enabled(LogLevel level) const = 0;
  /// `component` is the part of the program ("raft", "wal"), a literal.
  virtual void write(LogLevel level, std::string_view component, std::string_view text) = 0;

  template <typename... Args>
  void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    print(LogLevel::debug, component, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    print(LogLevel::info, component, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warning(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    print(LogLevel::warning, component, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    print(LogLevel::error, component, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void print(LogLevel level, std::string_view component, fmt::format_string<Args...> format,
             Args&&... args) {
    if (enabled(level)) write(level, component, fmt::format(format, std::forward<Args>(args)...));
  }
};

}  // namespace vectron
