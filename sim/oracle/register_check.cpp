#include "sim/oracle/register_check.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <set>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron::sim {

namespace {

using Kind = RegisterOperation::Kind;
using Mask = std::bitset<kRegisterPendingMax>;

/// A register's value, and which pending operations have taken effect.
struct State {
  uint64_t value = 0;
  Mask done;
  bool operator==(const State&) const = default;
};

struct StateHash {
  size_t operator()(const State& state) const {
    return mix64(state.value ^ mix64(std::hash<Mask>()(state.done)));
  }
};

/// An open-addressing set: the standard one spends most of a check in its allocator.
class StateSet {
 public:
  StateSet() : slots_(64) {}

  bool insert(const State& state) {
    if ((items_.size() + 1) * 2 > slots_.size()) grow();
    for (size_t i = StateHash()(state);; ++i) {
      uint32_t& slot = slots_[i & (slots_.size() - 1)];
      if (slot == 0) {
        items_.push_back(state);
        slot = static_cast<uint32_t>(items_.size());
        used_.push_back(static_cast<uint32_t>(i & (slots_.size() - 1)));
        return true;
      }
      if (items_[slot - 1] == state) return false;
    }
  }
  void clear() {
    for (const uint32_t slot : used_) slots_[slot] = 0;
    used_.clear();
    items_.clear();
  }
  std::vector<State>& items() { return items_; }

 private:
  void grow() {
    std::vector<State> old = std::move(items_);
    slots_.assign(slots_.size() * 2, 0);
    used_.clear();
    items_.clear();
    for (const State& state : old) insert(state);
  }

  std::vector<uint32_t> slots_;
  std::vector<uint32_t> used_;
  std::vector<State> items_;
};

/// The value after `operation` on `value`, or nothing where its answer does not fit.
std::optional<uint64_t> effect(const RegisterOperation& operation, uint64_t value) {
  switch (operation.kind) {
    case Kind::write:
      return operation.value;
    case Kind::read:
      if (operation.value != value) return std::nullopt;
      return value;
    case Kind::remove:
      if (operation.existed.has_value() && *operation.existed != (value != 0)) return std::nullopt;
      return 0;
  }
  return std::nullopt;
}

/// Stands for each value that no read found: such values cannot be told from one another.
constexpr uint64_t kUnreadValue = UINT64_MAX;

class Checker {
 public:
  explicit Checker(std::vector<RegisterOperation> operations) : operations_(std::move(operations)) {
    states_.push_back(State{});
    find_read_values();
  }

  RegisterVerdict run() {
    for (const Event& event : events()) {
      if (!event.is_return) {
        if (!invoke(event.operation)) return verdict(RegisterVerdict::Kind::inconclusive);
        continue;
      }
      if (!complete(event.operation)) return verdict(RegisterVerdict::Kind::inconclusive);
      if (states_.empty()) {
        culprit_ = operations_[event.operation].source;
        return verdict(RegisterVerdict::Kind::violation);
      }
    }
    return verdict(RegisterVerdict::Kind::linearizable);
  }

 private:
  struct Event {
    uint64_t order;
    size_t operation;
    bool is_return;
  };

  RegisterVerdict verdict(RegisterVerdict::Kind kind) const {
    return {.kind = kind, .culprit = culprit_, .states_visited = visited_};
  }

  std::vector<Event> events() const {
    std::vector<Event> events;
    events.reserve(operations_.size() * 2);
    for (size_t i = 0; i < operations_.size(); ++i) {
      const RegisterOperation& operation = operations_[i];
      VECTRON_ASSERT(operation.certain || operation.kind != Kind::read,
                     "an unknown read says nothing");
      events.push_back({operation.invoked, i, false});
      if (!operation.certain) continue;
      VECTRON_ASSERT(operation.returned > operation.invoked);
      events.push_back({operation.returned, i, true});
    }
    std::ranges::sort(events, {}, &Event::order);
    return events;
  }

  bool invoke(size_t operation) {
    size_t slot = 0;
    while (slot < kRegisterPendingMax && taken_[slot]) ++slot;
    if (slot == kRegisterPendingMax) return false;
    taken_[slot] = true;
    slots_[slot] = operation;
    slots_end_ = std::max(slots_end_, slot + 1);
    if (!operations_[operation].certain) unknown_[slot] = true;
    for (State& state : states_) settle(state);
    return true;
  }

  /// Lets what is pending and changes nothing take effect.
  void settle(State& state) const {
    for (size_t slot = 0; slot < slots_end_; ++slot) {
      if (!taken_[slot] || unknown_[slot] || state.done[slot]) continue;
      const RegisterOperation& operation = operations_[slots_[slot]];
      // A write that nobody read may still serve a remove that has to find something.
      if (operation.kind == Kind::write && operation.value == kUnreadValue) continue;
      if (operation.kind == Kind::write && operation.value != state.value) continue;
      if (effect(operation, state.value) == state.value) state.done[slot] = true;
    }
  }

  /// Keeps the states in which `operation` has taken effect, after whatever had to come before it.
  bool complete(size_t operation) {
    const size_t target = slot_of(operation);
    reached_.clear();
    seen_.clear();
    for (const State& state : states_) seen_.insert(state);
    for (size_t next = 0; next < seen_.items().size(); ++next) {
      const State state = seen_.items()[next];
      ++visited_;
      if (state.done[target]) {
        State finished = state;
        finished.done[target] = false;
        reached_.insert(finished);
        continue;
      }
      expand(state);
      if (seen_.items().size() > kRegisterStatesMax) return false;
    }
    states_ = reached_.items();
    taken_[target] = false;
    drop_dominated();
    return true;
  }

