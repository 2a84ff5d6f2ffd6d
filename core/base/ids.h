// Strong ids and positions: types that do not convert into one another by accident.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace vectron {

/// An unsigned 64-bit value with a meaning of its own. Conversion is explicit both ways. Zero means
/// "none".
template <typename Tag>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  uint64_t value_ = 0;
};

/// A strong id that can be counted with: a position in a sequence.
template <typename Tag>
class StrongIndex {
 public:
  constexpr StrongIndex() = default;
  constexpr explicit StrongIndex(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }
  constexpr auto operator<=>(const StrongIndex&) const = default;
  constexpr StrongIndex operator+(uint64_t count) const { return StrongIndex(value_ + count); }
  constexpr StrongIndex operator-(uint64_t count) const { return StrongIndex(value_ - count); }
  constexpr uint64_t operator-(StrongIndex other) const { return value_ - other.value_; }
  constexpr StrongIndex& operator++() {
    ++value_;
    return *this;
  }

 private:
  uint64_t value_ = 0;
};

/// One deployment; a wrong one is refused at Hello.
using ClusterId = StrongId<struct ClusterIdTag>;
/// One process identity (its data folder).
using NodeId = StrongId<struct NodeIdTag>;
/// Never reused.
using CollectionId = StrongId<struct CollectionIdTag>;
/// Never reused.
using ShardId = StrongId<struct ShardIdTag>;
/// A Raft member; never reused.
using ReplicaId = StrongId<struct ReplicaIdTag>;
/// A Raft group (a shard, or the placement group).
using GroupId = StrongId<struct GroupIdTag>;
/// Raft term.
using Term = StrongIndex<struct TermTag>;
/// Raft log index; the first entry is 1.
using LogIndex = StrongIndex<struct LogIndexTag>;
/// Version of a collection's shard map; only grows.
using Epoch = StrongIndex<struct EpochTag>;

}  // namespace vectron

template <typename Tag>
struct std::hash<vectron::StrongId<Tag>> {
  size_t operator()(vectron::StrongId<Tag> id) const { return std::hash<uint64_t>()(id.value()); }
};
template <typename Tag>
struct std::hash<vectron::StrongIndex<Tag>> {
  size_t operator()(vectron::StrongIndex<Tag> id) const {
    return std::hash<uint64_t>()(id.value());
  }
};
template <typename Tag>
struct fmt::formatter<vectron::StrongId<Tag>> : fmt::formatter<uint64_t> {
  auto format(vectron::StrongId<Tag> id, fmt::format_context& context) const {
    return fmt::formatter<uint64_t>::format(id.value(), context);
  }
};
template <typename Tag>
struct fmt::formatter<vectron::StrongIndex<Tag>> : fmt::formatter<uint64_t> {
  auto format(vectron::StrongIndex<Tag> id, fmt::format_context& context) const {
    return fmt::formatter<uint64_t>::format(id.value(), context);
  }
};
