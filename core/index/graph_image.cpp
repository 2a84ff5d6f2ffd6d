// A graph's lists as bytes, and back. What the bytes say is never trusted: a walk follows links
// without a check.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/index/graph.h"

namespace vectron::index {

namespace {

std::unexpected<Status> impossible(Slot slot, std::string_view what) {
  return fail(Code::data_loss, fmt::format("the links of slot {} {}", slot, what));
}

}  // namespace

void Graph::export_node(Slot slot, Slot slot_end, Bytes* out) const {
  ByteWriter writer(*out);
  const int level = is_node(slot) ? level_of(slot, options_.m) : -1;
  writer.put(static_cast<uint8_t>(level + 1));
  for (int l = 0; l <= level; ++l) {
    std::vector<Slot> slots = links(slot, l);
    std::erase_if(slots, [slot_end](Slot neighbor) { return neighbor >= slot_end; });
    writer.put(static_cast<uint16_t>(slots.size()));
    for (const Slot neighbor : slots) writer.put(neighbor);
  }
}

void Graph::reserve(Slot slot_end) {
  for (Slot slot = 0; slot < slot_end; slot += level0_.run_length(slot)) {
    level0_.ensure(slot);
    upper_.ensure(slot);
    copies_.make_room(slot);
  }
}

Result<bool> Graph::import_node(Slot slot, Slot slot_end, ByteReader* in) {
  const int levels = in->get<uint8_t>();
  if (!in->ok()) return impossible(slot, "are cut short");
  if (levels == 0) return false;
  if (levels != level_of(slot, options_.m) + 1) return impossible(slot, "have another level");
  make_lists(slot, levels - 1);
  for (int level = 0; level < levels; ++level) {
    const uint32_t count = in->get<uint16_t>();
    const ByteView raw = in->get_raw(count * sizeof(Slot));
    if (!in->ok()) return impossible(slot, "are cut short");
    if (count > list_words(level)) return impossible(slot, "are too many");
    ByteReader slots(raw);
    Word* words = list(slot, level);
    for (uint32_t i = 0; i < count; ++i) {
      const Slot neighbor = slots.get<uint32_t>();
      const bool possible = neighbor < slot_end && neighbor != slot &&
                            (level == 0 || level_of(neighbor, options_.m) >= level);
      if (!possible) return impossible(slot, "lead nowhere");
      words[i] = neighbor + 1;
    }
  }
  nodes_.fetch_add(1, std::memory_order_relaxed);
  const bool reachable = list(slot, 0)[0] != 0;
  if (!reachable) unlink(slot);
  return reachable;
}

void Graph::link_opposite(NewLink link) {
  Word* words = list(link.to, link.level);
  for (uint32_t i = 0; i < list_words(link.level) && words[i] != link.from + 1; ++i) {
    if (words[i] != 0) continue;
    words[i] = link.from + 1;
    return;
  }
}

// Adds to `stay`, up to `keep_max`, what of the sorted `come` points another way than what stays;
// where that is too little, the nearest of the rest. What stays is not chosen anew: a list that is
// pruned by the rule alone is short, and fills up again only by later inserts, which do not come
// here.
void Graph::choose_newcomers(const LinkScorer& scorer, std::vector<NeighborKey>& stay,
                             const std::vector<NeighborKey>& come, size_t keep_max) {
  std::vector<NeighborKey> rest;
  for (const NeighborKey candidate : come) {
    if (stay.size() >= keep_max) return;
    const LinkScorer from_candidate = scorer.from(slot_of(candidate));
    const float limit = distance_of(candidate);
    const auto shadows = [&](NeighborKey other) {
      return from_candidate.to(slot_of(other)) < limit;
    };
    (std::ranges::none_of(stay, shadows) ? stay : rest).push_back(candidate);
  }
  for (size_t i = 0; i < rest.size() && stay.size() < keep_max; ++i) stay.push_back(rest[i]);
}

void Graph::unlink(Slot slot) {
  const int level = level_of(slot, options_.m);
  std::fill_n(level0_.mutable_element(slot), list_words(0), 0);
  Word*& upper = *upper_.mutable_element(slot);
  if (upper != nullptr) {
    upper_bytes_.fetch_sub(static_cast<size_t>(level) * options_.m * sizeof(Word),
                           std::memory_order_relaxed);
    delete[] std::exchange(upper, nullptr);
  }
  nodes_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace vectron::index
