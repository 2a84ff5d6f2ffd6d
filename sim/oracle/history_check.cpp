#include "sim/oracle/history_check.h"

#include <algorithm>
#include <optional>

#include "core/base/assert.h"
#include "sim/oracle/register_check.h"

namespace vectron::sim {

namespace {

std::string describe(const Operation& operation) {
  return fmt::format(
      "client-{} {} of point {} in collection {} (value {}, version {}, {} to {} ms, {})",
      operation.client, operation_kind_name(operation.kind), operation.point.to_string(),
      operation.collection, operation.value, operation.version,
      to_microseconds(operation.invoked.time_since_epoch()) / 1000,
      to_microseconds(operation.returned.time_since_epoch()) / 1000,
      outcome_name(operation.outcome));
}

bool is_write(const Operation& operation) {
  return operation.kind == OperationKind::upsert || operation.kind == OperationKind::remove;
}

bool may_have_happened(const Operation& operation) {
  return operation.outcome != Outcome::failed;
}

bool acknowledged(const Operation& operation) {
  return operation.outcome == Outcome::ok;
}

/// The register's view of an operation; nothing where it says nothing about the register.
std::optional<RegisterOperation> register_operation(const Operation& operation, size_t position) {
  RegisterOperation out;
  out.source = position;
  out.invoked = operation.invoke_order;
  out.certain = acknowledged(operation);
  if (out.certain) out.returned = operation.return_order;
  switch (operation.kind) {
    case OperationKind::upsert:
      out.kind = RegisterOperation::Kind::write;
      out.value = operation.value;
      return may_have_happened(operation) ? std::optional(out) : std::nullopt;
    case OperationKind::remove:
      out.kind = RegisterOperation::Kind::remove;
      if (out.certain) out.existed = operation.existed;
      return may_have_happened(operation) ? std::optional(out) : std::nullopt;
    case OperationKind::get:
      out.kind = RegisterOperation::Kind::read;
      out.value = operation.value;
      return out.certain && operation.linearizable ? std::optional(out) : std::nullopt;
    case OperationKind::search:
      break;
  }
  return std::nullopt;
}

/// True when acknowledged `write` certainly came after `other`.
bool certainly_after(const Operation& write, const Operation& other) {
  return acknowledged(other) && write.invoke_order > other.return_order;
}

/// Whether `last` (a write; null: nothing was ever written) can be the last write of the point,
/// given `write`.
bool explains(const Operation* last, const Operation& write) {
  if (last == nullptr) return false;
  return last == &write || !certainly_after(write, *last);
}

/// The writes that can have left the final value behind.
std::vector<const Operation*> possible_last_writes(const History& history,
                                                   const std::vector<size_t>& positions,
                                                   ValueNumber final_value) {
  std::vector<const Operation*> out;
  for (const size_t position : positions) {
    const Operation& operation = history.operations()[position];
    if (!is_write(operation) || !may_have_happened(operation)) continue;
    const bool removes = operation.kind == OperationKind::remove;
    if (removes ? final_value == kAbsent : operation.value == final_value)
      out.push_back(&operation);
  }
  return out;
}

void check_final_value(const History& history, const std::vector<size_t>& positions,
                       const Operation& final_read, ViolationLog* log) {
  const auto candidates = possible_last_writes(history, positions, final_read.value);
  if (final_read.value != kAbsent && candidates.empty()) {
    log->add(oracle::kAcknowledgedWrites, final_read.returned,
             fmt::format("the final state has a value that nobody wrote: {}", describe(final_read)),
             "unwritten");
    return;
  }
  for (const size_t position : positions) {
    const Operation& write = history.operations()[position];
    // A remove leaves the point absent, so a final absence never contradicts it.
    const bool must_be_covered =
        acknowledged(write) &&
        (write.kind == OperationKind::upsert ||
         (write.kind == OperationKind::remove && final_read.value != kAbsent));
    if (!must_be_covered) continue;
    const bool covered = std::ranges::any_of(
        candidates, [&](const Operation* last) { return explains(last, write); });
    if (covered) continue;
    log->add(oracle::kAcknowledgedWrites, final_read.returned,
             fmt::format("an acknowledged write is gone: {}; the final state is {}",
                         describe(write), describe(final_read)),
             "gone");
    return;
  }
}

}  // namespace

OperationsByPoint operations_by_point(const History& history) {
  OperationsByPoint points;
  for (size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history.operations()[i];
    if (operation.kind == OperationKind::search) continue;
    points[PointKey{operation.collection, operation.point}].push_back(i);
  }
  return points;
}

void check_linearizability(const History& history, const OperationsByPoint& points,
                           ViolationLog* log) {
  for (const auto& [key, positions] : points) {
    std::vector<RegisterOperation> operations;
    for (const size_t position : positions) {
      const auto operation = register_operation(history.operations()[position], position);
      if (operation.has_value()) operations.push_back(*operation);
    }
    const RegisterVerdict verdict = check_register(operations);
    if (verdict.kind == RegisterVerdict::Kind::linearizable) continue;
    if (verdict.kind == RegisterVerdict::Kind::inconclusive) {
      log->add(
          oracle::kLinearizability, {},
          fmt::format("point {} of collection {}: too many concurrent unknown writes to decide",
                      key.id.to_string(), key.collection),
          "undecided");
      continue;
    }
    const Operation& culprit = history.operations()[verdict.culprit];
    log->add(oracle::kLinearizability, culprit.returned,
             fmt::format("no order of the operations explains {}", describe(culprit)),
             operation_kind_name(culprit.kind));
  }
}

void check_acknowledged_writes(const History& history, const OperationsByPoint& points,
                               ViolationLog* log) {
  for (const auto& [key, positions] : points) {
    const Operation* final_read = nullptr;
    for (const size_t position : positions) {
      const Operation& operation = history.operations()[position];
      if (operation.final_read && acknowledged(operation)) final_read = &operation;
    }
    if (final_read != nullptr) check_final_value(history, positions, *final_read, log);
  }
}

void check_eventual_reads(const History& history, const OperationsByPoint& points,
                          ViolationLog* log) {
  for (const auto& [key, positions] : points) {
    for (const size_t position : positions) {
      const Operation& read = history.operations()[position];
      if (read.kind != OperationKind::get || read.linearizable || !acknowledged(read)) continue;
      if (read.value == kAbsent) continue;
      const bool written = std::ranges::any_of(positions, [&](size_t other) {
        const Operation& write = history.operations()[other];
        return write.kind == OperationKind::upsert && write.value == read.value &&
               may_have_happened(write) && write.invoke_order < read.return_order;
      });
      if (written) continue;
      log->add(oracle::kEventualReads, read.returned,
               fmt::format("found what was not written by then: {}", describe(read)));
    }
  }
}

void check_versions(const History& history, const OperationsByPoint& points, ViolationLog* log) {
  for (const auto& [key, positions] : points) {
    std::map<uint64_t, const Operation*> by_version;
    for (const size_t position : positions) {
      const Operation& operation = history.operations()[position];
      const bool names_value =
          operation.kind == OperationKind::upsert || operation.kind == OperationKind::get;
      if (!names_value || !acknowledged(operation) || operation.version == 0) continue;
      const auto [at, fresh] = by_version.try_emplace(operation.version, &operation);
      if (fresh || at->second->value == operation.value) continue;
      log->add(oracle::kVersions, operation.returned,
               fmt::format("one version, two values: {} and {}", describe(*at->second),
                           describe(operation)));
    }
  }
}

void check_read_freshness(const History& history, ViolationLog* log) {
  struct Acknowledged {
    uint64_t order;
    /// The highest acknowledged up to `order`.
    uint64_t index;
  };
  std::vector<const Operation*> writes;
  for (const Operation& operation : history.operations()) {
    if (is_write(operation) && acknowledged(operation)) writes.push_back(&operation);
  }
  std::ranges::sort(writes, {}, [](const Operation* operation) { return operation->return_order; });
  std::map<uint64_t, std::vector<Acknowledged>> shards;
  for (const Operation* write : writes) {
    for (const ShardAt& token : write->tokens) {
      auto& acknowledged_so_far = shards[token.shard_id];
      const uint64_t before = acknowledged_so_far.empty() ? 0 : acknowledged_so_far.back().index;
      acknowledged_so_far.push_back({write->return_order, std::max(before, token.applied_index)});
    }
  }
  for (const Operation& read : history.operations()) {
    if (is_write(read) || !acknowledged(read) || !read.linearizable) continue;
    for (const ShardAt& token : read.tokens) {
      const auto& known = shards[token.shard_id];
      const auto after =
          std::ranges::lower_bound(known, read.invoke_order, {}, &Acknowledged::order);
      if (after == known.begin() || std::prev(after)->index <= token.applied_index) continue;
      log->add(oracle::kReadFreshness, read.returned,
               fmt::format(
                   "shard {} answered at index {}, but index {} was acknowledged before: {}",
                   token.shard_id, token.applied_index, std::prev(after)->index, describe(read)));
    }
  }
}

void check_history(const History& history, ViolationLog* log) {
  const OperationsByPoint points = operations_by_point(history);
  check_linearizability(history, points, log);
  check_acknowledged_writes(history, points, log);
  check_eventual_reads(history, points, log);
  check_versions(history, points, log);
  check_read_freshness(history, log);
}

}  // namespace vectron::sim
