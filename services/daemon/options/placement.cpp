// Options of the placement driver.
#include "services/daemon/options/rows.h"

namespace vectron::options {

void add_placement(Rows* rows) {
  rows->push_back({"bootstrap", kPlacement,
                   "Make the placement driver's group where the data folder has nothing of it. "
                   "Needs all placement nodes to be up; one whose disk was lost is refused.",
                   toggle(at(&Settings::bootstrap))});
  const auto field = [](auto member) { return at(&Settings::placement, member); };
  rows->push_back({"worker_silence_ms_max", kUpPlacement,
                   "A worker that was silent for so long is down: it gets no new copies.",
                   milliseconds(field(&PlacementConfig::worker_silence_max), 1)});
  rows->push_back({"create_wait_ms_max", kUpPlacement,
                   "How long making a collection waits for enough workers, and then for leaders.",
                   milliseconds(field(&PlacementConfig::create_wait), 1)});
  rows->push_back(
      {"push_timeout_ms", kUpPlacement,
       "How long a worker may take to answer an assignment that the placement driver sends it.",
       milliseconds(field(&PlacementConfig::push_timeout), 1)});
  rows->push_back({"push_interval_ms", kUpPlacement,
                   "How long the placement driver waits before it sends a worker an assignment "
                   "again that did not arrive.",
                   milliseconds(field(&PlacementConfig::push_interval), 1)});
}

}  // namespace vectron::options
