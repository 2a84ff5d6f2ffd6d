#include "sim/explore/shrink.h"

#include <algorithm>
#include <map>

#include "core/base/assert.h"
#include "sim/explore/explore.h"
#include "sim/explore/real_time.h"
#include "sim/explore/report_json.h"

namespace vectron::sim {

namespace {

ChildPoolOptions pool_options(uint32_t jobs, uint32_t run_seconds_max) {
  ChildPoolOptions pool;
  pool.jobs = jobs;
  pool.wall_nanoseconds_max = uint64_t{run_seconds_max} * 1'000'000'000;
  return pool;
}

/// Judges candidates, each plan once.
class Judge {
 public:
  Judge(FailureClass wanted, const ShrinkOptions& options, const RunCandidate& run)
      : wanted_(std::move(wanted)), options_(options), run_(run) {}

  std::optional<size_t> first_failing(const std::vector<Plan>& candidates) {
    for (size_t begin = 0; begin < candidates.size(); begin += options_.jobs) {
      const size_t end = std::min<size_t>(begin + options_.jobs, candidates.size());
      run_wave(candidates, begin, end);
      for (size_t i = begin; i < end; ++i) {
        const auto fails = judged(candidates[i]);
        if (!fails.has_value()) return std::nullopt;  // No more runs.
        if (*fails) return i;
      }
    }
    return std::nullopt;
  }

  uint32_t runs() const { return runs_; }
  bool exhausted() const { return exhausted_; }

 private:
  struct Known {
    bool fails = false;
    bool counted = false;
  };

  /// Runs those of candidates [begin, end) that are not known yet.
  void run_wave(const std::vector<Plan>& candidates, size_t begin, size_t end) {
    if (runs_ >= options_.runs_max) return;
    std::vector<std::string> keys;
    std::vector<const Plan*> plans;
    for (size_t i = begin; i < end; ++i) {
      std::string key = plan_to_json(candidates[i]);
      if (known_.contains(key) || std::ranges::find(keys, key) != keys.end()) continue;
      keys.push_back(std::move(key));
      plans.push_back(&candidates[i]);
    }
    if (plans.empty()) return;
    run_in_children(
        0, plans.size(), pool_options(options_.jobs, options_.run_seconds_max),
        [&](uint64_t job) { return report_to_json(run_(*plans[job])).compact(); },
        [&](const ChildResult& result) {
          const std::optional<Failure> failure = failure_of(result);
          const bool fails = failure.has_value() && failure->failure_class == wanted_;
          known_[keys[result.job]] = {.fails = fails};
        });
  }

  /// What is known of `plan`; counts it the first time. Nothing when the bound is reached.
  std::optional<bool> judged(const Plan& plan) {
    const auto at = known_.find(plan_to_json(plan));
    if (at == known_.end() || (!at->second.counted && runs_ >= options_.runs_max)) {
      exhausted_ = true;
      return std::nullopt;
    }
    if (!at->second.counted) ++runs_;
    at->second.counted = true;
    return at->second.fails;
  }

  FailureClass wanted_;
  const ShrinkOptions& options_;
  const RunCandidate& run_;
  std::map<std::string, Known> known_;
  uint32_t runs_ = 0;
  bool exhausted_ = false;
};

Json size_to_json(const PlanSize& size) {
  return Json(JsonObject{{"faults", uint64_t{size.faults}},
                         {"operations", uint64_t{size.operations}},
                         {"nodes", uint64_t{size.nodes}},
                         {"clients", uint64_t{size.clients}},
                         {"collections", uint64_t{size.collections}},
                         {"lasting", uint64_t{size.lasting}},
                         {"knobs", uint64_t{size.knobs}}});
}

}  // namespace

std::optional<Failure> judge_plan(const Plan& plan, uint32_t run_seconds_max,
                                  const RunCandidate& run) {
  std::optional<Failure> failure;
  run_in_children(
      0, 1, pool_options(1, run_seconds_max),
      [&](uint64_t) { return report_to_json(run(plan)).compact(); },
      [&](const ChildResult& result) { failure = failure_of(result); });
  return failure;
}

Result<ShrinkResult> shrink(const Plan& plan, const FailureClass& wanted,
                            const ShrinkOptions& options, const RunCandidate& run,
                            const ShrinkProgress& progress) {
  const uint64_t begin = wall_nanoseconds();
  std::optional<Failure> before = judge_plan(plan, options.run_seconds_max, run);
  if (!before.has_value()) return fail(Code::failed_precondition, "the plan passes");
  if (!(before->failure_class == wanted)) {
    return fail(Code::failed_precondition,
                fmt::format("the plan fails with {}, not with {}", before->failure_class.name(),
                            wanted.name()));
  }
  Judge judge(wanted, options, run);
  const ShrinkStage stage = [&](std::string_view name, const Plan& so_far) {
    if (progress) progress(name, so_far, judge.runs());
  };
  const FirstFailingPlan first_failing = [&](const std::vector<Plan>& candidates) {
    return judge.first_failing(candidates);
  };
  ShrinkResult result;
  result.plan = shrink_plan(plan, first_failing, stage);
  result.runs = judge.runs();
  result.ended = !judge.exhausted();
  const std::optional<Failure> after = judge_plan(result.plan, options.run_seconds_max, run);
  VECTRON_ASSERT(after.has_value() && after->failure_class == wanted,
                 "the shrunk plan does not fail with {} any more", wanted.name());
  result.failure = *after;
  result.wall_nanoseconds = wall_nanoseconds() - begin;
  return result;
}

RunReport run_candidate(const Plan& plan, bool check_determinism) {
  RunOptions options;
  options.wall_nanoseconds = wall_nanoseconds;
  RunReport report = run_plan(plan, options);
  if (check_determinism) sim::check_determinism(plan, &report);
  return report;
}

Json shrink_to_json(const Plan& before, const ShrinkResult& result) {
  return Json(JsonObject{
      {"seed", result.plan.seed},
      {"oracle", result.failure.failure_class.oracle},
      {"kind", result.failure.failure_class.kind},
      {"text", result.failure.text},
      {"trace", result.failure.trace},
      {"before", size_to_json(size_of(before))},
      {"after", size_to_json(size_of(result.plan))},
      {"runs", result.runs},
      {"ended", result.ended},
      {"wall_s", Json(Json::Decimal{static_cast<double>(result.wall_nanoseconds) / 1e9})}});
}

std::string shrink_to_text(const Plan& before, const ShrinkResult& result) {
  const PlanSize was = size_of(before);
  const PlanSize is = size_of(result.plan);
  std::string out = fmt::format("[{}] {}\n", result.failure.failure_class.name(),
                                result.failure.text.substr(0, result.failure.text.find('\n')));
  out += fmt::format(
      "{} -> {} faults, {} -> {} operations, {} -> {} nodes, {} -> {} clients, {} -> {} lasting "
      "behaviours, {} -> {} knobs\n",
      was.faults, is.faults, was.operations, is.operations, was.nodes, is.nodes, was.clients,
      is.clients, was.lasting, is.lasting, was.knobs, is.knobs);
  out += fmt::format("{} runs in {:.1f} s{}\n", result.runs,
                     static_cast<double>(result.wall_nanoseconds) / 1e9,
                     result.ended ? "" : "; the bound on runs ended it (--runs-max)");
  return out;
}

}  // namespace vectron::sim
