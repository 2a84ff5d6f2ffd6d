#include "core/replica/persist_queue.h"

#include "core/base/assert.h"

namespace vectron {

Result<bool> PersistQueue::push(raft::PersistBatch batch, std::optional<WalMark> mark) {
  VECTRON_ASSERT(batch.snapshot.has_value() == mark.has_value(), "a snapshot has one mark");
  if (batch.hard_state) unsaved_hard_state_ = batch.hard_state;
  if (!batch.must_sync()) return false;
  Record record;
  record.done = {batch.sequence, batch.snapshot};
  record.batch.group = group_;
  record.batch.hard_state = std::exchange(unsaved_hard_state_, std::nullopt);
  record.batch.entries = std::move(batch.entries);
  record.batch.mark = std::move(mark);
  // At once, unless one before it still waits for room.
  const bool in_turn = records_.empty() || records_.back().ticket;
  if (in_turn) {
    VECTRON_CHECK_OK(put_into_log(&record));
  }
  records_.push_back(std::move(record));
  return true;
}

// Without a ticket afterwards when the log has no room.
Result<void> PersistQueue::put_into_log(Record* record) {
  if (!wal_->has_room()) return {};
  VECTRON_TRY(record->ticket, wal_->append(std::move(record->batch)));
  return {};
}

Task<Result<PersistQueue::Durable>> PersistQueue::next_durable() {
  VECTRON_ASSERT(!records_.empty(), "there is no record to wait for");
  while (!records_.front().ticket) {
    const auto room = co_await wal_->wait_for_room();
    VECTRON_CO_CHECK_OK(room);
    const auto logged = put_into_log(&records_.front());
    VECTRON_CO_CHECK_OK(logged);
  }
  const auto synced = co_await wal_->sync_to(records_.front().ticket);
  VECTRON_CO_CHECK_OK(synced);
  Durable done = std::move(records_.front().done);
  records_.pop_front();
  co_return done;
}

}  // namespace vectron
