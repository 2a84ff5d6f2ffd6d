// LastLeader: which of several nodes is asked first, over all calls to them.
#pragma once

#include <cstddef>
#include <optional>

namespace vectron::rpc {

/// The node that was last seen to lead, by its number among those that are asked.
class LastLeader {
 public:
  explicit LastLeader(size_t node = 0) : node_(node) {}

  size_t node() const { return node_; }
  void answered(size_t node) { node_ = node; }
  /// The node `asked`, one of `nodes`, did not answer as a leader; `named` is whom it names
  /// instead. It is not asked first again: a machine that is gone for ever, or is silent, would use
  /// up the time of each call. What another call has learnt meanwhile stays.
  void pass_on(size_t asked, size_t nodes, std::optional<size_t> named) {
    if (asked != node_) return;
    node_ = named && *named != asked ? *named : (asked + 1) % nodes;
  }

 private:
  size_t node_;
};

}  // namespace vectron::rpc
