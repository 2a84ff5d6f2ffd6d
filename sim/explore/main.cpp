// vectron-sim: run one seed, explore many, replay a plan, shrink a failure, look for
// planted bugs and renew their plans, list what there is.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "sim/explore/explore.h"
#include "sim/explore/probes.h"
#include "sim/explore/real_time.h"
#include "sim/explore/renew_planted.h"
#include "sim/explore/report_json.h"
#include "sim/explore/shrink.h"
#include "sim/oracle/planted_bugs.h"
#include "sim/plan/scenarios.h"

namespace vectron::sim {
namespace {

constexpr int kExitPassed = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

/// Flags that several commands share.
struct PlanFlags {
  std::string profile = "cluster";
  std::vector<std::string> planted;
  std::vector<std::string> without;
  std::vector<std::string> only;
};

struct OutputFlags {
  std::string trace;
  std::string history;
  std::string plan_out;
  std::string log_level;
  bool json = false;
  bool check_determinism = false;
};

int usage_error(const std::string& text) {
  std::cerr << "vectron-sim: " << text << "\n";
  return kExitUsage;
}

Result<GenerateOptions> generate_options(const PlanFlags& flags) {
  GenerateOptions options;
  options.profile = flags.profile;
  const auto named = [](const std::string& name) -> Result<FaultClass> {
    const auto found = fault_class_named(name);
    if (found.has_value()) return *found;
    return fail(
        Code::invalid_argument,
        fmt::format("there is no fault class '{}'; `vectron-sim list --faults` names them", name));
  };
  if (!flags.only.empty()) {
    options.allowed = FaultClassSet::none();
    options.force_allowed = true;
    for (const std::string& name : flags.only) {
      VECTRON_TRY(const FaultClass fault_class, named(name));
      options.allowed.add(fault_class);
    }
  }
  for (const std::string& name : flags.without) {
    VECTRON_TRY(const FaultClass fault_class, named(name));
    options.allowed.remove(fault_class);
  }
  for (const std::string& name : flags.planted) {
    if (find_planted_bug(name) == nullptr) {
      return fail(
          Code::invalid_argument,
          fmt::format("there is no planted bug '{}'; `vectron-sim list --planted` names them",
                      name));
    }
  }
  options.planted = flags.planted;
  return options;
}

/// The flags as words for the command that replays a seed.
std::string replay_flags(const PlanFlags& flags) {
  std::string out;
  for (const std::string& name : flags.planted) out += " --plant " + name;
  for (const std::string& name : flags.without) out += " --without " + name;
  for (const std::string& name : flags.only) out += " --only " + name;
  return out;
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) std::cerr << "vectron-sim: cannot write " << path << "\n";
  return static_cast<bool>(file);
}

std::optional<LogLevel> log_level_named(const std::string& name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return std::nullopt;
}

void print_log_line(const LogLine& line) {
  constexpr std::string_view kLevels = "DIWE";
  std::fputs(
      fmt::format("{:12.6f} {:<12} {} {}: {}\n", to_seconds(line.when.time_since_epoch()),
                  line.node, kLevels[static_cast<size_t>(line.level)], line.component, line.text)
          .c_str(),
      stderr);
}

/// Runs one plan in this process, prints its report and hands it over (`told` may be null).
int run_one(const Plan& plan, const OutputFlags& flags, RunReport* told) {
  if (!flags.plan_out.empty() && !write_file(flags.plan_out, plan_to_json(plan))) return kExitUsage;
  RunOptions options;
  options.wall_nanoseconds = wall_nanoseconds;
  options.keep_history = !flags.history.empty();
  if (!flags.log_level.empty()) {
    const auto level = log_level_named(flags.log_level);
    if (!level.has_value()) return usage_error("--log takes debug, info, warning or error");
    options.log_level = *level;
    options.log_sink = print_log_line;
  }
  std::ofstream trace;
  if (!flags.trace.empty()) {
    trace.open(flags.trace, std::ios::binary);
    if (!trace) return usage_error("cannot write " + flags.trace);
    options.trace_sink = [&](const TraceRecord& record) {
      trace << record.when.time_since_epoch().count() << ' ' << static_cast<int>(record.kind) << ' '
            << std::hex << record.a << ' ' << record.b << std::dec << '\n';
    };
  }
  RunReport report = run_plan(plan, options);
  if (flags.check_determinism) check_determinism(plan, &report);
  if (!flags.history.empty() && !write_file(flags.history, report.history)) return kExitUsage;
  if (flags.json) {
    std::cout << report_to_json(report).pretty() << "\n";
  } else {
    std::cout << report_to_text(report);
  }
  const bool passed = report.passed();
  if (told != nullptr) *told = std::move(report);
  return passed ? kExitPassed : kExitFailed;
}

int command_run(uint64_t seed, const PlanFlags& plan_flags, const OutputFlags& output) {
  const auto options = generate_options(plan_flags);
  if (!options.has_value()) return usage_error(options.error().message());
  const auto plan = generate_plan(seed, *options);
  if (!plan.has_value()) return usage_error(plan.error().message());
  return run_one(*plan, output, nullptr);
}

Result<FailureFile> read_plan_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return fail(Code::not_found, "cannot read " + path);
  auto parsed = parse_failure_file(text.str());
  if (!parsed.has_value()) return fail(parsed.error().with_context(path));
  return parsed;
}

