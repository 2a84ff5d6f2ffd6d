#include "sim/plan/scenarios.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "core/base/assert.h"
#include "core/base/random.h"

namespace vectron::sim {

namespace {

/// The first act begins by then.
constexpr uint32_t kFirstActMsMax = 2'000;
constexpr uint32_t kBetweenActsMsMax = 2'500;
/// Of one seed.
constexpr uint32_t kActsMax = 12;
/// Longer ones are not waited for.
constexpr uint32_t kElectionMsMax = 4'000;
/// About how long a hunt for leaders takes at most.
constexpr uint32_t kHuntMsMax = 10'000;
/// More than a process needs to stop in order.
constexpr uint32_t kGraceMs = 20'000;

template <typename T>
T pick(RandomStream& random, std::initializer_list<T> values) {
  return values.begin()[random.below(values.size())];
}

/// Takes one of `names` out and returns it. Requires: there is one.
std::string draw_from(RandomStream& random, std::vector<std::string>* names) {
  const auto chosen = names->begin() + static_cast<ptrdiff_t>(random.below(names->size()));
  std::string name = std::move(*chosen);
  names->erase(chosen);
  return name;
}

/// One act while it is drawn. Times are milliseconds after its beginning.
class Act {
 public:
  Act(const ScenarioStage& stage, std::string_view name, uint32_t number, uint32_t begin_ms)
      : random(stage.plan->seed, fmt::format("plan.act.{}", number)),
        stage_(stage),
        id_(fmt::format("{}-{}", name, number)),
        begin_ms_(begin_ms) {}

  uint32_t between(uint32_t low, uint32_t high) {
    return static_cast<uint32_t>(random.between(low, high));
  }
  const PlanShape& shape() const { return stage_.plan->shape; }
  const PlanKnobs& knobs() const { return stage_.knobs; }
  const std::vector<std::string>& victims() const { return stage_.victims; }
  bool on(FaultClass fault_class) const { return stage_.classes.contains(fault_class); }

  /// Within this time after a leader fell silent the others have elected another one, mostly.
  uint32_t election_ms() const {
    return std::min(2 * knobs().election_ticks * knobs().tick_ms, kElectionMsMax);
  }
  std::vector<std::string> durable() const { return durable_node_names(shape()); }
  /// The other nodes of the kind of `name`: its possible peers in a group.
  std::vector<std::string> others_like(const std::string& name) const {
    std::vector<std::string> out = durable();
    const std::string kind = name.substr(0, name.find('-'));
    std::erase_if(
        out, [&](const std::string& other) { return other == name || !other.starts_with(kind); });
    return out;
  }

  PlannedFault& add(FaultClass fault_class, uint32_t after_ms, uint32_t duration_ms,
                    std::string target) {
    PlannedFault fault;
    fault.id = fmt::format("{}.{}", id_, faults_.size());
    fault.fault_class = fault_class;
    fault.at_ms = begin_ms_ + after_ms;
    fault.duration_ms = duration_ms;
    fault.target = std::move(target);
    lasts(after_ms + duration_ms);
    return faults_.emplace_back(std::move(fault));
  }
  PlannedFault& cut_off(uint32_t after_ms, uint32_t duration_ms, std::string target) {
    PlannedFault& cut = add(FaultClass::partition, after_ms, duration_ms, std::move(target));
    cut.peer = "durable";
    return cut;
  }
  PlannedFault& crash(uint32_t after_ms, uint32_t duration_ms, std::string target) {
    PlannedFault& crash = add(FaultClass::crash, after_ms, duration_ms, std::move(target));
    crash.mode = pick(random, {CrashMode::process_kill, CrashMode::power_loss});
    return crash;
  }

  /// It takes at least so long, whatever its faults' lengths say.
  void lasts(uint32_t ms) { end_ms_ = std::max(end_ms_, begin_ms_ + ms); }
  uint32_t end_ms() const { return end_ms_; }
  const std::vector<PlannedFault>& faults() const { return faults_; }

  RandomStream random;

