// A group of Raft members driven by the commands of a script (tests/core/raft/testdata/*.txt).
//
// The network holds what was sent until a command delivers it; disks finish at once, or by command
// (`disk=manual`). Nothing is random: elections begin with `campaign`, or with ticks after
// `timeout`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/raft/raft.h"
#include "core/raft/safety_checker.h"

namespace vectron::raft {

/// One line of a script: `name word word key=value ...`.
struct Command {
  std::string name;
  std::vector<std::string> words;
  std::map<std::string, std::string> options;

  static Command parse(const std::string& line);
  uint64_t number(size_t word) const;
  uint64_t option(const std::string& key, uint64_t fallback) const;
  std::string text(const std::string& key, const std::string& fallback = {}) const;
};

class ScriptGroup {
 public:
  /// Executes one command and returns what a reader of the script should see.
  std::string execute(const Command& command);

 private:
  struct Disk {
    HardState hard_state;
    SnapshotMeta snapshot;
    std::vector<Entry> entries;
    LogIndex applied_index;
  };
  struct Member {
    Config config;
    std::unique_ptr<Raft> raft;
    Disk disk;
    std::deque<PersistBatch> writing;
    std::deque<LogIndex> applying;
    bool is_cut = false;
  };
  using Handler = void (ScriptGroup::*)(const Command&);

  // Commands.
  void group(const Command& command);
  void member(const Command& command);
  void campaign(const Command& command);
  void tick(const Command& command);
  void timeout(const Command& command);
  void propose(const Command& command);
  void read(const Command& command);
  void transfer(const Command& command);
  void compact(const Command& command);
  void unreachable(const Command& command);
  void take_ready(const Command& command);
  void sync(const Command& command);
  void apply(const Command& command);
  void deliver(const Command& command);
  void drop(const Command& command);
  void repeat(const Command& command);
  void reverse(const Command& command);
  void run(const Command& command);
  void cut(const Command& command);
  void heal(const Command& command);
  void crash(const Command& command);
  void restart(const Command& command);
  void snapshot(const Command& command);
  void report(const Command& command);
  void step(const Command& command);
  void status(const Command& command);
  void progress(const Command& command);
  void log(const Command& command);
  void network(const Command& command);
  void accepts(const Command& command);

  void start(Member& member);
  void drain(Member& member);
  void take(Member& member, Ready ready);
  void print(ReplicaId id, const Ready& ready);
  void print_batch(ReplicaId id, const PersistBatch& batch);
  void finish_write(Member& member);
  void write_to_disk(Member& member, PersistBatch batch);
  void deliver_one(Message message);
  bool selects(const Command& command, const Message& message) const;
  Member& at(uint64_t id);
  template <typename... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::map<ReplicaId, Member> members_;
  std::deque<Message> network_;
  SafetyChecker checker_;
  bool has_manual_disk_ = false;
  /// Only roles, applied entries and reads are told, not each message.
  bool is_quiet_ = false;
  std::string out_;
};

}  // namespace vectron::raft
