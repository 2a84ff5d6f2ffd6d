#include "core/raft/progress.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

void Inflights::add(LogIndex last, size_t bytes) {
  VECTRON_ASSERT(!full(), "{} messages, {} bytes", count(), bytes_);
  VECTRON_ASSERT(count() == 0 || sent_.back().last < last, "{} after {}", last, sent_.back().last);
  sent_.push_back({last, bytes});
  bytes_ += bytes;
}

void Inflights::acknowledge(LogIndex through) {
  while (head_ < sent_.size() && sent_[head_].last <= through) {
    VECTRON_ASSERT(bytes_ >= sent_[head_].bytes);
    bytes_ -= sent_[head_].bytes;
    ++head_;
  }
  // Moving the live part to the front once it is the smaller half costs O(1) a message.
  if (head_ * 2 >= sent_.size()) {
    sent_.erase(sent_.begin(), sent_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Inflights::clear() {
  sent_.clear();
  head_ = 0;
  bytes_ = 0;
}

std::string_view to_string(ProgressState state) {
  switch (state) {
    case ProgressState::probe:
      return "probe";
    case ProgressState::replicate:
      return "replicate";
    case ProgressState::snapshot:
      return "snapshot";
  }
  return "invalid";
}

void Progress::become_probe() {
  // What a snapshot brought is there, whether or not its acknowledgement arrived yet.
  const LogIndex base =
      state == ProgressState::snapshot ? std::max(match, pending_snapshot) : match;
  state = ProgressState::probe;
  next = base + 1;
  pending_snapshot = LogIndex();
  paused = false;
  append_due = false;
  inflights.clear();
  VECTRON_ASSERT(next > match);
}

void Progress::become_replicate() {
  VECTRON_ASSERT(state != ProgressState::replicate);
  state = ProgressState::replicate;
  next = match + 1;
  pending_snapshot = LogIndex();
  paused = false;
  append_due = false;
  inflights.clear();
}

void Progress::become_snapshot(LogIndex index) {
  VECTRON_ASSERT(state != ProgressState::snapshot && index > match, "index {}, match {}", index,
                 match);
  state = ProgressState::snapshot;
  pending_snapshot = index;
  paused = false;
  append_due = false;
  inflights.clear();
}

bool Progress::acknowledge(LogIndex index) {
  VECTRON_ASSERT(match < next);
  if (index <= match) return false;
  match = index;
  next = std::max(next, match + 1);
  paused = false;
  return true;
}

bool Progress::reject(LogIndex rejected, LogIndex hint) {
  VECTRON_ASSERT(match < next);
  if (state == ProgressState::snapshot || rejected <= match) return false;
  if (state == ProgressState::replicate) {
    next = match + 1;
    return true;
  }
  if (next - 1 != rejected) return false;
  next = std::max(std::min(rejected, hint + 1), match + 1);
  paused = false;
  VECTRON_ASSERT(next <= rejected);
  return true;
}

void Progress::sent_entries(LogIndex last, size_t bytes) {
  VECTRON_ASSERT(last >= next && state != ProgressState::snapshot, "last {}, next {}", last, next);
  if (state != ProgressState::replicate) return;
  inflights.add(last, bytes);
  next = last + 1;
}

}  // namespace vectron::raft
