#include "core/replica/proposals.h"

namespace vectron {

std::shared_ptr<Proposals::Outcome> Proposals::add(LogIndex index, Term term) {
  auto outcome = std::make_shared<Outcome>(scheduler_);
  waiting_[index] = Waiting{term, outcome};
  return outcome;
}

void Proposals::applied(const raft::Entry& entry, Bytes answer) {
  const auto found = waiting_.find(entry.index);
  if (found == waiting_.end()) return;
  const Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  if (waiting.term == entry.term) {
    waiting.outcome->set(Applied{entry.index, std::move(answer)});
  } else {
    waiting.outcome->set(
        fail(Code::aborted, "another leader's entry took this one's place; send it again"));
  }
}

void Proposals::forget(LogIndex index, const std::shared_ptr<Outcome>& outcome) {
  const auto found = waiting_.find(index);
  if (found != waiting_.end() && found->second.outcome == outcome) waiting_.erase(found);
}

void Proposals::refuse_all(const Status& why) {
  for (const auto& [index, waiting] : waiting_) waiting.outcome->set(fail(why));
  waiting_.clear();
}

}  // namespace vectron
