#include "sim/world/node.h"

#include <algorithm>

#include "sim/world/env.h"
#include "sim/world/world.h"

namespace vectron::sim {

struct SimNode::Process {
  Process(SimWorld* world, SimNode* node, uint64_t incarnation, Main m)
      : env(world, node, incarnation), main(std::move(m)), tasks(env.scheduler()) {}
  SimEnv env;
  /// A lambda's captures must live as long as the coroutine that it made.
  Main main;
  TaskGroup tasks;
};

SimNode::SimNode(SimWorld* world, size_t index, std::string name, NodeOptions options)
    : world_(world),
      index_(index),
      name_(std::move(name)),
      options_(std::move(options)),
      clock_(std::make_unique<SimClock>(
          SimClock::Start{options_.monotonic_offset, options_.wall_offset, options_.drift_ppb})),
      disk_(std::make_unique<SimDisk>(world, name_, disk_generation_)) {}

SimNode::~SimNode() {
  if (process_ != nullptr) bury();
}

void SimNode::start(Main main) {
  VECTRON_ASSERT(process_ == nullptr, "{} runs already, or dies in this very event", name_);
  ++incarnation_;
  skew_seen_ = false;
  world_->record(TraceKind::node, index_, incarnation_ << 2);
  const bool was_off = std::exchange(powered_off_, false);
  process_ = std::make_unique<Process>(world_, this, incarnation_, std::move(main));
  if (process_->main != nullptr) {
    process_->tasks.spawn(run_main(this, process_->main(process_->env)));
  }
  if (was_off) world_->network().power_restored(index_);
}

Task<void> SimNode::run_main(SimNode* node, Task<void> main) {
  co_await main;
  node->end(Ending::exit);
}

bool SimNode::crash(CrashKind kind) {
  if (!world_->fault_enabled(FaultClass::crash)) return false;
  if (!running()) {
    if (kind == CrashKind::power_loss) cut_power();
    return false;
  }
  world_->fault_fired(FaultClass::crash);
  end(kind == CrashKind::power_loss ? Ending::power_loss : Ending::process_kill);
  return true;
}

void SimNode::cut_power() {
  if (running()) {
    end(Ending::power_loss);
  } else if (process_ != nullptr) {
    ending_ = Ending::power_loss;  // It dies in this event anyhow; now its machine does too.
  } else if (!powered_off_) {
    powered_off_ = true;
    disk_->lose_power();
  }
}

void SimNode::kill() {
  if (running()) end(Ending::process_kill);
}

void SimNode::stop() {
  if (running()) end(Ending::exit);
}

void SimNode::cut_power_at_kv_call(uint64_t call) {
  if (world_->fault_enabled(FaultClass::crash)) disk_->power().cut_at(call);
}

void SimNode::power_failed() {
  if (ending_ == Ending::power_loss) return;
  world_->fault_fired(FaultClass::crash);
  end(Ending::power_loss);
}

void SimNode::end(Ending ending) {
  const bool dying = ending_ != Ending::none;
  ending_ = ending;
  if (!world_->dispatching()) {
    bury();
  } else if (!dying) {
    world_->bury_soon(this);
  }
}

void SimNode::step_clock(Duration step) {
  if (!world_->fault_enabled(FaultClass::clock_step)) return;
  clock_->step_wall(step);
  step_unseen_ = true;
}

void SimNode::clock_was_read(bool wall) {
  if (wall && std::exchange(step_unseen_, false)) world_->fault_fired(FaultClass::clock_step);
  const bool skewed = options_.drift_ppb != 0 || (wall && options_.wall_offset != 0ns);
  if (!skewed || skew_seen_) return;
  skew_seen_ = true;
  if (world_->fault_enabled(FaultClass::clock_skew)) world_->fault_fired(FaultClass::clock_skew);
}

bool SimNode::pause(Duration duration) {
  if (!world_->fault_enabled(FaultClass::pause) || !running()) return false;
  paused_until_ = std::max(paused_until_, world_->now() + duration);
  if (!std::exchange(paused_, true)) world_->queue().hold(event_owner());
  awakening_.cancel();
  world_->scheduler().post_at(awakening_, paused_until_);
  return true;
}

void SimNode::go_on() {
  if (!std::exchange(paused_, false)) return;
  awakening_.cancel();
  paused_until_ = {};
  if (world_->queue().let_go(event_owner()) > 0) world_->fault_fired(FaultClass::pause);
}

bool SimNode::running() const {
  return process_ != nullptr && ending_ == Ending::none;
}

Env& SimNode::env() {
  VECTRON_ASSERT(process_ != nullptr, "{} does not run", name_);
  return process_->env;
}

TaskGroup& SimNode::tasks() {
  VECTRON_ASSERT(process_ != nullptr, "{} does not run", name_);
  return process_->tasks;
}

void SimNode::bury() {
  VECTRON_ASSERT(process_ != nullptr);
  const Ending ending = std::exchange(ending_, Ending::none);
  world_->record(TraceKind::node, index_, incarnation_ << 2 | static_cast<uint64_t>(ending));
  const bool power_loss = ending == Ending::power_loss;
  powered_off_ = power_loss;
  if (power_loss) process_->env.network().lose_power();
  process_->tasks.cancel_all();
  process_.reset();
  go_on();  // A process that is gone is not paused.
  if (power_loss) {
    disk_->lose_power();
  } else {
    disk_->power().cut_at(0);
  }
}

void SimNode::lose_disk() {
  VECTRON_ASSERT(process_ == nullptr, "{} runs", name_);
  disk_.reset();
  disk_ = std::make_unique<SimDisk>(world_, name_, ++disk_generation_);
}

}  // namespace vectron::sim
