#include "sim/explore/explore.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/assert.h"
#include "sim/explore/child_pool.h"
#include "sim/explore/probes.h"
#include "sim/explore/real_time.h"
#include "sim/explore/report_json.h"

namespace vectron::sim {

namespace {

RunReport run_once(const Plan& plan) {
  RunOptions options;
  options.wall_nanoseconds = wall_nanoseconds;
  return run_plan(plan, options);
}

std::string replay_command(const ExploreOptions& options, uint64_t seed) {
  return fmt::format("./dev sim run --profile {} --seed {}{}", options.generate.profile, seed,
                     options.replay_flags);
}

std::string failure_path(const ExploreOptions& options, uint64_t seed) {
  std::string name = fmt::format("{}-{}", options.generate.profile, seed);
  for (const std::string& bug : options.generate.planted) name += "-" + bug;
  return fmt::format("{}/{}.json", options.failures_folder, name);
}

void write_failure_file(const ExploreOptions& options, SeedFailure* failure) {
  const auto plan = generate_plan(failure->seed, options.generate);
  VECTRON_ASSERT(plan.has_value(), "{}", plan.error().to_string());
  std::error_code error;
  std::filesystem::create_directories(options.failures_folder, error);
  const std::string path = failure_path(options, failure->seed);
  std::ofstream file(path, std::ios::binary);
  file << failure_file_text(*plan, failure->failure);
  file.close();
  if (!file) return;  // The seed still tells it all; the commands for the file are left out.
  failure->file = path;
  const std::string stem = path.substr(0, path.size() - std::string_view(".json").size());
  failure->shrink = fmt::format("./dev sim shrink {} -o {}.min.json", path, stem);
}

void judge(const ExploreOptions& options, const ChildResult& result, ExploreSummary* summary) {
  summary->cpu_nanoseconds += result.cpu_nanoseconds;
  std::optional<Failure> failure = sim::failure_of(result);
  if (result.kind == ChildResult::Kind::answered) {
    const auto json = parse_json(result.answer);
    auto report = report_from_json(*json);
    VECTRON_ASSERT(report.has_value(), "a child's answer: {}", report.error().to_string());
    summary->reports.push_back(*std::move(report));
  }
  if (!failure.has_value()) {
    ++summary->passed;
    return;
  }
  if (result.kind == ChildResult::Kind::hung) {
    failure->text = fmt::format("ran longer than {} s; {}", options.run_seconds_max, failure->text);
  }
  SeedFailure seed{.seed = result.job,
                   .failure = *std::move(failure),
                   .replay = replay_command(options, result.job)};
  const bool wanted =
      !options.failures_folder.empty() && summary->failures.size() < kFailureFilesMax;
  if (wanted) write_failure_file(options, &seed);
  summary->failures.push_back(std::move(seed));
}

struct Totals {
  uint64_t operations = 0;
  uint64_t definite = 0;
  uint64_t operations_min = 0;
  double definite_share_min = 1;
  double completed_per_second_min = 0;
  double search_share_min = 0;
  uint64_t classes_median = 0;
  FaultCounters faults;
  /// By probe: the seeds that reached it.
  std::vector<uint64_t> probe_seeds;
  /// All loaded simulated time over all its wall time.
  double ratio = 0;
  double ratio_min = 0;
  uint64_t wall_max = 0;
  Recall recall;
  /// Runs of which a floor was not judged, for want of operations.
  uint64_t not_judged = 0;
};

Totals totals_of(const std::vector<RunReport>& reports) {
  Totals totals;
  totals.probe_seeds.resize(probes().size());
  std::vector<uint64_t> classes;
  double simulated = 0;
  double wall = 0;
  for (const RunReport& report : reports) {
    const bool first = classes.empty();
    const OperationCounts& operations = report.operations;
    const double share = operations.total() == 0 ? 0
                                                 : static_cast<double>(operations.definite()) /
                                                       static_cast<double>(operations.total());
    totals.operations += operations.total();
    totals.definite += operations.definite();
    totals.operations_min =
        first ? operations.total() : std::min(totals.operations_min, operations.total());
    totals.definite_share_min = std::min(totals.definite_share_min, share);
    const auto lower = [first](double before, double now) {
      return first ? now : std::min(before, now);
    };
    totals.completed_per_second_min =
        lower(totals.completed_per_second_min, completed_per_second(report));
    totals.search_share_min = lower(totals.search_share_min, search_share(report));
    totals.ratio_min = lower(totals.ratio_min, loaded_ratio(report));
    totals.wall_max = std::max(totals.wall_max, report.wall_nanoseconds);
    totals.recall.found += report.recall.found;
    totals.recall.expected += report.recall.expected;
    totals.not_judged += report.recall_not_judged + report.operations_not_judged > 0 ? 1 : 0;
    for (const FaultClassInfo& info : fault_classes()) {
      totals.faults.add(info.fault_class, report.faults.count(info.fault_class));
    }
    for (size_t i = 0; i < probes().size(); ++i) {
      totals.probe_seeds[i] += probes()[i].count(report) > 0 ? 1 : 0;
    }
    classes.push_back(report.faults.classes_fired());
    simulated += static_cast<double>(report.loaded_simulated.count());
    wall += static_cast<double>(report.loaded_wall_nanoseconds);
  }
  std::ranges::sort(classes);
  if (!classes.empty()) totals.classes_median = classes[classes.size() / 2];
  totals.ratio = wall == 0 ? 0 : simulated / wall;
  return totals;
}

double seeds_per_cpu_hour(const ExploreSummary& summary) {
  const double seeds = static_cast<double>(summary.passed + summary.failures.size());
  return summary.cpu_nanoseconds == 0
             ? 0
             : seeds * 3.6e12 / static_cast<double>(summary.cpu_nanoseconds);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

ExploreSummary explore(const ExploreOptions& options, const RunSeed& run_seed,
                       const std::function<void(const ExploreSummary&)>& progress) {
  ExploreSummary summary;
  ChildPoolOptions pool;
  pool.jobs = options.jobs;
  pool.wall_nanoseconds_max = uint64_t{options.run_seconds_max} * 1'000'000'000;
  pool.enough = [&] {
    return options.until && std::ranges::any_of(summary.failures, [&](const SeedFailure& seed) {
             return options.until(seed.failure.failure_class);
           });
  };
  const uint64_t begin = wall_nanoseconds();
  run_in_children(
      options.first_seed, options.seeds, pool,
      [&](uint64_t seed) { return report_to_json(run_seed(seed)).compact(); },
      [&](const ChildResult& result) {
        judge(options, result, &summary);
        summary.wall_nanoseconds = wall_nanoseconds() - begin;
        if (progress) progress(summary);
      });
  std::ranges::sort(summary.failures, {}, &SeedFailure::seed);
  std::ranges::sort(summary.reports, {}, &RunReport::seed);
  return summary;
}

RunReport run_generated_seed(const ExploreOptions& options, uint64_t seed) {
  const auto plan = generate_plan(seed, options.generate);
  VECTRON_ASSERT(plan.has_value(), "{}", plan.error().to_string());
  RunReport report = run_once(*plan);
  if (options.check_determinism) check_determinism(*plan, &report);
  return report;
}

void check_determinism(const Plan& plan, RunReport* first) {
  if (run_once(plan).trace == first->trace) return;
  std::vector<TraceRecord> records;
  RunOptions recording;
  recording.trace_sink = [&](const TraceRecord& record) { records.push_back(record); };
  run_plan(plan, recording);
  size_t position = 0;
  std::optional<TraceRecord> other;
  RunOptions comparing;
  comparing.trace_sink = [&](const TraceRecord& record) {
    if (other.has_value()) return;
    if (position >= records.size() || !(records[position] == record))
      other = record;
    else
      ++position;
  };
  run_plan(plan, comparing);
  std::string text =
      "two runs of the plan have different traces, but two further ones do not differ";
  Instant at{};
  if (other.has_value()) {
    at = other->when;
    const TraceRecord mine = position < records.size() ? records[position] : TraceRecord{};
    text = fmt::format(
        "the traces differ first at record {}: kind {} ({:x}, {:x}) at {} ns, against "
        "kind {} ({:x}, {:x}) at {} ns",
        position, static_cast<int>(mine.kind), mine.a, mine.b, mine.when.time_since_epoch().count(),
        static_cast<int>(other->kind), other->a, other->b, other->when.time_since_epoch().count());
  }
  first->violations.insert(first->violations.begin(),
                           {std::string(oracle::kDeterminism), at, std::move(text)});
  ++first->violation_count;
}

Json summary_to_json(const ExploreOptions& options, const ExploreSummary& summary) {
  const Totals totals = totals_of(summary.reports);
  const auto decimal = [](double value) { return Json(Json::Decimal{value}); };
  JsonArray failing;
  JsonArray failures;
  JsonObject by_oracle;
  for (const SeedFailure& failure : summary.failures) {
    failing.emplace_back(failure.seed);
    failures.emplace_back(
        JsonObject{{"seed", failure.seed},
                   {"oracle", failure.failure.failure_class.oracle},
                   {"kind", failure.failure.failure_class.kind},
                   {"at_ms", Json(to_microseconds(failure.failure.at.time_since_epoch()) / 1000)},
                   {"text", failure.failure.text},
                   {"trace", failure.failure.trace},
                   {"replay", failure.replay},
                   {"file", failure.file},
                   {"shrink", failure.shrink}});
    const std::string& oracle = failure.failure.failure_class.oracle;
    const auto counted = std::ranges::find(by_oracle, oracle, &JsonMember::first);
    if (counted == by_oracle.end()) {
      by_oracle.emplace_back(oracle, uint64_t{1});
    } else {
      counted->second = Json(*counted->second.as<uint64_t>() + 1);
    }
  }
  JsonObject faults;
  for (const FaultClassInfo& info : fault_classes()) {
    faults.emplace_back(std::string(info.name), totals.faults.count(info.fault_class));
  }
  JsonObject probe_counts;
  for (size_t i = 0; i < probes().size(); ++i) {
    probe_counts.emplace_back(std::string(probes()[i].name), totals.probe_seeds[i]);
  }
  return Json(
      JsonObject{{"profile", options.generate.profile},
                 {"first_seed", options.first_seed},
                 {"seeds", options.seeds},
                 {"passed", summary.passed},
                 {"failed", uint64_t{summary.failures.size()}},
                 {"failing_seeds", std::move(failing)},
                 {"determinism_checked", options.check_determinism},
                 {"sim_wall_ratio", decimal(totals.ratio)},
                 {"sim_wall_ratio_min", decimal(totals.ratio_min)},
                 {"seeds_per_cpu_hour", decimal(seeds_per_cpu_hour(summary))},
                 {"wall_s", decimal(static_cast<double>(summary.wall_nanoseconds) / 1e9)},
                 {"cpu_s", decimal(static_cast<double>(summary.cpu_nanoseconds) / 1e9)},
                 {"run_wall_s_max", decimal(static_cast<double>(totals.wall_max) / 1e9)},
                 {"ops", totals.operations},
                 {"ops_min", totals.operations_min},
                 {"ops_definite_share",
                  decimal(totals.operations == 0 ? 0
                                                 : static_cast<double>(totals.definite) /
                                                       static_cast<double>(totals.operations))},
                 {"ops_definite_share_min", decimal(totals.definite_share_min)},
                 {"completed_per_second_min", decimal(totals.completed_per_second_min)},
                 {"search_share_min", decimal(totals.search_share_min)},
                 {"recall", decimal(static_cast<double>(totals.recall.found_ppm()) / 1e6)},
                 {"not_judged", totals.not_judged},
                 {"fault_classes_fired_median", totals.classes_median},
                 {"faults", std::move(faults)},
                 {"probes", std::move(probe_counts)},
                 {"failures_by_oracle", std::move(by_oracle)},
                 {"failures", std::move(failures)}});
}

std::string summary_to_text(const ExploreOptions& options, const ExploreSummary& summary) {
  const Totals totals = totals_of(summary.reports);
  std::string out = fmt::format("profile {}, seeds {} to {}{}\n", options.generate.profile,
                                options.first_seed, options.first_seed + options.seeds - 1,
                                options.check_determinism ? ", each run twice" : "");
  out += fmt::format(
      "{:.0f} : 1 simulated over wall in the loaded interval (lowest {:.0f} : 1), longest run "
      "{:.1f} s, {:.0f} seeds a CPU-hour\n",
      totals.ratio, totals.ratio_min, static_cast<double>(totals.wall_max) / 1e9,
      seeds_per_cpu_hour(summary));
  out += fmt::format(
      "{} operations (fewest in a run {}), {:.1f} % with a definite outcome (lowest {:.1f} %), "
      "recall {:.3f}\n",
      totals.operations, totals.operations_min,
      totals.operations == 0
          ? 0.0
          : 100.0 * static_cast<double>(totals.definite) / static_cast<double>(totals.operations),
      100.0 * totals.definite_share_min, static_cast<double>(totals.recall.found_ppm()) / 1e6);
  out += fmt::format("{:.0f} operations completed a simulated second, {:.1f} % searches (lowest)\n",
                     totals.completed_per_second_min, 100 * totals.search_share_min);
  if (totals.not_judged > 0) {
    out += fmt::format("{} runs were too short for a floor to be judged\n", totals.not_judged);
  }
  out += fmt::format("{} fault classes fired in the median seed; by class:", totals.classes_median);
  for (const FaultClassInfo& info : fault_classes()) {
    out += fmt::format(" {} {}", info.name, totals.faults.count(info.fault_class));
  }
  out += "\nseeds that reached each probe:";
  for (size_t i = 0; i < probes().size(); ++i) {
    out += fmt::format(" {} {}", probes()[i].name, totals.probe_seeds[i]);
  }
  out += "\n";
  for (const SeedFailure& seed : summary.failures) {
    const Failure& failure = seed.failure;
    const bool crash = failure.failure_class.oracle == oracle::kCrash;
    out += fmt::format("seed {} [{}] at {:.3f} s: {}\n  {}\n", seed.seed,
                       failure.failure_class.name(), to_seconds(failure.at.time_since_epoch()),
                       crash ? failure.text : first_line(failure.text), seed.replay);
    if (!seed.file.empty())
      out += fmt::format("  ./dev sim replay {}\n  {}\n", seed.file, seed.shrink);
  }
  out += fmt::format("{} passed, {} failed\n", summary.passed, summary.failures.size());
  return out;
}

}  // namespace vectron::sim
