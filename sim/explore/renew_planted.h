// Keeps the shrunk plans of planted bugs true to the product: a plan whose interleaving has moved
// with the product's timing is made anew.
//
// A kept plan is good when, under most of its own seed and the next ones, an oracle that is meant
// to find the bug does, and when it passes without the bug. Else seeds are explored, the plans that
// show the bug are shrunk (a smaller plan counts only while most of those seeds show the bug), and
// the first good one takes the old one's place.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sim/explore/explore.h"
#include "sim/explore/failure.h"
#include "sim/oracle/planted_bugs.h"
#include "sim/plan/generate.h"

namespace vectron::sim {

/// A plan's own seed and those after it.
inline constexpr uint32_t kNeighbourSeeds = 5;
/// Of them, those that must show the bug.
inline constexpr uint32_t kNeighboursShown = 3;
/// Of a kept plan.
inline constexpr size_t kPlantedFaultsMax = 5;

struct RenewOptions {
  uint32_t jobs = 1;
  /// Explored for one bug.
  uint64_t seeds_max = 500;
  /// For each plan that is tried.
  uint32_t shrink_runs_max = 150;
  /// Shrunk for one bug; then the best of them is taken.
  uint32_t plans_max = 4;
  /// Wall clock of one run.
  uint32_t run_seconds_max = 60;
  /// Fault classes of the seeds that are explored.
  GenerateOptions generate;
  /// Where NAME.json is read and written.
  std::string folder;
};

/// What became of the plan of one bug.
struct RenewedPlan {
  enum class Outcome : uint8_t {
    /// It is still good.
    kept,
    /// Another one was written.
    renewed,
    /// Another one was written that few seeds show, or that has many faults.
    poor,
    /// No seed shows the bug by an oracle that is meant to find it.
    hidden,
  };
  Outcome outcome = Outcome::hidden;
  /// Absent when hidden.
  std::optional<FailureFile> file;
  /// Under so many of kNeighbourSeeds.
  uint32_t shown = 0;
};

/// Whether this is how the bug is meant to be found.
bool finds(const PlantedBug& bug, const FailureClass& failure);
/// The file of a bug's plan in `folder`.
std::string planted_plan_path(const std::string& folder, std::string_view bug);

/// See the top of this file. `progress` is told lines for a person. Errors: unavailable (the file
/// cannot be written).
Result<RenewedPlan> renew_planted(const PlantedBug& bug, const RenewOptions& options,
                                  const std::function<void(const std::string&)>& progress);

/// The lowest seed of those that the options name which shows `bug` by an oracle that is meant to
/// find it.
std::optional<SeedFailure> find_planted(const PlantedBug& bug, ExploreOptions options);
std::string row_of(const PlantedBug& bug, const std::optional<SeedFailure>& found);

/// A row of docs/internals/simulation_planted.md.
std::string row_of(const PlantedBug& bug, const RenewedPlan& plan);

}  // namespace vectron::sim
