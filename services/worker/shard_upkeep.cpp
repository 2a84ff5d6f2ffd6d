#include "services/worker/shard_upkeep.h"

#include <algorithm>

#include "core/async/combine.h"
#include "services/worker/work_cost.h"

namespace vectron {

namespace {

constexpr std::string_view kComponent = "upkeep";
constexpr uint32_t kRowSlots = 1'024;    // Of one block, encoded in one step of the event loop.
constexpr uint32_t kLinkSlots = 16'384;  // Of one block at most; its size ends it sooner.
constexpr uint64_t kLinkSlotNanoseconds = 150;
constexpr uint64_t kRowBytes = 32;  // Of a row in a checkpoint, for an estimate.
constexpr Duration kPacePauseMax = 100ms;
constexpr Duration kStorePause = 20ms;
constexpr int kStorePausesMax = 1'500;
constexpr uint64_t kMendPieceEvaluations = 100'000;
constexpr Duration kDisposePause = 10ms;
constexpr uint64_t kDisposeNanoseconds = 1'000'000;

/// Ends a worker's turn to rebuild, whichever way the coroutine goes.
class RebuildTurn {
 public:
  explicit RebuildTurn(MemoryBudget* budget) : budget_(budget) {}
  RebuildTurn(const RebuildTurn&) = delete;
  RebuildTurn& operator=(const RebuildTurn&) = delete;
  ~RebuildTurn() { budget_->end_rebuild(); }

