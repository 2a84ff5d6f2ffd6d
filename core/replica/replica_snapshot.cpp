// Snapshots of a Replica: sending one to a follower that the log no longer reaches, and receiving
// one.
//
// A snapshot is the content of the leader's store at its flushed index, in pages of pairs in order
// of keys. The receiver fills a new generation folder; only when that is complete, checked and
// durable does Raft learn of it, and one record of the write-ahead log switches to it. A crash
// before that record leaves a folder that recovery removes; after it, the old folder.
#include "core/async/combine.h"
#include "core/replica/birth_remains.h"
#include "core/replica/replica.h"
#include "schemas/codec_work.h"
#include "schemas/storage_messages.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "snapshot";

// A page is read in one turn of the event loop, and looked at by the receiver in pieces of a
// millisecond.
constexpr size_t kPagePairsMax = 1'000;
constexpr uint64_t kPieceNanoseconds = 1'000'000;

// Of reading and encoding pairs, and of checking pairs that came.
CpuCost reading_cost(size_t pairs, size_t bytes) {
  return {.nanoseconds = 500 + 1'000 * pairs + 3 * bytes};
}
CpuCost checking_cost(size_t pairs, size_t bytes) {
  return {.nanoseconds = 2'500 * pairs + 2 * bytes};
}

// One page of pairs from `from` on; sets `next` to where the next one starts, empty at the end.
Result<Bytes> read_page(Cpu* cpu, KvReader* reader, const Bytes& from, size_t bytes_max,
                        KvScanEnd* next) {
  stored::KeyValuePage page;
  KvScanRange range;
  range.from = from;
  range.bytes_max = bytes_max;
  range.items_max = kPagePairsMax;
  size_t bytes = 0;
  const auto end = reader->scan(range, [&page, &bytes](ByteView key, ByteView value) {
    bytes += key.size() + value.size();
    page.pairs.push_back({to_bytes(key), to_bytes(value)});
    return true;
  });
  cpu->worked_on_loop(reading_cost(page.pairs.size(), bytes));
  if (!end.has_value()) return fail(end.error());
  *next = *end;
  return encode(page);
}

Task<Result<stored::KeyValuePage>> decode_page(Cpu* cpu, Bytes bytes) {
  if (decodes_here(cpu, bytes)) co_return decode<stored::KeyValuePage>(bytes);
  auto decoding = decode_on_pool<stored::KeyValuePage>(cpu, rpc::FrameBody(std::move(bytes)));
  auto page = co_await decoding;
  co_return page;
}

}  // namespace

Task<void> Replica::send_snapshot(raft::SnapshotRequest request) {
  const auto sent = co_await stream_snapshot(request);
  sending_.erase(request.to);
  retention_.sent(request.to);
  if (!sent.has_value()) {
    parts_.env->log().info(kComponent, "replica {}: snapshot to {} given up: {}", spec_.self,
                           request.to, sent.error().to_string());
  } else {
    parts_.env->metrics().add(Metric::raft_snapshots_sent);
  }
  raft_->report_snapshot(request.to, sent.has_value());
  wake();
}

Task<Result<void>> Replica::stream_snapshot(raft::SnapshotRequest request) {
  auto pinned = co_await pin(request.index_min);
  VECTRON_CO_CHECK_OK(pinned);
  retention_.sending(request.to, pinned->index);
  SnapshotPiece piece;
  piece.group = spec_.group;
  piece.from = spec_.self;
  piece.to = request.to;
  piece.term = request.term;
  piece.meta = {pinned->index, pinned->term, raft_->membership()};
  if (parts_.env->planted("snapshot_misses_overlay")) {
    piece.meta.index = applied_index();
    piece.meta.term = raft_->log().term_at(piece.meta.index).value_or(pinned->term);
  }
  ReplicaMember to;
  for (const ReplicaMember& member : spec_.members) {
    if (member.replica == request.to) to = member;
  }
  KvScanEnd next = Bytes();
  while (next) {
    const Bytes from = *next;
    auto page = read_page(&parts_.env->cpu(), pinned->reader.get(), from,
                          config_.snapshot_chunk_bytes_max, &next);
    VECTRON_CO_TRY(piece.page, page);
    piece.last = !next.has_value();
    piece.digest = pinned->reader->digest();
    const uint64_t page_bytes = piece.page.size();
    const Instant deadline = parts_.env->clock().monotonic() + config_.snapshot_chunk_timeout;
    const auto wanted = co_await parts_.links->send_snapshot(to, piece, deadline);
    VECTRON_CO_CHECK_OK(wanted);
    piece.offset += page_bytes;
    if (!piece.last && *wanted != piece.offset) {
      co_return fail(Code::out_of_range, "the receiver wants another offset");
    }
  }
  co_return Result<void>();
}

Task<Result<uint64_t>> Replica::receive_snapshot(NodeId peer, SnapshotPiece piece) {
  const auto turn = co_await incoming_turn_.acquire();
  if (!serving()) co_return fail(Code::unavailable, "this replica does not take snapshots now");
  const auto admitted = admit_snapshot(peer, piece);
  VECTRON_CO_CHECK_OK(admitted);
  if (piece.offset == 0) {
    const auto begun = co_await begin_incoming(piece);
    VECTRON_CO_CHECK_OK(begun);
  }
  const bool expected = incoming_ && !incoming_->complete && incoming_->from == piece.from &&
                        incoming_->term == piece.term && incoming_->meta == piece.meta &&
                        incoming_->next_offset == piece.offset;
  if (!expected) co_return fail(Code::out_of_range, "begin the snapshot anew", "offset");
  const auto added = co_await add_to_incoming(&piece);
  if (!added.has_value()) {
    co_await drop_incoming();
    co_return fail(added.error());
  }
  if (!piece.last) co_return incoming_->next_offset;
  const uint64_t end_offset = incoming_->next_offset;
  const auto installed = co_await install_incoming();
  VECTRON_CO_CHECK_OK(installed);
  co_return end_offset;
}

Task<Result<void>> Replica::begin_incoming(SnapshotPiece piece) {
  if (!raft_->accepts_snapshot(piece.meta)) {
    co_return fail(Code::failed_precondition, "the snapshot is not needed here");
  }
  co_await drop_incoming();
  Incoming incoming;
  incoming.from = piece.from;
  incoming.term = piece.term;
  incoming.meta = piece.meta;
  incoming.generation = generation_ + 1;
  const std::string folder = generation_folder(incoming.generation);
  const auto cleared = co_await parts_.env->disk().remove_tree(folder);
  VECTRON_CO_CHECK_OK(cleared);
  auto store = co_await KvStore::open(parts_.env, folder, config_.kv);
  VECTRON_CO_TRY(incoming.store, store);
  incoming_ = std::move(incoming);
  co_return Result<void>();
}

Task<Result<void>> Replica::add_to_incoming(SnapshotPiece* piece) {
  const size_t page_bytes = piece->page.size();
  const auto page = co_await decode_page(&parts_.env->cpu(), std::move(piece->page));
  if (!page.has_value()) co_return fail(page.error());
  KvBatch batch;
  const auto fits = co_await check_pairs(&*page, &batch);
  VECTRON_CO_CHECK_OK(fits);
  if (piece->last) OverlayStore::put_applied_index(&batch, piece->meta.index);
  VECTRON_ASSERT(incoming_.has_value());
  const auto committed = co_await incoming_->store->commit(std::move(batch));
  VECTRON_CO_CHECK_OK(committed);
  VECTRON_ASSERT(incoming_.has_value());
  incoming_->next_offset += page_bytes;
  if (piece->last && incoming_->store->digest() != piece->digest) {
    co_return fail(Code::data_loss, "the snapshot's content does not have the sender's digest");
  }
  co_return Result<void>();
}

// Puts the pairs of a page into `batch`, over as many turns of the event loop as it takes: how many
// they are is the sender's choice.
Task<Result<void>> Replica::check_pairs(const stored::KeyValuePage* page, KvBatch* batch) {
  Cpu& cpu = parts_.env->cpu();
  const bool is_short = parts_.env->buggify("snapshot.short_turns");
  const uint64_t turn_nanoseconds = is_short ? 1 : kPieceNanoseconds;
  uint64_t nanoseconds = 0;
  for (const stored::KeyValue& pair : page->pairs) {
    if (pair.key.empty() || pair.key.size() > kKvKeyBytesMax) {
      co_return fail(Code::invalid_argument, "the snapshot has an impossible key");
    }
    const auto fits = state_machine_->check_pair(pair.key, pair.value);
    if (!fits.has_value()) {
      co_return fail(fits.error().with_context("the snapshot has a pair that fits nothing here"));
    }
    batch->put(pair.key, pair.value);
    nanoseconds += checking_cost(1, pair.key.size() + pair.value.size()).nanoseconds;
    if (nanoseconds < turn_nanoseconds) continue;
    cpu.worked_on_loop({.nanoseconds = std::exchange(nanoseconds, 0)});
    co_await parts_.env->clock().sleep_for(Duration::zero());
    if (!serving()) co_return fail(Code::unavailable, "this replica does not take snapshots now");
  }
  cpu.worked_on_loop({.nanoseconds = nanoseconds});
  co_return Result<void>();
}

// Hands the complete snapshot to Raft and waits until persist_loop() has switched to it.
Task<Result<void>> Replica::install_incoming() {
  VECTRON_ASSERT(incoming_.has_value());
  if (!serving() || !raft_->accepts_snapshot(incoming_->meta)) {
    co_await drop_incoming();
    co_return fail(Code::failed_precondition, "the snapshot is not needed any more");
  }
  incoming_->complete = true;
  installed_ = std::make_shared<Completion<Result<void>>>(parts_.env->scheduler());
  const auto installed = installed_;
  raft::Message message;
  message.kind = raft::MessageKind::install_snapshot;
  message.from = incoming_->from;
  message.to = spec_.self;
  message.term = incoming_->term;
  message.snapshot = incoming_->meta;
  raft_->step(std::move(message));
  pump();
  if (!switching_) {
    // Raft had a reason of its own not to take it (an older term).
    installed_.reset();
    co_await drop_incoming();
    co_return fail(Code::failed_precondition, "the snapshot is of an older term");
  }
  co_await installed->wait();
  co_return installed->get();
}

// Whoever sent the last piece is told, and the next one may come; it must not be left waiting,
// whichever way the switch ends.
void Replica::end_install(Result<void> outcome) {
  if (installed_) installed_->set(std::move(outcome));
  installed_.reset();
}

// Runs in persist_loop() once the record that names the new generation is durable. After an error
// the replica must stop.
Task<Result<void>> Replica::switch_to_snapshot(raft::SnapshotMeta meta) {
  VECTRON_ASSERT(switching_ && incoming_ && incoming_->complete && incoming_->meta == meta);
  co_await end_work_on_store();
  std::unique_ptr<OverlayStore> old_overlay = std::move(overlay_);
  std::unique_ptr<KvStore> old_store = std::move(kv_);
  std::string old_folder = generation_folder(generation_);
  kv_ = std::move(incoming_->store);
  generation_ = incoming_->generation;
  incoming_.reset();
  auto overlay = OverlayStore::open(parts_.env, kv_.get(), config_.overlay);
  VECTRON_CO_TRY(overlay_, overlay);
  VECTRON_ASSERT(overlay_->applied_index() == meta.index);
  const auto loaded = co_await load_state();
  VECTRON_CO_CHECK_OK(loaded);
  old_overlay.reset();
  co_await remove_store(std::move(old_store), std::move(old_folder));
  go_on_after_snapshot(meta.index);
  end_install(Result<void>());
  parts_.env->metrics().add(Metric::raft_snapshots_installed);
  co_return Result<void>();
}

// A commit whose task is gone would go on in a folder that is removed.
Task<void> Replica::end_work_on_store() {
  const auto still = co_await overlay_->hold_flushes();
  for (const auto& [peer, task] : sending_) tasks_.cancel(task);
  sending_.clear();
  retention_.forget_all();
  tasks_.cancel(flush_task_);
  tasks_.cancel(scrub_task_);
  tasks_.cancel(resume_task_);
  waiting_for_room_ = false;
}

void Replica::go_on_after_snapshot(LogIndex index) {
  for (auto& [proposed, pending] : pending_) {
    pending.completion->set(
        fail(Code::unknown_outcome, "a snapshot replaced the log before the write was seen"));
  }
  pending_.clear();
  switching_ = false;
  overlay_->set_durable_index(index);
  flush_task_ = tasks_.spawn(flush_loop());
  scrub_task_ = tasks_.spawn(scrub_loop());
  applied_changed_.notify_all();
}

// A folder that cannot be removed goes at the next start.
Task<void> Replica::remove_store(std::unique_ptr<KvStore> store, std::string folder) {
  if (store) co_await store->close();
  store.reset();
  const auto removed = co_await parts_.env->disk().remove_tree(folder);
  if (removed.has_value()) co_return;
  parts_.env->log().warning(kComponent, "folder {} was not removed: {}",
                            parts_.env->disk().whole_path(folder), removed.error().to_string());
}

// What a crash left of a snapshot that was not complete, or that had replaced an older state. Only
// once this state is known to be whole: until then another one may be all that is left.
Task<Result<void>> Replica::remove_other_generations() {
  const auto names = co_await parts_.env->disk().list(spec_.folder);
  VECTRON_CO_CHECK_OK(names);
  for (const std::string& name : *names) {
    const std::string path = fmt::format("{}/{}", spec_.folder, name);
    if (!name.starts_with(kGenerationPrefix) || path == generation_folder(generation_)) continue;
    const auto removed = co_await parts_.env->disk().remove_tree(path);
    VECTRON_CO_CHECK_OK(removed);
  }
  co_return Result<void>();
}

Task<void> Replica::drop_incoming() {
  if (!incoming_) co_return;
  std::unique_ptr<KvStore> store = std::move(incoming_->store);
  std::string folder = generation_folder(incoming_->generation);
  incoming_.reset();
  co_await remove_store(std::move(store), std::move(folder));
}

}  // namespace vectron
