// The start of a Replica: from what the log and the store hold to a member that takes part.
#include <algorithm>

#include "core/raft/message_check.h"
#include "core/replica/generations.h"
#include "core/replica/replica.h"
#include "core/replica/store_scrub.h"

namespace vectron {
namespace {

raft::Membership membership_of(const std::vector<ReplicaMember>& members) {
  raft::Membership membership;
  for (const ReplicaMember& member : members) membership.voters.push_back(member.replica);
  std::sort(membership.voters.begin(), membership.voters.end());
  return membership;
}

// What raft takes for granted of its own log is asked of the disk: damage there is this replica's
// loss, and no reason for the process to end.
bool is_log_after(const raft::SnapshotMeta& base, const WalGroupState& recovered) {
  LogIndex index = base.index;
  Term term = base.term;
  for (const raft::Entry& entry : recovered.entries) {
    if (entry.index != index + 1 || entry.term < term) return false;
    index = entry.index;
    term = entry.term;
  }
  return term <= recovered.hard_state.term;
}

}  // namespace

StateHome Replica::state_home() const {
  return {.name = name_, .folder = spec_.folder, .generation = generation_};
}

raft::Config Replica::raft_config() const {
  Env& env = *parts_.env;
  raft::Config config;
  config.self = spec_.self;
  config.election_ticks = config_.election_ticks;
  config.heartbeat_ticks = config_.heartbeat_ticks;
  config.append_bytes_max = config_.append_bytes_max;
  config.inflight_bytes_max = kInflightBytesMax;
  config.uncommitted_bytes_max = config_.uncommitted_bytes_max;
  config.log_bytes_max =
      std::max(config.log_bytes_max,
               config_.uncommitted_bytes_max +
                   std::max(config_.log_bytes_kept_max, config_.log_bytes_waiting_max));
  config.random_seed = env.random(fmt::format("raft-{}", spec_.self)).next();
  config.planted.commit_old_term_by_count = env.planted("commit_old_term_by_count");
  // Groups with the high ids of services get theirs: without it no cluster would come up.
  const bool of_a_shard = spec_.group.value() >> 62 == 0;
  config.planted.skip_noop = config.planted.commit_old_term_by_count && of_a_shard;
  config.planted.ack_before_quorum = env.planted("ack_before_quorum");
  config.planted.read_index_without_quorum = env.planted("read_without_quorum");
  // A leader that never asks whether it still leads does not step down either.
  config.check_quorum = !config.planted.read_index_without_quorum;
  config.planted.vote_twice = env.planted("vote_twice");
  config.planted.vote_without_log_check = env.planted("vote_without_log_check");
  config.planted.campaign_before_persist = env.planted("campaign_before_persist");
  config.planted.ack_before_persist = env.planted("ack_before_persist");
  config.planted.truncate_on_any_append = env.planted("truncate_on_any_append");
  config.planted.append_without_previous_check = env.planted("append_without_previous_check");
  return config;
}

Result<void> Replica::check_recovered(const WalGroupState& recovered,
                                      const raft::SnapshotMeta& base) {
  const LogIndex last = recovered.entries.empty() ? base.index : recovered.entries.back().index;
  const LogIndex applied = overlay_->applied_index();
  // Earlier versions took such a term from whoever sent it. No election would have one above it.
  if (recovered.hard_state.term.value() > raft::kTermMax) {
    return fail(Code::data_loss,
                fmt::format("replica {} has logged term {}, which no group ever reaches: its log "
                            "is damaged or was forged, so it must not vote",
                            spec_.self, recovered.hard_state.term));
  }
  if (applied > last || recovered.hard_state.commit_index > last || applied < base.index) {
    return fail(
        Code::data_loss,
        fmt::format("replica {} has applied up to {} and its log has [{}, {}] with commit "
                    "index {}: acknowledged entries are gone, so it must not vote",
                    spec_.self, applied, base.index, last, recovered.hard_state.commit_index));
  }
  if (!is_log_after(base, recovered)) {
    return fail(Code::data_loss,
                fmt::format("the entries that replica {} has logged do not follow one another, or "
                            "not its snapshot at {}: its log is damaged, so it must not vote",
                            spec_.self, base.index));
  }
  return {};
}

Task<Result<void>> Replica::open_store(uint64_t generation) {
  // The log names this store, so it was made, whole and durable.
  const std::string folder = generation_folder(spec_.folder, generation);
  auto opened = co_await KvStore::open_existing(parts_.env, folder, config_.kv);
  if (!opened.has_value() && opened.error().code() == Code::not_found) {
    co_return fail(Code::data_loss,
                   fmt::format("the store in {} is gone: {}", parts_.env->disk().whole_path(folder),
                               opened.error().message()));
  }
  VECTRON_CO_TRY(kv_, opened);
  auto overlay = OverlayStore::open(parts_.env, kv_.get(), config_.overlay);
  VECTRON_CO_TRY(overlay_, overlay);
  generation_ = generation;
  auto loaded = co_await state_machine_->load(overlay_.get(), state_home());
  co_return loaded;
}

Task<Result<void>> Replica::start(WalGroupState* state) {
  VECTRON_ASSERT(raft_ == nullptr, "a replica starts once");
  if (!state->mark) {
    co_return fail(Code::data_loss, fmt::format("replica {} has no birth in the log", spec_.self));
  }
  auto opened = co_await open_store(state->mark->generation);
  VECTRON_CO_CHECK_OK(opened);
  raft::SnapshotMeta base = state->mark->meta;
  if (base.membership.voters.empty()) base.membership = membership_of(spec_.members);
  auto checked = check_recovered(*state, base);
  VECTRON_CO_CHECK_OK(checked);
  const auto cleaned = co_await remove_other_generations(parts_.env, spec_.folder, generation_);
  VECTRON_CO_CHECK_OK(cleaned);
  // Nothing fails from here on: what another try would need may be taken.
  WalGroupState recovered = std::move(*state);
  const LogIndex applied = overlay_->applied_index();
  if (parts_.observer != nullptr) {
    parts_.observer->on_start(name_, recovered.hard_state, base, recovered.entries, applied);
  }
  overlay_->set_durable_index(applied);
  raft_ = std::make_unique<raft::Raft>(raft_config(), recovered.hard_state, base,
                                       std::move(recovered.entries), applied);
  tasks_.spawn(persist_loop());
  begin_work_on_store();
  // A group of one needs nobody's vote: do not wait for an election timeout.
  if (spec_.members.size() == 1) raft_->campaign();
  wake();
  co_return Result<void>();
}

void Replica::begin_work_on_store() {
  flush_task_ = tasks_.spawn(flush_loop());
  scrub_task_ = tasks_.spawn(scrub_store(parts_.env, kv_.get(), parts_.scrub_turn, config_, name_));
}

}  // namespace vectron
