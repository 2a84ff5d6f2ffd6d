#include "sim/explore/renew_planted.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/assert.h"
#include "sim/explore/shrink.h"

namespace vectron::sim {

namespace {

/// Renews the plan of one bug.
class Renewal {
 public:
  Renewal(const PlantedBug& bug, const RenewOptions& options,
          const std::function<void(const std::string&)>& progress)
      : bug_(bug), options_(options), progress_(progress) {}

  Result<RenewedPlan> run() {
    if (auto kept = kept_plan()) {
      if (assess(&*kept)) {
        kept->outcome = RenewedPlan::Outcome::kept;
        if (moved_) VECTRON_CHECK_OK(write(*kept));
        return *std::move(kept);
      }
      progress_(fmt::format("{}: the kept plan shows it under {} of {} seeds", bug_.name,
                            kept->shown, kNeighbourSeeds));
    }
    RenewedPlan best = search();
    if (best.file.has_value()) VECTRON_CHECK_OK(write(best));
    return best;
  }

 private:
  std::optional<Failure> judge(const Plan& plan) const {
    return judge_plan(plan, options_.run_seconds_max,
                      [](const Plan& one) { return run_candidate(one, false); });
  }

  std::optional<RenewedPlan> kept_plan() const {
    std::ifstream file(planted_plan_path(options_.folder, bug_.name), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) return std::nullopt;
    auto parsed = parse_failure_file(text.str());
    if (!parsed.has_value() || !parsed->failure.has_value()) return std::nullopt;
    RenewedPlan kept;
    kept.file = *std::move(parsed);
    return kept;
  }

  bool passes_without_the_bug(Plan plan) const {
    plan.planted.clear();
    return !judge(plan).has_value();
  }

  /// Counts the seeds that show the bug, and makes the first of them the plan's. True when it is
  /// good.
  bool assess(RenewedPlan* candidate) {
    VECTRON_ASSERT(candidate->file.has_value());
    Plan plan = candidate->file->plan;
    const uint64_t own_seed = plan.seed;
    std::optional<FailureFile> first;
    candidate->shown = 0;
    for (uint32_t i = 0; i < kNeighbourSeeds; ++i, ++plan.seed) {
      const auto failure = judge(plan);
      if (!failure.has_value() || !finds(bug_, failure->failure_class)) continue;
      if (!first.has_value() && !passes_without_the_bug(plan)) continue;
      ++candidate->shown;
      if (!first.has_value()) first = FailureFile{plan, failure};
    }
    if (!first.has_value()) return false;
    moved_ = first->plan.seed != own_seed;
    candidate->file = std::move(first);
    return candidate->shown >= kNeighboursShown &&
           candidate->file->plan.faults.size() <= kPlantedFaultsMax;
  }

  RenewedPlan search() {
    RenewedPlan best;
    std::optional<SeedFailure> unsteady;  // Shown, but not by the seeds beside it.
    uint32_t tried = 0;
    ExploreOptions explored = explore_options();
    for (uint64_t seed = 1; seed <= options_.seeds_max; seed += explored.seeds) {
      explored.first_seed = seed;
      for (const SeedFailure& failure : showing(explored)) {
        const bool good = try_plan(failure, true, &best);
        if (good || ++tried == options_.plans_max) seed = options_.seeds_max;
        if (good) return best;
        if (!unsteady.has_value()) unsteady = failure;
      }
    }
    if (!best.file.has_value() && unsteady.has_value()) try_plan(*unsteady, false, &best);
    return best;
  }

  ExploreOptions explore_options() const {
    ExploreOptions explored;
    explored.jobs = options_.jobs;
    explored.seeds = options_.jobs;
    explored.run_seconds_max = options_.run_seconds_max;
    explored.generate = options_.generate;
    explored.generate.planted = {std::string(bug_.name)};
    return explored;
  }

  /// The seeds that show the bug, and nothing without it.
  std::vector<SeedFailure> showing(const ExploreOptions& explored) const {
    const RunSeed run_seed = [&](uint64_t seed) { return run_generated_seed(explored, seed); };
    ExploreSummary summary = explore(explored, run_seed, {});
    std::erase_if(summary.failures, [&](const SeedFailure& failure) {
      return !finds(bug_, failure.failure.failure_class) ||
             !passes_without_the_bug(plan_of(failure.seed));
    });
    std::ranges::sort(summary.failures, {}, &SeedFailure::seed);
    return std::move(summary.failures);
  }

  Plan plan_of(uint64_t seed) const {
    auto plan = generate_plan(seed, explore_options().generate);
    VECTRON_ASSERT(plan.has_value());
    return *std::move(plan);
  }

  /// Runs `plan`; as if it had passed when too few of the seeds beside its own show the bug too.
  RunReport run_steadily(Plan plan, const FailureClass& wanted) const {
    RunReport report = run_candidate(plan, false);
    const auto failure = failure_of(report);
    if (!failure.has_value() || !(failure->failure_class == wanted)) return report;
    uint32_t shown = 1;
    for (uint32_t i = 1; i < kNeighbourSeeds && shown < kNeighboursShown; ++i) {
      if (shown + (kNeighbourSeeds - i) < kNeighboursShown) break;
      ++plan.seed;
      const auto beside = failure_of(run_candidate(plan, false));
      shown += beside.has_value() && finds(bug_, beside->failure_class) ? 1 : 0;
    }
    return shown >= kNeighboursShown ? report : RunReport();
  }

