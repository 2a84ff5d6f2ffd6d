#include "core/raft/persistence.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

void Persistence::entries_changed(LogIndex first) {
  VECTRON_ASSERT(first > LogIndex(0));
  if (first >= next_to_write_) return;
  const LogIndex kept = first - 1;
  next_to_write_ = first;
  persisted_index_ = std::min(persisted_index_, kept);
  for (InFlight& batch : batches_) batch.claim = std::min(batch.claim, kept);
}

void Persistence::log_restored(Restored restored) {
  VECTRON_ASSERT(restored.snapshot_index > restored.durable_max, "snapshot {}, committed {}",
                 restored.snapshot_index, restored.durable_max);
  persisted_index_ = std::min(persisted_index_, restored.durable_max);
  next_to_write_ = restored.snapshot_index + 1;
  for (InFlight& batch : batches_) batch.claim = LogIndex();
}

uint64_t Persistence::begin_batch(LogIndex last_index) {
  VECTRON_ASSERT(last_index + 1 >= next_to_write_, "{} was written, not only {}", next_to_write_,
                 last_index);
  ++last_sequence_;
  batches_.push_back({last_sequence_, last_index});
  next_to_write_ = last_index + 1;
  return last_sequence_;
}

void Persistence::hold(Message message, bool dirty) {
  const uint64_t wait_sequence = dirty ? last_sequence_ + 1 : last_sequence_;
  VECTRON_ASSERT(wait_sequence > persisted_sequence_, "{} is durable", wait_sequence);
  VECTRON_ASSERT(held_.empty() || held_.back().wait_sequence <= wait_sequence);
  if (!merge_into_last_held(message, wait_sequence))
    held_.push_back({wait_sequence, std::move(message)});
}

// A follower that takes many appends between two syncs owes its leader one reply, the last.
bool Persistence::merge_into_last_held(const Message& message, uint64_t wait_sequence) {
  if (held_.empty() || message.kind != MessageKind::append_reply || message.rejected) return false;
  Held& last = held_.back();
  if (last.wait_sequence != wait_sequence || last.message.kind != MessageKind::append_reply ||
      last.message.to != message.to || last.message.term != message.term)
    return false;
  last.message.index = std::max(last.message.index, message.index);
  return true;
}

std::vector<Message> Persistence::complete(uint64_t sequence) {
  VECTRON_ASSERT(sequence <= last_sequence_, "batch {} was never given out, the last is {}",
                 sequence, last_sequence_);
  std::vector<Message> released;
  if (sequence <= persisted_sequence_) return released;
  persisted_sequence_ = sequence;
  while (!batches_.empty() && batches_.front().sequence <= sequence) {
    persisted_index_ = std::max(persisted_index_, batches_.front().claim);
    batches_.pop_front();
  }
  VECTRON_ASSERT(persisted_index_ < next_to_write_);
  while (!held_.empty() && held_.front().wait_sequence <= sequence) {
    released.push_back(std::move(held_.front().message));
    held_.pop_front();
  }
  return released;
}

void Persistence::drop_held_except(Term term) {
  std::erase_if(held_, [term](const Held& held) { return held.message.term != term; });
}

}  // namespace vectron::raft