/// Whether the run did what its failure file says.
std::string compared_with(const Failure& told, const RunReport& report) {
  const auto now = failure_of(report);
  if (!now.has_value()) {
    return fmt::format("the file says [{}], but this run passed", told.failure_class.name());
  }
  const bool same_class = now->failure_class == told.failure_class;
  const bool same_trace = now->trace == told.trace;
  return fmt::format("the file says [{}]: {}, {}", told.failure_class.name(),
                     same_class ? "the same failure" : "another failure",
                     same_trace ? "the same trace" : "another trace (another version or plan)");
}

int command_replay(const std::string& path, const OutputFlags& output) {
  const auto file = read_plan_file(path);
  if (!file.has_value()) return usage_error(file.error().message());
  RunReport report;
  const int status = run_one(file->plan, output, &report);
  const std::optional<Failure>& told = file->failure;
  if (status != kExitUsage && told.has_value()) {
    std::cerr << compared_with(*told, report) << "\n";
  }
  return status;
}

struct ShrinkFlags {
  std::string out;
  bool json = false;
};

int command_shrink(const std::string& path, const ShrinkOptions& options,
                   const ShrinkFlags& flags) {
  const auto file = read_plan_file(path);
  if (!file.has_value()) return usage_error(file.error().message());
  const std::optional<Failure>& told = file->failure;
  const bool twice = told.has_value() && told->failure_class.oracle == oracle::kDeterminism;
  const RunCandidate run = [twice](const Plan& plan) { return run_candidate(plan, twice); };
  // What the file says may be of another version: what counts is how the plan fails now.
  const auto failure = judge_plan(file->plan, options.run_seconds_max, run);
  if (!failure.has_value()) return usage_error(path + ": this plan passes");
  std::cerr << fmt::format("shrinking [{}]\n", failure->failure_class.name());
  const auto progress = [](std::string_view stage, const Plan& plan, uint32_t runs) {
    const PlanSize size = size_of(plan);
    std::cerr << fmt::format("{:>5} runs: {} faults, {} operations, {} nodes; next {}\n", runs,
                             size.faults, size.operations, size.nodes, stage);
  };
  const auto result = shrink(file->plan, failure->failure_class, options, run, progress);
  if (!result.has_value()) return usage_error(result.error().message());
  if (!write_file(flags.out, failure_file_text(result->plan, result->failure))) return kExitUsage;
  const std::string text =
      shrink_to_text(file->plan, *result) + fmt::format("./dev sim replay {}\n", flags.out);
  if (flags.json) {
    std::cerr << text;
    std::cout << shrink_to_json(file->plan, *result).pretty() << "\n";
  } else {
    std::cout << text;
  }
  return kExitPassed;
}

