// What is asked of a replica: proposals until they are applied, and reads until they are
// linearizable.
#include "core/async/combine.h"
#include "core/replica/replica.h"

namespace vectron {

Status Replica::not_leader() const {
  return Status(Code::unavailable,
                fmt::format("replica {} of group {} is not the leader", spec_.self, spec_.group));
}

Task<Result<Applied>> Replica::wait_for(std::shared_ptr<Proposals::Outcome> outcome) {
  co_await outcome->wait();
  co_return outcome->get();
}

Task<Result<Applied>> Replica::propose(Bytes command, Instant deadline) {
  if (!serving() || !raft_->is_leader()) co_return fail(not_leader());
  if (command.size() > kLogEntryBytesMax) {
    co_return fail(Code::invalid_argument,
                   fmt::format("an entry of the log has at most {} bytes, this one has {}",
                               kLogEntryBytesMax, command.size()));
  }
  if (proposals_.size() >= config_.pending_proposals_max) {
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
  const auto outcome = proposals_.add(*index, raft_->term());
  pump();
  const Instant until = parts_.env->clock().scheduler_time(deadline);
  auto waited = co_await with_deadline(&parts_.env->scheduler(), until, wait_for(outcome));
  if (waited) co_return *std::move(waited);
  proposals_.forget(*index, outcome);
  co_return fail(Code::unknown_outcome,
                 "the write was not confirmed in time; it may or may not take effect");
}

// Does nothing while a round is on its way, or when nobody waits for one.
void Replica::start_read_round() {
  const auto id = reads_.begin();
  if (!id) return;
  const auto asked = raft_->read_index(*id);
  if (!asked.has_value()) return reads_.dropped(*id, asked.error());
  pump();
}

void Replica::finish_reads(const raft::Ready& ready) {
  for (const raft::ReadState& read : ready.reads) {
    if (reads_.answered(read.request_id, read.index)) planted_lease_ticks_ = config_.election_ticks;
  }
  for (const uint64_t dropped : ready.dropped_reads) reads_.dropped(dropped, not_leader());
  if (reads_.empty()) return;
  if (!raft_->is_leader()) return reads_.refuse_all(not_leader());
  start_read_round();
}

Task<Result<LogIndex>> Replica::wait_for_read(std::shared_ptr<ReadRounds::Round> round) {
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
  const auto round = reads_.join();
  start_read_round();
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
