#include "sim/explore/report_json.h"

namespace vectron::sim {

namespace {

/// The JSON report has more of them.
constexpr size_t kViolationsPrinted = 8;

/// One list of the report's numbers, walked by the writer and the reader.
template <typename Visit>
void for_each_number(RunReport& report, Visit visit) {
  visit("seed", report.seed);
  visit("violation_count", report.violation_count);
  visit("wall_ns", report.wall_nanoseconds);
  visit("loaded_wall_ns", report.loaded_wall_nanoseconds);
  visit("check_wall_ns", report.check_wall_nanoseconds);
  visit("events", report.events);
  visit("ok", report.operations.ok);
  visit("failed", report.operations.failed);
  visit("unknown", report.operations.unknown);
  visit("upserts_ok", report.upserts_ok);
  visit("gets_ok", report.gets_ok);
  visit("removes_ok", report.removes_ok);
  visit("searches_ok", report.searches_ok);
  visit("loaded_ok", report.loaded_ok);
  visit("loaded_searches_ok", report.loaded_searches_ok);
  visit("http_ok", report.http_ok);
  visit("restarts", report.restarts);
  visit("orderly_stops", report.orderly_stops);
  visit("recall_searches", report.recall.searches);
  visit("recall_found", report.recall.found);
  visit("recall_expected", report.recall.expected);
  visit("exact_searches", report.recall.exact_searches);
  visit("recall_not_judged", report.recall_not_judged);
  visit("operations_not_judged", report.operations_not_judged);
  visit("leader_changes", report.leader_changes);
  visit("snapshots_installed", report.snapshots_installed);
  visit("indexes_restored", report.indexes_restored);
  visit("checkpoints_written", report.checkpoints_written);
  visit("checkpoints_refused", report.checkpoints_refused);
  visit("indexes_rebuilt", report.indexes_rebuilt);
  visit("indexes_mended", report.indexes_mended);
  visit("memory_refusals", report.memory_refusals);
  visit("large_answers", report.large_answers);
  visit("peer_bytes_peak", report.peer_bytes_peak);
  visit("entries_applied", report.entries_applied);
}

uint64_t count_of(Duration duration) {
  return static_cast<uint64_t>(duration.count());
}

Json violation_json(const Violation& violation) {
  return Json(JsonObject{{"oracle", violation.oracle},
                         {"at_ns", Json(violation.at.time_since_epoch().count())},
                         {"text", violation.text},
                         {"kind", violation.kind}});
}

}  // namespace

Json report_to_json(const RunReport& report) {
  RunReport copy = report;
  JsonObject out = {
      {"profile", report.profile},
      {"trace", fmt::format("{:016x}{:016x}", report.trace.high(), report.trace.low())},
      {"simulated_ns", count_of(report.simulated)},
      {"loaded_simulated_ns", count_of(report.loaded_simulated)},
      {"beyond_promises", report.beyond_promises}};
  for_each_number(copy, [&](const char* name, uint64_t& value) { out.emplace_back(name, value); });
  JsonObject faults;
  for (const FaultClassInfo& info : fault_classes()) {
    faults.emplace_back(std::string(info.name), report.faults.count(info.fault_class));
  }
  out.emplace_back("faults", std::move(faults));
  JsonArray violations;
  for (const Violation& violation : report.violations)
    violations.push_back(violation_json(violation));
  out.emplace_back("violations", std::move(violations));
  return Json(std::move(out));
}

Result<RunReport> report_from_json(const Json& json) {
  RunReport report;
  bool complete = true;
  const auto number = [&](const Json& object, std::string_view name) -> uint64_t {
    const Json* member = object.find(name);
    const uint64_t* value = member == nullptr ? nullptr : member->as<uint64_t>();
    complete &= value != nullptr;
    return value == nullptr ? 0 : *value;
  };
  const auto text = [&](const Json& object, std::string_view name) -> std::string {
    const Json* member = object.find(name);
    const std::string* value = member == nullptr ? nullptr : member->as<std::string>();
    complete &= value != nullptr;
    return value == nullptr ? std::string() : *value;
  };
  report.profile = text(json, "profile");
  report.simulated = Duration(number(json, "simulated_ns"));
  report.loaded_simulated = Duration(number(json, "loaded_simulated_ns"));
  for_each_number(report, [&](const char* name, uint64_t& value) { value = number(json, name); });
  const Json* beyond = json.find("beyond_promises");
  complete &= beyond != nullptr && beyond->as<bool>() != nullptr;
  report.beyond_promises = complete && *beyond->as<bool>();
  const Json* faults = json.find("faults");
  const Json* violations = json.find("violations");
  if (faults == nullptr || violations == nullptr || violations->as<JsonArray>() == nullptr) {
    return fail(Code::invalid_argument, "not a run's report");
  }
  for (const FaultClassInfo& info : fault_classes()) {
    report.faults.add(info.fault_class, number(*faults, info.name));
  }
  for (const Json& item : *violations->as<JsonArray>()) {
    report.violations.push_back({.oracle = text(item, "oracle"),
                                 .at = Instant(Duration(number(item, "at_ns"))),
                                 .text = text(item, "text"),
                                 .kind = text(item, "kind")});
  }
  if (!complete) return fail(Code::invalid_argument, "not a whole report of a run");
  return report;
}

double loaded_ratio(const RunReport& report) {
  if (report.loaded_wall_nanoseconds == 0) return 0;
  return static_cast<double>(report.loaded_simulated.count()) /
         static_cast<double>(report.loaded_wall_nanoseconds);
}

double completed_per_second(const RunReport& report) {
  const double seconds = to_seconds(report.loaded_simulated);
  return seconds == 0 ? 0 : static_cast<double>(report.loaded_ok) / seconds;
}

double search_share(const RunReport& report) {
  if (report.loaded_ok == 0) return 0;
  return static_cast<double>(report.loaded_searches_ok) / static_cast<double>(report.loaded_ok);
}

std::string report_to_text(const RunReport& report) {
  std::string out = fmt::format(
      "seed {} ({}): {:.1f} s simulated in {:.2f} s ({:.2f} s of it oracles), {:.0f} : 1 over the "
      "loaded {:.0f} s, {} events\n",
      report.seed, report.profile, to_seconds(report.simulated),
      static_cast<double>(report.wall_nanoseconds) / 1e9,
      static_cast<double>(report.check_wall_nanoseconds) / 1e9, loaded_ratio(report),
      to_seconds(report.loaded_simulated), report.events);
  out += fmt::format("  trace {:016x}{:016x}\n", report.trace.high(), report.trace.low());
  const OperationCounts& operations = report.operations;
  out += fmt::format(
      "  {} operations: {} ok, {} certainly failed, {} unknown; ok: {} upserts, {} gets, {} "
      "deletes, {} searches ({} exact; recall {:.3f})\n",
      operations.total(), operations.ok, operations.failed, operations.unknown, report.upserts_ok,
      report.gets_ok, report.removes_ok, report.searches_ok, report.recall.exact_searches,
      static_cast<double>(report.recall.found_ppm()) / 1e6);
  out += fmt::format("  {:.0f} completed a second, {:.1f} % of them searches\n",
                     completed_per_second(report), 100 * search_share(report));
  out += fmt::format("  {} leader changes, {} snapshots installed, {} entries applied\n",
                     report.leader_changes, report.snapshots_installed, report.entries_applied);
  out += fmt::format(
      "  graphs: {} checkpoints written, {} restored from one, {} refused, {} rebuilt, {} "
      "mended\n"
      "  {} writes refused for want of memory\n  faults:",
      report.checkpoints_written, report.indexes_restored, report.checkpoints_refused,
      report.indexes_rebuilt, report.indexes_mended, report.memory_refusals);
  for (const FaultClassInfo& info : fault_classes()) {
    const uint64_t count = report.faults.count(info.fault_class);
    if (count > 0) out += fmt::format(" {} {}", info.name, count);
  }
  if (report.beyond_promises) {
    out +=
        "\n  more copies were at risk than the system promises to survive: what is left is not "
        "judged";
  }
  if (report.recall_not_judged != 0 && report.profile != "raft") {
    out += fmt::format(
        "\n  the recall is not judged: approximate searches could have found {} neighbours, it "
        "takes {}",
        report.recall.expected, kRecallExpectedMin);
  }
  if (report.operations_not_judged != 0) {
    out += "\n  too few operations were asked for to show much";
  }
  out += fmt::format(
      "\n  {}\n",
      report.passed() ? "passed" : fmt::format("FAILED: {} violations", report.violation_count));
  for (size_t i = 0; i < report.violations.size() && i < kViolationsPrinted; ++i) {
    const Violation& violation = report.violations[i];
    out += fmt::format("  [{}{}{}] at {:.3f} s: {}\n", violation.oracle,
                       violation.kind.empty() ? "" : "/", violation.kind,
                       to_seconds(violation.at.time_since_epoch()), violation.text);
  }
  return out;
}

}  // namespace vectron::sim