int command_explore(ExploreOptions options, const PlanFlags& plan_flags, bool json) {
  auto generate = generate_options(plan_flags);
  if (!generate.has_value()) return usage_error(generate.error().message());
  options.generate = *std::move(generate);
  options.replay_flags = replay_flags(plan_flags);
  const auto checked = generate_plan(options.first_seed, options.generate);
  if (!checked.has_value()) return usage_error(checked.error().message());
  const auto progress = [&](const ExploreSummary& summary) {
    const uint64_t done = summary.passed + summary.failures.size();
    if (done % 25 != 0 && done != options.seeds) return;
    std::cerr << fmt::format("{} of {} seeds, {} failed, {:.0f} s\n", done, options.seeds,
                             summary.failures.size(),
                             static_cast<double>(summary.wall_nanoseconds) / 1e9);
  };
  const ExploreSummary summary =
      explore(options, [&](uint64_t seed) { return run_generated_seed(options, seed); }, progress);
  const std::string text = summary_to_text(options, summary);
  if (json) {
    std::cerr << text;
    std::cout << summary_to_json(options, summary).pretty() << "\n";
  } else {
    std::cout << text;
  }
  return summary.failures.empty() ? kExitPassed : kExitFailed;
}

/// The bugs of these names; without a name, all.
Result<std::vector<const PlantedBug*>> planted_bugs_named(const std::vector<std::string>& names) {
  std::vector<const PlantedBug*> bugs;
  for (const std::string& name : names) {
    const PlantedBug* bug = find_planted_bug(name);
    if (bug == nullptr) {
      return fail(Code::invalid_argument, "there is no planted bug '" + name + "'", "bugs");
    }
    bugs.push_back(bug);
  }
  if (bugs.empty()) {
    for (const PlantedBug& bug : planted_bugs()) bugs.push_back(&bug);
  }
  return bugs;
}

int command_renew(const std::vector<std::string>& names, const PlanFlags& plan_flags,
                  RenewOptions options) {
  auto generate = generate_options(plan_flags);
  if (!generate.has_value()) return usage_error(generate.error().message());
  options.generate = *std::move(generate);
  const auto bugs = planted_bugs_named(names);
  if (!bugs.has_value()) return usage_error(bugs.error().message());
  const auto progress = [](const std::string& line) { std::cerr << line << std::endl; };
  bool all = true;
  std::cout << "| planted bug | seed | as | faults, operations, nodes | seeds that show it | |\n"
            << "|---|---|---|---|---|---|" << std::endl;
  for (const PlantedBug* bug : *bugs) {
    const auto renewed = renew_planted(*bug, options, progress);
    if (!renewed.has_value()) return usage_error(renewed.error().message());
    std::cout << row_of(*bug, *renewed) << std::endl;
    all = all && renewed->file.has_value();
  }
  return all ? kExitPassed : kExitFailed;
}

int command_find(const std::vector<std::string>& names, const PlanFlags& plan_flags,
                 ExploreOptions options) {
  auto generate = generate_options(plan_flags);
  if (!generate.has_value()) return usage_error(generate.error().message());
  options.generate = *std::move(generate);
  const auto bugs = planted_bugs_named(names);
  if (!bugs.has_value()) return usage_error(bugs.error().message());
  bool all = true;
  std::cout << "| planted bug | found by explore at seed | as |\n|---|---|---|" << std::endl;
  for (const PlantedBug* bug : *bugs) {
    const std::optional<SeedFailure> found = find_planted(*bug, options);
    std::cout << row_of(*bug, found) << std::endl;
    all = all && found.has_value();
  }
  return all ? kExitPassed : kExitFailed;
}

struct ListFlags {
  bool planted = false;
  bool profiles = false;
  bool faults = false;
  bool oracles = false;
  bool probes = false;
  bool scenarios = false;
};

