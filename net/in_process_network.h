// Network inside one event loop: bounded byte pipes without a system call, for nodes that share a
// process.
//
// A host that begins with '@' ("@worker-1:7") lies inside; every other address is handed to the
// network outside. The bytes obey TCP's truth, and the conformance suite holds both to it.
#pragma once

#include <memory>

#include "core/async/event_queue.h"
#include "core/env/network.h"

namespace vectron {

/// One object serves all nodes of a loop; connections and listeners may outlive it, not the
/// scheduler.
class InProcessNetwork final : public Network {
 public:
  /// Bytes that one direction of a connection holds before its writer waits.
  static constexpr size_t kPipeBytesMax = 256 << 10;
  /// Connections that wait for accept() before a further connect waits.
  static constexpr size_t kBacklogConnectionsMax = 128;

  /// `outside` may be null: then addresses without the mark are refused. Both outlive this object.
  InProcessNetwork(Scheduler& scheduler, Network* outside);
  ~InProcessNetwork() override;

  static bool is_inside(const Address& address) { return address.text.starts_with('@'); }

  Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override;

 private:
  struct Registry;
  class InsideListener;
  Task<Result<std::unique_ptr<Connection>>> connect_inside(Address address);

  Network* outside_;
  std::shared_ptr<Registry> registry_;
};

}  // namespace vectron
