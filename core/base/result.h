// Result<T>: a value or a Status. Expected failures travel as values; exceptions are for broken
// invariants only.
#pragma once

#include <expected>
#include <utility>

#include "core/base/status.h"

namespace vectron {

template <typename T = void>
using Result = std::expected<T, Status>;

/// Makes the error side of a Result: `return fail(Code::not_found, "collection 'a' does not
/// exist");`
inline std::unexpected<Status> fail(Code code, std::string message, std::string field = {}) {
  return std::unexpected<Status>(Status(code, std::move(message), std::move(field)));
}
inline std::unexpected<Status> fail(Status status) {
  return std::unexpected<Status>(std::move(status));
}

/// The status of a result: ok when it holds a value.
template <typename T>
Status status_of(const Result<T>& result) {
  return result.has_value() ? Status() : result.error();
}

}  // namespace vectron

#define VECTRON_CONCAT_INNER(a, b) a##b
#define VECTRON_CONCAT(a, b) VECTRON_CONCAT_INNER(a, b)

/// VECTRON_TRY(auto value, expression): unwraps a Result or returns its error. For plain functions.
#define VECTRON_TRY(declaration, ...)                                                 \
  auto VECTRON_CONCAT(try_result_, __LINE__) = (__VA_ARGS__);                         \
  if (!VECTRON_CONCAT(try_result_, __LINE__).has_value())                             \
    return ::vectron::fail(std::move(VECTRON_CONCAT(try_result_, __LINE__)).error()); \
  declaration = *std::move(VECTRON_CONCAT(try_result_, __LINE__))

/// VECTRON_CHECK_OK(expression): returns the error of a Result<void>, for plain functions.
#define VECTRON_CHECK_OK(...)                                                           \
  do {                                                                                  \
    auto try_result = (__VA_ARGS__);                                                    \
    if (!try_result.has_value()) return ::vectron::fail(std::move(try_result).error()); \
  } while (false)

/// VECTRON_CO_TRY(auto value, result_variable): the same in a coroutine. The argument is a Result
/// that was awaited in a statement of its own before, never an await expression
/// (docs/decisions/0001-compiler.md).
#define VECTRON_CO_TRY(declaration, result)                                        \
  if (!(result).has_value()) co_return ::vectron::fail(std::move(result).error()); \
  declaration = *std::move(result)  // NOLINT(bugprone-macro-parentheses): a declaration has none

/// VECTRON_CO_CHECK_OK(result_variable): co_returns the error of an awaited Result.
#define VECTRON_CO_CHECK_OK(result) \
  if (!(result).has_value()) co_return ::vectron::fail(std::move(result).error())
