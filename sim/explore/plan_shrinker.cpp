#include "sim/explore/plan_shrinker.h"

#include <algorithm>

#include "core/base/assert.h"
#include "sim/cluster/client_workload.h"
#include "sim/explore/minimize.h"
#include "sim/plan/json.h"

namespace vectron::sim {

namespace {

constexpr uint32_t kDurationMsMin = 100;
/// Each makes the plan smaller, and the next one seldom by much.
constexpr int kRoundsMax = 4;

const JsonObject& object_of(const Json& json) {
  const JsonObject* object = json.as<JsonObject>();
  VECTRON_ASSERT(object != nullptr);
  return *object;
}

Json json_of(const Plan& plan) {
  auto json = parse_json(plan_to_json(plan));
  VECTRON_ASSERT(json.has_value(), "{}", json.error().to_string());
  return *std::move(json);
}

/// One operation of a client, by number.
struct Arrival {
  uint32_t client = 0;
  uint32_t number = 0;
};

std::vector<Arrival> arrivals_left(const Plan& plan) {
  std::vector<Arrival> out;
  for (uint32_t client = 0; client < plan.shape.clients; ++client) {
    const uint32_t count = arrivals_of(plan, client);
    for (uint32_t number = 0; number < count; ++number) {
      const bool skipped = std::ranges::any_of(plan.workload.skipped, [&](const PlanSkip& skip) {
        return skip.client == client && number >= skip.first && number - skip.first < skip.count;
      });
      if (!skipped) out.push_back({client, number});
    }
  }
  return out;
}

/// The skips that leave of `plan` exactly `kept` (ascending).
std::vector<PlanSkip> skips_around(const Plan& plan, const std::vector<Arrival>& kept) {
  std::vector<PlanSkip> out;
  auto next = kept.begin();
  for (uint32_t client = 0; client < plan.shape.clients; ++client) {
    uint32_t first = 0;
    for (; next != kept.end() && next->client == client; ++next) {
      if (next->number > first) out.push_back({client, first, next->number - first});
      first = next->number + 1;
    }
    const uint32_t count = arrivals_of(plan, client);
    if (count > first) out.push_back({client, first, count - first});
  }
  return out;
}

/// Drops what refers to something that the plan no longer has. False when it cannot be made valid.
bool repair(Plan& plan) {
  const uint32_t duration = plan.workload.duration_ms;
  plan.loaded.to_ms = std::min(plan.loaded.to_ms, duration);
  plan.loaded.from_ms = std::min(plan.loaded.from_ms, plan.loaded.to_ms);
  const auto gone = [&](uint32_t client) { return client >= plan.shape.clients; };
  std::erase_if(plan.shape.http_clients, gone);
  std::erase_if(plan.workload.skipped, [&](const PlanSkip& s) { return gone(s.client); });
  for (PlanCollection& collection : plan.workload.collections) {
    collection.replication = std::min(collection.replication, plan.shape.workers);
  }
  Plan alone = plan;
  std::erase_if(plan.faults, [&](const PlannedFault& fault) {
    alone.faults = {fault};
    return !alone.validate().has_value();
  });
  return plan.validate().has_value();
}

using Names = std::vector<std::string>;

bool has(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::optional<Plan> read_back(const Json& json) {
  auto plan = parse_plan(json.compact());
  if (!plan.has_value()) return std::nullopt;
  return *std::move(plan);
}

/// Switches that are on, by name, then intensities above zero as "intensities.NAME".
Names lasting_members(const Plan& plan) {
  Names names;
  const Json json = json_of(plan);
  for (const JsonMember& member : object_of(json)) {
    const bool* flag = member.second.as<bool>();
    if (flag != nullptr && *flag) names.push_back(member.first);
  }
  for (const JsonMember& member : object_of(*json.find("intensities"))) {
    const uint64_t* number = member.second.as<uint64_t>();
    if (number != nullptr && *number > 0) names.push_back("intensities." + member.first);
  }
  return names;
}

Names changed_knobs(const Plan& plan) {
  Names names;
  const Json json = json_of(plan);
  const Json defaults = json_of(Plan());
  for (const JsonMember& member : object_of(*json.find("knobs"))) {
    const Json* fallback = defaults.find("knobs")->find(member.first);
    if (fallback != nullptr && !(*fallback == member.second)) names.push_back(member.first);
  }
  return names;
}

std::optional<Plan> without_lasting(const Plan& plan, const Names& removed) {
  JsonObject out = object_of(json_of(plan));
  for (JsonMember& member : out) {
    if (has(removed, member.first)) member.second = Json(false);
    if (member.first != "intensities") continue;
    JsonObject intensities = object_of(member.second);
    for (JsonMember& intensity : intensities) {
      if (has(removed, "intensities." + intensity.first)) intensity.second = Json(uint64_t{0});
    }
    member.second = Json(std::move(intensities));
  }
  return read_back(Json(std::move(out)));
}

std::optional<Plan> with_default_knobs(const Plan& plan, const Names& removed) {
  JsonObject out = object_of(json_of(plan));
  const Json defaults = json_of(Plan());
  for (JsonMember& member : out) {
    if (member.first != "knobs") continue;
    JsonObject knobs = object_of(member.second);
    for (JsonMember& knob : knobs) {
      if (has(removed, knob.first)) knob.second = *defaults.find("knobs")->find(knob.first);
    }
    member.second = Json(std::move(knobs));
  }
  return read_back(Json(std::move(out)));
}

class PlanShrinker {
 public:
  PlanShrinker(Plan plan, const FirstFailingPlan& first_failing, const ShrinkStage& stage)
      : plan_(std::move(plan)), first_failing_(first_failing), stage_(stage) {}

  Plan run() {
    for (int round = 0; round < kRoundsMax; ++round) {
      const Plan before = plan_;
      shrink_parts();
      if (plan_ == before) break;
      // By far the most things: only when few other ones are left, and each run is short.
      tell("operations");
      shrink_operations();
    }
    return std::move(plan_);
  }

 private:
  void shrink_parts() {
    tell("duration");
    shrink_number(kDurationMsMin, &duration_of);
    tell("faults");
    shrink_list(&faults_of);
    tell("intensities");
    shrink_members(&lasting_members, &without_lasting);
    tell("fault classes");
    shrink_list(&classes_of);
    tell("knobs");
    shrink_members(&changed_knobs, &with_default_knobs);
    tell("http clients");
    shrink_list(&http_clients_of);
    tell("collections");
    shrink_list(&collections_of);
    tell("nodes");
    shrink_nodes();
    tell("clients");
    shrink_clients();
    tell("sizes");
    shrink_sizes();
  }

  void tell(std::string_view stage) const {
    if (stage_) stage_(stage, plan_);
  }

  /// Tries `candidates`, those that can be made valid alone.
  std::optional<size_t> first_failing(std::vector<Plan> candidates) {
    std::vector<Plan> valid;
    std::vector<size_t> positions;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!repair(candidates[i])) continue;
      positions.push_back(i);
      valid.push_back(std::move(candidates[i]));
    }
    if (valid.empty()) return std::nullopt;
    const std::optional<size_t> found = first_failing_(valid);
    if (!found.has_value()) return std::nullopt;
    plan_ = valid[*found];
    return positions[*found];
  }

