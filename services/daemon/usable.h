// Usable: which collections `vectron up` need not wait for any longer, and why. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "schemas/vectron_messages.h"

namespace vectron {

/// A collection that is not ready.
struct Unready {
  std::string name;
  /// Every shard has a majority of copies that can run.
  bool may_come = false;
  /// Which copies cannot, where, and what to do.
  std::string why;
};

/// The workers that have not been heard of by this placement driver's leader, or no longer are.
std::set<uint64_t> silent_nodes(const api::ListWorkersReply& workers);

/// The collections that are not ready, in the order of the reply. `silent`: workers whose copies
/// count as lost. `open_max`: how many copies each worker may open, those of the lowest numbers; 0:
/// no bound. Requires: every worker that will ever come has been heard of.
std::vector<Unready> unready_collections(const api::ListCollectionsReply& listed,
                                         const std::set<uint64_t>& silent, uint64_t open_max);

/// All by which it shows that those who are not ready are on their way: what it is says nothing, a
/// change of it does.
std::string progress_of(const api::ListCollectionsReply& listed, const std::set<uint64_t>& silent);

/// Whether to go on waiting for something that has been seen to move.
class Patience {
 public:
  /// `still_max`: for how long nothing may move.
  Patience(Duration still_max, Instant now) : still_max_(still_max), moved_(now) {}
  /// `seen` is all that would change.
  bool goes_on(std::string seen, Instant now) {
    if (seen != seen_) moved_ = now;
    seen_ = std::move(seen);
    return now - moved_ < still_max_;
  }

 private:
  Duration still_max_;
  Instant moved_;
  std::string seen_;
};

}  // namespace vectron
