// Options that say who a process is, and where it and the others are.
#include "services/daemon/options/rows.h"

namespace vectron::options {

void add_identity(Rows* rows) {
  using S = Settings;
  rows->push_back({"cluster", kServed,
                   "The number of the cluster: any but 0, the same for all of its processes. A "
                   "process of another cluster is refused.",
                   id(at(&S::cluster))});
  rows->push_back({"node", kServed,
                   "The number of this node: no other process of the cluster has it, ever, and its "
                   "data folder belongs to it.",
                   id(at(&S::node))});
  rows->push_back({"placement", kServed,
                   "The placement driver's nodes, 1 to 7, the same list everywhere.",
                   members(at(&S::members))});
  rows->push_back({"workers", kUp, "How many workers run; never fewer than the data folder had.",
                   count(at(&S::workers), 1, S::kWorkersMax)});
}

}  // namespace vectron::options