  void expand(const State& state) {
    for (size_t slot = 0; slot < slots_end_; ++slot) {
      if (!taken_[slot] || unknown_[slot] || state.done[slot]) continue;
      if (has_earlier_alike(state, slot)) continue;
      const RegisterOperation& operation = operations_[slots_[slot]];
      if (const auto value = effect(operation, state.value)) {
        reach(state, *value, slot, slot);
      } else {
        expand_with_unknown(state, slot);
      }
    }
  }

  /// Whether a pending operation of the same effect and answer returns before this one: in any
  /// order in which it comes later, the two can change places.
  bool has_earlier_alike(const State& state, size_t slot) const {
    const RegisterOperation& operation = operations_[slots_[slot]];
    const auto is_alike = [&](const RegisterOperation& other) {
      return other.kind == operation.kind && other.value == operation.value &&
             other.existed == operation.existed && other.returned < operation.returned;
    };
    for (size_t i = 0; i < slots_end_; ++i) {
      if (!taken_[i] || unknown_[i] || state.done[i]) continue;
      if (is_alike(operations_[slots_[i]])) return true;
    }
    return false;
  }

  /// An unknown write matters only directly before an answer that needs it, so that is where it
  /// takes effect. Of those that no read found, one is as good as another.
  void expand_with_unknown(const State& state, size_t slot) {
    bool interchangeable_tried = false;
    for (size_t helper = 0; helper < slots_end_; ++helper) {
      if (!unknown_[helper] || state.done[helper]) continue;
      const bool interchangeable = !read_[slots_[helper]];
      if (interchangeable && interchangeable_tried) continue;
      const auto before = effect(operations_[slots_[helper]], state.value);
      const auto after = before.has_value() ? effect(operations_[slots_[slot]], *before) : before;
      if (!after.has_value()) continue;
      interchangeable_tried |= interchangeable;
      reach(state, *after, slot, helper);
    }
  }

  void reach(const State& from, uint64_t value, size_t slot, size_t helper) {
    State next = from;
    next.value = value;
    next.done[slot] = true;
    next.done[helper] = true;
    settle(next);
    seen_.insert(next);
  }

  /// Marks the writes that some read found; the values of the others become one.
  void find_read_values() {
    std::set<uint64_t> found;
    for (const RegisterOperation& operation : operations_) {
      if (operation.kind == Kind::read) found.insert(operation.value);
    }
    read_.resize(operations_.size());
    for (size_t i = 0; i < operations_.size(); ++i) {
      read_[i] = operations_[i].kind == Kind::write && found.contains(operations_[i].value);
      if (operations_[i].kind == Kind::write && !read_[i]) operations_[i].value = kUnreadValue;
    }
  }

  size_t slot_of(size_t operation) const {
    for (size_t slot = 0; slot < slots_end_; ++slot) {
      if (taken_[slot] && slots_[slot] == operation) return slot;
    }
    VECTRON_ASSERT(false, "an operation returns that was not invoked");
    return 0;
  }

  /// A state that used up more unknown writes than an otherwise equal one can do nothing that the
  /// other cannot.
  void drop_dominated() {
    if (unknown_.none() || states_.size() < 2) return;
    std::ranges::sort(states_, {},
                      [this](const State& state) { return (state.done & unknown_).count(); });
    std::vector<State> kept;
    for (const State& state : states_) {
      const Mask certain = state.done & ~unknown_;
      const Mask spent = state.done & unknown_;
      const bool dominated = std::ranges::any_of(kept, [&](const State& other) {
        return other.value == state.value && (other.done & ~unknown_) == certain &&
               ((other.done & unknown_) & ~spent).none();
      });
      if (!dominated) kept.push_back(state);
    }
    states_ = std::move(kept);
  }

  std::vector<RegisterOperation> operations_;
  /// By operation: a write whose value some read found.
  std::vector<bool> read_;
  std::array<size_t, kRegisterPendingMax> slots_{};
  Mask taken_;
  Mask unknown_;
  size_t slots_end_ = 0;
  std::vector<State> states_;
  StateSet seen_;
  StateSet reached_;
  uint64_t visited_ = 0;
  size_t culprit_ = 0;
};

/// Whether an answer after `operation` was invoked could need it to have happened.
bool may_be_needed(const RegisterOperation& operation, const std::vector<RegisterOperation>& all) {
  if (operation.certain) return true;
  return std::ranges::any_of(all, [&](const RegisterOperation& other) {
    if (!other.certain || other.returned < operation.invoked) return false;
    if (operation.kind == Kind::write) {
      return (other.kind == Kind::read && other.value == operation.value) ||
             (other.kind == Kind::remove && other.existed == true);
    }
    return (other.kind == Kind::read && other.value == 0) ||
           (other.kind == Kind::remove && other.existed == false);
  });
}

}  // namespace

RegisterVerdict check_register(const std::vector<RegisterOperation>& operations) {
  std::vector<RegisterOperation> needed;
  needed.reserve(operations.size());
  for (const RegisterOperation& operation : operations) {
    if (may_be_needed(operation, operations)) needed.push_back(operation);
  }
  return Checker(std::move(needed)).run();
}

}  // namespace vectron::sim