  /// Minimizes a set of things: `make` builds the plan that keeps those named.
  template <typename Make>
  void shrink_set(size_t count, const Make& make) {
    minimal_failing_subset(count, [&](const std::vector<Subset>& subsets) {
      std::vector<Plan> candidates;
      candidates.reserve(subsets.size());
      for (const Subset& kept : subsets) candidates.push_back(make(kept));
      return first_failing(std::move(candidates));
    });
  }

  template <typename T>
  void shrink_list(std::vector<T>& (*list_of)(Plan&)) {
    const Plan whole = plan_;
    Plan copy = whole;
    shrink_set(list_of(copy).size(), [&](const Subset& kept) {
      Plan candidate = whole;
      std::vector<T>& list = list_of(candidate);
      const std::vector<T> all = std::move(list);
      list.clear();
      for (const size_t at : kept) list.push_back(all[at]);
      return candidate;
    });
  }

  /// The same for named parts: `names_of` lists those that are there, `without` takes some away.
  void shrink_members(Names (*names_of)(const Plan&),
                      std::optional<Plan> (*without)(const Plan&, const Names&)) {
    const Plan whole = plan_;
    const Names names = names_of(whole);
    shrink_set(names.size(), [&](const Subset& kept) {
      Names removed;
      for (size_t i = 0; i < names.size(); ++i) {
        if (!std::ranges::binary_search(kept, i)) removed.push_back(names[i]);
      }
      return without(whole, removed).value_or(Plan());  // No valid plan: it is not tried.
    });
  }

