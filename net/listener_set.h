// ListenerSet: several listeners as one, for a name with several addresses.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/network.h"

namespace vectron {

/// Each listener's next connection is taken when the one before it was taken from here, so no more
/// wait here than there are listeners; the others wait in the system's backlogs.
class ListenerSet final : public Listener {
 public:
  /// Requires: at least one listener.
  ListenerSet(Scheduler& scheduler, std::vector<std::unique_ptr<Listener>> listeners);

  Task<Result<std::unique_ptr<Connection>>> accept() override;
  const Address& address() const override { return listeners_.front()->address(); }
  std::vector<Address> addresses() const override;

 private:
  Task<void> accept_from(Listener* listener);

  std::vector<std::unique_ptr<Listener>> listeners_;
  std::deque<Result<std::unique_ptr<Connection>>> accepted_;
  Condition changed_;
  TaskGroup tasks_;
};

}  // namespace vectron
