// SimNode: a simulated machine. Its disk and its name outlive its processes; at most one process
// runs at a time.
//
// start() boots a process: a fresh Env incarnation and a task group. It ends by returning from its
// main task (an orderly exit), by crash(), or by a power loss that strikes inside a commit of its
// key-value store. In every case all of its tasks are destroyed, then the work it handed to Cpu and
// disk, then its Env; only then does the machine's disk learn what kind of end it was.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/async/event_queue.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "sim/world/config.h"
#include "sim/world/disk.h"

namespace vectron::sim {

class SimClock;
class SimEnv;
class SimWorld;

enum class CrashKind : uint8_t {
  /// The kernel closes its sockets and keeps the page cache.
  process_kill,
  /// Peers hear nothing; any subset of what was not synced is lost or torn.
  power_loss,
};

class SimNode {
 public:
  /// A process' main task. The function is kept until the process has ended.
  using Main = std::function<Task<void>(Env&)>;

  SimNode(SimWorld* world, size_t index, std::string name, NodeOptions options);
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  ~SimNode();

  const std::string& name() const { return name_; }
  const NodeOptions& options() const { return options_; }
  /// Position among the world's nodes.
  size_t index() const { return index_; }

  /// Boots a process. Without `main` it has an Env and an empty task group, and runs until it is
  /// stopped. Requires: not running, and not dying (crash() in the running event: start it in a
  /// later one).
  void start(Main main = {});
  /// Ends the process as `kind` says: now, or, while an event runs, when that event has returned. A
  /// power loss hits the machine also when no process runs. Returns whether a process died; does
  /// nothing when the class `crash` is off.
  bool crash(CrashKind kind);
  /// Ends the process in good order (its tasks are destroyed, files keep what was written). Not a
  /// fault. Does nothing when none runs.
  void stop();
  /// Cuts the power inside the `call`-th file-system call that the key-value library makes from now
  /// on (1 is the next). That call and all later ones fail with EIO, what was not synced is lost or
  /// torn, and the node dies when control is back at the world. Needs the class `crash`. Zero
  /// disarms.
  void cut_power_at_kv_call(uint64_t call);

  /// Stops the process for `duration`, as SIGSTOP or a stalled virtual machine does: none of its
  /// code runs, its kernel and its clocks go on. Then it goes on as if nothing had happened: what
  /// was due meanwhile runs at once, in order. Longer of two when it is paused already. Does
  /// nothing when no process runs or the class `pause` is off. Returns whether it did anything.
  bool pause(Duration duration);
  bool paused() const { return paused_; }
  /// Ends a pause now. Does nothing when there is none.
  void go_on();

  /// False from the moment of crash() on.
  bool running() const;
  /// True after a power loss, until the next start: the machine answers nothing, not even with a
  /// refusal.
  bool powered_off() const { return powered_off_; }
  /// Number of the running (or last) process on this machine; the first is 1.
  uint64_t incarnation() const { return incarnation_; }
  /// Requires: running().
  Env& env();
  /// The process' tasks; its main is one of them. Requires: running().
  TaskGroup& tasks();

  /// This machine's disk, for inspection and the faults of a disk.
  SimDisk& disk() { return *disk_; }
  /// Replaces the disk by an empty one. Requires: not running.
  void lose_disk();
  const SimClock& clock() const { return *clock_; }
  /// The wall clock jumps; the monotonic one does not. Does nothing when the class `clock_step` is
  /// off. Counts when the process reads the wall clock next.
  void step_clock(Duration step);

  // For the parts of the world.

  /// Who its process' events belong to (EventQueue::hold).
  uint32_t event_owner() const { return static_cast<uint32_t>(index_) + 1; }
  SimWorld& world() { return *world_; }
  /// A process reads its wall clock, or turns one of its times into the world's.
  void clock_was_read(bool wall);
  /// The two kinds of crash, whatever the classes say.
  void kill();
  void cut_power();
  /// The armed power cut has struck; called inside the node's own event.
  void power_failed();
  /// Ends the process at once. Requires: none of its frames is on the stack.
  void bury();

 private:
  struct Process;
  enum class Ending : uint8_t { none, exit, process_kill, power_loss };
  /// Ends a pause.
  class Awakening final : public QueuedEvent {
   public:
    explicit Awakening(SimNode* node) : node_(node) {}

   protected:
    void fire() override { node_->go_on(); }

   private:
    SimNode* node_;
  };
  static Task<void> run_main(SimNode* node, Task<void> main);
  void end(Ending ending);

  SimWorld* world_;
  const size_t index_;
  const std::string name_;
  const NodeOptions options_;
  uint64_t disk_generation_ = 1;
  std::unique_ptr<SimClock> clock_;
  std::unique_ptr<SimDisk> disk_;
  uint64_t incarnation_ = 0;
  bool powered_off_ = false;
  /// Not none: dies when the running event has returned.
  Ending ending_ = Ending::none;
  /// The wall clock jumped, and nobody has looked since.
  bool step_unseen_ = false;
  /// By the present process.
  bool skew_seen_ = false;
  bool paused_ = false;
  Instant paused_until_{};
  std::unique_ptr<Process> process_;
  Awakening awakening_{this};
};

}  // namespace vectron::sim
