#include "core/index/graph_mender.h"

#include <algorithm>

#include "core/index/flush_denormals.h"

namespace vectron::index {

namespace {

// Neighbours that are looked at for one that can spare a link.
constexpr size_t kNearMax = 64;
// About what it costs to read a list, in distances.
constexpr uint64_t kListEvaluations = 1;
// Slots that are passed over, for about the cost of a distance.
constexpr uint64_t kSlotsAnEvaluation = 16;

}  // namespace

GraphMender::GraphMender(Graph* graph, Slot slot_end, Purpose purpose)
    : graph_(graph), slot_end_(slot_end), purpose_(purpose) {}

void GraphMender::begin() {
  const Graph::EntryPoint entry = graph_->entry_point();
  if (entry.level < 0 || entry.slot >= slot_end_) {
    step_ = Step::done;
    return;
  }
  step_ = Step::reach;
  parent_.assign(slot_end_, kNone);
  leads_back_.assign(slot_end_, false);
  parent_[entry.slot] = entry.slot;
  leads_back_[entry.slot] = true;
  queue_.push_back(entry.slot);
}

bool GraphMender::mend_some(uint64_t evaluations_max) {
  const FlushDenormals flush;
  if (step_ == Step::begin) begin();
  uint64_t evaluations = 0;
  while (step_ != Step::done && evaluations < evaluations_max) {
    evaluations += step_ == Step::reach ? reach_next() : lead_back_next();
    if (++looked_ % kSlotsAnEvaluation == 0) ++evaluations;
  }
  return step_ == Step::done;
}

// Follows the links of one node; when there is none left, attaches the next that was not reached.
uint64_t GraphMender::reach_next() {
  if (!queue_.empty()) {
    const Slot slot = queue_.back();
    queue_.pop_back();
    for (const Slot neighbor : graph_->links(slot, 0)) {
      if (neighbor >= slot_end_ || parent_[neighbor] != kNone) continue;
      parent_[neighbor] = slot;
      queue_.push_back(neighbor);
    }
    return kListEvaluations;
  }
  if (next_ == slot_end_) {
    step_ = purpose_ == Purpose::mend ? Step::lead_back : Step::done;
    next_ = 0;
    return 0;
  }
  const Slot slot = next_++;
  const bool lost = parent_[slot] == kNone && graph_->is_node(slot);
  return lost ? attach(slot) : 0;
}

uint64_t GraphMender::attach(Slot slot) {
  uint64_t evaluations = 0;
  ++unreachable_;
  if (purpose_ == Purpose::count) return evaluations;
  for (const Slot from : graph_->near(slot, kNearMax, &evaluations)) {
    if (from >= slot_end_ || parent_[from] == kNone) continue;
    const auto spare = [&](Slot neighbor) {
      return neighbor >= slot_end_ || parent_[neighbor] != from;
    };
    if (!graph_->force_link(from, slot, spare)) continue;
    parent_[slot] = from;
    queue_.push_back(slot);
    ++mended_;
    --unreachable_;
    break;
  }
  return evaluations;
}

// A node leads back when one of its neighbours does. Passes go on until a whole one found nothing
// new; the next one then gives a link to the first that is left, and so on.
uint64_t GraphMender::lead_back_next() {
  if (next_ == slot_end_) {
    begin_pass();
    return 0;
  }
  // Every other pass backwards: what leads back spreads both ways.
  const Slot slot = passes_ % 2 == 0 ? next_ : slot_end_ - 1 - next_;
  ++next_;
  if (leads_back_[slot] || !graph_->is_node(slot)) return 0;
  const auto leads = [this](Slot other) { return other < slot_end_ && leads_back_[other]; };
  uint64_t evaluations = kListEvaluations;
  if (std::ranges::any_of(graph_->links(slot, 0), leads)) {
    leads_back_[slot] = true;
    pass_changed_ = true;
  } else if (pass_may_link_) {
    const auto spare = [&](Slot neighbor) {
      return neighbor >= slot_end_ || parent_[neighbor] != slot;
    };
    for (const Slot to : graph_->near(slot, kNearMax, &evaluations)) {
      if (!leads(to) || !graph_->force_link(slot, to, spare)) continue;
      leads_back_[slot] = true;
      pass_changed_ = true;
      ++mended_;
      break;
    }
  }
  return evaluations;
}

void GraphMender::begin_pass() {
  next_ = 0;
  ++passes_;
  // A pass that may link and changes nothing ends it.
  if ((pass_may_link_ && !pass_changed_) || passes_ == kPassesMax) step_ = Step::done;
  pass_may_link_ = !pass_changed_;
  pass_changed_ = false;
}

uint64_t unreachable_nodes(const Graph& graph, Slot slot_end) {
  const Graph::EntryPoint entry = graph.entry_point();
  std::vector<bool> reached(slot_end);
  std::vector<Slot> queue;
  const auto reach = [&](Slot slot) {
    if (slot >= slot_end || reached[slot]) return;
    reached[slot] = true;
    queue.push_back(slot);
  };
  if (entry.level >= 0) reach(entry.slot);
  while (!queue.empty()) {
    const Slot slot = queue.back();
    queue.pop_back();
    for (const Slot neighbor : graph.links(slot, 0)) reach(neighbor);
  }
  uint64_t unreachable = 0;
  for (Slot slot = 0; slot < slot_end; ++slot) {
    if (!reached[slot] && graph.is_node(slot)) ++unreachable;
  }
  return unreachable;
}

}  // namespace vectron::index