int command_list(const ListFlags& flags) {
  const bool all = !flags.planted && !flags.profiles && !flags.faults && !flags.oracles &&
                   !flags.probes && !flags.scenarios;
  // One list is names alone, for scripts; all lists together say what the names mean.
  const auto print = [&](std::string_view name, std::string_view meaning) {
    std::cout << (all ? fmt::format("  {:<26} {}\n", name, meaning) : fmt::format("{}\n", name));
  };
  if (all) std::cout << "profiles\n";
  if (all || flags.profiles) {
    for (const ProfileInfo& info : profiles()) print(info.name, info.meaning);
  }
  if (all) std::cout << "fault classes\n";
  if (all || flags.faults) {
    for (const FaultClassInfo& info : fault_classes()) print(info.name, info.meaning);
  }
  if (all) std::cout << "scenarios\n";
  if (all || flags.scenarios) {
    for (const ScenarioInfo& info : scenarios()) print(info.name, info.meaning);
  }
  if (all) std::cout << "oracles\n";
  if (all || flags.oracles) {
    for (const OracleInfo& info : oracles()) print(info.name, info.meaning);
  }
  if (all) std::cout << "probes\n";
  if (all || flags.probes) {
    for (const ProbeInfo& info : probes()) print(info.name, info.meaning);
  }
  if (all) std::cout << "planted bugs\n";
  if (all || flags.planted) {
    for (const PlantedBug& bug : planted_bugs()) print(bug.name, bug.meaning);
  }
  return kExitPassed;
}

void add_plan_flags(CLI::App* command, PlanFlags* flags) {
  command->add_option("--profile", flags->profile, "what runs (see list --profiles)")
      ->capture_default_str();
  command->add_option("--plant", flags->planted, "switch a planted bug on (see list --planted)");
  command->add_option("--without", flags->without, "switch a fault class off (see list --faults)");
  command->add_option("--only", flags->only, "switch every other fault class off");
}

void add_output_flags(CLI::App* command, OutputFlags* flags) {
  command->add_option("--trace", flags->trace, "write every record of the trace to this file");
  command->add_option("--history", flags->history, "write what clients did, as JSON lines");
  command->add_option("--plan-out", flags->plan_out, "write the plan, which replay reads");
  command->add_option("--log", flags->log_level, "print the nodes' logs from this level up");
  command->add_flag("--json", flags->json, "print the report as JSON");
  command->add_flag("--check-determinism", flags->check_determinism, "run twice, compare traces");
}

