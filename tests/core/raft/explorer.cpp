#include "explorer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/raft/raft_invariants.h"

namespace vectron::raft {

namespace {

constexpr GroupId kGroup{1};
constexpr size_t kPacketsMax = 160;
constexpr std::array<const char*, 15> kEventNames = {
    "deliver", "lose",  "repeat",  "tick", "propose",  "read",     "finish_write", "apply",
    "compact", "crash", "restart", "cut",  "transfer", "campaign", "unreachable"};

}  // namespace

void ExplorerProbes::add(const ExplorerProbes& other) {
  steps += other.steps;
  elections += other.elections;
  commits += other.commits;
  proposals += other.proposals;
  transfers += other.transfers;
  applied += other.applied;
  reads_answered += other.reads_answered;
  reads_dropped += other.reads_dropped;
  crashes += other.crashes;
  batches_lost += other.batches_lost;
  snapshots_installed += other.snapshots_installed;
  conflicts_truncated += other.conflicts_truncated;
  messages_delivered += other.messages_delivered;
  messages_lost += other.messages_lost;
  messages_repeated += other.messages_repeated;
}

Explorer::Explorer(ExplorerOptions options)
    : options_(options), random_(options.seed, "raft.explorer") {
  draw_character();
  Membership membership;
  for (uint64_t id = 1; id <= options_.voters; ++id) membership.voters.push_back(ReplicaId(id));
  for (uint64_t id = 1; id <= options_.learners; ++id)
    membership.learners.push_back(ReplicaId(options_.voters + id));
  nodes_.reserve(options_.voters + options_.learners);
  for (const auto& ids : {membership.voters, membership.learners}) {
    for (ReplicaId id : ids) {
      Node& node = nodes_.emplace_back();
      node.id = id;
      node.disk.snapshot.membership = membership;
      start(node);
    }
  }
}

Explorer::~Explorer() = default;

// Swarm testing: each schedule leaves some kinds of events out and weighs the others differently.
void Explorer::draw_character() {
  const auto set = [&](Event event, uint32_t low, uint32_t high, bool optional) {
    const bool on = !optional || random_.below(3) != 0;
    set_weight(event, on ? static_cast<uint32_t>(random_.between(low, high)) : 0);
  };
  set(Event::deliver, 400, 700, false);
  set(Event::lose, 1, 60, true);
  set(Event::repeat, 1, 60, true);
  set(Event::tick, 20, 160, false);
  set(Event::propose, 20, 140, false);
  set(Event::read, 5, 120, true);
  set(Event::finish_write, 60, 260, false);
  set(Event::apply, 20, 80, false);
  set(Event::compact, 5, 60, true);
  set(Event::crash, 2, 20, true);
  set(Event::restart, 10, 60, false);
  set(Event::cut, 2, 14, true);
  set(Event::transfer, 1, 8, true);
  set(Event::campaign, 1, 6, false);
  set(Event::unreachable, 1, 10, true);
  reorder_ppm_ = random_.below(2) == 0 ? 0 : random_.below(600'000);
  delay_ppm_ = random_.below(2) == 0 ? 0 : random_.below(200'000);

  character_.election_ticks = static_cast<uint32_t>(random_.between(2, 6));
  character_.append_bytes_max = kEntryOverheadBytes * random_.between(1, 6) + 32;
  character_.inflight_messages_max = random_.between(1, 6);
  character_.inflight_bytes_max = character_.append_bytes_max * 4;
  character_.apply_bytes_max = kEntryOverheadBytes * random_.between(1, 8);
  character_.uncommitted_bytes_max = 100 * random_.between(2, 30);
  character_.pre_vote = random_.below(2) == 0;
  character_.check_quorum = random_.below(2) == 0;
  character_.pending_reads_max = random_.between(1, 8);
  character_.planted = options_.planted;
  // A third of the schedules are quarrels: leaders follow one another before their entries are
  // through (paper, figure 8).
  if (random_.below(3) == 0) {
    set(Event::campaign, 5, 40, false);
    set(Event::tick, 0, 20, false);
    character_.pre_vote = false;
    character_.check_quorum = false;
    character_.append_bytes_max = kEntryOverheadBytes;
  }
  has_instant_disk_ = random_.below(3) == 0;
  draw_odd_character();
  for (uint32_t weight : weights_) weights_total_ += weight;
}

// Some rare orders of events need a character of their own: one schedule in four has one.
void Explorer::draw_odd_character() {
  const uint64_t odd = random_.below(8);
  if (odd > 1) return;
  character_.pre_vote = false;
  character_.check_quorum = false;
  reorder_ppm_ = 0;
  late_replies_ppm_ = 300'000 + random_.below(500'000);
  odd == 0 ? make_forgetful() : make_deaf();
}

// One member's disk is slow. It campaigns, crashes before its disk is done, comes back with less
// and campaigns again in the same term, while the votes for what it was are still on their way.
void Explorer::make_forgetful() {
  forgetful_ = ReplicaId(1 + random_.below(options_.voters));
  has_instant_disk_ = false;
  set_weight(Event::campaign, 12);
  set_weight(Event::crash, 4);
  set_weight(Event::restart, 100);
  set_weight(Event::finish_write, 200);
  set_weight(Event::tick, 10);
  set_weight(Event::cut, 0);
}

// A leader is cut off and deposed; when it hears of the others again, it is of what they said long
// ago. It goes on answering reads.
void Explorer::make_deaf() {
  has_instant_disk_ = true;
  delay_ppm_ = 0;
  character_.pending_reads_max = 8;
  set_weight(Event::deliver, 1'500);  // Nothing else is late.
  set_weight(Event::read, 80);
  set_weight(Event::propose, 30);
  set_weight(Event::campaign, 15);
  set_weight(Event::cut, 15);
  set_weight(Event::tick, 10);
  set_weight(Event::repeat, 0);
  set_weight(Event::lose, 0);
  set_weight(Event::transfer, 0);
  set_weight(Event::crash, 0);
}

Config Explorer::config_of(const Node& node) {
  Config config = character_;
  config.self = node.id;
  config.random_seed = random_.next();
  return config;
}

void Explorer::start(Node& node) {
  ++node.incarnation;
  node.raft = std::make_unique<Raft>(config_of(node), node.disk.hard_state, node.disk.snapshot,
                                     node.disk.entries, node.disk.applied_index);
  node.last_seen = node.raft->last_index();
  checker_.started(kGroup, *node.raft);
}

ExplorerReport Explorer::run() {
  // Most schedules should not spend their steps waiting for the first leader.
  nodes_.front().raft->campaign();
  drain(nodes_.front());
  for (step_ = 0; step_ < options_.steps && !report_.failure; ++step_) step();
  if (options_.check_liveness && !report_.failure) heal_and_require_service();
  report_.probes.steps = step_;
  report_.probes.commits = checker_.committed_index(kGroup).value();
  report_.trace_hash = trace_hash_.high();
  return std::move(report_);
}

void Explorer::step() {
  execute(draw_event());
}

Explorer::Event Explorer::draw_event() {
  uint64_t at = random_.below(weights_total_);
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (at < weights_[i]) return static_cast<Event>(i);
    at -= weights_[i];
  }
  return Event::deliver;
}

void Explorer::execute(Event event) {
  const bool needs_packet =
      event == Event::deliver || event == Event::repeat || event == Event::lose;
  if (needs_packet && network_.empty()) event = event_that_makes_work();
  if (event == Event::deliver || event == Event::repeat) return deliver(event == Event::repeat);
  if (event == Event::lose) return lose();
  if (event == Event::cut) {
    side_ = side_ == 0 ? random_.below(uint64_t{1} << nodes_.size()) : 0;
    // Cuts last long enough for an election, and heal sooner than they come.
    cut_until_ = step_ + static_cast<uint32_t>(random_.between(20, 200));
    return note(event, side_);
  }
  Node& node = node_for(event);
  note(event, node.id.value());
  if (event == Event::restart) {
    if (node.raft) return;
    start(node);
    if (node.id == forgetful_) node.raft->campaign();
    return drain(node);
  }
  if (!node.raft) return;
  switch (event) {
    case Event::tick:
      node.raft->tick();
      break;
    case Event::propose:
      propose(node);
      break;
    case Event::read:
      read(node);
      break;
    case Event::finish_write:
      if (!is_slow(node) || random_.below(12) == 0) finish_write(node);
      break;
    case Event::apply:
      apply(node);
      break;
    case Event::compact:
      compact(node);
      break;
    case Event::crash:
      return crash(node);
    case Event::transfer:
      report_.probes.transfers += node.raft->transfer_leadership(any_node().id).has_value() ? 1 : 0;
      break;
    case Event::campaign:
      node.raft->campaign();
      drain(node);
      if (node.id == forgetful_ && random_.below(2) == 0) return crash(node);
      break;
    case Event::unreachable:
      node.raft->report_unreachable(any_node().id);
      break;
    default:
      break;
  }
  drain(node);
}

// With nothing on the way: what lets the group go on, rather than a step that does nothing.
Explorer::Event Explorer::event_that_makes_work() {
  if (random_.below(4) == 0) return Event::tick;
  const auto any = [this](auto suits) {
    return std::ranges::any_of(nodes_, [&](const Node& node) { return node.raft && suits(node); });
  };
  if (any([](const Node& node) { return !node.writing.empty(); })) return Event::finish_write;
  if (any([](const Node& node) { return node.raft->is_leader(); }))
    return random_.below(3) == 0 ? Event::tick : Event::propose;
  return Event::tick;
}

Explorer::Packet Explorer::take_packet(size_t at) {
  Packet packet = std::move(network_[at]);
  network_.erase(network_.begin() + static_cast<ptrdiff_t>(at));
  return packet;
}

void Explorer::deliver(bool keep_copy) {
  const std::optional<size_t> next = next_packet();
  if (!next) return;
  const size_t at = *next;
  note(keep_copy ? Event::repeat : Event::deliver, at,
       static_cast<uint64_t>(network_[at].message.kind));
  Packet packet = keep_copy ? network_[at] : take_packet(at);
  if (keep_copy) ++report_.probes.messages_repeated;
  Node& node = node_of(packet.message.to);
  note_message(packet.message);
  if (!node.raft || is_cut(packet.message.from, packet.message.to)) {
    ++report_.probes.messages_lost;
    return report_snapshot(packet, false);
  }
  ++report_.probes.messages_delivered;
  receive(node, std::move(packet));
}

// The oldest that may arrive, or any such.
std::optional<size_t> Explorer::next_packet() {
  if (network_.empty()) return std::nullopt;
  const bool reorder = random_.chance_ppm(reorder_ppm_);
  const size_t first = reorder ? random_.below(network_.size()) : 0;
  for (size_t i = 0; i < network_.size(); ++i) {
    const size_t at = (first + i) % network_.size();
    if (network_[at].not_before <= step_) return at;
  }
  return std::nullopt;
}

void Explorer::post(Node& from, Message message) {
  const bool is_reply =
      message.kind == (forgetful_ ? MessageKind::vote_reply : MessageKind::heartbeat_reply);
  const uint64_t late_ppm = is_reply ? std::max(delay_ppm_, late_replies_ppm_) : delay_ppm_;
  const bool is_late = late_ppm > 0 && random_.chance_ppm(late_ppm);
  const uint32_t delay = is_late ? static_cast<uint32_t>(random_.between(20, 300)) : 0;
  network_.push_back({std::move(message), from.incarnation, step_ + delay});
}

void Explorer::lose() {
  if (network_.empty()) return;
  const size_t at = random_.below(network_.size());
  note(Event::lose, at);
  ++report_.probes.messages_lost;
  report_snapshot(take_packet(at), false);
}

void Explorer::receive(Node& node, Packet packet) {
  if (packet.message.kind != MessageKind::install_snapshot) {
    node.raft->step(std::move(packet.message));
    return drain(node);
  }
  // The bytes have arrived and are durable; only now is the message stepped.
  if (node.raft->accepts_snapshot(packet.message.snapshot)) ++report_.probes.snapshots_installed;
  Message message = packet.message;
  node.raft->step(std::move(message));
  drain(node);
  report_snapshot(packet, true);
}

void Explorer::report_snapshot(const Packet& packet, bool ok) {
  if (packet.message.kind != MessageKind::install_snapshot) return;
  Node& sender = node_of(packet.message.from);
  if (!sender.raft || sender.incarnation != packet.sender_incarnation) return;
  sender.raft->report_snapshot(packet.message.to, ok);
  drain(sender);
}

void Explorer::propose(Node& node) {
  Bytes value;
  ByteWriter(value).put(++values_);
  if (node.raft->propose(std::move(value)).has_value()) ++report_.probes.proposals;
}

void Explorer::read(Node& node) {
  const uint64_t request_id = node.incarnation << 32 | ++node.reads_begun;
  const LogIndex committed = checker_.committed_index(kGroup);
  if (!node.raft->read_index(request_id).has_value()) return;
  node.reads.push_back({request_id, committed});
}

// The forgetful member's disk takes its time over entries, and is quick to note a new term.
bool Explorer::is_slow(const Node& node) const {
  if (node.id != forgetful_ || node.writing.empty()) return false;
  const PersistBatch& next = node.writing.front();
  const bool new_term =
      next.hard_state.has_value() && next.hard_state->term > node.disk.hard_state.term;
  return !next.entries.empty() && !new_term;
}

void Explorer::finish_write(Node& node) {
  const uint64_t batches = node.id == forgetful_ ? 1 : random_.between(1, 3);
  for (uint64_t count = batches; count > 0 && !node.writing.empty(); --count) {
    PersistBatch batch = std::move(node.writing.front());
    node.writing.pop_front();
    const uint64_t sequence = batch.sequence;
    write_to_disk(node, std::move(batch));
    if (sequence != 0) node.raft->persisted(sequence);
  }
}

void Explorer::write_to_disk(Node& node, PersistBatch batch) {
  Disk& disk = node.disk;
  if (batch.snapshot) {
    disk.snapshot = *batch.snapshot;
    disk.entries.clear();
    disk.applied_index = disk.snapshot.index;
  }
  for (Entry& entry : batch.entries) {
    // A batch that was on its way while the log was compacted.
    if (entry.index <= disk.snapshot.index) continue;
    VECTRON_ASSERT(entry.index <= disk.snapshot.index + disk.entries.size() + 1);
    disk.entries.resize(entry.index - disk.snapshot.index - 1);
    disk.entries.push_back(std::move(entry));
  }
  if (batch.hard_state) disk.hard_state = *batch.hard_state;
}

void Explorer::apply(Node& node) {
  if (node.applying.empty() || node.applying.front() > node.raft->persisted_index()) return;
  node.raft->applied_to(node.applying.front());
  node.applying.pop_front();
}

// The state machine is made durable, then the log before it is given up, in memory and on disk.
void Explorer::compact(Node& node) {
  const LogIndex applied = node.raft->applied_index();
  const LogIndex base = node.disk.snapshot.index;
  if (applied <= base || node.raft->first_index() != base + 1) return;
  const LogIndex index = base + random_.between(1, applied - base);
  node.raft->compact(index);
  Disk& disk = node.disk;
  VECTRON_ASSERT(index - base <= disk.entries.size(), "applied what is not durable");
  disk.entries.erase(disk.entries.begin(),
                     disk.entries.begin() + static_cast<ptrdiff_t>(index - base));
  disk.snapshot = node.raft->log().snapshot();
  disk.applied_index = std::max(disk.applied_index, index);
}

// Any number of the writes under way made it to the disk, in order; of what was applied, any part
// since the last flush.
void Explorer::crash(Node& node) {
  ++report_.probes.crashes;
  const LogIndex applied = node.raft->applied_index();
  for (uint64_t kept = random_.below(node.writing.size() + 1); kept > 0; --kept) {
    write_to_disk(node, std::move(node.writing.front()));
    node.writing.pop_front();
  }
  Disk& disk = node.disk;
  if (applied > disk.applied_index && applied <= disk.snapshot.index + disk.entries.size())
    disk.applied_index = disk.applied_index + random_.below(applied - disk.applied_index + 1);
  report_.probes.batches_lost += node.writing.size();
  node.writing.clear();
  node.applying.clear();
  node.reads.clear();
  node.raft.reset();
  checker_.stopped(kGroup, node.id);
}

void Explorer::drain(Node& node) {
  check(node);
  note_state(node);
  while (!report_.failure && node.raft->has_ready()) {
    take(node, node.raft->ready());
    if (has_instant_disk_) finish_write(node);
    check(node);
  }
}

void Explorer::take(Node& node, Ready ready) {
  checker_.observe(kGroup, *node.raft, ready);
  if (ready.soft_state && ready.soft_state->role == Role::leader) ++report_.probes.elections;
  if (!ready.persist.entries.empty()) {
    if (ready.persist.entries.front().index <= node.last_seen) ++report_.probes.conflicts_truncated;
    node.last_seen = ready.persist.entries.back().index;
  }
  report_.probes.applied += ready.committed.size();
  if (ready.persist.snapshot) node.applying.push_back(ready.persist.snapshot->index);
  if (!ready.committed.empty()) node.applying.push_back(ready.committed.back().index);
  finish_reads(node, ready);
  for (Message& message : ready.messages) {
    trace_hash_.add(static_cast<uint64_t>(message.kind) << 56 ^ message.term.value() << 40 ^
                    message.index.value() << 20 ^ message.to.value());
    post(node, std::move(message));
  }
  for (const SnapshotRequest& request : ready.snapshots_to_send) {
    const LogIndex applied = node.raft->applied_index();
    if (applied < request.index_min) {
      // Elected while its own state machine still switches to a snapshot: it has nothing to send
      // yet.
      node.raft->report_snapshot(request.to, false);
      continue;
    }
    Message message{.kind = MessageKind::install_snapshot,
                    .from = node.id,
                    .to = request.to,
                    .term = request.term};
    message.snapshot = {applied, node.raft->log().term_at(applied).value_or(Term()),
                        node.raft->membership()};
    post(node, std::move(message));
  }
  if (!ready.persist.empty()) node.writing.push_back(std::move(ready.persist));
  while (network_.size() > kPacketsMax && !report_.failure) {
    const Packet lost = take_packet(random_.below(network_.size()));
    if (lost.message.kind == MessageKind::install_snapshot) {
      Node& sender = node_of(lost.message.from);
      if (sender.raft && sender.incarnation == lost.sender_incarnation)
        sender.raft->report_snapshot(lost.message.to, false);
    }
  }
}

// A read must see all that was committed anywhere before it began.
void Explorer::finish_reads(Node& node, const Ready& ready) {
  const auto remove = [&](uint64_t request_id) -> std::optional<PendingRead> {
    const auto it = std::ranges::find(node.reads, request_id, &PendingRead::request_id);
    if (it == node.reads.end()) return std::nullopt;
    const PendingRead found = *it;
    node.reads.erase(it);
    return found;
  };
  for (const ReadState& state : ready.reads) {
    const auto pending = remove(state.request_id);
    if (!pending) continue;
    ++report_.probes.reads_answered;
    if (state.index < pending->index_min)
      fail(fmt::format("Linearizable Read: replica {} reads at {}, {} was committed before",
                       node.id, state.index, pending->index_min));
  }
  for (uint64_t request_id : ready.dropped_reads) {
    if (remove(request_id)) ++report_.probes.reads_dropped;
  }
}

void Explorer::check(Node& node) {
  if (report_.failure) return;
  if (const auto& violation = checker_.violation())
    return fail(fmt::format("{}: {}", to_string(violation->property), violation->description));
  if (!options_.planted.any()) {
    if (auto broken = RaftInvariants::violation(*node.raft)) fail("Invariant: " + *broken);
  }
}

// Everybody is up and hears everybody: a leader must come, and what is proposed to it reach every
// member.
void Explorer::heal_and_require_service() {
  constexpr uint32_t kRoundsMax = 400;
  side_ = 0;
  forgetful_ = ReplicaId();
  reorder_ppm_ = 0;
  delay_ppm_ = 0;
  late_replies_ppm_ = 0;
  for (Packet& packet : network_) packet.not_before = 0;
  for (Node& node : nodes_) {
    if (!node.raft) start(node);
    drain(node);
  }
  std::optional<LogIndex> wanted;
  Term wanted_term;
  for (uint32_t round = 0; round < kRoundsMax && !report_.failure; ++round) {
    for (Node& node : nodes_) {
      node.raft->tick();
      drain(node);
    }
    for (uint32_t turn = 0; turn < 8 && !report_.failure; ++turn) {
      for (size_t count = network_.size(); count > 0 && !network_.empty() && !report_.failure;
           --count)
        deliver(false);
      for (Node& node : nodes_) {
        while (!node.writing.empty()) finish_write(node);
        while (!node.applying.empty()) apply(node);
        drain(node);
      }
    }
    if (report_.failure) return;
    if (wanted && std::ranges::all_of(nodes_, [&](const Node& node) {
          return node.raft->applied_index() >= *wanted;
        }))
      return;
    for (Node& node : nodes_) {
      if (!node.raft->is_leader() || (wanted && node.raft->term() == wanted_term)) continue;
      const Result<LogIndex> index = node.raft->propose(Bytes{1});
      if (index.has_value()) {
        wanted = *index;
        wanted_term = node.raft->term();
      }
      drain(node);
    }
  }
  std::string state;
  for (Node& node : nodes_) {
    const RaftStatus status = node.raft->status();
    state +=
        fmt::format("\n  {} {} term {} leader {} commit {} applied {} log [{}, {}]", status.self,
                    to_string(status.role), status.term, status.leader, status.commit_index,
                    status.applied_index, status.first_index, status.last_index);
    for (const auto& peer : status.peers)
      state += fmt::format("\n    {} {} match {} next {}", peer.id, to_string(peer.state),
                           peer.match, peer.next);
  }
  fail("Liveness: no service after all faults stopped" + state);
}

bool Explorer::is_cut(ReplicaId a, ReplicaId b) const {
  return ((side_ >> (a.value() - 1)) & 1) != ((side_ >> (b.value() - 1)) & 1);
}

// Prefers a node at which the event does something; sometimes takes any, for what only that brings
// out.
Explorer::Node& Explorer::node_for(Event event) {
  const auto suits = [event](const Node& node) {
    if (event == Event::restart) return node.raft == nullptr;
    if (node.raft == nullptr) return false;
    switch (event) {
      case Event::propose:
      case Event::read:
      case Event::transfer:
      case Event::unreachable:
        return node.raft->is_leader();
      case Event::finish_write:
        return !node.writing.empty();
      case Event::apply:
        return !node.applying.empty();
      case Event::compact:
        return node.raft->applied_index() > node.disk.snapshot.index;
      default:
        return true;
    }
  };
  const bool forgets = event == Event::crash || event == Event::campaign;
  if (forgets && forgetful_ && random_.below(2) == 0) return node_of(forgetful_);
  if (random_.below(8) == 0) return any_node();
  const size_t first = random_.below(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[(first + i) % nodes_.size()];
    if (suits(node)) return node;
  }
  return nodes_[first];
}

Explorer::Node& Explorer::any_node() {
  return nodes_[random_.below(nodes_.size())];
}

Explorer::Node& Explorer::node_of(ReplicaId id) {
  VECTRON_ASSERT(id && id.value() <= nodes_.size());
  return nodes_[id.value() - 1];
}

void Explorer::fail(std::string what) {
  if (!report_.failure)
    report_.failure = fmt::format("seed {}, step {}: {}", options_.seed, step_, what);
}

void Explorer::note_message(const Message& message) {
  if (!options_.trace) return;
  std::string line = fmt::format(
      "       {}->{} {} term {} {}@{} commit {}{}{}", message.from, message.to,
      to_string(message.kind), message.term, message.index, message.log_term, message.commit_index,
      message.rejected ? " rejected" : "", node_of(message.to).raft ? "" : " (down)");
  for (const Entry& entry : message.entries)
    line += fmt::format(" +{}@{}", entry.index, entry.term);
  if (message.kind == MessageKind::install_snapshot)
    line += fmt::format(" snapshot {}@{}", message.snapshot.index, message.snapshot.term);
  report_.trace.push_back(std::move(line));
}

void Explorer::note_state(const Node& node) {
  if (!options_.trace || !node.raft) return;
  const RaftStatus status = node.raft->status();
  std::string line =
      fmt::format("       {}: {} term {} vote {} commit {} applied {} durable {} log", status.self,
                  to_string(status.role), status.term, status.voted_for, status.commit_index,
                  status.applied_index, status.persisted_index);
  const Log& log = node.raft->log();
  for (LogIndex index = log.snapshot().index; index <= log.last_index(); ++index)
    line += fmt::format(" {}@{}", index, log.term_at(index).value_or(Term()));
  report_.trace.push_back(std::move(line));
}

void Explorer::note(Event event, uint64_t a, uint64_t b) {
  trace_hash_.add(static_cast<uint64_t>(event) << 56 ^ a << 8 ^ b);
  if (!options_.trace) return;
  const char* name = kEventNames[static_cast<size_t>(event)];
  report_.trace.push_back(fmt::format("{:4} {} {} {}", step_, name, a, b));
}

}  // namespace vectron::raft
