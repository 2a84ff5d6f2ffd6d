#include "services/placement/leadership.h"

#include <algorithm>

#include "core/async/combine.h"

namespace vectron {
namespace {

Task<bool> news_came(Condition* news) {
  co_await news->wait();
  co_return true;
}

}  // namespace

Leadership::Leadership(Env* env, const PlacementConfig* config, Replica* replica,
                       PlacementState* state, Condition* news)
    : env_(env),
      config_(config),
      replica_(replica),
      state_(state),
      news_(news),
      work_(env->scheduler()) {}

Instant Leadership::deadline_of(const RequestContext& context) const {
  if (context.deadline != kNever) return context.deadline;
  return now() + config_->request_timeout;
}

Status Leadership::with_leader(const Status& status) const {
  const ReplicaStatus replica = replica_->status();
  if (!replica.leader || replica.leader->replica == replica.self) return status;
  wire::ErrorDetail detail;
  detail.leader_node = replica.leader->node.value();
  detail.leader_address = replica.leader->address.text;
  return status.with_detail(encode(detail));
}

Task<Result<void>> Leadership::reach(Instant deadline) {
  const auto reached = co_await replica_->read_barrier(deadline);
  if (!reached.has_value()) co_return fail(with_leader(reached.error()));
  co_return Result<void>();
}

Task<Result<PlacementAnswer>> Leadership::propose(stored::PlacementCommand command,
                                                  Instant deadline) {
  command.header.schema_version = schema_version_of(command);
  const auto applied = co_await replica_->propose(encode(command), deadline);
  if (!applied.has_value()) co_return fail(with_leader(applied.error()));
  const auto answer = decode_answer(applied->answer);
  VECTRON_CO_CHECK_OK(answer);
  if (!answer->status.ok()) co_return fail(answer->status);
  work_.set();
  co_return *answer;
}

// What an earlier command took shows only where it is applied, and one of which nobody knows what
// became of it may still be on its way there.
Task<Result<void>> Leadership::wait_until_applied(Instant deadline) {
  const LogIndex last = replica_->status().last_index;
  while (replica_->applied_index() < last) {
    if (now() >= deadline) {
      co_return fail(Code::unavailable, "earlier changes of the cluster are not applied yet");
    }
    co_await wait_for_news(deadline);
    if (replica_->is_leader() && replica_->applied_index() < last) continue;
    const auto reached = co_await reach(deadline);
    VECTRON_CO_CHECK_OK(reached);
  }
  co_return Result<void>();
}

Task<void> Leadership::wait_for_news(Instant until) {
  auto waiting = news_came(news_);
  const auto came = co_await with_deadline(&env_->scheduler(), env_->clock().scheduler_time(until),
                                           std::move(waiting));
  (void)came;
}

void Leadership::notice_term() {
  const ReplicaStatus replica = replica_->status();
  if (term_ == replica.term) return;
  VECTRON_ASSERT(!replica.is_leader || term_ < replica.term, "the term fell from {} to {}", term_,
                 replica.term);
  view_.forget_all();
  term_ = replica.term;
  since_ = now();
}

void Leadership::hear(NodeId node, uint64_t revision,
                      std::span<const wire::ReplicaReport> reports) {
  notice_term();
  // It may have been forgotten while it answered.
  if (!state_->workers().contains(node)) return;
  if (!view_.is_live(node, now(), config_->worker_silence_max)) ++arrivals_;
  view_.hear(node, now(), revision, reports_to_keep(*state_, node, reports));
  news_->notify_all();
  work_.set();
}

void Leadership::note_condition(NodeId node, ClusterView::Condition condition) {
  const Duration silence_max = config_->worker_silence_max;
  const bool took = view_.takes_replicas(node, now(), silence_max);
  const uint64_t could_hold = view_.replicas_max(node);
  view_.note_condition(node, condition);
  const bool takes = view_.takes_replicas(node, now(), silence_max);
  if (took == takes && could_hold == view_.replicas_max(node)) return;
  ++arrivals_;
  news_->notify_all();
}

bool Leadership::leads() const {
  return replica_->is_leader() && term_ == replica_->status().term;
}

Watching Leadership::watching() const {
  return {since_, now(), config_->worker_silence_max};
}

size_t Leadership::live_workers() const {
  return static_cast<size_t>(std::ranges::count_if(state_->workers(), [&](const auto& worker) {
    return view_.is_live(worker.first, now(), config_->worker_silence_max);
  }));
}

}  // namespace vectron
