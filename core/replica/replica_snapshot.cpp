// Snapshots of a Replica: which view of its store is sent, and how it switches to one that came.
#include "core/replica/generations.h"
#include "core/replica/replica.h"

namespace vectron {

Task<Result<PinnedStore>> Replica::pin(LogIndex index_min) {
  if (!serving()) co_return fail(not_leader());
  if (overlay_->flushed_index() < index_min) {
    const auto flushed = co_await overlay_->flush_to(overlay_->applied_index());
    VECTRON_CO_CHECK_OK(flushed);
  }
  if (!serving()) co_return fail(not_leader());
  PinnedStore pinned;
  auto reader = kv_->open_reader();
  VECTRON_CO_TRY(pinned.reader, reader);
  const auto index = OverlayStore::applied_index_of(pinned.reader.get());
  VECTRON_CO_TRY(pinned.index, index);
  const auto term = raft_->log().term_at(pinned.index);
  if (pinned.index < index_min || !term) {
    co_return fail(Code::out_of_range, "the store is behind the log's start");
  }
  pinned.term = *term;
  co_return pinned;
}

raft::SnapshotMeta Replica::meta_of(const PinnedStore& pinned) const {
  raft::SnapshotMeta meta = {pinned.index, pinned.term, raft_->membership()};
  if (parts_.env->planted("snapshot_misses_overlay")) {
    meta.index = applied_index();
    meta.term = raft_->log().term_at(meta.index).value_or(pinned.term);
  }
  return meta;
}

void Replica::snapshot_ended(ReplicaId to, const Result<void>& outcome) {
  raft_->report_snapshot(to, outcome.has_value());
  wake();
}

Task<Result<uint64_t>> Replica::receive_snapshot(NodeId peer, SnapshotPiece piece) {
  const auto turn = co_await receiver_.turn();
  if (!serving()) co_return fail(Code::unavailable, "this replica does not take snapshots now");
  const auto admitted = admit_snapshot(peer, piece);
  VECTRON_CO_CHECK_OK(admitted);
  if (piece.offset == 0) {
    if (!raft_->accepts_snapshot(piece.meta)) {
      co_return fail(Code::failed_precondition, "the snapshot is not needed here");
    }
    const auto begun = co_await receiver_.begin(piece, generation_ + 1);
    VECTRON_CO_CHECK_OK(begun);
  }
  if (!receiver_.expects(piece)) {
    co_return fail(Code::out_of_range, "begin the snapshot anew", "offset");
  }
  const bool is_last = piece.last;
  const auto added = co_await receiver_.add(std::move(piece));
  VECTRON_CO_CHECK_OK(added);
  const uint64_t end_offset = receiver_.next_offset();
  if (!is_last) co_return end_offset;
  const auto installed = co_await install_received();
  VECTRON_CO_CHECK_OK(installed);
  co_return end_offset;
}

// Hands the complete snapshot to Raft and waits until persist_loop() has switched to it.
Task<Result<void>> Replica::install_received() {
  raft::Message message = receiver_.install_message(spec_.self);
  if (!serving() || !raft_->accepts_snapshot(message.snapshot)) {
    co_await receiver_.drop();
    co_return fail(Code::failed_precondition, "the snapshot is not needed any more");
  }
  const auto installed = receiver_.complete();
  raft_->step(std::move(message));
  pump();
  if (!switching_) {
    // Raft had a reason of its own not to take it (an older term).
    receiver_.installed(fail(Code::failed_precondition, "the snapshot is of an older term"));
    co_await receiver_.drop();
    co_return installed->get();
  }
  co_await installed->wait();
  co_return installed->get();
}

// Runs in persist_loop() once the record that names the new generation is durable. After an error
// the replica must stop.
Task<Result<void>> Replica::switch_to_snapshot(raft::SnapshotMeta meta) {
  VECTRON_ASSERT(switching_ && receiver_.completed() && receiver_.completed()->meta == meta);
  co_await end_work_on_store();
  std::unique_ptr<OverlayStore> old_overlay = std::move(overlay_);
  std::unique_ptr<KvStore> old_store = std::move(kv_);
  std::string old_folder = generation_folder(spec_.folder, generation_);
  SnapshotReceiver::Received received = receiver_.take();
  kv_ = std::move(received.store);
  generation_ = received.generation;
  auto overlay = OverlayStore::open(parts_.env, kv_.get(), config_.overlay);
  VECTRON_CO_TRY(overlay_, overlay);
  VECTRON_ASSERT(overlay_->applied_index() == meta.index);
  const auto loaded = co_await load_state();
  VECTRON_CO_CHECK_OK(loaded);
  old_overlay.reset();
  co_await remove_store(parts_.env, std::move(old_store), std::move(old_folder));
  go_on_after_snapshot(meta.index);
  receiver_.installed(Result<void>());
  parts_.env->metrics().add(Metric::raft_snapshots_installed);
  co_return Result<void>();
}

// A commit whose task is gone would go on in a folder that is removed.
Task<void> Replica::end_work_on_store() {
  const auto still = co_await overlay_->hold_flushes();
  sender_.cancel_all();
  tasks_.cancel(flush_task_);
  tasks_.cancel(scrub_task_);
  tasks_.cancel(resume_task_);
  waiting_for_room_ = false;
}

void Replica::go_on_after_snapshot(LogIndex index) {
  proposals_.refuse_all(
      Status(Code::unknown_outcome, "a snapshot replaced the log before the write was seen"));
  switching_ = false;
  overlay_->set_durable_index(index);
  begin_work_on_store();
  applied_changed_.notify_all();
  tell_change();
}

}  // namespace vectron
