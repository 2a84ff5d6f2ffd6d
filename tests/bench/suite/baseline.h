// The yardstick as a child process: plain hnswlib (tests/bench/hnswlib_baseline.cpp), another
// compiler's program, which builds and searches when it is told to and sleeps in between.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"

namespace vectron::bench {

struct BaselineOptions {
  std::string binary;
  size_t points = 0;
  size_t queries = 0;
  /// 32-bit integers: each query's exact squared radius.
  std::string radii_file;
};

class Baseline {
 public:
  /// Errors: unavailable.
  static Result<Baseline> start(const BaselineOptions& options);
  Baseline(Baseline&& other) noexcept;
  Baseline& operator=(Baseline&&) = delete;
  ~Baseline();

  /// Builds the graph anew; returns the seconds that took. Errors of all: unavailable.
  Result<double> build(size_t threads);
  /// Searches with every query; returns queries a second.
  Result<double> search(size_t ef, size_t threads);
  /// recall@10 over all queries.
  Result<double> recall(size_t ef, size_t threads);

 private:
  Baseline(pid_t pid, int commands, int answers)
      : pid_(pid), commands_(commands), answers_(answers) {}
  Result<double> ask(const std::string& command);

  pid_t pid_;
  int commands_;
  int answers_;
};

}  // namespace vectron::bench
