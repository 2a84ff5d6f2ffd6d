#include "services/node/birth_step.h"

#include <algorithm>

namespace vectron {

BirthStep next_birth_step(wire::GroupPresence own,
                          std::span<const std::optional<wire::GroupPresence>> others) {
  using wire::GroupPresence;
  if (own == GroupPresence::took_part) return BirthStep::start;
  const bool group_lives = std::ranges::find(others, GroupPresence::took_part) != others.end();
  if (own == GroupPresence::absent) {
    if (group_lives) return BirthStep::refuse;
    // One that does not answer may have taken part.
    const bool all_answer =
        std::ranges::all_of(others, [](const auto& other) { return other.has_value(); });
    return all_answer ? BirthStep::bear : BirthStep::wait;
  }
  if (group_lives) return BirthStep::start;
  const bool all_born =
      std::ranges::all_of(others, [](const auto& other) { return other == GroupPresence::born; });
  return all_born ? BirthStep::start : BirthStep::wait;
}

}  // namespace vectron
