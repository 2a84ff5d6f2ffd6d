// Env: all that a node knows of the world outside its own memory. The one seam between production
// and simulation.
//
// Each node, a simulated or a real process, gets one Env and hands it (or parts of it) to its
// services by reference. The Env outlives every task of the node. Everything here belongs to the
// node's event loop, except what Cpu and BlockingDirectory say of themselves.
#pragma once

#include <string_view>

#include "core/async/event_queue.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/env/clock.h"
#include "core/env/cpu.h"
#include "core/env/disk.h"
#include "core/env/log.h"
#include "core/env/metrics.h"
#include "core/env/network.h"

namespace vectron {

/// The fate of a one-way message, drawn before it is sent.
enum class MessageFate : uint8_t {
  deliver,
  lose,
  /// It goes out twice.
  repeat,
  /// It goes out behind messages that are sent later.
  overtake,
};

class Env {
 public:
  virtual ~Env() = default;

  virtual Scheduler& scheduler() = 0;
  virtual Clock& clock() = 0;
  virtual Network& network() = 0;
  virtual Disk& disk() = 0;
  virtual Cpu& cpu() = 0;
  virtual Log& log() = 0;
  virtual Metrics& metrics() = 0;

  /// An independent stream, keyed by the node, its incarnation and `name`. Asking twice gives the
  /// same stream from its start; keep it.
  virtual RandomStream random(std::string_view name) = 0;

  /// True now and then in simulation, always false in production: a place where rare but legal
  /// behaviour is made common. `point` is a literal that names the place.
  virtual bool buggify(std::string_view point) = 0;

  /// True when the simulation runs with the bug `name` planted; always false in production. Used to
  /// test the oracles.
  virtual bool planted(std::string_view name) = 0;

  /// Asked for each message that may be lost, repeated and reordered (Raft's): the simulation does
  /// so above what a connection may do. Production always delivers.
  virtual MessageFate message_fate() { return MessageFate::deliver; }
};

}  // namespace vectron
