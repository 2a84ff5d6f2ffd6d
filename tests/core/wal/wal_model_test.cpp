// Random appends, truncations, installs, releases, drops, crashes of all kinds and recoveries over
// several groups, against a map for each group.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "tests/core/wal/wal_test_log.h"

namespace vectron {
namespace {

struct GroupModel {
  raft::HardState hard_state;
  uint64_t generation = 0;
  uint64_t base = 0;
  std::map<uint64_t, std::string> entries;  // Index to "index@term:data".
  uint64_t last() const { return entries.empty() ? base : entries.rbegin()->first; }
};
using NodeModel = std::map<uint64_t, GroupModel>;

class WalModel {
 public:
  explicit WalModel(uint64_t seed) : random_(seed, "model") {
    log_.config.segment_bytes_max = 1024 + random_.below(3000);
    log_.config.retention_bytes_max = 2 * log_.config.segment_bytes_max;
    log_.config.write_bytes_max = 1 + random_.below(3000);
    log_.config.prefill_bytes = random_.below(2) * random_.below(1500);
    log_.config.reserve_bytes = random_.below(2) * (1 + random_.below(8'000));
    log_.env.buggify_ppm = random_.below(2) * 50'000;
    log_.env.plain_scheduler().shuffle(seed);
    VECTRON_ASSERT(log_.try_open().has_value());
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    crash();
  }
  uint64_t reclaimed() const { return reclaimed_; }
  uint64_t torn() const { return torn_; }

 private:
  void step() {
    switch (random_.below(13)) {
      case 0:
        return run_events(random_.below(60));
      case 1:
        return release();
      case 2:
        if (random_.below(6) == 0) crash();
        return;
      case 3:
        if (random_.below(8) == 0) drop();
        return;
      case 4:
        return install();
      case 5:
        log_.env.run_for(10ms);
        return;
      case 6:
        return change_space();
      default:
        return append_entries();
    }
  }

  /// The disk gets full or has room again; now and then it says so only when it syncs.
  void change_space() {
    MemoryDisk& disk = log_.env.disk();
    if (disk.capacity_bytes != UINT64_MAX) {
      disk.capacity_bytes = UINT64_MAX;
      return;
    }
    if (random_.below(4) == 0) {
      // One at a time: when the cut that follows fails as well, the log gives up.
      log_.env.run_for(20ms);
      disk.syncs_without_space = 1;
      append_entries();
      log_.env.run_for(20ms);
      disk.syncs_without_space = 0;
    }
    if (random_.below(4) == 0) disk.capacity_bytes = disk.used_bytes() + random_.below(600);
  }

  uint64_t any_group() { return 1 + random_.below(4); }

  GroupModel group_of(uint64_t id) const {
    const auto found = model_.find(id);
    return found == model_.end() ? GroupModel() : found->second;
  }

  void append_entries() {
    const uint64_t id = any_group();
    GroupModel group = group_of(id);
    WalBatch batch;
    batch.group = GroupId(id);
    if (random_.below(2) == 0) {
      group.hard_state = {Term(++term_), ReplicaId(random_.below(4)), LogIndex(group.base)};
      batch.hard_state = group.hard_state;
    }
    // Now and then from an index that the log holds already: the suffix from there is replaced.
    uint64_t index = group.last() + 1;
    if (!group.entries.empty() && random_.below(3) == 0) {
      index = random_.between(std::max(released_[id], group.base) + 1, index);
    }
    group.entries.erase(group.entries.lower_bound(index), group.entries.end());
    const uint64_t count = random_.below(4);
    for (uint64_t i = 0; i < count; ++i, ++index) {
      const uint64_t size_max = random_.below(4) == 0 ? 3000 : 200;
      const std::string data(random_.below(size_max), static_cast<char>('a' + random_.below(26)));
      batch.entries.push_back(make_entry(index, ++term_, data));
      group.entries[index] = texts({batch.entries.back()})[0];
    }
    if (batch.entries.empty()) {
      if (!batch.hard_state) return;
      group = group_of(id);
      group.hard_state = *batch.hard_state;
    }
    push(batch, id, group);
  }

  void install() {
    const uint64_t id = any_group();
    GroupModel group = group_of(id);
    const bool replaces = random_.below(2) == 0;
    const uint64_t index =
        replaces ? group.last() + random_.below(5) : random_.between(group.base, group.last());
    WalBatch batch = mark_batch(id, ++generation_, index, 1, replaces);
    group.generation = generation_;
    group.base = index;
    if (replaces) group.entries.clear();
    group.entries.erase(group.entries.begin(), group.entries.upper_bound(index));
    if (replaces && random_.below(2) == 0) {
      batch.entries.push_back(make_entry(index + 1, ++term_, "after the snapshot"));
      group.entries[index + 1] = texts({batch.entries.back()})[0];
    }
    push(batch, id, group);
  }

  void drop() {
    const uint64_t id = any_group();
    if (!model_.contains(id)) return;
    const Result<WalTicket> ticket = log_.wal().append(dropped_batch(id, ++generation_));
    VECTRON_ASSERT(ticket.has_value());
    model_.erase(id);
    // A crash may bring back the time before the drop.
    dropped_released_[id] = std::max(dropped_released_[id], released_[id]);
    released_.erase(id);
    states_.push_back(model_);
    if (random_.below(2) == 0) log_.wal().forget_dropped(GroupId(id), ReplicaId(generation_));
  }

  void push(const WalBatch& batch, uint64_t id, const GroupModel& group) {
    const Result<WalTicket> ticket = log_.wal().append(batch);
    VECTRON_ASSERT(ticket.has_value());
    model_[id] = group;
    states_.push_back(model_);
    VECTRON_ASSERT(ticket->value() == states_.size() - 1);
  }

  /// Releases entries that are durable, as a replica does: those of the durable state's log that no
  /// later batch has replaced (they are committed).
  void release() {
    const uint64_t id = any_group();
    const NodeModel& durable = states_[log_.wal().durable_ticket().value()];
    const auto found = durable.find(id);
    const auto now = model_.find(id);
    if (found == durable.end() || now == model_.end()) return;
    uint64_t up_to = 0;
    for (const auto& [index, text] : found->second.entries) {
      const auto same = now->second.entries.find(index);
      if (same == now->second.entries.end() || same->second != text) break;
      up_to = index;
    }
    for (size_t i = log_.wal().durable_ticket().value(); i < states_.size(); ++i) {
      const auto at = states_[i].find(id);
      if (at == states_[i].end() || at->second.generation != now->second.generation) return;
      if (!at->second.entries.contains(up_to)) return;
    }
    if (up_to == 0) return;
    up_to = random_.between(found->second.entries.begin()->first, up_to);
    released_[id] = std::max(released_[id], up_to);
    log_.wal().release(GroupId(id), LogIndex(up_to));
  }

  void run_events(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) log_.env.try_run_one();
  }

  void crash() {
    // Often in the middle of a write: what it left of the last records is torn.
    for (uint64_t i = random_.below(6); i > 0; --i) append_entries();
    run_events(random_.below(20));
    const uint64_t durable = log_.wal().durable_ticket().value();
    reclaimed_ += log_.wal().oldest_segment() > 1 ? 1 : 0;
    const CrashMode mode = static_cast<CrashMode>(std::min<uint64_t>(random_.below(4), 2));
    log_.crash(mode, random_.next());
    log_.env.disk().syncs_without_space = 0;  // A start does not go on after that.
    crash_starts();
    const Result<void> opened = log_.try_open();
    if (!opened.has_value()) RC_FAIL(opened.error().to_string());
    torn_ += log_.opened.torn_bytes > 0 ? 1 : 0;
    // All that was acknowledged, and of the rest a prefix in the order of appends.
    size_t match = states_.size();
    for (size_t i = states_.size(); i-- > durable;) {
      if (matches(states_[i])) {
        match = i;
        break;
      }
    }
    RC_ASSERT(match < states_.size());
    take_up(states_[match]);
  }

  /// Now and then the power fails in the middle of a start, or of several: what they cut off is
  /// still there, or is not.
  void crash_starts() {
    while (random_.below(3) == 0) {
      {
        TaskGroup starting(log_.env.scheduler());
        starting.spawn(start());
        run_events(random_.below(40));
        starting.cancel_all();
      }
      if (!start_failure_.ok()) RC_FAIL(start_failure_.to_string());
      const bool torn = random_.below(2) == 0;
      log_.crash(torn ? CrashMode::random_subset : CrashMode::drop_unsynced, random_.next());
    }
  }
  Task<void> start() {
    const auto opened = co_await Wal::open(&log_.env, "node/wal", log_.config);
    start_failure_ = status_of(opened);
  }

  bool matches(const NodeModel& model) {
    if (log_.opened.groups.size() != model.size()) return false;
    for (const auto& [id, expected] : model) {
      const auto found = log_.opened.groups.find(GroupId(id));
      if (found == log_.opened.groups.end()) return false;
      const WalGroupState& group = found->second;
      const uint64_t base = group.mark ? group.mark->meta.index.value() : 0;
      const uint64_t generation = group.mark ? group.mark->generation : 0;
      if (group.hard_state != expected.hard_state || generation != expected.generation)
        return false;
      // Released entries may be gone or still be there.
      const uint64_t released = std::max(released_[id], dropped_released_[id]);
      if (base < expected.base || base > std::max(expected.base, released)) return false;
      std::map<uint64_t, std::string> entries;
      for (const raft::Entry& entry : group.entries) {
        entries[entry.index.value()] = texts({entry})[0];
      }
      std::map<uint64_t, std::string> kept = expected.entries;
      kept.erase(kept.begin(), kept.upper_bound(base));
      if (entries != kept) return false;
    }
    return true;
  }

  void take_up(NodeModel state) {
    dropped_released_.clear();
    released_.clear();
    for (auto& [id, group] : state) {
      const WalGroupState& recovered = log_.opened.groups.at(GroupId(id));
      group.base = recovered.mark ? recovered.mark->meta.index.value() : 0;
      group.entries.erase(group.entries.begin(), group.entries.upper_bound(group.base));
      released_[id] = group.base;
    }
    for (const WalDropped& dropped : log_.opened.dropped) {
      log_.wal().forget_dropped(dropped.group, dropped.replica);
    }
    model_ = state;
    states_ = {model_};
  }

  RandomStream random_;
  TestLog log_;
  NodeModel model_;
  std::vector<NodeModel> states_{{}};  // By ticket.
  std::map<uint64_t, uint64_t> released_;
  std::map<uint64_t, uint64_t> dropped_released_;
  Status start_failure_;
  uint64_t term_ = 0;
  uint64_t generation_ = 0;
  uint64_t reclaimed_ = 0;
  uint64_t torn_ = 0;
};

RC_GTEST_PROP(WalModelTest, RecoversAllThatWasAcknowledgedAndAPrefixOfTheRest, (uint64_t seed)) {
  WalModel model(seed);
  model.run(*rc::gen::inRange(1, 400));
}

TEST(WalModelTest, ReachesReclaimAndTornTails) {
  uint64_t reclaimed = 0;
  uint64_t torn = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    WalModel model(seed);
    model.run(400);
    reclaimed += model.reclaimed();
    torn += model.torn();
  }
  EXPECT_GT(reclaimed, 20u);
  EXPECT_GT(torn, 20u);
}

}  // namespace
}  // namespace vectron
