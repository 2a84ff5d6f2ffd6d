// Runs jobs in forked child processes: a crash or a hang of one is a result, not the end of the
// explorer.
//
// The caller's thread does everything: it forks, polls the pipes, ends what runs too long, and
// hands over results in the order in which they come.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vectron::sim {

/// How a child ended.
struct ChildResult {
  enum class Kind : uint8_t {
    /// It returned `answer` and exited with 0.
    answered,
    /// A signal, or an exit status that is not 0: an assertion, a sanitizer's report.
    crashed,
    /// It ran past its bound and was ended.
    hung,
  };
  uint64_t job = 0;
  Kind kind = Kind::crashed;
  std::string answer;
  /// The end of what it wrote to standard error.
  std::string error_tail;
  uint64_t cpu_nanoseconds = 0;
  uint64_t wall_nanoseconds = 0;
};

struct ChildPoolOptions {
  /// Children at once.
  uint32_t jobs = 1;
  /// Of one child.
  uint64_t wall_nanoseconds_max = 60'000'000'000;
  /// Once it says so no further job begins; empty: all do.
  std::function<bool()> enough;
};

/// Calls `work(job)` in a child for each job of [first, first + count) and `done` in this process
/// for each result.
void run_in_children(uint64_t first, uint64_t count, const ChildPoolOptions& options,
                     const std::function<std::string(uint64_t job)>& work,
                     const std::function<void(ChildResult)>& done);

}  // namespace vectron::sim
