// What is asked of a replica: proposals until they are applied, and reads until they are
// linearizable.
#include "core/async/combine.h"
#include "core/replica/replica.h"

namespace vectron {

void Replica::finish_proposal(const raft::Entry& entry, Bytes answer) {
  const auto found = pending_.find(entry.index);
  if (found == pending_.end()) return;
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  if (pending.term == entry.term) {
    pending.completion->set(Applied{entry.index, std::move(answer)});
  } else {
    pending.completion->set(
        fail(Code::aborted, "another leader's entry took this one's place; send it again"));
  }
}

Status Replica::not_leader() const {
  return Status(Code::unavailable,
                fmt::format("replica {} of group {} is not the leader", spec_.self, spec_.group));
}

Task<Result<Applied>> Replica::wait_for(std::shared_ptr<Completion<Result<Applied>>> completion) {
  co_await completion->wait();
  co_return completion->get();
}

Task<Result<Applied>> Replica::propose(Bytes command, Instant deadline) {
  if (!serving() || !raft_->is_leader()) co_return fail(not_leader());
  if (command.size() > kLogEntryBytesMax) {
    co_return fail(Code::invalid_argument,
                   fmt::format("an entry of the log has at most {} bytes, this one has {}",
                               kLogEntryBytesMax, command.size()));
  }
  if (pending_.size() >= config_.pending_proposals_max) {
    co_return fail(Code::resource_exhausted, "too many writes wait in this shard; try again later");
  }
  if (parts_.wal->is_full()) {
    co_return fail(Code::resource_exhausted,
                   "the disk of this node is full: free space, or write again when it has some");
  }
  if (!overlay_->has_room() || !parts_.wal->has_room()) {
    co_return fail(Code::resource_exhausted,
                   "the disk cannot keep up with writes; try again later");
  }
  const auto index = raft_->propose(std::move(command));
  if (!index.has_value()) co_return fail(index.error());
  parts_.env->metrics().add(Metric::raft_proposals);
  auto completion = std::make_shared<Completion<Result<Applied>>>(parts_.env->scheduler());
  pending_[*index] = Pending{raft_->term(), completion};
  pump();
  const Instant until = parts_.env->clock().scheduler_time(deadline);
  auto outcome = co_await with_deadline(&parts_.env->scheduler(), until, wait_for(completion));
  if (outcome) co_return *std::move(outcome);
  const auto found = pending_.find(*index);
  if (found != pending_.end() && found->second.completion == completion) pending_.erase(found);
  co_return fail(Code::unknown_outcome,
                 "the write was not confirmed in time; it may or may not take effect");
}

void Replica::start_read_round() {
  const uint64_t id = (parts_.incarnation << 32) | ++next_read_id_;
  round_in_flight_ = std::move(round_gathering_);
  round_gathering_ = nullptr;
  const auto asked = raft_->read_index(id);
  if (!asked.has_value()) {
    round_in_flight_->set(fail(asked.error()));
    round_in_flight_ = nullptr;
    return;
  }
  read_in_flight_ = id;
  pump();
}

void Replica::finish_reads(const raft::Ready& ready) {
  const auto finish = [this](Result<LogIndex> result) {
    round_in_flight_->set(std::move(result));
    round_in_flight_ = nullptr;
    read_in_flight_ = 0;
  };
  for (const raft::ReadState& read : ready.reads) {
    if (read_in_flight_ == 0 || read.request_id != read_in_flight_) continue;
    planted_lease_ticks_ = config_.election_ticks;
    finish(read.index);
  }
  for (const uint64_t dropped : ready.dropped_reads) {
    if (read_in_flight_ != 0 && dropped == read_in_flight_) finish(fail(not_leader()));
  }
  if (!raft_->is_leader()) {
    if (read_in_flight_ != 0) finish(fail(not_leader()));
    if (round_gathering_) {
      round_gathering_->set(fail(not_leader()));
      round_gathering_ = nullptr;
    }
  } else if (read_in_flight_ == 0 && round_gathering_) {
    start_read_round();
  }
}

Task<Result<LogIndex>> Replica::wait_for_read(std::shared_ptr<ReadRound> round) {
  co_await round->wait();
  const Result<LogIndex> index = round->get();
  if (!index.has_value()) co_return fail(index.error());
  while (serving() && applied_index() < *index) {
    co_await applied_changed_.wait();
  }
  if (!serving()) co_return fail(not_leader());
  co_return applied_index();
}

// The planted bug: a lease counted in this process' own ticks, of which none passes while it is
// paused.
bool Replica::holds_planted_lease() {
  return planted_lease_ticks_ > 0 && parts_.env->planted("stale_read_after_pause");
}

Task<Result<LogIndex>> Replica::read_barrier(Instant deadline) {
  if (!serving() || !raft_->is_leader()) co_return fail(not_leader());
  if (holds_planted_lease()) co_return applied_index();
  if (!round_gathering_) {
    round_gathering_ = std::make_shared<ReadRound>(parts_.env->scheduler());
  }
  const auto round = round_gathering_;
  if (read_in_flight_ == 0) start_read_round();
  if (round->is_set() && round->get().has_value() && serving() &&
      applied_index() >= *round->get()) {
    co_return applied_index();  // A group of one: no wait at all.
  }
  const Instant until = parts_.env->clock().scheduler_time(deadline);
  auto waited = co_await with_deadline(&parts_.env->scheduler(), until, wait_for_read(round));
  if (!waited) co_return fail(Code::deadline_exceeded, "no quorum confirmed the read in time");
  co_return *std::move(waited);
}

}  // namespace vectron
