#include "core/raft/read_only.h"

#include "core/base/assert.h"

namespace vectron::raft {

void ReadOnly::add(Request request) {
  VECTRON_ASSERT(!full() && request.round == 0);
  VECTRON_ASSERT(postponed_ == 0 || !request.index, "an index is known, yet {} reads wait for one",
                 postponed_);
  if (request.index) {
    ++waiting_;
  } else {
    ++postponed_;
  }
  requests_.push_back(request);
}

void ReadOnly::add_to_last_round(Request request) {
  VECTRON_ASSERT(!full() && request.index);
  if (round_ == confirmed_) return add(request);
  request.round = round_;
  const size_t behind = waiting_ + postponed_;
  requests_.insert(requests_.end() - static_cast<ptrdiff_t>(behind), request);
}

void ReadOnly::commit_known(LogIndex commit_index) {
  VECTRON_ASSERT(commit_index > LogIndex(0) && postponed_ <= count());
  for (size_t i = count() - postponed_; i < count(); ++i) requests_[i].index = commit_index;
  waiting_ += postponed_;
  postponed_ = 0;
}

bool ReadOnly::wants_round() const {
  return waiting_ > 0 && round_ == confirmed_;
}

uint64_t ReadOnly::begin_round() {
  if (waiting_ == 0) return round_;
  VECTRON_ASSERT(postponed_ == 0 && waiting_ <= count());
  ++round_;
  for (size_t i = count() - waiting_; i < count(); ++i) requests_[i].round = round_;
  waiting_ = 0;
  return round_;
}

std::vector<ReadOnly::Request> ReadOnly::confirm(uint64_t round) {
  VECTRON_ASSERT(round <= round_, "round {} was never begun, the last is {}", round, round_);
  std::vector<Request> confirmed;
  if (round <= confirmed_) return confirmed;
  confirmed_ = round;
  while (!requests_.empty() && requests_.front().round != 0 && requests_.front().round <= round) {
    confirmed.push_back(requests_.front());
    requests_.pop_front();
  }
  VECTRON_ASSERT(waiting_ + postponed_ <= count());
  return confirmed;
}

std::vector<ReadOnly::Request> ReadOnly::reset() {
  std::vector<Request> all(requests_.begin(), requests_.end());
  requests_.clear();
  round_ = 0;
  confirmed_ = 0;
  waiting_ = 0;
  postponed_ = 0;
  return all;
}

}  // namespace vectron::raft
