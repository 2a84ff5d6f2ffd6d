// The bugs that can be planted, to test the oracles: each is a few lines in the product behind
// Env::planted(name).
#pragma once

#include <string_view>
#include <vector>

namespace vectron::sim {

struct PlantedBug {
  std::string_view name;
  std::string_view meaning;
  /// The oracles any of which counts as having found it.
  std::vector<std::string_view> found_by;
};

/// All planted bugs.
const std::vector<PlantedBug>& planted_bugs();

/// Null when there is none of that name.
const PlantedBug* find_planted_bug(std::string_view name);

}  // namespace vectron::sim
