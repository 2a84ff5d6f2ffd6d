// Accept: which slots a search may answer.
//
// Walks and scans take it as a template parameter and ask it for each slot that they would keep. A
// walk goes through slots that are not accepted, for they lead to others. Pure for as long as one
// search lasts: the same slot, the same answer.
#pragma once

#include <concepts>

#include "core/index/neighbor.h"
#include "core/index/tombstones.h"

namespace vectron::index {

template <typename A>
concept Accept = requires(const A& accept, Slot slot) {
  { accept(slot) } -> std::same_as<bool>;
};

/// The slots that are live at a cut.
class LiveAt {
 public:
  /// `tombstones` outlives it.
  LiveAt(const Tombstones& tombstones, Cut cut) : tombstones_(&tombstones), cut_(cut) {}
  bool operator()(Slot slot) const { return tombstones_->live_at(slot, cut_); }

 private:
  const Tombstones* tombstones_;
  Cut cut_;
};
static_assert(Accept<LiveAt>);

}  // namespace vectron::index
