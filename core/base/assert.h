// Assertions that stay on in release builds.
//
// An assertion guards an invariant: when it fails, the program is wrong and going on could harm
// data, so the process stops. Bad input, a dead peer or a full disk are never assertions; they are
// a Status (core/base/status.h).
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace vectron {

/// Prints the failed condition with its place and message, then aborts.
[[noreturn]] void assertion_failed(const char* file, int line, const char* condition,
                                   const std::string& message);

namespace detail {
inline std::string assertion_message() {
  return {};
}
template <typename... Args>
std::string assertion_message(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace detail

}  // namespace vectron

/// VECTRON_ASSERT(condition) or VECTRON_ASSERT(condition, "format", operands...): on in every
/// build.
#define VECTRON_ASSERT(condition, ...)                                                \
  do {                                                                                \
    if (!(condition)) [[unlikely]]                                                    \
      ::vectron::assertion_failed(__FILE__, __LINE__, #condition,                     \
                                  ::vectron::detail::assertion_message(__VA_ARGS__)); \
  } while (false)

/// VECTRON_AUDIT: an assertion too costly for production; on in debug, sanitizer and test builds.
#ifdef VECTRON_AUDITS
#define VECTRON_AUDIT(condition, ...) VECTRON_ASSERT(condition, ##__VA_ARGS__)
#else
#define VECTRON_AUDIT(condition, ...) \
  do {                                \
  } while (false)
#endif
