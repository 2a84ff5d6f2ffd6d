#include "sim/world/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/world/stream.h"
#include "sim/world/world.h"

namespace vectron::sim {
namespace {

constexpr uint16_t kFirstPort = 32'768;

/// `faults` without the classes that are off.
NetworkFaults enabled_faults(const WorldConfig& config) {
  NetworkFaults faults = config.network;
  const FaultClassSet& on = config.fault_classes;
  if (!on.contains(FaultClass::delay)) {
    faults.latency_max = faults.latency_min;
    faults.delay_tail_ppm = 0;
  }
  if (!on.contains(FaultClass::reset)) faults.reset_ppm = 0;
  if (!on.contains(FaultClass::half_open)) faults.half_open_ppm = 0;
  if (!on.contains(FaultClass::short_io)) faults.short_io_ppm = 0;
  if (!on.contains(FaultClass::stall)) faults.stall_ppm = 0;
  if (!on.contains(FaultClass::connect)) faults.refuse_ppm = faults.hang_ppm = 0;
  return faults;
}

}  // namespace

SimNetwork::SimNetwork(SimWorld* world) : world_(*world), faults_(enabled_faults(world->config())) {
  VECTRON_ASSERT(faults_.latency_min > 0ns && faults_.latency_max >= faults_.latency_min);
  VECTRON_ASSERT(faults_.window_bytes_max > 0 && faults_.backlog_connections_max > 0);
}

SimNetwork::~SimNetwork() = default;

Link& SimNetwork::link(size_t from, size_t to) {
  std::unique_ptr<Link>& slot = links_[{from, to}];
  if (slot != nullptr) return *slot;
  slot = std::make_unique<Link>();
  const std::string name =
      fmt::format("net[{}->{}]", world_.nodes()[from]->name(), world_.nodes()[to]->name());
  slot->ties = world_.random(name);
  slot->delay = world_.random(name + ".delay");
  slot->reset = world_.random(name + ".reset");
  slot->short_io = world_.random(name + ".short_io");
  slot->stall = world_.random(name + ".stall");
  slot->connect = world_.random(name + ".connect");
  slot->loopback = from == to;
  slot->latency =
      Duration(slot->delay.heavy_tail(static_cast<uint64_t>(faults_.latency_min.count()),
                                      static_cast<uint64_t>(faults_.latency_max.count())));
  if (slot->loopback) {
    slot->latency = faults_.loopback_latency;
  } else if (slot->latency != faults_.latency_min) {
    world_.fault_fired(FaultClass::delay);
  }
  return *slot;
}

uint16_t SimNetwork::next_port(size_t node) {
  uint16_t& last = last_ports_[node];
  do {
    last = last < kFirstPort || last == UINT16_MAX ? kFirstPort : static_cast<uint16_t>(last + 1);
  } while (listeners_.contains({node, last}));
  return last;
}

std::vector<std::shared_ptr<Stream>> SimNetwork::streams_between(size_t a, size_t b) const {
  std::vector<std::shared_ptr<Stream>> found;
  for (const auto& [id, stream] : streams_) {
    const bool forward = stream->node(0) == a && stream->node(1) == b;
    const bool backward = stream->node(0) == b && stream->node(1) == a;
    if (forward || backward) found.push_back(stream);
  }
  return found;
}

void SimNetwork::block(Instant Link::* until, FaultClass fault_class, const SimNode& a,
                       const SimNode& b, Direction direction, Instant value) {
  if (!world_.fault_enabled(fault_class) || a.index() == b.index()) return;
  Instant& forward = link(a.index(), b.index()).*until;
  forward = std::max(forward, value);
  if (direction == Direction::forward) return;
  Instant& backward = link(b.index(), a.index()).*until;
  backward = std::max(backward, value);
}

void SimNetwork::partition(const SimNode& a, const SimNode& b, Direction direction, Instant until) {
  block(&Link::partitioned_until, FaultClass::partition, a, b, direction, until);
}

void SimNetwork::clog(const SimNode& a, const SimNode& b, Direction direction, Instant until) {
  block(&Link::clogged_until, FaultClass::stall, a, b, direction, until);
}

void SimNetwork::refuse_connects(const SimNode& a, const SimNode& b, Instant until) {
  block(&Link::refusing_until, FaultClass::connect, a, b, Direction::forward, until);
}

void SimNetwork::hang_connects(const SimNode& a, const SimNode& b, Instant until) {
  block(&Link::hanging_until, FaultClass::connect, a, b, Direction::forward, until);
}

void SimNetwork::heal(const SimNode& a, const SimNode& b) {
  heal_link(a.index(), b.index());
  heal_link(b.index(), a.index());
}

void SimNetwork::heal_all() {
  for (const auto& [ends, link] : links_) heal_link(ends.first, ends.second);
}

void SimNetwork::calm() {
  faults_.delay_tail_ppm = 0;
  faults_.reset_ppm = 0;
  faults_.half_open_ppm = 0;
  faults_.short_io_ppm = 0;
  faults_.stall_ppm = 0;
  faults_.refuse_ppm = 0;
  faults_.hang_ppm = 0;
}

void SimNetwork::heal_link(size_t from, size_t to) {
  const auto found = links_.find({from, to});
  if (found == links_.end()) return;
  Link& link = *found->second;
  const Instant now = world_.now();
  const bool blocked = link.partitioned_until > now || link.clogged_until > now;
  for (Instant Link::* until : {&Link::partitioned_until, &Link::clogged_until,
                                &Link::refusing_until, &Link::hanging_until}) {
    link.*until = std::min(link.*until, now);
  }
  if (!blocked) return;
  for (const std::shared_ptr<Stream>& stream : streams_between(from, to)) {
    if (stream->node(0) == from) stream->reopen(0);
    if (stream->node(1) == from && from != to) stream->reopen(1);
  }
}

size_t SimNetwork::reset_all(const SimNode& a, const SimNode& b) {
  if (!world_.fault_enabled(FaultClass::reset)) return 0;
  size_t count = 0;
  for (const std::shared_ptr<Stream>& stream : streams_between(a.index(), b.index())) {
    const bool first = stream->die(0);
    const bool second = stream->die(1);
    if (!first && !second) continue;
    world_.fault_fired(FaultClass::reset);
    ++count;
  }
  return count;
}

size_t SimNetwork::half_open(const SimNode& survivor, const SimNode& dead) {
  if (!world_.fault_enabled(FaultClass::half_open)) return 0;
  size_t count = 0;
  for (const std::shared_ptr<Stream>& stream : streams_between(survivor.index(), dead.index())) {
    const int side = stream->node(0) == dead.index() ? 0 : 1;
    if (stream->state(1 - side) != SideState::open || !stream->die(side)) continue;
    world_.fault_fired(FaultClass::half_open);
    ++count;
  }
  return count;
}

void SimNetwork::power_restored(size_t node) {
  std::vector<std::shared_ptr<Stream>> streams;
  streams.reserve(streams_.size());
  for (const auto& [id, stream] : streams_) streams.push_back(stream);
  for (const std::shared_ptr<Stream>& stream : streams) {
    for (int side = 0; side < 2; ++side) {
      if (stream->node(side) == node) stream->power_restored(side);
    }
  }
}

}  // namespace vectron::sim