 private:
  MemoryBudget* budget_;
};

}  // namespace

ShardUpkeep::ShardUpkeep(Env* env, const UpkeepConfig* config, MemoryBudget* budget,
                         Replica* replica, ShardState* state)
    : env_(env),
      config_(*config),
      budget_(budget),
      replica_(replica),
      state_(state),
      changed_at_(env->clock().monotonic()),
      attempted_at_(env->clock().monotonic() - config->checkpoint_pause_min),
      rebuild_after_(env->clock().monotonic()),
      turn_(env->scheduler(), 1),
      tasks_(env->scheduler()) {
  tasks_.spawn(loop());
}

Task<void> ShardUpkeep::loop() {
  while (true) {
    co_await env_->clock().sleep_for(config_.check_interval);
    if (!replica_->serving() || !state_->content()) continue;
    look_at_progress();
    if (wants_rebuild()) co_await rebuild_in_turn();
    // Before a checkpoint, so that it holds a graph that leads everywhere.
    if (wants_mending()) co_await mend();
    if (wants_checkpoint()) co_await checkpoint();
  }
}

void ShardUpkeep::look_at_progress() {
  if (state_->progress() == seen_progress_) return;
  seen_progress_ = state_->progress();
  changed_at_ = env_->clock().monotonic();
}

// Without a graph there is nothing that a restart would have to learn again.
bool ShardUpkeep::has_learnt() const {
  return state_->progress() != saved_progress_ && state_->content()->index.graph_end() > 0;
}

bool ShardUpkeep::wants_checkpoint() const {
  if (!has_learnt()) return false;
  const Instant now = env_->clock().monotonic();
  CheckpointProgress progress;
  progress.changes = state_->progress() - saved_progress_;
  progress.points = state_->points();
  progress.since_change = now - changed_at_;
  progress.since_attempt = now - attempted_at_;
  return checkpoint_is_due(config_, progress);
}

bool ShardUpkeep::wants_mending() const {
  const std::shared_ptr<ShardContent>& content = state_->content();
  if (!replica_->serving() || !content) return false;
  MendProgress progress;
  progress.nodes = content->index.graph().nodes();
  progress.nodes_mended = content->nodes_mended;
  progress.since_change = env_->clock().monotonic() - changed_at_;
  const uint64_t bytes = index::GraphMender::bytes_of(content->index.graph_end());
  return mend_is_due(config_, progress) && budget_->fits(bytes);
}

bool ShardUpkeep::wants_rebuild() const {
  if (!state_->content() || state_->rebuild()) return false;
  if (env_->clock().monotonic() < rebuild_after_) return false;
  const index::Cut cut = state_->content()->index.cut();
  const bool due = rebuild_is_due(config_, cut.slots, cut.removals) ||
                   (budget_->pressed() && rebuild_is_worthwhile(cut.slots, cut.removals));
  return due && budget_->fits(live_bytes(cut));
}

// What is live of this content comes twice.
uint64_t ShardUpkeep::live_bytes(const index::Cut& cut) const {
  return state_->content()->bytes() / std::max<uint64_t>(cut.slots, 1) * cut.live();
}

ShardUpkeep::Tombstones ShardUpkeep::tombstones() const {
  if (!replica_->serving() || !state_->content() || state_->rebuild()) return {};
  const index::Cut cut = state_->content()->index.cut();
  if (!rebuild_is_worthwhile(cut.slots, cut.removals)) return {};
  const uint64_t live = live_bytes(cut);
  return {.bytes = state_->content()->bytes() - live, .live_bytes = live};
}

void ShardUpkeep::learn_anew() {
  env_->log().warning(kComponent,
                      "replica {} learns its index anew from the store: there is no room to build "
                      "one without tombstones beside it",
                      replica_->spec().self);
  state_->load_without_checkpoint();
  replica_->reload();
}

// ---------------------------------------------------------------------------------- checkpoints

Task<void> ShardUpkeep::checkpoint_before_stop() {
  hurry_ = true;
  co_await checkpoint();
}

Task<void> ShardUpkeep::end() {
  ended_ = true;
  // Whoever writes a checkpoint gives it up and cleans up behind itself.
  const Semaphore::Permit turn = co_await turn_.acquire();
  tasks_.cancel_all();
}

Task<void> ShardUpkeep::checkpoint() {
  const Semaphore::Permit turn = co_await turn_.acquire();
  if (ended_ || !replica_->serving() || !state_->content() || !has_learnt()) co_return;
  Job job;
  job.content = state_->content();
  job.cut = job.content->index.cut();
  job.home = state_->home();
  job.applied_index = replica_->applied_index();
  job.progress = state_->progress();
  job.skip_tail = env_->planted("checkpoint_skips_tail");
  const uint64_t progress = job.progress;
  const StateHome home = job.home;
  const auto written = co_await write_checkpoint(std::move(job));
  if (!written.has_value()) co_await remove_unfinished_checkpoint(env_, home);
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

// On a disk that is nearly full, what is left is the write-ahead log's.
Result<void> ShardUpkeep::check_space(const Job& job) const {
  VECTRON_TRY(const uint64_t free, env_->disk().free_space_bytes());
  const uint64_t bytes = job.content->index.stats().graph_bytes + job.cut.slots * kRowBytes;
  if (free >= bytes + config_.checkpoint_free_bytes_min) return {};
  return fail(Code::resource_exhausted,
              fmt::format("{} bytes are free on the disk, it takes {} and leaves {} at least", free,
                          bytes, config_.checkpoint_free_bytes_min));
}

Result<void> ShardUpkeep::check_wanted(const Job& job) const {
  if (!ended_ && replica_->serving() && is_current(job)) return {};
  return fail(Code::aborted, "the replica stopped, or a snapshot replaced its store");
}

Task<Result<void>> ShardUpkeep::write_checkpoint(Job job) {
  const auto space = check_space(job);
  VECTRON_CO_CHECK_OK(space);
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
    const auto wanted = check_wanted(*job);
    VECTRON_CO_CHECK_OK(wanted);
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
    std::function<index::Slot()> work = [content = job->content, slots = job->cut.slots, begin, end,
                                         payload] {
      return append_checkpoint_links(content->index, slots, begin, end, payload.get());
    };
    const CpuCost cost{.nanoseconds = 1000 + (end - begin) * kLinkSlotNanoseconds,
                       .background = true};
    const index::Slot block_end = co_await run_on<index::Slot>(&env_->cpu(), cost, std::move(work));
    const uint64_t bytes = payload->size();
    const auto added =
        co_await writer->add(CheckpointBlockKind::links, block_end - begin, std::move(*payload));
    VECTRON_CO_CHECK_OK(added);
    begin = block_end;
    co_await keep_pace(bytes);
    const auto wanted = check_wanted(*job);
    VECTRON_CO_CHECK_OK(wanted);
  }
}

// A checkpoint is of a state that the store has: the store must not come back with less.
Task<Result<void>> ShardUpkeep::wait_for_store(const Job* job) {
  for (int pause = 0; pause < kStorePausesMax; ++pause) {
    const auto wanted = check_wanted(*job);
    VECTRON_CO_CHECK_OK(wanted);
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
  const Duration pause =
      std::chrono::nanoseconds(bytes * 1'000'000'000 / config_.checkpoint_bytes_per_second_max);
  const Instant until = env_->clock().monotonic() + pause;
  // In short pauses, for there may be reason to hurry, or to end, in between.
  while (!hurry_ && !ended_ && env_->clock().monotonic() < until) {
    co_await env_->clock().sleep_for(std::min(kPacePauseMax, until - env_->clock().monotonic()));
  }
  if (hurry_) co_await env_->clock().sleep_for(Duration::zero());
}

// ------------------------------------------------------------------------------------- mending

// Gives links to what no walk leads to (or counts it, where that is as it should be), beside
// searches, writes and linking. What is linked meanwhile may undo a part of it: then the graph has
// grown, and this comes again.
Task<void> ShardUpkeep::mend() {
  const std::shared_ptr<ShardContent> content = state_->content();
  const uint64_t nodes = content->index.graph().nodes();
  content->nodes_mended = nodes;
  content->mending_bytes = index::GraphMender::bytes_of(content->index.graph_end());
  const auto mender = std::make_shared<index::GraphMender>(content->index.mender());
  const CpuCost cost = linking_cost(kMendPieceEvaluations, state_->options().dimension);
  for (bool done = false; !done;) {
    std::function<bool()> work = [content, mender] {
      return mender->mend_some(kMendPieceEvaluations);
    };
    done = co_await run_on<bool>(&env_->cpu(), cost, std::move(work));
    if (ended_ || state_->content() != content) co_return;
  }
  content->mending_bytes = 0;
  content->nodes_unreachable = mender->unreachable();
  env_->metrics().add(Metric::worker_graph_nodes_mended, mender->mended());
  const bool is_quiet = content->index.graph().nodes() == nodes;
  if (is_quiet && replica_->serving()) state_->report(IndexEvent::mended);
}

// ------------------------------------------------------------------------------------ rebuilds

// One at a time on a worker: there is room for one, and it takes all threads.
Task<void> ShardUpkeep::rebuild_in_turn() {
  if (!budget_->begin_rebuild()) co_return;
  const RebuildTurn turn(budget_);
  co_await rebuild();
}

Task<void> ShardUpkeep::rebuild() {
  const std::shared_ptr<ShardRebuild> rebuild = state_->begin_rebuild();
  const bool caught_up = co_await build_beside(rebuild);
  // A snapshot came, and all is new anyway; or the replica is gone.
  if (state_->rebuild() != rebuild || !replica_->serving()) co_return;
  if (!caught_up) {
    env_->metrics().add(Metric::worker_rebuilds_abandoned);
    env_->log().warning(kComponent, "replica {}: the rebuild of its index is given up: {}",
                        replica_->spec().self,
                        budget_->exceeded() ? "memory is short" : "writes outran it");
    rebuild_after_ = env_->clock().monotonic() + config_.rebuild_pause_min;
    tasks_.spawn(dispose(state_->abandon_rebuild()));
    co_return;
  }
  const index::Cut before = rebuild->from()->index.cut();
  std::shared_ptr<ShardContent> old = state_->finish_rebuild();
  env_->metrics().add(Metric::worker_rebuilds);
  env_->log().info(kComponent, "replica {} has a new index: {} slots instead of {}",
                   replica_->spec().self, rebuild->to()->rows.size(), before.slots);
  tasks_.spawn(dispose(std::move(old)));
}

// True when the new content can take the old one's place, with no await since that was found out;
// false when it is not to be, or does not catch up.
Task<bool> ShardUpkeep::build_beside(std::shared_ptr<ShardRebuild> rebuild) {
  const ShardContent& from = *rebuild->from();
  const auto lanes = static_cast<uint32_t>(env_->cpu().parallelism());
  RebuildProgress progress;
  progress.slots_before = from.rows.size();
  while (true) {
    rebuild->copy_some(config_.rebuild_slice_points * lanes);
    progress.slots = from.rows.size();
    progress.uncopied = rebuild->uncopied();
    progress.unlinked = rebuild->to()->index.waiting_slots();
    progress.old_unlinked = from.index.waiting_slots();
    const RebuildStep step = rebuild_step(config_, progress);
    if (step != RebuildStep::go_on) co_return step == RebuildStep::change_places;
    if (budget_->exceeded()) co_return false;
    co_await link_some(rebuild->to());
    if (state_->rebuild() != rebuild || !replica_->serving()) co_return false;
  }
}

// One round of linking, with as many threads as link what is written meanwhile.
Task<void> ShardUpkeep::link_some(std::shared_ptr<ShardContent> to) {
  const uint32_t slice = config_.rebuild_slice_points;
  const uint64_t dimension = state_->options().dimension;
  const CpuCost cost = linking_cost(to->index.index_cost(slice) / dimension, dimension);
  std::function<uint32_t()> work = [to, slice] { return to->index.index_some(slice); };
  std::vector<Task<uint32_t>> lanes;
  lanes.reserve(env_->cpu().parallelism());
  for (size_t i = 0; i < env_->cpu().parallelism(); ++i) {
    lanes.push_back(run_on<uint32_t>(&env_->cpu(), cost, work));
  }
  const std::vector<uint32_t> linked = co_await when_all(std::move(lanes));
  for (const uint32_t points : linked) state_->note_linked(points);
}

// Gives a big content back on the Cpu pool once no search and no job has it any more.
Task<void> ShardUpkeep::dispose(std::shared_ptr<ShardContent> old) {
  while (old.use_count() > 1) co_await env_->clock().sleep_for(kDisposePause);
  const CpuCost cost{.nanoseconds = kDisposeNanoseconds, .background = true};
  std::function<void()> work = [old = std::move(old)]() mutable { old.reset(); };
  co_await env_->cpu().run(cost, std::move(work));
}

}  // namespace vectron
