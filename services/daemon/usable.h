// Usable: which collections `vectron up` need not wait for any longer, and why. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "schemas/vectron_messages.h"

namespace vectron {

/// A collection that is not ready.
struct Unready {
  std::string name;
  bool may_come = false;  ///< Every shard has a majority of copies that are not lost.
  std::string why;        ///< Which copies are lost, where, and what to do.
};

/// The workers that have not been heard of by this placement driver's leader, or no longer are.
std::set<uint64_t> silent_nodes(const api::ListWorkersReply& workers);

/// The collections that are not ready, in the order of the reply. `silent`: workers whose copies
/// count as lost. Requires: every worker that will ever come has been heard of.
std::vector<Unready> unready_collections(const api::ListCollectionsReply& listed,
                                         const std::set<uint64_t>& silent);

}  // namespace vectron
