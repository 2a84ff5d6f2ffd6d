// The explorer of the pure state machine: random schedules of one group, all safety properties
// checked after every step.
//
// A schedule is a seed. It draws the group's knobs and the weights of its events (so that schedules
// differ in character), then takes steps: deliver, lose, repeat or hold back a message, tick,
// propose, read, finish a disk write, apply, compact, crash with loss of what was not durable,
// restart, cut the network, hand over leadership. Nothing but the Raft class is under test.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/raft/raft.h"
#include "core/raft/safety_checker.h"

namespace vectron::raft {

struct ExplorerOptions {
  uint64_t seed = 0;
  uint32_t voters = 5;
  uint32_t learners = 0;
  uint32_t steps = 1000;
  /// At the end stop all faults and require that the group serves again.
  bool check_liveness = false;
  Planted planted;
  /// Keep a line for each step.
  bool trace = false;
};

/// How often the interesting things happened: a schedule that shows nothing proves nothing.
struct ExplorerProbes {
  uint64_t steps = 0;
  uint64_t elections = 0;
  uint64_t commits = 0;
  uint64_t proposals = 0;
  uint64_t transfers = 0;
  uint64_t applied = 0;
  uint64_t reads_answered = 0;
  uint64_t reads_dropped = 0;
  uint64_t crashes = 0;
  uint64_t batches_lost = 0;
  uint64_t snapshots_installed = 0;
  uint64_t conflicts_truncated = 0;
  uint64_t messages_delivered = 0;
  uint64_t messages_lost = 0;
  uint64_t messages_repeated = 0;

  void add(const ExplorerProbes& other);
};

struct ExplorerReport {
  /// What was violated, and at which step.
  std::optional<std::string> failure;
  ExplorerProbes probes;
  /// Over every step: equal seeds give equal hashes.
  uint64_t trace_hash = 0;
  std::vector<std::string> trace;
};

class Explorer {
 public:
  explicit Explorer(ExplorerOptions options);
  ~Explorer();

  /// Runs the schedule to its end or to the first violation.
  ExplorerReport run();

 private:
  enum class Event : uint8_t {
    deliver,
    lose,
    repeat,
    tick,
    propose,
    read,
    finish_write,
    apply,
    compact,
    crash,
    restart,
    cut,
    transfer,
    campaign,
    unreachable,
    count
  };
  struct Disk {
    HardState hard_state;
    SnapshotMeta snapshot;
    std::vector<Entry> entries;
    LogIndex applied_index;
  };
  struct PendingRead {
    uint64_t request_id;
    LogIndex index_min;
  };
  struct Node {
    ReplicaId id;
    uint64_t incarnation = 0;
    uint64_t reads_begun = 0;
    /// Null while it is down.
    std::unique_ptr<Raft> raft;
    Disk disk;
    std::deque<PersistBatch> writing;
    std::deque<LogIndex> applying;
    std::vector<PendingRead> reads;
    LogIndex last_seen;
  };
  /// What is on the way. A snapshot carries who must be told of its arrival.
  struct Packet {
    Message message;
    uint64_t sender_incarnation = 0;
    /// The step from which it may arrive.
    uint32_t not_before = 0;
  };

  void draw_character();
  void draw_odd_character();
  void make_forgetful();
  void make_deaf();
  void set_weight(Event event, uint32_t weight) { weights_[static_cast<size_t>(event)] = weight; }
  Config config_of(const Node& node);
  void start(Node& node);
  void step();
  Event draw_event();
  Event event_that_makes_work();
  void execute(Event event);
  void deliver(bool keep_copy);
  void lose();
  void receive(Node& node, Packet packet);
  void report_snapshot(const Packet& packet, bool ok);
  void propose(Node& node);
  void read(Node& node);
  bool is_slow(const Node& node) const;
  void finish_write(Node& node);
  void write_to_disk(Node& node, PersistBatch batch);
  void apply(Node& node);
  void compact(Node& node);
  void crash(Node& node);
  void drain(Node& node);
  void take(Node& node, Ready ready);
  void finish_reads(Node& node, const Ready& ready);
  void check(Node& node);
  void heal_and_require_service();
  bool is_cut(ReplicaId a, ReplicaId b) const;
  Packet take_packet(size_t at);
  std::optional<size_t> next_packet();
  void post(Node& from, Message message);
  Node& any_node();
  Node& node_for(Event event);
  Node& node_of(ReplicaId id);
  void fail(std::string what);
  void note_message(const Message& message);
  void note_state(const Node& node);
  void note(Event event, uint64_t a, uint64_t b = 0);

  ExplorerOptions options_;
  RandomStream random_;
  SafetyChecker checker_;
  std::vector<Node> nodes_;
  std::vector<Packet> network_;
  std::array<uint32_t, static_cast<size_t>(Event::count)> weights_{};
  uint32_t weights_total_ = 0;
  uint64_t reorder_ppm_ = 0;
  /// Of messages that stay on the way for hundreds of steps.
  uint64_t delay_ppm_ = 0;
  /// The same of votes and of answers to heartbeats.
  uint64_t late_replies_ppm_ = 0;
  /// Whose disk is slow, and who crashes; none in most schedules.
  ReplicaId forgetful_;
  /// Writes finish at once.
  bool has_instant_disk_ = false;
  /// Bit i: node i is on the other side of the cut.
  uint64_t side_ = 0;
  uint32_t cut_until_ = 0;
  uint64_t values_ = 0;
  uint32_t step_ = 0;
  Config character_;
  ExplorerReport report_;
  TraceHash trace_hash_;
};

}  // namespace vectron::raft
