#include "core/replica/snapshot_sender.h"

#include "core/base/assert.h"
#include "schemas/storage_messages.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "snapshot";

// A page is read in one turn of the event loop, and looked at by the receiver in pieces of a
// millisecond.
constexpr size_t kPagePairsMax = 1'000;

// Of reading and encoding pairs.
CpuCost reading_cost(size_t pairs, size_t bytes) {
  return {.nanoseconds = 500 + 1'000 * pairs + 3 * bytes};
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

}  // namespace

void SnapshotSender::send(raft::SnapshotRequest request, ReplicaMember to) {
  VECTRON_ASSERT(to.replica == request.to, "a snapshot for {} goes to {}", request.to, to.replica);
  const auto running = tasks_.find(request.to);
  if (running != tasks_.end()) parts_.tasks->cancel(running->second);
  parts_.retention->sent(request.to);
  tasks_[request.to] = parts_.tasks->spawn(run(request, std::move(to)));
}

void SnapshotSender::cancel_all() {
  for (const auto& [to, task] : tasks_) parts_.tasks->cancel(task);
  tasks_.clear();
  parts_.retention->forget_all();
}

Task<void> SnapshotSender::run(raft::SnapshotRequest request, ReplicaMember to) {
  const auto sent = co_await stream(request, std::move(to));
  tasks_.erase(request.to);
  parts_.retention->sent(request.to);
  if (!sent.has_value()) {
    parts_.env->log().info(kComponent, "replica {}: snapshot to {} given up: {}", config_.self,
                           request.to, sent.error().to_string());
  } else {
    parts_.env->metrics().add(Metric::raft_snapshots_sent);
  }
  parts_.source->snapshot_ended(request.to, sent);
}

Task<Result<void>> SnapshotSender::stream(raft::SnapshotRequest request, ReplicaMember to) {
  auto pinned = co_await parts_.source->pin(request.index_min);
  VECTRON_CO_CHECK_OK(pinned);
  parts_.retention->sending(request.to, pinned->index);
  SnapshotPiece piece;
  piece.group = config_.group;
  piece.from = config_.self;
  piece.to = request.to;
  piece.term = request.term;
  piece.meta = parts_.source->meta_of(*pinned);
  KvScanEnd next = Bytes();
  while (next) {
    const Bytes from = *next;
    auto page =
        read_page(&parts_.env->cpu(), pinned->reader.get(), from, config_.chunk_bytes_max, &next);
    VECTRON_CO_TRY(piece.page, page);
    piece.last = !next.has_value();
    piece.digest = pinned->reader->digest();
    const uint64_t page_bytes = piece.page.size();
    const Instant deadline = parts_.env->clock().monotonic() + config_.chunk_timeout;
    const auto wanted = co_await parts_.links->send_snapshot(to, piece, deadline);
    VECTRON_CO_CHECK_OK(wanted);
    piece.offset += page_bytes;
    if (!piece.last && *wanted != piece.offset) {
      co_return fail(Code::out_of_range, "the receiver wants another offset");
    }
  }
  co_return Result<void>();
}

}  // namespace vectron
