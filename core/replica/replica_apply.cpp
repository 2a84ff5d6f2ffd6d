// What a Replica has its state machine do: apply what is committed, and load anew.
#include <algorithm>

#include "core/replica/replica.h"

namespace vectron {

// A long queue, after a start or a long absence, is applied over many turns of the loop.
void Replica::apply_some(size_t* bytes_left) {
  bool applied_any = false;
  while (serving() && !apply_queue_.empty() && overlay_->has_room() && *bytes_left > 0) {
    const raft::Entry entry = std::move(apply_queue_.front());
    apply_queue_.pop_front();
    *bytes_left -= std::min(*bytes_left, entry.cost_bytes());
    const auto applied = apply_entry(entry);
    if (!applied.has_value()) return fail_stop(applied.error());
    applied_any = true;
  }
  if (!apply_queue_.empty() && serving() && *bytes_left == 0) {
    wake();
  } else if (!apply_queue_.empty() && serving() && !waiting_for_room_) {
    waiting_for_room_ = true;
    resume_task_ = tasks_.spawn(resume_apply());
  }
  if (!applied_any) return;
  overlay_->set_durable_index(overlay_->applied_index());
  raft_->applied_to(overlay_->applied_index());
  applied_changed_.notify_all();
  tell_change();
}

Task<void> Replica::resume_apply() {
  const auto room = co_await overlay_->wait_for_room();
  waiting_for_room_ = false;
  if (room.has_value()) pump();
}

Result<void> Replica::apply_entry(const raft::Entry& entry) {
  VECTRON_ASSERT(entry.index == overlay_->applied_index() + 1, "entry {} after applied index {}",
                 entry.index, overlay_->applied_index());
  overlay_->begin_entry(entry.index);
  Bytes answer;
  if (entry.kind == raft::EntryKind::normal) {
    auto applied = state_machine_->apply(entry.index, raft::view(entry.data));
    if (!applied.has_value()) {
      cannot_apply_ = applied.error().code() == Code::data_loss;
      overlay_->fail_entry(applied.error());
      return fail(applied.error());
    }
    answer = *std::move(applied);
  }
  overlay_->end_entry();
  if (parts_.observer != nullptr) parts_.observer->on_apply(name_, entry, overlay_->digest());
  proposals_.applied(entry, std::move(answer));
  return {};
}

void Replica::reload() {
  if (!serving()) return;
  reload_wanted_ = true;
  persist_queued_.notify_all();
}

// What cannot be read fences this replica alone.
Task<Result<void>> Replica::load_state() {
  auto loaded = co_await state_machine_->load(overlay_.get(), state_home());
  cannot_apply_ = !loaded.has_value() && loaded.error().code() == Code::data_loss;
  co_return loaded;
}

// Runs in persist_loop(): a snapshot cannot replace the store meanwhile.
Task<Result<void>> Replica::reload_state() {
  reload_wanted_ = false;
  reloading_ = true;
  auto loaded = co_await load_state();
  reloading_ = false;
  co_return loaded;
}

}  // namespace vectron
