#include "script_group.h"

#include <algorithm>
#include <sstream>

#include "core/raft/raft_invariants.h"

namespace vectron::raft {

namespace {

constexpr GroupId kGroup{1};

std::string describe(const Entry& entry) {
  if (entry.kind != EntryKind::normal)
    return fmt::format("{}@{} {}", entry.index, entry.term, to_string(entry.kind));
  const std::string_view text = as_text(view(entry.data));
  if (text.size() > 16) return fmt::format("{}@{} {} bytes", entry.index, entry.term, text.size());
  return fmt::format("{}@{} {}", entry.index, entry.term, text.empty() ? "-" : text);
}

std::string describe(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) text += (text.empty() ? "" : ", ") + describe(entry);
  return "[" + text + "]";
}

std::string describe(const Message& message) {
  std::string text = fmt::format("{}->{} {} term {}", message.from, message.to,
                                 to_string(message.kind), message.term);
  const auto more = [&text]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    text += " " + fmt::format(format, std::forward<Args>(args)...);
  };
  switch (message.kind) {
    case MessageKind::pre_vote:
    case MessageKind::vote:
      more("last {}@{}{}", message.index, message.log_term, message.transfer ? " transfer" : "");
      break;
    case MessageKind::pre_vote_reply:
    case MessageKind::vote_reply:
      more("{}", message.rejected ? "rejected" : "granted");
      break;
    case MessageKind::append:
      more("after {}@{} commit {} {}", message.index, message.log_term, message.commit_index,
           describe(message.entries));
      break;
    case MessageKind::append_reply:
      if (message.rejected) {
        more("rejected {} hint {}@{}", message.index, message.hint_index, message.hint_term);
      } else {
        more("durable {}", message.index);
      }
      break;
    case MessageKind::heartbeat:
      more("commit {} round {}", message.commit_index, message.context);
      break;
    case MessageKind::heartbeat_reply:
      more("round {}", message.context);
      break;
    case MessageKind::install_snapshot:
      more("{}@{}", message.snapshot.index, message.snapshot.term);
      break;
    case MessageKind::timeout_now:
      break;
    case MessageKind::read_index:
      more("read {}", message.context);
      break;
    case MessageKind::read_index_reply:
      if (message.rejected) {
        more("read {} refused", message.context);
      } else {
        more("read {} at {}", message.context, message.index);
      }
      break;
  }
  return text;
}

std::optional<MessageKind> kind_named(const std::string& name) {
  for (uint8_t i = 0; i < kMessageKindCount; ++i) {
    if (to_string(static_cast<MessageKind>(i)) == name) return static_cast<MessageKind>(i);
  }
  return std::nullopt;
}

/// "1,1,2" after a snapshot at `index`: entries with these terms.
std::vector<Entry> entries_from_terms(const std::string& terms, LogIndex index) {
  std::vector<Entry> entries;
  std::istringstream stream(terms);
  for (std::string term; std::getline(stream, term, ',');) {
    ++index;
    entries.push_back(
        {.term = Term(std::stoull(term)), .index = index, .data = make_payload({'x'})});
  }
  return entries;
}

/// "7@3": an index and its term.
std::pair<LogIndex, Term> position(const std::string& text) {
  const size_t at = text.find('@');
  return {LogIndex(std::stoull(text.substr(0, at))),
          Term(at == std::string::npos ? 0 : std::stoull(text.substr(at + 1)))};
}

}  // namespace

