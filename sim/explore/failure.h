// What makes two failures the same: the class that a shrunk plan must keep; and the file that holds
// a failure.
#pragma once

#include <optional>
#include <string>

#include "sim/cluster/run.h"
#include "sim/explore/child_pool.h"
#include "sim/plan/json.h"

namespace vectron::sim {

/// The oracle that objected first, and which of its objections it was.
struct FailureClass {
  std::string oracle;
  /// crash: the assertion or the sanitizer's finding.
  std::string kind;
  bool operator==(const FailureClass&) const = default;

  /// "search/hit"; the oracle alone where it has but one objection.
  std::string name() const;
};

struct Failure {
  FailureClass failure_class;
  Instant at{};
  std::string text;
  /// The run's trace hash in hexadecimal; empty where it came to no verdict.
  std::string trace;
};

/// The failure of a run in a child that returned report_to_json(); nothing when it passed.
std::optional<Failure> failure_of(const ChildResult& result);
/// The same of a report.
std::optional<Failure> failure_of(const RunReport& report);

/// What of a dead child's last words names its bug whatever the run: "core/raft/log.cpp: index >
/// 0".
std::string crash_kind(std::string_view error_tail);

std::string trace_text(const TraceHash& trace);

/// A plan with the failure that it showed, as explore writes it and replay and shrink read it.
struct FailureFile {
  Plan plan;
  /// Absent in a file that holds a plan alone.
  std::optional<Failure> failure;
};

std::string failure_file_text(const Plan& plan, const Failure& failure);
/// Reads a failure file or a plan. Errors: invalid_argument with the field.
Result<FailureFile> parse_failure_file(std::string_view text);

}  // namespace vectron::sim
