#include "sim/cluster/field_filler.h"

#include <array>
#include <bit>
#include <limits>

#include "sim/cluster/node_configs.h"

namespace vectron::sim {

namespace {

uint64_t one_of(const std::vector<uint64_t>& values, uint8_t choice) {
  return values.empty() ? choice : values[choice % values.size()];
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

PlausibleGroup choose_group(const ForgerKnowledge& knowledge, Choices* choices) {
  PlausibleGroup out;
  const uint8_t choice = choices->byte();
  std::vector<GroupId> groups;
  for (const GroupId group : knowledge.watch->groups()) {
    bool of_target = false;
    bool of_pretended = false;
    for (const ReplicaWatch::Sight& sight : knowledge.watch->sights(group)) {
      of_target = of_target || sight.node == knowledge.target;
      of_pretended = of_pretended || sight.node == knowledge.pretended;
    }
    const bool shared = of_target && (of_pretended || knowledge.pretended == NodeId());
    if (shared || choice >= 240) groups.push_back(group);
  }
  if (groups.empty()) groups = knowledge.watch->groups();
  if (groups.empty()) return out;
  const GroupId group = groups[choice % groups.size()];
  out.group = group.value();
  for (const ReplicaWatch::Sight& sight : knowledge.watch->sights(group)) {
    out.replicas.push_back(sight.replica.value());
    out.term = std::max(out.term, sight.term.value());
    if (sight.node == knowledge.pretended) out.from = sight.replica.value();
    if (sight.node != knowledge.target) continue;
    out.to = sight.replica.value();
    out.index = sight.applied_index.value();
  }
  return out;
}

uint64_t FieldFiller::number(std::string_view name) {
  const uint8_t choice = choices_.byte();
  if (choice >= 192) return choices_.wild();
  return plausible(name, choice);
}

// `choice` is below 192; its low half mostly says what is right.
uint64_t FieldFiller::plausible(std::string_view name, uint8_t choice) const {
  const uint64_t step = choice % 8;
  if (is_one_of(name, {"group_id", "shard_id"})) return group_.group;
  if (name == "from") return choice < 128 ? group_.from : one_of(group_.replicas, choice);
  if (name == "to") return choice < 128 ? group_.to : one_of(group_.replicas, choice);
  if (is_one_of(name, {"replica_id", "replica_ids", "removed", "voters", "learners"})) {
    return one_of(group_.replicas, choice);
  }
  if (is_one_of(name, {"node_id", "node_ids"})) {
    if (choice < 128) return knowledge_.pretended.value();
    return node_id(ServiceId::worker, choice % knowledge_.plan->shape.workers).value();
  }
  if (is_one_of(name, {"term", "log_term", "hint_term", "snapshot_term"})) {
    return choice < 96 ? group_.term : group_.term + step;
  }
  if (is_one_of(name, {"index", "commit_index", "hint_index", "snapshot_index", "applied_index"})) {
    return choice < 96 ? group_.index : group_.index + step - std::min<uint64_t>(group_.index, 3);
  }
  if (name == "folder_id") return one_of(knowledge_.folders, choice);
  if (name == "lineage") return one_of(knowledge_.lineages, choice);
  if (name == "dimension") {
    return choice < 128 ? knowledge_.plan->workload.collections[0].dimension : choice;
  }
  if (name == "epoch") return choice < 128 ? 1 : choice % 16;
  if (name == "hash_high") return UINT64_MAX;
  return choice % 16;
}

float FieldFiller::component() {
  constexpr std::array<float, 8> kSpecial = {0.0F,
                                             -1.0F,
                                             1e18F,
                                             1e-30F,
                                             std::numeric_limits<float>::infinity(),
                                             std::numeric_limits<float>::quiet_NaN(),
                                             std::numeric_limits<float>::max(),
                                             std::numeric_limits<float>::denorm_min()};
  const uint8_t choice = choices_.byte();
  if (choice >= 248) return kSpecial[choice % kSpecial.size()];
  return static_cast<float>(choice) / 64.0F - 1.0F;
}

size_t FieldFiller::vector_size() {
  const uint8_t choice = choices_.byte();
  return choice < 224 ? knowledge_.plan->workload.collections[0].dimension : choice % 32;
}

size_t FieldFiller::item_count() {
  const uint8_t choice = choices_.byte();
  return choice < 240 ? choice % 4 : choice % kItemsMax;
}

std::string FieldFiller::text(std::string_view name) {
  const uint8_t choice = choices_.byte();
  const std::string& collection = knowledge_.plan->workload.collections[0].name;
  if (is_one_of(name, {"name", "collection"}) && choice < 192) {
    return choice < 160 ? collection : fmt::format("forged-{}", choice % 4);
  }
  if (name == "address" && choice < 192) {
    return choice < 96 ? node_address(ServiceId::worker, choice % 4).text : "nowhere:1";
  }
  const Bytes bytes = choices_.bytes(choice % 64);
  return std::string(as_text(bytes));
}

Bytes FieldFiller::blob(std::string_view name) {
  const uint8_t choice = choices_.byte();
  if (name == "payload") {
    if (choice < 96) return {};
    // A FlexBuffer that holds one small number.
    if (choice < 192) return {choice, 0x04, 0x01};
  }
  return choices_.bytes(choice);
}

}  // namespace vectron::sim
