#include "services/placement/reconciler.h"

#include <algorithm>

namespace vectron {

Reconciler::Reconciler(Leadership* leadership, rpc::ChannelPool* channels)
    : leadership_(leadership), channels_(channels), tasks_(leadership->env().scheduler()) {
  tasks_.spawn(run());
}

Task<void> Reconciler::run() {
  while (true) {
    co_await leadership_->work().wait();
    leadership_->work().reset();
    notice_term();
    if (leadership_->leads() && has_work()) {
      const Instant deadline = leadership_->now() + leadership_->config().push_timeout;
      const auto reached = co_await leadership_->reach(deadline);
      if (reached.has_value()) {
        co_await record_births();
        co_await forget_what_is_gone();
        notice_term();
        if (leadership_->leads()) push_changes();
      }
    }
  }
}

// What workers were told counts in one term: another leader may have told them something else.
void Reconciler::notice_term() {
  if (term_ == leadership_->term()) return;
  term_ = leadership_->term();
  pushes_.forget_all();
}

// Most reports bring counts alone, and there is nothing to do about them.
bool Reconciler::has_work() const {
  const PlacementState& state = leadership_->state();
  const ClusterView& view = leadership_->view();
  const auto is_gone = [&](const auto& removed) { return view.is_gone(removed.second); };
  return pushes_.has_news(state, view) || std::ranges::any_of(state.removed(), is_gone) ||
         !view.unrecorded_births(state).empty();
}

Task<void> Reconciler::record_births() {
  stored::PlacementCommand command;
  command.replicas_created = stored::ReplicasCreatedCommand{};
  command.replicas_created->replica_ids =
      leadership_->view().unrecorded_births(leadership_->state());
  if (command.replicas_created->replica_ids.empty()) co_return;
  const Instant deadline = leadership_->now() + leadership_->config().push_timeout;
  const auto recorded = co_await leadership_->propose(std::move(command), deadline);
  // A birth that was not recorded is reported again with the next heartbeat.
  if (!recorded.has_value()) {
    leadership_->env().log().debug("placement", "births were not recorded: {}",
                                   recorded.error().to_string());
  }
}

Task<void> Reconciler::forget_what_is_gone() {
  stored::PlacementCommand command;
  command.forget_collections = stored::ForgetCollectionsCommand{};
  for (const auto& [id, removed] : leadership_->state().removed()) {
    if (!leadership_->view().is_gone(removed)) continue;
    command.forget_collections->collection_ids.push_back(id.value());
  }
  if (command.forget_collections->collection_ids.empty()) co_return;
  const Instant deadline = leadership_->now() + leadership_->config().push_timeout;
  const auto forgotten = co_await leadership_->propose(std::move(command), deadline);
  // What was not forgotten is tried again after the next report.
  if (!forgotten.has_value()) {
    leadership_->env().log().debug("placement", "removed collections were not forgotten: {}",
                                   forgotten.error().to_string());
  }
}

void Reconciler::push_changes() {
  const PlacementState& state = leadership_->state();
  pushes_.forget_strangers(state);
  for (const auto& [node, record] : state.workers()) {
    auto next = pushes_.begin(node, state, leadership_->view(), leadership_->watching());
    if (!next) continue;
    tasks_.spawn(push({node, Address{record.address}}, *std::move(next)));
  }
}

Task<void> Reconciler::push(rpc::NodeAddress worker, PushTable::Push push) {
  const NodeId node = worker.node;
  const Term term = leadership_->term();
  RequestContext context;
  context.deadline = leadership_->now() + leadership_->config().push_timeout;
  wire::WorkerClient client(channels_->channel(worker));
  const auto reply = co_await client.assign(std::move(context), std::move(push.request));
  const bool still_leads = leadership_->leads() && leadership_->term() == term;
  const bool counts = reply.has_value() && still_leads;
  if (counts) {
    leadership_->hear(node, reply->revision, reply->replicas);
  } else {
    // The next heartbeat brings the assignments too; this is only the quicker way.
    co_await leadership_->env().clock().sleep_for(leadership_->config().push_interval);
  }
  notice_term();
  const bool on_record = leadership_->state().workers().contains(node);
  pushes_.end(node, counts && on_record ? std::optional(std::move(push.said)) : std::nullopt);
  leadership_->work().set();
}

}  // namespace vectron
