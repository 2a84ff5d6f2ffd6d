#include "sim/world/world.h"

#include <algorithm>

#include "sim/interpose/tracked_folder.h"
#include "sim/world/probe.h"

namespace vectron::sim {

namespace {

// Events that may run at one instant before the world says that a task spins.
constexpr uint64_t kEventsPerInstantMax = 5'000'000;

}  // namespace

SimWorld::SimWorld(uint64_t seed, WorldConfig config)
    : seed_(seed),
      config_(std::move(config)),
      scheduler_(&queue_, RandomStream(seed, "sched[world]"), 0),
      real_folder_(make_real_folder()),
      network_(std::make_unique<SimNetwork>(this)),
      driver_(scheduler_) {
  require_interposers();
}

SimWorld::~SimWorld() {
  stop_all();
  nodes_.clear();
  network_.reset();
  delete_real_folder(real_folder_);
}

void SimWorld::stop_all() {
  VECTRON_ASSERT(!dispatching_, "a world must not be ended by one of its own events");
  driver_.cancel_all();
  for (const std::unique_ptr<SimNode>& node : nodes_) node->stop();
}

SimNode& SimWorld::add_node(std::string name, NodeOptions options) {
  VECTRON_ASSERT(find_node(name) == nullptr, "there is a node {} already", name);
  VECTRON_ASSERT(!name.empty() && name.find_first_of(":/") == std::string::npos, "'{}'", name);
  nodes_.push_back(
      std::make_unique<SimNode>(this, nodes_.size(), std::move(name), std::move(options)));
  return *nodes_.back();
}

SimNode* SimWorld::find_node(std::string_view name) {
  for (const std::unique_ptr<SimNode>& node : nodes_) {
    if (node->name() == name) return node.get();
  }
  return nullptr;
}

size_t SimWorld::kill_all(std::string_view zone, CrashKind kind) {
  if (!fault_enabled(FaultClass::kill_all)) return 0;
  size_t killed = 0;
  for (const std::unique_ptr<SimNode>& node : nodes_) {
    if (!zone.empty() && node->options().zone != zone) continue;
    killed += node->running() ? 1 : 0;
    if (kind == CrashKind::power_loss) {
      node->cut_power();
    } else {
      node->kill();
    }
  }
  if (killed > 0) fault_fired(FaultClass::kill_all);
  return killed;
}

bool SimWorld::step() {
  if (queue_.next_time() == kNever) return false;
  run_next_event();
  return true;
}

void SimWorld::run_next_event() {
  VECTRON_ASSERT(!dispatching_, "the world is run from within one of its own events");
  const Instant before = queue_.now();
  dispatching_ = true;
  queue_.run_next();
  dispatching_ = false;
  record(TraceKind::event, queue_.running_sequence(), 0);
  if (!dying_.empty()) bury();
  events_at_instant_ = queue_.now() == before ? events_at_instant_ + 1 : 0;
  VECTRON_ASSERT(events_at_instant_ < kEventsPerInstantMax,
                 "{} events at one instant: a task spins without ever waiting for time",
                 events_at_instant_);
}

void SimWorld::bury() {
  // In the order in which they died. A burial wakes nobody inline, so no further node can die here.
  for (SimNode* node : std::exchange(dying_, {})) node->bury();
}

void SimWorld::run_until(Instant until) {
  for (;;) {
    const Instant next = queue_.next_time();
    if (next > until || next == kNever) break;
    run_next_event();
  }
  queue_.advance_to(until);
}

bool SimWorld::run_until(const std::function<bool()>& done, Instant limit) {
  for (;;) {
    if (done()) return true;
    const Instant next = queue_.next_time();
    if (next > limit || next == kNever) return false;
    run_next_event();
  }
}

void SimWorld::loop_was_held(const SimNode& node, Duration turn) const {
  if (config_.long_turn_sink) config_.long_turn_sink({now(), node.name(), turn});
}

void SimWorld::fault_fired(FaultClass fault_class) {
  fault_counters_.add(fault_class);
  record(TraceKind::fault, static_cast<uint64_t>(fault_class), 0);
}

void SimWorld::record(TraceKind kind, uint64_t a, uint64_t b) {
  trace_hash_.add(static_cast<uint64_t>(queue_.now().time_since_epoch().count()) << 3 ^
                  static_cast<uint64_t>(kind) ^ mix64(a));
  if (b != 0) trace_hash_.add(b);
  if (config_.trace_sink) config_.trace_sink({queue_.now(), kind, a, b});
}

}  // namespace vectron::sim