  /// Shrinks the plan of a seed and takes it when it is better than `best`. True when it is good.
  bool try_plan(const SeedFailure& seed, bool steadily, RenewedPlan* best) {
    const FailureClass wanted = seed.failure.failure_class;
    ShrinkOptions shrinking;
    shrinking.jobs = options_.jobs;
    shrinking.runs_max = options_.shrink_runs_max;
    shrinking.run_seconds_max = options_.run_seconds_max;
    const RunCandidate run = [&](const Plan& plan) {
      return steadily ? run_steadily(plan, wanted) : run_candidate(plan, false);
    };
    const auto shrunk = shrink(plan_of(seed.seed), wanted, shrinking, run, {});
    if (!shrunk.has_value()) {
      progress_(fmt::format("{}: seed {} [{}], and too few of the seeds after it", bug_.name,
                            seed.seed, wanted.name()));
      return false;
    }
    RenewedPlan made;
    made.file = FailureFile{shrunk->plan, shrunk->failure};
    const bool good = assess(&made);
    made.outcome = good ? RenewedPlan::Outcome::renewed : RenewedPlan::Outcome::poor;
    progress_(fmt::format("{}: seed {} [{}], shrunk to {} faults, shown under {} of {} seeds",
                          bug_.name, seed.seed, wanted.name(), shrunk->plan.faults.size(),
                          made.shown, kNeighbourSeeds));
    if (good || made.shown > best->shown) *best = std::move(made);
    return good;
  }

  Result<void> write(const RenewedPlan& plan) const {
    VECTRON_ASSERT(plan.file.has_value());
    const FailureFile& kept = *plan.file;
    VECTRON_ASSERT(kept.failure.has_value());
    const std::string path = planted_plan_path(options_.folder, bug_.name);
    std::ofstream file(path, std::ios::binary);
    file << failure_file_text(kept.plan, *kept.failure);
    file.close();
    if (!file) return fail(Code::unavailable, "cannot write " + path);
    return {};
  }

  const PlantedBug& bug_;
  const RenewOptions& options_;
  const std::function<void(const std::string&)>& progress_;
  /// The plan that was assessed last shows the bug under a later seed.
  bool moved_ = false;
};

std::string_view outcome_name(RenewedPlan::Outcome outcome) {
  switch (outcome) {
    case RenewedPlan::Outcome::kept:
      return "kept";
    case RenewedPlan::Outcome::renewed:
      return "renewed";
    case RenewedPlan::Outcome::poor:
      return "poor";
    case RenewedPlan::Outcome::hidden:
      break;
  }
  return "hidden";
}

}  // namespace

bool finds(const PlantedBug& bug, const FailureClass& failure) {
  return std::ranges::find(bug.found_by, failure.oracle) != bug.found_by.end();
}

std::string planted_plan_path(const std::string& folder, std::string_view bug) {
  return fmt::format("{}/{}.json", folder, bug);
}

Result<RenewedPlan> renew_planted(const PlantedBug& bug, const RenewOptions& options,
                                  const std::function<void(const std::string&)>& progress) {
  return Renewal(bug, options, progress).run();
}

std::optional<SeedFailure> find_planted(const PlantedBug& bug, ExploreOptions options) {
  options.generate.planted = {std::string(bug.name)};
  options.until = [&bug](const FailureClass& failure) { return finds(bug, failure); };
  const RunSeed run_seed = [&](uint64_t seed) { return run_generated_seed(options, seed); };
  ExploreSummary summary = explore(options, run_seed, {});
  const auto found = std::ranges::find_if(summary.failures, [&](const SeedFailure& failure) {
    return finds(bug, failure.failure.failure_class);
  });
  if (found == summary.failures.end()) return std::nullopt;
  return std::move(*found);
}

std::string row_of(const PlantedBug& bug, const std::optional<SeedFailure>& found) {
  if (!found.has_value()) return fmt::format("| `{}` | hidden | |", bug.name);
  return fmt::format("| `{}` | {} | `{}` |", bug.name, found->seed,
                     found->failure.failure_class.name());
}

std::string row_of(const PlantedBug& bug, const RenewedPlan& plan) {
  if (!plan.file.has_value() || !plan.file->failure.has_value()) {
    return fmt::format("| `{}` | | hidden | | |", bug.name);
  }
  const PlanSize size = size_of(plan.file->plan);
  return fmt::format("| `{}` | {} | `{}` | {}, {}, {} | {} of {} | {} |", bug.name,
                     plan.file->plan.seed, plan.file->failure->failure_class.name(), size.faults,
                     size.operations, size.nodes, plan.shown, kNeighbourSeeds,
                     outcome_name(plan.outcome));
}

}  // namespace vectron::sim