  template <typename NumberOf>
  void shrink_number(uint32_t low, const NumberOf& number_of) {
    Plan whole = plan_;
    const uint32_t high = number_of(whole);
    if (low >= high) return;
    minimal_failing_number(low, high, [&](const std::vector<uint64_t>& numbers) {
      std::vector<Plan> candidates;
      for (const uint64_t number : numbers) {
        number_of(candidates.emplace_back(whole)) = static_cast<uint32_t>(number);
      }
      return first_failing(std::move(candidates));
    });
  }

  void shrink_nodes() {
    shrink_number(1, [](Plan& plan) -> uint32_t& { return plan.shape.workers; });
    shrink_number(1, [](Plan& plan) -> uint32_t& { return plan.shape.gateways; });
    shrink_number(1, [](Plan& plan) -> uint32_t& { return plan.shape.placement_nodes; });
    shrink_number(1, [](Plan& plan) -> uint32_t& { return plan.shape.zones; });
  }

  static Plan with_arrivals(const Plan& plan, const std::vector<Arrival>& kept) {
    Plan out = plan;
    out.workload.skipped = skips_around(plan, kept);
    return out;
  }

  /// Which clients do anything at all.
  void shrink_clients() {
    const Plan whole = plan_;
    const std::vector<Arrival> all = arrivals_left(whole);
    shrink_set(whole.shape.clients, [&](const Subset& kept) {
      std::vector<Arrival> left;
      std::ranges::copy_if(all, std::back_inserter(left), [&](const Arrival& arrival) {
        return std::ranges::binary_search(kept, size_t{arrival.client});
      });
      return with_arrivals(whole, left);
    });
  }

  void shrink_operations() {
    const Plan whole = plan_;
    const std::vector<Arrival> all = arrivals_left(whole);
    shrink_set(all.size(), [&](const Subset& kept) {
      std::vector<Arrival> left;
      for (const size_t at : kept) left.push_back(all[at]);
      return with_arrivals(whole, left);
    });
  }

  void shrink_sizes() {
    for (size_t i = 0; i < plan_.workload.collections.size(); ++i) {
      const auto field = [i](uint32_t PlanCollection::* member) {
        return
            [i, member](Plan& plan) -> uint32_t& { return plan.workload.collections[i].*member; };
      };
      shrink_number(1, field(&PlanCollection::shards));
      shrink_number(1, field(&PlanCollection::replication));
      shrink_number(1, field(&PlanCollection::dimension));
      shrink_number(1, field(&PlanCollection::keys));
    }
    shrink_number(1, [](Plan& plan) -> uint32_t& { return plan.workload.batch_points_max; });
    for (size_t i = 0; i < plan_.faults.size(); ++i) {
      shrink_number(0, [i](Plan& plan) -> uint32_t& { return plan.faults[i].duration_ms; });
      shrink_number(0, [i](Plan& plan) -> uint32_t& { return plan.faults[i].rounds; });
      shrink_number(0, [i](Plan& plan) -> uint32_t& { return plan.faults[i].connections; });
    }
  }

  static uint32_t& duration_of(Plan& plan) { return plan.workload.duration_ms; }
  static std::vector<PlannedFault>& faults_of(Plan& plan) { return plan.faults; }
  static Names& classes_of(Plan& plan) { return plan.switched_on; }
  static std::vector<uint32_t>& http_clients_of(Plan& plan) { return plan.shape.http_clients; }
  static std::vector<PlanCollection>& collections_of(Plan& plan) {
    return plan.workload.collections;
  }

  Plan plan_;
  const FirstFailingPlan& first_failing_;
  const ShrinkStage& stage_;
};

}  // namespace

PlanSize size_of(const Plan& plan) {
  PlanSize size;
  size.faults = plan.faults.size();
  size.nodes = size_t{plan.shape.placement_nodes} + plan.shape.workers + plan.shape.gateways;
  size.collections = plan.workload.collections.size();
  size.lasting = lasting_members(plan).size();
  size.knobs = changed_knobs(plan).size();
  const std::vector<Arrival> arrivals = arrivals_left(plan);
  size.operations = arrivals.size();
  std::optional<uint32_t> last;
  for (const Arrival& arrival : arrivals) {
    if (last != arrival.client) ++size.clients;
    last = arrival.client;
  }
  return size;
}

Plan shrink_plan(Plan plan, const FirstFailingPlan& first_failing, const ShrinkStage& stage) {
  VECTRON_ASSERT(plan.validate().has_value(), "{}", plan.validate().error().to_string());
  return PlanShrinker(std::move(plan), first_failing, stage).run();
}

}  // namespace vectron::sim
