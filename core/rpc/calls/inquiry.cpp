#include "core/rpc/calls/inquiry.h"

namespace vectron::rpc {

Inquiry::Inquiry(const InquiryLimits& limits, RandomStream* random, const Question& question)
    : access_(question.access),
      deadline_(question.deadline),
      attempt_timeout_(limits.attempt_timeout),
      attempts_(limits.attempts, random, question.targets, question.first),
      doubt_(question.access),
      nobody_listens_(question.targets, question.now + limits.refused_patience) {}

Instant Inquiry::attempt_deadline(Instant now) const {
  return rpc::attempt_deadline(access_, now, deadline_, attempt_timeout_);
}

void Inquiry::advance(const Status& failure, std::optional<size_t> hint, bool begun) {
  if (begun) doubt_.note(failure.code());
  nobody_listens_.note(failure);
  exhausted_ = !attempts_.advance(hint);
}

void Inquiry::restart(size_t targets, size_t first) {
  attempts_.restart(targets, first);
  nobody_listens_.restart(targets);
}

std::optional<Instant> Inquiry::next(Instant now) const {
  const Instant next = now + attempts_.pause();
  if (exhausted_ || nobody_listens_.holds(next) || next >= deadline_) return std::nullopt;
  return next;
}

}  // namespace vectron::rpc
