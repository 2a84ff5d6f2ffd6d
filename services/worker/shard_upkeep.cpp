#include "services/worker/shard_upkeep.h"

#include <algorithm>

namespace vectron {

namespace {

constexpr std::string_view kComponent = "upkeep";
constexpr uint32_t kRowSlots = 1'024;    // Of one block, encoded in one step of the event loop.
constexpr uint32_t kLinkSlots = 16'384;  // Of one block at most; its size ends it sooner.
constexpr uint64_t kLinkSlotNanoseconds = 150;
constexpr Duration kStorePause = 20ms;
constexpr int kStorePausesMax = 1'500;
constexpr Duration kDisposePause = 10ms;
constexpr uint64_t kDisposeNanoseconds = 1'000'000;

}  // namespace

ShardUpkeep::ShardUpkeep(Env* env, const UpkeepConfig* config, Replica* replica, ShardState* state)
    : env_(env),
      config_(*config),
      replica_(replica),
      state_(state),
      changed_at_(env->clock().monotonic()),
      attempted_at_(env->clock().monotonic() - config->checkpoint_pause_min),
      turn_(env->scheduler(), 1),
      tasks_(env->scheduler()) {
  tasks_.spawn(loop());
}

Task<void> ShardUpkeep::loop() {
  while (true) {
    co_await env_->clock().sleep_for(config_.check_interval);
    if (!replica_->serving() || !state_->content()) continue;
    look_at_progress();
    if (wants_rebuild()) co_await rebuild();
    if (wants_checkpoint()) co_await checkpoint();
  }
}

void ShardUpkeep::look_at_progress() {
  if (state_->progress() == seen_progress_) return;
  seen_progress_ = state_->progress();
  changed_at_ = env_->clock().monotonic();
}

bool ShardUpkeep::wants_checkpoint() const {
  const Instant now = env_->clock().monotonic();
  CheckpointProgress progress;
  progress.changes = state_->progress() - saved_progress_;
  progress.points = state_->points();
  progress.since_change = now - changed_at_;
  progress.since_attempt = now - attempted_at_;
  return checkpoint_is_due(config_, progress);
}

bool ShardUpkeep::wants_rebuild() const {
  if (!state_->content() || state_->rebuild()) return false;
  const index::Cut cut = state_->content()->index.cut();
  return rebuild_is_due(config_, cut.slots, cut.removals);
}

// ---------------------------------------------------------------------------------- checkpoints

Task<void> ShardUpkeep::checkpoint_before_stop() {
  hurry_ = true;
  co_await checkpoint();
}

Task<void> ShardUpkeep::checkpoint() {
  const Semaphore::Permit turn = co_await turn_.acquire();
  if (!replica_->serving() || !state_->content() || state_->progress() == saved_progress_)
    co_return;
  Job job;
  job.content = state_->content();
  job.cut = job.content->index.cut();
  job.home = state_->home();
  job.applied_index = replica_->applied_index();
  job.progress = state_->progress();
  job.skip_tail = env_->planted("checkpoint_skips_tail");
  const uint64_t progress = job.progress;
  const auto written = co_await write_checkpoint(std::move(job));
  attempted_at_ = env_->clock().monotonic();
  if (written.has_value()) {
    saved_progress_ = progress;
    env_->metrics().add(Metric::worker_checkpoints_written);
    if (replica_->serving()) state_->report(IndexEvent::checkpointed);
    co_return;
  }
  env_->metrics().add(Metric::worker_checkpoints_failed);
  env_->log().warning(kComponent, "no checkpoint of replica {}: {}", replica_->spec().self,
                      written.error().to_string());
}

Task<Result<void>> ShardUpkeep::write_checkpoint(Job job) {
  CheckpointHeader header;
  header.identity = {job.home.name.group, job.home.name.replica, job.home.generation,
                     index_options(state_->options())};
  header.applied_index = job.applied_index;
  if (job.skip_tail) job.cut.slots = std::min(job.cut.slots, job.content->index.graph_end());
  header.slots = job.cut.slots;
  auto created = co_await CheckpointWriter::create(env_, job.home, header);
  VECTRON_CO_TRY(const std::unique_ptr<CheckpointWriter> writer, created);
  const auto coverage = co_await write_rows(&job, writer.get());
  VECTRON_CO_CHECK_OK(coverage);
  const auto graph_end = co_await write_links(&job, writer.get());
  VECTRON_CO_CHECK_OK(graph_end);
  const auto stored = co_await wait_for_store(&job);
  VECTRON_CO_CHECK_OK(stored);
  auto committed = co_await writer->commit(*graph_end, *coverage);
  co_return committed;
}

// Returns the coverage of the rows.
Task<Result<uint64_t>> ShardUpkeep::write_rows(const Job* job, CheckpointWriter* writer) {
  const index::Slot end = job->cut.slots;
  uint64_t coverage = 0;
  for (index::Slot begin = 0; begin < end;) {
    Bytes payload;
    const index::Slot block_end = append_checkpoint_rows(
        *job->content, job->cut, begin, begin + std::min(end - begin, kRowSlots), &payload);
    coverage += job->content->coverage(job->cut, begin, block_end);
    const uint64_t bytes = payload.size();
    const auto added =
        co_await writer->add(CheckpointBlockKind::rows, block_end - begin, std::move(payload));
    VECTRON_CO_CHECK_OK(added);
    begin = block_end;
    co_await keep_pace(bytes);
  }
  co_return coverage;
}

// Goes on for as long as the graph grows, up to the cut: so that few links lead beyond the end.
Task<Result<index::Slot>> ShardUpkeep::write_links(const Job* job, CheckpointWriter* writer) {
  index::Slot begin = 0;
  while (true) {
    const index::Slot graph_end = std::min(job->content->index.graph_end(), job->cut.slots);
    if (begin == graph_end) co_return begin;
    const auto payload = std::make_shared<Bytes>();
    const index::Slot end = begin + std::min(graph_end - begin, kLinkSlots);
    std::function<index::Slot()> work = [content = job->content, cut = job->cut, begin, end,
                                         payload] {
      return append_checkpoint_links(content->index, cut, begin, end, payload.get());
    };
    const CpuCost cost{1000 + (end - begin) * kLinkSlotNanoseconds};
    const index::Slot block_end = co_await run_on<index::Slot>(&env_->cpu(), cost, std::move(work));
    const uint64_t bytes = payload->size();
    const auto added =
        co_await writer->add(CheckpointBlockKind::links, block_end - begin, std::move(*payload));
    VECTRON_CO_CHECK_OK(added);
    begin = block_end;
    co_await keep_pace(bytes);
  }
}

// A checkpoint is of a state that the store has: the store must not come back with less.
Task<Result<void>> ShardUpkeep::wait_for_store(const Job* job) {
  for (int pause = 0; pause < kStorePausesMax; ++pause) {
    if (!replica_->serving() || !is_current(*job)) {
      co_return fail(Code::aborted, "a snapshot replaced the store");
    }
    if (replica_->flushed_index() >= job->applied_index) co_return Result<void>();
    if (hurry_) replica_->request_flush();
    co_await env_->clock().sleep_for(kStorePause);
  }
  co_return fail(Code::unavailable, "the store does not keep up");
}

bool ShardUpkeep::is_current(const Job& job) const {
  return state_->home().generation == job.home.generation;
}

Task<void> ShardUpkeep::keep_pace(uint64_t bytes) {
  const uint64_t nanoseconds =
      hurry_ ? 0 : bytes * 1'000'000'000 / config_.checkpoint_bytes_per_second_max;
  co_await env_->clock().sleep_for(std::chrono::nanoseconds(nanoseconds));
}

// ------------------------------------------------------------------------------------ rebuilds

Task<void> ShardUpkeep::rebuild() {
  const std::shared_ptr<ShardRebuild> rebuild = state_->begin_rebuild();
  const std::shared_ptr<ShardContent> to = rebuild->to();
  const uint32_t slice = config_.rebuild_slice_points;
  // Done when all is copied and little is left to link: what is left is the tail of the new index.
  while (!rebuild->copy_some(slice) || to->index.unclaimed_slots() > slice) {
    const CpuCost cost{1000 + to->index.index_cost(slice) / 12};
    std::function<uint32_t()> work = [to, slice] { return to->index.index_some(slice); };
    const uint32_t linked = co_await run_on<uint32_t>(&env_->cpu(), cost, std::move(work));
    state_->note_linked(linked);
    // A snapshot comes, and all is new anyway; or the replica is gone.
    if (state_->rebuild() != rebuild || !replica_->serving()) co_return;
  }
  const index::Cut before = rebuild->from()->index.cut();
  std::shared_ptr<ShardContent> old = state_->finish_rebuild();
  env_->metrics().add(Metric::worker_rebuilds);
  env_->log().info(kComponent, "replica {} has a new index: {} slots instead of {}",
                   replica_->spec().self, to->rows.size(), before.slots);
  tasks_.spawn(dispose(std::move(old)));
}

// Gives a big content back on the Cpu pool once no search and no job has it any more.
Task<void> ShardUpkeep::dispose(std::shared_ptr<ShardContent> old) {
  while (old.use_count() > 1) co_await env_->clock().sleep_for(kDisposePause);
  const CpuCost cost{kDisposeNanoseconds};
  std::function<void()> work = [old = std::move(old)]() mutable { old.reset(); };
  co_await env_->cpu().run(cost, std::move(work));
}

}  // namespace vectron