 private:
  const ScenarioStage& stage_;
  std::string id_;
  uint32_t begin_ms_;
  uint32_t end_ms_ = 0;
  std::vector<PlannedFault> faults_;
};

/// One member is away while the others go on. As it comes back another one goes away, and the third
/// one forgets: who is left knows nothing of what was agreed.
void forgetful_voter(Act& act) {
  std::vector<std::string> victims = act.victims();
  const std::string forgetful = draw_from(act.random, &victims);
  std::vector<std::string> others = act.others_like(forgetful);
  const std::string first = draw_from(act.random, &others);
  const std::string second = draw_from(act.random, &others);
  const uint32_t election = act.election_ms();
  const uint32_t away = act.between(election + 500, election + 3'500);
  const uint32_t overlap = act.between(100, 600);
  act.cut_off(0, away, first);
  act.cut_off(away - overlap, overlap + 2 * election + act.between(1'000, 4'000), second);
  act.add(FaultClass::lost_machine, away - overlap + act.between(20, overlap), act.between(50, 400),
          forgetful);
}

/// A leader, and mostly one of those who ask it, lose the same time: meanwhile the others elect and
/// write. It goes on cut off from its peers, with reads waiting.
void sleeping_leader(Act& act) {
  // A gateway asks somebody else after this time, and so writes reach the new leader.
  const uint32_t attempt = act.knobs().client_deadline_ms / 4;
  const uint32_t sleep = act.election_ms() + attempt + act.between(0, 1'500);
  PlannedFault& cut = act.cut_off(0, sleep + act.between(300, 2'000), "leader");
  cut.direction =
      pick(act.random, {FaultDirection::both, FaultDirection::both, FaultDirection::incoming});
  act.add(FaultClass::pause, 1, sleep, "leader");
  if (act.shape().gateways < 2 || act.random.chance_ppm(250'000)) return;
  act.add(FaultClass::pause, act.between(0, 100), sleep,
          fmt::format("gateway-{}", act.random.below(act.shape().gateways)));
}

/// Several hunts for leaders at once: the Raft paper's figure 8.
void figure_eight(Act& act) {
  // Each hunts the leaders of one group: in profile raft all would hunt the same ones.
  const uint32_t hunts = act.shape().placement_nodes == 0 ? 1 : act.between(2, 4);
  for (uint32_t i = 0; i < hunts; ++i) {
    PlannedFault& hunt = act.cut_off(act.between(0, 1'500), act.between(1'000, 3'500), "leader");
    hunt.rounds = std::max(std::min(act.between(5, 9), kHuntMsMax / act.election_ms()), 3u);
    act.lasts(hunt.rounds * act.election_ms() / 2);
  }
}

/// All start at the same time again and again, so that several campaign at once; one dies between
/// its vote and what follows from it.
void crowded_elections(Act& act) {
  const uint32_t times = act.between(2, 4);
  uint32_t after = 0;
  for (uint32_t i = 0; i < times; ++i) {
    const uint32_t down = act.between(20, 400);
    act.add(FaultClass::kill_all, after, down, "all").mode =
        pick(act.random, {CrashMode::process_kill, CrashMode::power_loss});
    if (act.on(FaultClass::crash)) {
      std::vector<std::string> nodes = act.durable();
      act.crash(after + down + act.between(0, act.election_ms()), act.between(20, 300),
                draw_from(act.random, &nodes));
    }
    after += down + act.election_ms() + act.between(300, 2'000);
  }
}

/// Who decides about replicas and who has them cannot hear one another; clients reach both.
void divided_planes(Act& act) {
  PlannedFault& cut = act.add(FaultClass::partition, 0, act.between(1'000, 4'000), "placement");
  cut.peer = "workers";
  cut.direction = pick(act.random, {FaultDirection::both, FaultDirection::both,
                                    FaultDirection::outgoing, FaultDirection::incoming});
}

/// A node is away for long while others write, and collections come and go; the leader dies as it
/// returns.
void long_absence(Act& act) {
  std::vector<std::string> nodes = act.durable();
  const uint32_t away = act.between(2'500, 7'000);
  act.crash(0, away, draw_from(act.random, &nodes));
  act.crash(away - 200 + act.between(0, 1'000), act.between(300, 2'500), "leader");
}

/// Nodes are stopped in order, one after another, as for a new version.
void rolling_stop(Act& act) {
  std::vector<std::string> nodes = act.durable();
  const uint32_t stops = act.between(2, static_cast<uint32_t>(nodes.size()));
  uint32_t after = 0;
  for (uint32_t i = 0; i < stops; ++i) {
    PlannedFault& stop = act.crash(after, act.between(50, 1'000), draw_from(act.random, &nodes));
    stop.mode = CrashMode::stop;
    stop.grace_ms = kGraceMs;
    after += act.between(300, 2'000);
  }
}

/// Disks stand still or crawl, and the power fails before they have caught up.
void power_under_stall(Act& act) {
  std::vector<std::string> nodes = act.durable();
  const std::string one = draw_from(act.random, &nodes);
  std::vector<std::string> group = act.others_like(one);
  const uint32_t others = act.between(0, static_cast<uint32_t>(std::min<size_t>(group.size(), 2)));
  std::vector<std::string> struck = {one};
  for (uint32_t i = 0; i < others; ++i) struck.push_back(draw_from(act.random, &group));
  const uint32_t length = act.between(500, 3'000);
  for (std::string& node : struck) {
    act.add(FaultClass::slow_disk, act.between(0, 200), length, node).factor =
        act.random.chance_ppm(500'000) ? 0 : act.between(10, 100);
    PlannedFault& loss =
        act.crash(act.between(length / 3, length + 200), act.between(50, 800), std::move(node));
    loss.mode = CrashMode::power_loss;
  }
}

/// All disks are full, and all nodes that have one start again meanwhile.
void full_restart(Act& act) {
  const uint32_t length = 3 * act.election_ms() + act.between(6'000, 7'500);
  for (const std::string& node : act.durable()) {
    act.add(FaultClass::disk_full, 0, length, node);
    act.crash(act.between(100, 500), act.between(50, 300), node);
  }
}

struct Scenario {
  ScenarioInfo info;
  /// Without one of them it cannot be played.
  std::vector<FaultClass> classes;
  void (*draw)(Act& act);
};

const std::vector<Scenario>& table() {
  using enum FaultClass;
  static const std::vector<Scenario> kTable = {
      {{"forgetful_voter", "one member is away, another one goes away, a third one forgets"},
       {partition, lost_machine},
       &forgetful_voter},
      {{"sleeping_leader", "a leader sleeps through an election and goes on with reads waiting"},
       {partition, pause},
       &sleeping_leader},
      {{"figure_eight", "one leader after another is cut off, by several hunts at once"},
       {partition},
       &figure_eight},
      {{"crowded_elections", "all start at the same time, again and again"},
       {kill_all},
       &crowded_elections},
      {{"divided_planes", "placement driver and workers cannot hear one another"},
       {partition},
       &divided_planes},
      {{"long_absence", "a node comes back after long, and the leader dies"},
       {crash},
       &long_absence},
      {{"rolling_stop", "nodes are stopped in order, one after another"}, {crash}, &rolling_stop},
      {{"power_under_stall", "disks stand still, then the power fails"},
       {slow_disk, crash},
       &power_under_stall},
      {{"full_restart", "all disks are full, and all nodes start again"},
       {disk_full, crash},
       &full_restart},
  };
  return kTable;
}

bool is_destructive(const Scenario& scenario) {
  return std::ranges::any_of(scenario.classes, [](FaultClass c) { return sim::is_destructive(c); });
}

bool possible(const Scenario& scenario, const ScenarioStage& stage) {
  const auto on = [&](FaultClass fault_class) { return stage.classes.contains(fault_class); };
  if (!std::ranges::all_of(scenario.classes, on)) return false;
  if (is_destructive(scenario) && stage.victims.empty()) return false;
  return scenario.draw != &divided_planes || stage.plan->shape.placement_nodes > 0;
}

}  // namespace

const std::vector<ScenarioInfo>& scenarios() {
  static const std::vector<ScenarioInfo> kInfos = [] {
    std::vector<ScenarioInfo> out;
    for (const Scenario& scenario : table()) out.push_back(scenario.info);
    return out;
  }();
  return kInfos;
}

std::vector<PlannedFault> draw_scenarios(const ScenarioStage& stage, uint32_t until_ms) {
  std::vector<const Scenario*> left;
  for (const Scenario& scenario : table()) {
    if (possible(scenario, stage)) left.push_back(&scenario);
  }
  RandomStream random(stage.plan->seed, "plan.acts");
  std::vector<PlannedFault> out;
  uint32_t begin_ms = static_cast<uint32_t>(random.between(200, kFirstActMsMax));
  for (uint32_t number = 0; number < kActsMax && !left.empty(); ++number) {
    const uint64_t chosen = random.below(left.size());
    Act act(stage, left[chosen]->info.name, number, begin_ms);
    left[chosen]->draw(act);
    const auto too_late = [&](const PlannedFault& fault) { return fault.at_ms >= until_ms; };
    if (std::ranges::any_of(act.faults(), too_late)) break;
    out.insert(out.end(), act.faults().begin(), act.faults().end());
    // What was destroyed cannot be destroyed once more.
    if (is_destructive(*left[chosen])) left.erase(left.begin() + static_cast<ptrdiff_t>(chosen));
    // Where there is one group nothing gets done during an act: what follows is as long.
    const uint32_t rest = stage.plan->profile == "raft" ? act.end_ms() - begin_ms : 0;
    begin_ms = act.end_ms() + rest + static_cast<uint32_t>(random.between(0, kBetweenActsMsMax));
  }
  return out;
}

}  // namespace vectron::sim
