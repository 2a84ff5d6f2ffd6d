#include "sim/oracle/removal_check.h"

#include <fmt/format.h>

namespace vectron::sim {

namespace {

/// Of a group that the log names.
std::optional<std::string> why_not(const WorkerHoldings& holdings, GroupId group,
                                   const WalGroupState& state) {
  for (const auto& [replica, of_group] : holdings.wanted) {
    if (of_group != group) continue;
    const auto folder = holdings.folders.find(fmt::format("{}", replica));
    if (folder == holdings.folders.end()) {
      return fmt::format("names group {}, and there is no folder of its replica {}", group,
                         replica);
    }
    if (!state.mark.has_value() || !state.mark->meta.membership.is_voter(replica)) {
      return fmt::format("does not say that replica {} is one of group {}", replica, group);
    }
    const std::string generation = fmt::format("generation-{}", state.mark->generation);
    if (folder->second.contains(generation)) return std::nullopt;
    return fmt::format("has replica {} in {}, which is not there", replica, generation);
  }
  return fmt::format("still names group {}, of which it has no replica any more", group);
}

std::optional<std::string> wrong_in_log(const WorkerHoldings& holdings) {
  if (!holdings.log.has_value()) {
    return fmt::format("cannot be read: {}", holdings.log.error().to_string());
  }
  for (const auto& [group, state] : holdings.log->groups) {
    if (auto why = why_not(holdings, group, state)) return why;
  }
  for (const WalDropped& dropped : holdings.log->dropped) {
    if (!holdings.wanted.contains(dropped.replica)) continue;
    return fmt::format("has a tombstone of replica {} of group {}, which lives", dropped.replica,
                       dropped.group);
  }
  for (const auto& [replica, group] : holdings.wanted) {
    if (!holdings.folders.contains(fmt::format("{}", replica))) continue;  // Not born yet.
    if (holdings.log->groups.contains(group)) continue;
    return fmt::format("does not name group {}, of which replica {} has a folder", group, replica);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Leftover> leftover_in(const WorkerHoldings& holdings) {
  std::set<std::string> wanted;
  for (const auto& [replica, group] : holdings.wanted) wanted.insert(fmt::format("{}", replica));
  for (const auto& [folder, names] : holdings.folders) {
    if (wanted.contains(folder)) continue;
    return Leftover{"",
                    fmt::format("still holds a folder of replica {}, which is removed", folder)};
  }
  if (const auto wrong = wrong_in_log(holdings)) {
    return Leftover{"log", fmt::format("has a write-ahead log that {}", *wrong)};
  }
  return std::nullopt;
}

}  // namespace vectron::sim
