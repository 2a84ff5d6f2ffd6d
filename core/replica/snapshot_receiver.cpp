#include "core/replica/snapshot_receiver.h"

#include "core/replica/generations.h"
#include "core/replica/overlay.h"
#include "schemas/codec_work.h"
#include "schemas/storage_messages.h"

namespace vectron {
namespace {

constexpr uint64_t kPieceNanoseconds = 1'000'000;

// Of checking pairs that came.
CpuCost checking_cost(size_t pairs, size_t bytes) {
  return {.nanoseconds = 2'500 * pairs + 2 * bytes};
}

Task<Result<stored::KeyValuePage>> decode_page(Cpu* cpu, Bytes bytes) {
  if (decodes_here(cpu, bytes)) co_return decode<stored::KeyValuePage>(bytes);
  auto decoding = decode_on_pool<stored::KeyValuePage>(cpu, rpc::FrameBody(std::move(bytes)));
  auto page = co_await decoding;
  co_return page;
}

}  // namespace

SnapshotReceiver::SnapshotReceiver(Parts parts)
    : parts_(std::move(parts)), turn_(parts_.env->scheduler(), 1) {}

Task<Result<void>> SnapshotReceiver::begin(SnapshotPiece piece, uint64_t generation) {
  co_await drop();
  Incoming incoming;
  incoming.from = piece.from;
  incoming.term = piece.term;
  incoming.content.meta = piece.meta;
  incoming.content.generation = generation;
  const std::string folder = generation_folder(parts_.folder, generation);
  const auto cleared = co_await parts_.env->disk().remove_tree(folder);
  VECTRON_CO_CHECK_OK(cleared);
  auto store = co_await KvStore::open(parts_.env, folder, parts_.kv);
  VECTRON_CO_TRY(incoming.content.store, store);
  incoming_ = std::move(incoming);
  co_return Result<void>();
}

bool SnapshotReceiver::expects(const SnapshotPiece& piece) const {
  return incoming_ && !incoming_->complete && incoming_->from == piece.from &&
         incoming_->term == piece.term && incoming_->content.meta == piece.meta &&
         incoming_->next_offset == piece.offset;
}

Task<Result<void>> SnapshotReceiver::add(SnapshotPiece piece) {
  VECTRON_ASSERT(expects(piece), "a piece at {} that is not expected", piece.offset);
  auto stored = co_await store_page(std::move(piece));
  if (!stored.has_value()) co_await drop();
  co_return stored;
}

Task<Result<void>> SnapshotReceiver::store_page(SnapshotPiece piece) {
  const size_t page_bytes = piece.page.size();
  const auto page = co_await decode_page(&parts_.env->cpu(), std::move(piece.page));
  if (!page.has_value()) co_return fail(page.error());
  KvBatch batch;
  const auto fits = co_await check_pairs(&*page, &batch);
  VECTRON_CO_CHECK_OK(fits);
  if (piece.last) OverlayStore::put_applied_index(&batch, piece.meta.index);
  VECTRON_ASSERT(incoming_.has_value());
  const auto committed = co_await incoming_->content.store->commit(std::move(batch));
  VECTRON_CO_CHECK_OK(committed);
  VECTRON_ASSERT(incoming_.has_value());
  incoming_->next_offset += page_bytes;
  if (piece.last && incoming_->content.store->digest() != piece.digest) {
    co_return fail(Code::data_loss, "the snapshot's content does not have the sender's digest");
  }
  co_return Result<void>();
}

// Puts the pairs of a page into `batch`, over as many turns of the event loop as it takes: how many
// they are is the sender's choice.
Task<Result<void>> SnapshotReceiver::check_pairs(const stored::KeyValuePage* page, KvBatch* batch) {
  Cpu& cpu = parts_.env->cpu();
  const bool is_short = parts_.env->buggify("snapshot.short_turns");
  const uint64_t turn_nanoseconds = is_short ? 1 : kPieceNanoseconds;
  uint64_t nanoseconds = 0;
  for (const stored::KeyValue& pair : page->pairs) {
    if (pair.key.empty() || pair.key.size() > kKvKeyBytesMax) {
      co_return fail(Code::invalid_argument, "the snapshot has an impossible key");
    }
    const auto fits = parts_.state_machine->check_pair(pair.key, pair.value);
    if (!fits.has_value()) {
      co_return fail(fits.error().with_context("the snapshot has a pair that fits nothing here"));
    }
    batch->put(pair.key, pair.value);
    nanoseconds += checking_cost(1, pair.key.size() + pair.value.size()).nanoseconds;
    if (nanoseconds < turn_nanoseconds) continue;
    cpu.worked_on_loop({.nanoseconds = std::exchange(nanoseconds, 0)});
    co_await parts_.env->clock().sleep_for(Duration::zero());
    if (!parts_.is_open()) {
      co_return fail(Code::unavailable, "this replica does not take snapshots now");
    }
  }
  cpu.worked_on_loop({.nanoseconds = nanoseconds});
  co_return Result<void>();
}

Task<void> SnapshotReceiver::drop() {
  if (!incoming_) co_return;
  Received content = std::move(incoming_->content);
  std::string folder = generation_folder(parts_.folder, content.generation);
  incoming_.reset();
  co_await remove_store(parts_.env, std::move(content.store), std::move(folder));
}

std::shared_ptr<Completion<Result<void>>> SnapshotReceiver::complete() {
  VECTRON_ASSERT(incoming_ && !incoming_->complete, "nothing comes in");
  incoming_->complete = true;
  installed_ = std::make_shared<Completion<Result<void>>>(parts_.env->scheduler());
  return installed_;
}

const SnapshotReceiver::Received* SnapshotReceiver::completed() const {
  return incoming_ && incoming_->complete ? &incoming_->content : nullptr;
}

raft::Message SnapshotReceiver::install_message(ReplicaId self) const {
  VECTRON_ASSERT(incoming_.has_value());
  raft::Message message;
  message.kind = raft::MessageKind::install_snapshot;
  message.from = incoming_->from;
  message.to = self;
  message.term = incoming_->term;
  message.snapshot = incoming_->content.meta;
  return message;
}

SnapshotReceiver::Received SnapshotReceiver::take() {
  VECTRON_ASSERT(completed() != nullptr, "a snapshot that was not received");
  Received content = std::move(incoming_->content);
  incoming_.reset();
  return content;
}

void SnapshotReceiver::installed(Result<void> outcome) {
  if (installed_) installed_->set(std::move(outcome));
  installed_.reset();
}

}  // namespace vectron