Command Command::parse(const std::string& line) {
  Command command;
  std::istringstream stream(line);
  stream >> command.name;
  for (std::string word; stream >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      command.words.push_back(word);
    } else {
      command.options[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return command;
}

uint64_t Command::number(size_t word) const {
  VECTRON_ASSERT(word < words.size(), "'{}' needs {} words", name, word + 1);
  return std::stoull(words[word]);
}

uint64_t Command::option(const std::string& key, uint64_t fallback) const {
  const auto it = options.find(key);
  return it == options.end() ? fallback : std::stoull(it->second);
}

std::string Command::text(const std::string& key, const std::string& fallback) const {
  const auto it = options.find(key);
  return it == options.end() ? fallback : it->second;
}

std::string ScriptGroup::execute(const Command& command) {
  static const std::map<std::string, Handler> handlers = {
      {"group", &ScriptGroup::group},       {"member", &ScriptGroup::member},
      {"campaign", &ScriptGroup::campaign}, {"tick", &ScriptGroup::tick},
      {"timeout", &ScriptGroup::timeout},   {"propose", &ScriptGroup::propose},
      {"read", &ScriptGroup::read},         {"transfer", &ScriptGroup::transfer},
      {"compact", &ScriptGroup::compact},   {"unreachable", &ScriptGroup::unreachable},
      {"ready", &ScriptGroup::take_ready},  {"sync", &ScriptGroup::sync},
      {"apply", &ScriptGroup::apply},       {"deliver", &ScriptGroup::deliver},
      {"drop", &ScriptGroup::drop},         {"repeat", &ScriptGroup::repeat},
      {"reverse", &ScriptGroup::reverse},   {"run", &ScriptGroup::run},
      {"cut", &ScriptGroup::cut},           {"heal", &ScriptGroup::heal},
      {"crash", &ScriptGroup::crash},       {"restart", &ScriptGroup::restart},
      {"snapshot", &ScriptGroup::snapshot}, {"report", &ScriptGroup::report},
      {"step", &ScriptGroup::step},         {"status", &ScriptGroup::status},
      {"progress", &ScriptGroup::progress}, {"log", &ScriptGroup::log},
      {"network", &ScriptGroup::network},   {"accepts", &ScriptGroup::accepts},
  };
  out_.clear();
  const auto handler = handlers.find(command.name);
  if (handler == handlers.end()) return "unknown command '" + command.name + "'\n";
  (this->*handler->second)(command);
  if (const auto& violation = checker_.violation())
    say("VIOLATION {}: {}", to_string(violation->property), violation->description);
  return out_;
}

// group voters=3 learners=1 pre_vote=0 check_quorum=0 election=10 heartbeat=1 inflight=N
//       append_bytes=N uncommitted=N log_bytes=N apply_bytes=N reads=N disk=manual plant=NAME
void ScriptGroup::group(const Command& command) {
  Membership membership;
  const uint64_t voters = command.option("voters", 3);
  const uint64_t learners = command.option("learners", 0);
  for (uint64_t id = 1; id <= voters; ++id) membership.voters.push_back(ReplicaId(id));
  for (uint64_t id = voters + 1; id <= voters + learners; ++id)
    membership.learners.push_back(ReplicaId(id));
  has_manual_disk_ = command.text("disk") == "manual";
  for (uint64_t id = 1; id <= voters + learners; ++id) {
    Member& member = members_[ReplicaId(id)];
    Config& config = member.config;
    config.self = ReplicaId(id);
    config.election_ticks = static_cast<uint32_t>(command.option("election", 10));
    config.heartbeat_ticks = static_cast<uint32_t>(command.option("heartbeat", 1));
    config.pre_vote = command.option("pre_vote", 0) != 0;
    config.check_quorum = command.option("check_quorum", 0) != 0;
    config.inflight_messages_max = command.option("inflight", 64);
    config.append_bytes_max = command.option("append_bytes", 1 << 20);
    config.uncommitted_bytes_max = command.option("uncommitted", 1 << 20);
    config.log_bytes_max = command.option("log_bytes", 256 << 20);
    config.apply_bytes_max = command.option("apply_bytes", 1 << 20);
    config.pending_reads_max = command.option("reads", 16);
    config.planted.commit_old_term_by_count = command.text("plant") == "commit_old_term_by_count";
    member.disk.snapshot.membership = membership;
    start(member);
  }
}

// member 1 term=3 vote=1 log=1,1,2 snapshot=5@1 commit=2 applied=2: restarts it with this disk.
void ScriptGroup::member(const Command& command) {
  Member& member = at(command.number(0));
  Disk& disk = member.disk;
  const auto [index, term] = position(command.text("snapshot", "0@0"));
  disk.snapshot.index = index;
  disk.snapshot.term = term;
  disk.entries = entries_from_terms(command.text("log"), index);
  disk.hard_state = {Term(command.option("term", 0)), ReplicaId(command.option("vote", 0)),
                     LogIndex(command.option("commit", index.value()))};
  disk.applied_index = LogIndex(command.option("applied", index.value()));
  start(member);
}

void ScriptGroup::start(Member& member) {
  member.raft = std::make_unique<Raft>(member.config, member.disk.hard_state, member.disk.snapshot,
                                       member.disk.entries, member.disk.applied_index);
  // A script that begins from snapshots has no history that the checker could know.
  const Raft& raft = *member.raft;
  if (raft.log().snapshot().index > checker_.committed_index(kGroup)) return;
  checker_.started(kGroup, raft);
  checker_.observe({.group = kGroup,
                    .replica = raft.self(),
                    .term = raft.term(),
                    .first_index = raft.first_index(),
                    .commit_index = raft.commit_index()});
}

void ScriptGroup::campaign(const Command& command) {
  at(command.number(0)).raft->campaign();
}

void ScriptGroup::tick(const Command& command) {
  for (uint64_t i = command.option("count", 1); i > 0; --i) at(command.number(0)).raft->tick();
}

// timeout 1: ticks until its election timeout has run out for sure.
void ScriptGroup::timeout(const Command& command) {
  Member& member = at(command.number(0));
  const Role role = member.raft->role();
  const Term term = member.raft->term();
  for (uint32_t i = 0; i < 2 * member.config.election_ticks; ++i) {
    member.raft->tick();
    if (member.raft->role() != role || member.raft->term() != term) return;
  }
}

// propose 1 a b c, or propose 1 size=100 count=5
void ScriptGroup::propose(const Command& command) {
  std::vector<std::string> values(command.words.begin() + 1, command.words.end());
  for (uint64_t i = command.option("count", 1); command.options.contains("size") && i > 0; --i)
    values.push_back(std::string(command.option("size", 0), 'x'));
  for (const std::string& value : values) {
    const Result<LogIndex> index = at(command.number(0)).raft->propose(to_bytes(as_bytes(value)));
    if (!index.has_value()) say("{}: {}", command.words[0], index.error().to_string());
  }
}

void ScriptGroup::read(const Command& command) {
  const Result<void> accepted = at(command.number(0)).raft->read_index(command.number(1));
  if (!accepted.has_value()) say("{}: {}", command.words[0], accepted.error().to_string());
}

void ScriptGroup::transfer(const Command& command) {
  const Result<void> accepted =
      at(command.number(0)).raft->transfer_leadership(ReplicaId(command.option("to", 0)));
  if (!accepted.has_value()) say("{}: {}", command.words[0], accepted.error().to_string());
}

void ScriptGroup::compact(const Command& command) {
  Member& member = at(command.number(0));
  const LogIndex index(command.number(1));
  const LogIndex base = member.disk.snapshot.index;
  member.raft->compact(index);
  if (index <= base) return;
  member.disk.entries.erase(member.disk.entries.begin(),
                            member.disk.entries.begin() + static_cast<ptrdiff_t>(index - base));
  member.disk.snapshot = member.raft->log().snapshot();
  member.disk.applied_index = std::max(member.disk.applied_index, index);
}

void ScriptGroup::unreachable(const Command& command) {
  at(command.number(0)).raft->report_unreachable(ReplicaId(command.number(1)));
}

// ready 1 2: takes their Readies and tells all that is in them.
void ScriptGroup::take_ready(const Command& command) {
  for (size_t i = 0; i < command.words.size(); ++i) drain(at(command.number(i)));
}

void ScriptGroup::drain(Member& member) {
  while (member.raft && member.raft->has_ready()) {
    take(member, member.raft->ready());
    if (const auto broken = RaftInvariants::violation(*member.raft)) say("INVARIANT {}", *broken);
  }
}

void ScriptGroup::take(Member& member, Ready ready) {
  const ReplicaId id = member.raft->self();
  checker_.observe(kGroup, *member.raft, ready);
  print(id, ready);
  if (ready.persist.snapshot) member.applying.push_back(ready.persist.snapshot->index);
  if (!ready.committed.empty()) member.applying.push_back(ready.committed.back().index);
  for (Message& message : ready.messages) network_.push_back(std::move(message));
  if (!ready.persist.empty()) member.writing.push_back(std::move(ready.persist));
  if (has_manual_disk_) return;
  while (!member.writing.empty()) finish_write(member);
  for (; !member.applying.empty(); member.applying.pop_front())
    member.raft->applied_to(member.applying.front());
}

void ScriptGroup::print(ReplicaId id, const Ready& ready) {
  if (ready.soft_state)
    say("{} is {}{}", id, to_string(ready.soft_state->role),
        ready.soft_state->leader ? fmt::format(", leader {}", ready.soft_state->leader) : "");
  if (!is_quiet_) {
    print_batch(id, ready.persist);
    for (const Message& message : ready.messages) say("{}", describe(message));
  } else if (ready.persist.snapshot) {
    say("{} installs snapshot {}@{}", id, ready.persist.snapshot->index,
        ready.persist.snapshot->term);
  }
  if (!ready.committed.empty()) say("{} applies {}", id, describe(ready.committed));
  for (const ReadState& state : ready.reads)
    say("{} reads {} at {}", id, state.request_id, state.index);
  for (uint64_t request_id : ready.dropped_reads) say("{} drops read {}", id, request_id);
  for (const SnapshotRequest& request : ready.snapshots_to_send)
    say("{} wants to send a snapshot to {}, index {} or later", id, request.to, request.index_min);
}

void ScriptGroup::print_batch(ReplicaId id, const PersistBatch& batch) {
  if (batch.empty()) return;
  std::string text;
  if (batch.snapshot)
    text += fmt::format(" snapshot {}@{}", batch.snapshot->index, batch.snapshot->term);
  if (!batch.entries.empty()) text += " " + describe(batch.entries);
  if (batch.hard_state)
    text += fmt::format(" term {} vote {} commit {}", batch.hard_state->term,
                        batch.hard_state->voted_for, batch.hard_state->commit_index);
  say("{} writes{}{}", id,
      batch.must_sync() ? fmt::format(" #{}", batch.sequence) : " without sync", text);
}

// sync 1, sync 1 count=2: the disk finishes all, or the first writes under way.
void ScriptGroup::sync(const Command& command) {
  Member& member = at(command.number(0));
  for (uint64_t i = command.option("count", UINT64_MAX); i > 0 && !member.writing.empty(); --i)
    finish_write(member);
}

void ScriptGroup::finish_write(Member& member) {
  PersistBatch batch = std::move(member.writing.front());
  member.writing.pop_front();
  const uint64_t sequence = batch.sequence;
  write_to_disk(member, std::move(batch));
  if (sequence != 0) member.raft->persisted(sequence);
}

void ScriptGroup::write_to_disk(Member& member, PersistBatch batch) {
  Disk& disk = member.disk;
  if (batch.snapshot) {
    disk.snapshot = *batch.snapshot;
    disk.entries.clear();
    disk.applied_index = disk.snapshot.index;
  }
  for (Entry& entry : batch.entries) {
    if (entry.index <= disk.snapshot.index) continue;
    disk.entries.resize(entry.index - disk.snapshot.index - 1);
    disk.entries.push_back(std::move(entry));
  }
  if (batch.hard_state) disk.hard_state = *batch.hard_state;
}

void ScriptGroup::apply(const Command& command) {
  Member& member = at(command.number(0));
  for (; !member.applying.empty(); member.applying.pop_front()) {
    if (member.applying.front() > member.raft->persisted_index()) return say("not durable yet");
    member.raft->applied_to(member.applying.front());
  }
}

bool ScriptGroup::selects(const Command& command, const Message& message) const {
  if (message.from.value() != command.option("from", message.from.value())) return false;
  if (message.to.value() != command.option("to", message.to.value())) return false;
  return to_string(message.kind) == command.text("kind", std::string(to_string(message.kind)));
}

// deliver [from=1] [to=2] [kind=append] [count=1]: steps what is on the way and matches, in order.
void ScriptGroup::deliver(const Command& command) {
  uint64_t count = command.option("count", UINT64_MAX);
  std::deque<Message> kept;
  std::deque<Message> all;
  all.swap(network_);
  for (Message& message : all) {
    if (count == 0 || !selects(command, message)) {
      kept.push_back(std::move(message));
      continue;
    }
    --count;
    deliver_one(std::move(message));
  }
  network_.insert(network_.begin(), kept.begin(), kept.end());
}

void ScriptGroup::deliver_one(Message message) {
  Member& to = at(message.to.value());
  const auto from = members_.find(message.from);
  const bool is_lost = !to.raft || to.is_cut || (from != members_.end() && from->second.is_cut);
  if (!is_quiet_) say("{} {}", is_lost ? "lost:" : "delivered:", describe(message));
  if (!is_lost) to.raft->step(std::move(message));
}

void ScriptGroup::drop(const Command& command) {
  uint64_t count = command.option("count", UINT64_MAX);
  std::erase_if(network_, [&](const Message& message) {
    if (count == 0 || !selects(command, message)) return false;
    --count;
    return true;
  });
}

// repeat kind=append: a second copy of what matches goes to the end.
void ScriptGroup::repeat(const Command& command) {
  const std::deque<Message> before = network_;
  for (const Message& message : before) {
    if (selects(command, message)) network_.push_back(message);
  }
}

void ScriptGroup::reverse(const Command&) {
  std::ranges::reverse(network_);
}

// run: everybody works and everything arrives until nothing is left to do; `run verbose` tells each
// message.
void ScriptGroup::run(const Command& command) {
  is_quiet_ = command.words.empty();
  for (int turn = 0; turn < 1000; ++turn) {
    for (auto& [id, member] : members_) {
      drain(member);
      while (!member.writing.empty() && member.raft) finish_write(member);
      if (member.raft) {
        for (; !member.applying.empty(); member.applying.pop_front())
          member.raft->applied_to(member.applying.front());
      }
      drain(member);
    }
    const bool is_busy = std::ranges::any_of(members_, [](const auto& item) {
      return item.second.raft && (item.second.raft->has_ready() || !item.second.writing.empty());
    });
    if (network_.empty() && !is_busy) break;
    std::deque<Message> all;
    all.swap(network_);
    for (Message& message : all) deliver_one(std::move(message));
  }
  is_quiet_ = false;
}

void ScriptGroup::cut(const Command& command) {
  for (size_t i = 0; i < command.words.size(); ++i) at(command.number(i)).is_cut = true;
}

void ScriptGroup::heal(const Command&) {
  for (auto& [id, member] : members_) member.is_cut = false;
}

// crash 1 kept=1: loses the writes under way but the first ones.
void ScriptGroup::crash(const Command& command) {
  Member& member = at(command.number(0));
  for (uint64_t i = command.option("kept", 0); i > 0 && !member.writing.empty(); --i) {
    write_to_disk(member, std::move(member.writing.front()));
    member.writing.pop_front();
  }
  member.writing.clear();
  member.applying.clear();
  member.disk.applied_index = member.raft->applied_index();
  member.raft.reset();
  checker_.stopped(kGroup, ReplicaId(command.number(0)));
}

void ScriptGroup::restart(const Command& command) {
  start(at(command.number(0)));
  status(command);
}

// snapshot from=1 to=3: the stream has arrived at 3 and is durable there.
void ScriptGroup::snapshot(const Command& command) {
  const Raft& from = *at(command.option("from", 0)).raft;
  Message message{.kind = MessageKind::install_snapshot,
                  .from = from.self(),
                  .to = ReplicaId(command.option("to", 0))};
  message.term = Term(command.option("term", from.term().value()));
  const LogIndex index(command.option("index", from.applied_index().value()));
  message.snapshot = {index, from.log().term_at(index).value_or(Term()), from.membership()};
  deliver_one(std::move(message));
}

// report 1 3 ok | report 1 3 failed
void ScriptGroup::report(const Command& command) {
  at(command.number(0))
      .raft->report_snapshot(ReplicaId(command.number(1)), command.words.at(2) == "ok");
}

// step kind=append from=2 to=1 term=3 at=5@2 commit=1 log=3,3 round=1 rejected=1 hint=2@1: a
// message made by hand.
void ScriptGroup::step(const Command& command) {
  Message message;
  message.kind = kind_named(command.text("kind")).value_or(MessageKind::heartbeat);
  message.from = ReplicaId(command.option("from", 0));
  message.to = ReplicaId(command.option("to", 0));
  message.term = Term(command.option("term", 0));
  std::tie(message.index, message.log_term) = position(command.text("at", "0@0"));
  message.commit_index = LogIndex(command.option("commit", 0));
  message.context = command.option("round", 0);
  message.rejected = command.option("rejected", 0) != 0;
  std::tie(message.hint_index, message.hint_term) = position(command.text("hint", "0@0"));
  message.entries = entries_from_terms(command.text("log"), message.index);
  deliver_one(std::move(message));
}

void ScriptGroup::status(const Command& command) {
  for (const auto& [id, member] : members_) {
    if (!command.words.empty() && id.value() != command.number(0)) continue;
    if (!member.raft) {
      say("{} is down", id);
      continue;
    }
    const RaftStatus status = member.raft->status();
    say("{} {} term {} vote {} leader {} commit {} applied {} durable {} log [{}, {}]", id,
        to_string(status.role), status.term, status.voted_for, status.leader, status.commit_index,
        status.applied_index, status.persisted_index, status.first_index, status.last_index);
  }
}

void ScriptGroup::progress(const Command& command) {
  for (const RaftStatus::Peer& peer : at(command.number(0)).raft->status().peers)
    say("{} {}{} match {} next {} inflight {}{}", peer.id, to_string(peer.state),
        peer.learner ? " learner" : "", peer.match, peer.next, peer.inflight_count,
        peer.recent_active ? " active" : "");
}

void ScriptGroup::log(const Command& command) {
  for (size_t i = 0; i < command.words.size(); ++i) {
    const Log& log = at(command.number(i)).raft->log();
    std::vector<Entry> entries;
    if (log.last_index() >= log.first_index())
      entries = log.slice({log.first_index(), log.last_index()});
    say("{}: after {}@{} {}", command.words[i], log.snapshot().index, log.snapshot().term,
        describe(entries));
  }
}

void ScriptGroup::network(const Command&) {
  for (const Message& message : network_) say("{}", describe(message));
}

// accepts 3 9@2: whether a snapshot would replace its log.
void ScriptGroup::accepts(const Command& command) {
  const Raft& raft = *at(command.number(0)).raft;
  const auto [index, term] = position(command.words.at(1));
  say("{}", raft.accepts_snapshot({index, term, raft.membership()}) ? "yes" : "no");
}

ScriptGroup::Member& ScriptGroup::at(uint64_t id) {
  const auto it = members_.find(ReplicaId(id));
  VECTRON_ASSERT(it != members_.end(), "no member {}", id);
  return it->second;
}

}  // namespace vectron::raft