int main_of(int argc, char** argv) {
  CLI::App app("Runs whole Vectron clusters in simulated time under faults.");
  app.require_subcommand(1);
  PlanFlags plan;
  OutputFlags output;
  uint64_t seed = 1;
  std::string plan_path;
  ListFlags list;
  ExploreOptions exploring;
  exploring.jobs = static_cast<uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  exploring.failures_folder = "build/failures";
  bool explore_json = false;
  ShrinkOptions shrinking;
  shrinking.jobs = exploring.jobs;
  ShrinkFlags shrink_flags;

  CLI::App* run = app.add_subcommand("run", "one seed; exit status 1 on a violation");
  run->add_option("--seed", seed, "the seed")->required();
  add_plan_flags(run, &plan);
  add_output_flags(run, &output);
  CLI::App* replay = app.add_subcommand("replay", "run a plan from a file");
  replay->add_option("plan", plan_path, "a plan, or the failure file of explore or shrink")
      ->required();
  add_output_flags(replay, &output);
  CLI::App* explore = app.add_subcommand("explore", "many seeds; exit status 1 when any fails");
  explore->add_option("--seeds", exploring.seeds, "how many")
      ->required()
      ->check(CLI::PositiveNumber);
  explore->add_option("--start", exploring.first_seed, "the first seed")->capture_default_str();
  explore->add_option("--jobs", exploring.jobs, "runs at once")->check(CLI::Range(1, 1024));
  explore
      ->add_option("--run-seconds-max", exploring.run_seconds_max, "a run that takes longer hangs")
      ->check(CLI::PositiveNumber);
  explore->add_flag("--json", explore_json, "print one JSON object, all else to standard error");
  explore->add_flag("--check-determinism", exploring.check_determinism,
                    "run each twice, compare traces");
  explore
      ->add_option("--failures", exploring.failures_folder,
                   "where a file for each failure is written; empty for none")
      ->capture_default_str();
  add_plan_flags(explore, &plan);
  CLI::App* smaller = app.add_subcommand("shrink", "the smallest plan with the same failure");
  smaller->add_option("plan", plan_path, "a plan that fails, or a failure file")->required();
  smaller->add_option("-o,--out", shrink_flags.out, "where the result is written")->required();
  smaller->add_option("--jobs", shrinking.jobs, "runs at once; does not change the result")
      ->check(CLI::Range(1, 1024));
  smaller->add_option("--runs-max", shrinking.runs_max, "candidates tried at most")
      ->capture_default_str();
  smaller
      ->add_option("--run-seconds-max", shrinking.run_seconds_max, "a run that takes longer hangs")
      ->check(CLI::PositiveNumber);
  smaller->add_flag("--json", shrink_flags.json,
                    "print one JSON object, all else to standard error");
  RenewOptions renewing;
  renewing.jobs = exploring.jobs;
  renewing.folder = "tests/sim/plans/planted";
  std::vector<std::string> planted_names;
  CLI::App* renew = app.add_subcommand(
      "renew-planted", "makes the kept plans of planted bugs anew where they hide them");
  renew->add_option("bugs", planted_names, "their names (see list --planted); none for all");
  renew->add_option("--jobs", renewing.jobs, "runs at once")->check(CLI::Range(1, 1024));
  renew->add_option("--seeds-max", renewing.seeds_max, "explored for one bug at most")
      ->capture_default_str();
  renew->add_option("--runs-max", renewing.shrink_runs_max, "candidates of one shrink at most")
      ->capture_default_str();
  renew->add_option("--plans-max", renewing.plans_max, "plans that are shrunk for one bug at most")
      ->capture_default_str();
  renew->add_option("--only", plan.only, "explore seeds with these fault classes alone");
  renew->add_option("--folder", renewing.folder, "where the plans are")->capture_default_str();
  ExploreOptions finding;
  finding.seeds = 500;
  finding.jobs = exploring.jobs;
  CLI::App* find = app.add_subcommand(
      "find-planted", "the first seed that shows each planted bug; exit status 1 when one hides");
  find->add_option("bugs", planted_names, "their names (see list --planted); none for all");
  find->add_option("--seeds", finding.seeds, "explored for one bug at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  find->add_option("--jobs", finding.jobs, "runs at once")->check(CLI::Range(1, 1024));
  find->add_option("--profile", plan.profile, "what runs (see list --profiles)")
      ->capture_default_str();
  CLI::App* listing = app.add_subcommand("list", "names, one a line");
  listing->add_flag("--planted", list.planted, "the planted bugs");
  listing->add_flag("--profiles", list.profiles, "what can run");
  listing->add_flag("--faults", list.faults, "the fault classes");
  listing->add_flag("--oracles", list.oracles, "what judges a run");
  listing->add_flag("--probes", list.probes, "rare things that seeds are meant to reach");
  listing->add_flag("--scenarios", list.scenarios,
                    "short successions of faults that plans may have");
  CLI11_PARSE(app, argc, argv);

  if (run->parsed()) return command_run(seed, plan, output);
  if (replay->parsed()) return command_replay(plan_path, output);
  if (smaller->parsed()) return command_shrink(plan_path, shrinking, shrink_flags);
  if (explore->parsed()) return command_explore(exploring, plan, explore_json);
  if (renew->parsed()) return command_renew(planted_names, plan, renewing);
  if (find->parsed()) return command_find(planted_names, plan, finding);
  return command_list(list);
}

}  // namespace
}  // namespace vectron::sim

int main(int argc, char** argv) {
  return vectron::sim::main_of(argc, argv);
}
