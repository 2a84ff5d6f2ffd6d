#include "sim/world/stream.h"

#include <algorithm>

#include "sim/world/world.h"

namespace vectron::sim {
namespace {

constexpr Duration kRetransmitMax = 200ms;

std::unexpected<Status> dead() {
  return fail(Code::unavailable, "the connection was reset");
}

}  // namespace

Stream::Stream(SimNetwork* network, uint64_t id, End client, End server)
    : network_(*network),
      id_(id),
      pipes_{Pipe(this, 0), Pipe(this, 1)},
      resets_{Delivery(this, 0, &Stream::reset_arrives),
              Delivery(this, 1, &Stream::reset_arrives)} {
  sides_[0].end = std::move(client);
  sides_[1].end = std::move(server);
  pipes_[0].link = &network_.link(node(0), node(1));
  pipes_[1].link = &network_.link(node(1), node(0));
}

std::optional<Result<size_t>> Stream::try_read(int side, std::span<uint8_t> into) {
  if (sides_[side].state != SideState::open) return dead();
  Pipe& pipe = pipe_from(1 - side);
  const uint64_t there = pipe.delivered - pipe.read;
  if (there == 0) {
    if (pipe.end_delivered) return size_t{0};
    return std::nullopt;
  }
  const size_t size = shorten(pipe.link, std::min<uint64_t>(there, into.size()));
  std::memcpy(into.data(), pipe.bytes.view().data(), size);
  pipe.bytes.consume(size);
  pipe.read += size;
  Side& writer = sides_[1 - side];
  if (writer.writer != nullptr && !pipe.acknowledgement.queued()) {
    Link& back = *pipe_from(side).link;
    network_.world_.queue().add(pipe.acknowledgement, network_.world_.now() + back.latency,
                                back.ties.next());
  }
  return size;
}

std::optional<Result<size_t>> Stream::try_write(int side, ByteView bytes) {
  Pipe& pipe = pipe_from(side);
  if (sides_[side].state != SideState::open) return dead();
  if (pipe.end_sent) return fail(Code::unavailable, "the writing side was shut down");
  const size_t space = room(&pipe, side);
  if (space == 0) return std::nullopt;
  const size_t size = shorten(pipe.link, std::min(space, bytes.size()));
  if (pipe.cut) return size;
  const std::optional<size_t> cut = draw_cut(pipe.link, size);
  const size_t kept = cut.value_or(size);
  send(&pipe, bytes.first(kept));
  if (!cut.has_value()) return size;
  begin_reset(side);
  // A writer that was not told goes on, and a stream has no gap: the reset may get lost.
  if (!pipe.cut) send(&pipe, bytes.subspan(kept, size - kept));
  return size;
}

void Stream::send(Pipe* pipe, ByteView bytes) {
  if (bytes.empty()) return;
  pipe->bytes.append(bytes);
  pipe->sent += bytes.size();
  pipe->in_flight.push_back({pipe->sent, arrival(pipe)});
  arm(pipe);
}

/// How much the writer may send, as far as it knows.
size_t Stream::room(Pipe* pipe, int from) {
  const Link& back = *pipe_from(1 - from).link;
  if (back.partitioned_until > network_.world_.now()) {
    if (pipe->acknowledged < pipe->sent) arm_timeout(pipe);
  } else {
    pipe->acknowledged = pipe->read;
  }
  const uint64_t unread = pipe->sent - pipe->acknowledged;
  const size_t own = network_.world_.nodes()[node(from)]->options().window_bytes_max;
  const size_t window = own != 0 ? own : network_.faults_.window_bytes_max;
  return unread >= window ? 0 : window - unread;
}

size_t Stream::shorten(Link* link, size_t size) {
  const uint32_t chance = network_.faults_.short_io_ppm;
  if (chance == 0 || size < 2 || !link->short_io.chance_ppm(chance)) return size;
  network_.world_.fault_fired(FaultClass::short_io);
  return 1 + link->short_io.below(size - 1);
}

/// Where within this write the connection dies, if it does.
std::optional<size_t> Stream::draw_cut(Link* link, size_t size) {
  const uint64_t chance = network_.faults_.reset_ppm;
  if (chance == 0 || link->loopback) return std::nullopt;
  if (!link->reset.chance_ppm(chance * (1 + size / kResetBlockBytes))) return std::nullopt;
  return link->reset.below(size + 1);
}

/// When what is sent now arrives: after all that was sent before.
Instant Stream::arrival(Pipe* pipe) {
  Link& link = *pipe->link;
  SimWorld& world = network_.world_;
  const NetworkFaults& faults = network_.faults_;
  Instant at = world.now() + link.latency;
  if (faults.delay_tail_ppm != 0 && !link.loopback &&
      link.delay.chance_ppm(faults.delay_tail_ppm)) {
    at += Duration(link.delay.heavy_tail(0, static_cast<uint64_t>(faults.delay_tail_max.count())));
    world.fault_fired(FaultClass::delay);
  }
  if (faults.stall_ppm != 0 && !link.loopback && link.stall.chance_ppm(faults.stall_ppm)) {
    const Duration stall(link.stall.heavy_tail(0, static_cast<uint64_t>(faults.stall_max.count())));
    link.clogged_until = std::max(link.clogged_until, world.now() + stall);
  }
  pipe->last_at = std::max(pipe->last_at, at);
  return pipe->last_at;
}

/// Queues the delivery of what is first in flight.
void Stream::arm(Pipe* pipe) {
  if (pipe->delivery.queued()) return;
  Instant at = kNever;
  if (!pipe->in_flight.empty()) {
    at = pipe->in_flight.front().at;
  } else if (pipe->end_sent && !pipe->end_delivered) {
    at = pipe->end_at;
  }
  if (at != kNever) network_.world_.queue().add(pipe->delivery, at, pipe->link->ties.next());
}

void Stream::deliver(int from) {
  Pipe& pipe = pipe_from(from);
  const Instant now = network_.world_.now();
  const int to = 1 - from;
  if (pipe.link->partitioned_until > now) {
    network_.world_.fault_fired(FaultClass::partition);
    hold(&pipe, pipe.link->partitioned_until);
  } else if (pipe.link->clogged_until > now) {
    network_.world_.fault_fired(FaultClass::stall);
    hold(&pipe, pipe.link->clogged_until);
  } else if (dead_peer(to)) {
    arm_timeout(&pipe);  // Retransmitted until the machine is back, or time is up.
  } else if (sides_[to].state != SideState::open) {
    // Nobody there knows this connection.
    pipe.in_flight.clear();
    pipe.end_delivered = pipe.end_sent;
    send_reset(from, now + pipe_from(to).link->latency);
    forget_if_done();
  } else {
    hand_over(from);
  }
}

/// Gives the reader all that is due, and wakes it.
void Stream::hand_over(int from) {
  Pipe& pipe = pipe_from(from);
  SimWorld& world = network_.world_;
  const Instant now = world.now();
  const uint64_t before = pipe.delivered;
  while (!pipe.in_flight.empty() && pipe.in_flight.front().at <= now) {
    pipe.delivered = pipe.in_flight.front().end;
    pipe.in_flight.pop_front();
  }
  if (pipe.end_sent && pipe.in_flight.empty() && pipe.end_at <= now) pipe.end_delivered = true;
  arm(&pipe);
  const uint64_t size = pipe.delivered - before;
  const ByteView fresh = pipe.bytes.view().subspan(before - pipe.read, size);
  world.record(TraceKind::delivery, id_ << 2 | (pipe.end_delivered ? 2 : 0) | unsigned(from),
               pipe.delivered ^ hash64(fresh));
  network_.bytes_delivered_ += size;
  // The acknowledgement gets lost when the way back is partitioned.
  if (pipe_from(1 - from).link->partitioned_until > now) {
    arm_timeout(&pipe);
  } else {
    pipe.timeout.cancel();
  }
  if (pipe.end_delivered) forget_if_done();
  resume(1 - from, sides_[1 - from].reader);
}

/// Goes on with what the process of `side` waits for: at once, or when the process does.
void Stream::resume(int side, StreamWait* waiting) {
  if (waiting == nullptr || waiting->queued()) return;
  if (network_.world_.nodes()[node(side)]->paused()) {
    sides_[side].scheduler->post(*waiting);  // The kernel has the bytes; nobody runs to take them.
  } else {
    waiting->resume();
  }
}

/// Keeps what is in flight until the direction is open again.
void Stream::hold(Pipe* pipe, Instant until) {
  const bool partitioned = pipe->link->partitioned_until > network_.world_.now();
  if (partitioned) arm_timeout(pipe);
  if (until == kNever) return;  // reopen() comes.
  // TCP finds out by its next retransmission; a clog lets everything through at once.
  const Duration late(
      partitioned ? pipe->link->ties.heavy_tail(1, static_cast<uint64_t>(kRetransmitMax.count()))
                  : 0);
  network_.world_.queue().add(pipe->delivery, until + late, pipe->link->ties.next());
}

void Stream::arm_timeout(Pipe* pipe) {
  if (pipe->timeout.queued()) return;
  network_.world_.queue().add(pipe->timeout,
                              network_.world_.now() + network_.faults_.retransmission_timeout,
                              pipe->link->ties.next());
}

/// The writer has heard nothing for too long.
void Stream::time_out(int from) {
  Pipe& pipe = pipe_from(from);
  const Instant now = network_.world_.now();
  const bool stuck = !pipe.in_flight.empty() || (pipe.end_sent && !pipe.end_delivered);
  const bool way_out = pipe.link->partitioned_until > now || dead_peer(1 - from);
  const bool way_back = pipe_from(1 - from).link->partitioned_until > now;
  if (!(stuck && way_out) && !way_back) return;
  if (sides_[from].state == SideState::closed) sides_[from].state = SideState::reset;
  die(from);
  forget_if_done();
}

/// The writer learns that its bytes were read, and so has room again.
void Stream::acknowledge(int from) {
  Pipe& pipe = pipe_from(from);
  Link& back = *pipe_from(1 - from).link;
  const Instant now = network_.world_.now();
  const Instant blocked = std::max(back.partitioned_until, back.clogged_until);
  if (blocked > now) {
    const bool partitioned = back.partitioned_until > now;
    network_.world_.fault_fired(partitioned ? FaultClass::partition : FaultClass::stall);
    if (partitioned) arm_timeout(&pipe);
    if (blocked != kNever) {
      network_.world_.queue().add(pipe.acknowledgement, blocked, back.ties.next());
    }
    return;
  }
  pipe.acknowledged = pipe.read;
  resume(from, sides_[from].writer);
}

void Stream::shutdown_write(int side) {
  Pipe& pipe = pipe_from(side);
  if (sides_[side].state != SideState::open || pipe.end_sent) return;
  pipe.end_sent = true;
  if (pipe.cut) return;
  pipe.end_at = arrival(&pipe);
  arm(&pipe);
}

void Stream::close(int side) {
  if (sides_[side].state != SideState::open) return;
  die(side);
  Pipe& pipe = pipe_from(side);
  send_reset(1 - side, std::max(pipe.last_at, network_.world_.now() + pipe.link->latency));
  forget_if_done();
}

void Stream::release(int side) {
  Side& mine = sides_[side];
  if (mine.state == SideState::open) {
    const Pipe& incoming = pipe_from(1 - side);
    if (incoming.delivered > incoming.read) {
      close(side);
    } else {
      shutdown_write(side);
      mine.state = SideState::closed;
    }
  }
  wake(&mine);
  mine.scheduler = nullptr;
  forget_if_done();
}

void Stream::vanish(int side) {
  Side& mine = sides_[side];
  Pipe& pipe = pipe_from(side);
  // What left the machine arrives; what waits in its buffers for a partition to heal is gone with
  // it.
  pipe.cut = true;
  if (pipe.link->partitioned_until > network_.world_.now()) pipe.in_flight.clear();
  mine.state = SideState::vanished;
  mine.scheduler = nullptr;
  pipe.timeout.cancel();
  resets_[1 - side].cancel();
  forget_if_done();
}

bool Stream::die(int side) {
  Side& mine = sides_[side];
  if (mine.state != SideState::open) return false;
  mine.state = SideState::reset;
  Pipe& pipe = pipe_from(side);
  pipe.cut = true;
  pipe.timeout.cancel();
  wake(&mine);
  return true;
}

void Stream::wake(Side* side) {
  if (side->scheduler == nullptr) return;
  if (side->reader != nullptr && !side->reader->queued()) side->scheduler->post(*side->reader);
  if (side->writer != nullptr && !side->writer->queued()) side->scheduler->post(*side->writer);
}

/// The connection dies at a random byte: both ends learn of it, or only one.
void Stream::begin_reset(int from) {
  Pipe& pipe = pipe_from(from);
  pipe.cut = true;
  const Instant now = network_.world_.now();
  const uint32_t half_open = network_.faults_.half_open_ppm;
  const bool one_sided = half_open != 0 && pipe.link->reset.chance_ppm(half_open);
  const bool only_peer = one_sided && pipe.link->reset.below(2) == 0;
  network_.world_.fault_fired(one_sided ? FaultClass::half_open : FaultClass::reset);
  if (!one_sided || only_peer) {
    send_reset(1 - from, std::max(pipe.last_at, now + pipe.link->latency));
  }
  if (!only_peer) send_reset(from, now + pipe_from(1 - from).link->latency);
  // A writer that was not told goes on writing; the peer's answer to that is the reset it gets.
  if (only_peer) pipe.cut = false;
}

void Stream::send_reset(int to, Instant at) {
  if (sides_[to].state != SideState::open || resets_[1 - to].queued()) return;
  network_.world_.queue().add(resets_[1 - to], at, pipe_from(1 - to).link->ties.next());
}

void Stream::reset_arrives(int from) {
  const int to = 1 - from;
  SimWorld& world = network_.world_;
  const Link& link = *pipe_from(from).link;
  if (link.partitioned_until > world.now()) {
    // A reset is sent once: now the connection is half-open.
    world.fault_fired(FaultClass::partition);
    return;
  }
  if (link.clogged_until > world.now() && link.clogged_until != kNever) {
    send_reset(to, link.clogged_until);
    return;
  }
  if (!die(to)) return;
  world.record(TraceKind::delivery, id_ << 2 | unsigned(from), UINT64_MAX);
  forget_if_done();
}

bool Stream::dead_peer(int side) const {
  return sides_[side].state == SideState::vanished &&
         network_.world_.nodes()[node(side)]->powered_off();
}

void Stream::reopen(int from) {
  Pipe& pipe = pipe_from(from);
  Link& link = *pipe.link;
  const Instant now = network_.world_.now();
  pipe.delivery.cancel();
  if (!pipe.in_flight.empty() || (pipe.end_sent && !pipe.end_delivered)) {
    const Duration late(link.ties.heavy_tail(1, static_cast<uint64_t>(kRetransmitMax.count())));
    network_.world_.queue().add(pipe.delivery, std::max(now + late, pipe.last_at),
                                link.ties.next());
  }
  // Acknowledgements of the other direction travel this way.
  Pipe& other = pipe_from(1 - from);
  if (sides_[1 - from].writer != nullptr) {
    other.acknowledgement.cancel();
    network_.world_.queue().add(other.acknowledgement, now + link.latency, link.ties.next());
  }
}

void Stream::power_restored(int side) {
  if (sides_[side].state == SideState::vanished) reopen(1 - side);
}

/// Leaves the network when neither side can ever notice anything again.
void Stream::forget_if_done() {
  for (int side = 0; side < 2; ++side) {
    const Pipe& pipe = pipes_[side];
    const bool drained = pipe.in_flight.empty() && (!pipe.end_sent || pipe.end_delivered);
    const bool can_send = sides_[side].state == SideState::open;
    const bool still_sends = sides_[side].state == SideState::closed && !drained;
    const bool heard = sides_[1 - side].state == SideState::open;
    if (can_send || (still_sends && heard)) return;
  }
  network_.streams_.erase(id_);
}

}  // namespace vectron::sim
