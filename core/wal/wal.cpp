#include "core/wal/wal.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/wal/wal_format.h"

namespace vectron {

namespace {

/// Below this many closed segments a segment is rewritten only when at least half of it is dead.
constexpr size_t kClosedSegmentsBeforeMerge = 4;
constexpr size_t kPrefillWriteBytesMax = 64 << 10;  // A larger write gets no zeros behind it.

}  // namespace

Wal::Wal(Env* env, std::string folder, WalConfig config)
    : env_(env),
      folder_(std::move(folder)),
      config_(config),
      work_(env->scheduler()),
      durable_changed_(env->scheduler()),
      room_(env->scheduler()),
      reserve_taken_(env->scheduler()),
      tasks_(env->scheduler()) {}

// -------------------------------------------------------------------------------- the callers

Result<WalTicket> Wal::append(WalBatch batch) {
  VECTRON_ASSERT(batch.group, "a batch belongs to a group");
  VECTRON_ASSERT(
      !batch.dropped_replica || (!batch.mark && !batch.hard_state && batch.entries.empty()),
      "a tombstone has no other field");
  if (!failure_.ok()) return fail(failure_);
  const size_t bytes = batch.cost_bytes();
  if (!has_room()) {
    return fail(Code::resource_exhausted,
                "the write-ahead log has too much waiting (queue_bytes_max): retry later");
  }
  const WalTicket ticket = next_ticket_;
  ++next_ticket_;
  queue_.push_back({std::move(batch), ticket, bytes});
  queued_bytes_ += bytes;
  work_.notify_all();
  return ticket;
}

Task<Result<void>> Wal::wait_for_room() {
  while (failure_.ok() && !has_room()) co_await room_.wait();
  if (!failure_.ok()) co_return fail(failure_);
  co_return Result<void>();
}

Task<Result<void>> Wal::sync_to(WalTicket ticket) {
  VECTRON_ASSERT(ticket < next_ticket_, "ticket {} was never given out", ticket);
  while (durable_ < ticket && failure_.ok()) co_await durable_changed_.wait();
  if (durable_ < ticket) co_return fail(failure_);
  co_return Result<void>();
}

Task<Result<void>> Wal::append_and_sync(WalBatch batch) {
  const auto room = co_await wait_for_room();
  VECTRON_CO_CHECK_OK(room);
  const Result<WalTicket> ticket = append(std::move(batch));
  VECTRON_CO_CHECK_OK(ticket);
  const auto synced = co_await sync_to(*ticket);
  co_return synced;
}

void Wal::release(GroupId group, LogIndex up_to) {
  index_.release(group, up_to);
  if (wants_reclaim()) work_.notify_all();
}

void Wal::forget_dropped(GroupId group, ReplicaId replica) {
  index_.forget_dropped(group, replica);
  if (wants_reclaim()) work_.notify_all();
}

uint64_t Wal::size_bytes() const {
  uint64_t sum = 0;
  for (const Segment& segment : segments_) sum += segment.bytes;
  return sum;
}

uint64_t Wal::oldest_segment() const {
  return segments_.empty() ? 0 : segments_.front().number;
}

std::vector<WalPinning> Wal::groups_pinning() const {
  return index_.pinning(oldest_segment());
}

// --------------------------------------------------------------------------------- the writer

Task<void> Wal::write_loop() {
  while (true) {
    while (failure_.ok() && queue_.empty() && !wants_reclaim()) co_await work_.wait();
    if (!failure_.ok()) co_return;
    const auto written = co_await write_once();
    if (!written.has_value()) fail_log(written.error());
  }
}

Task<Result<void>> Wal::write_once() {
  const bool has_records = !queue_.empty() || index_.live_bytes(oldest_segment()) > 0;
  const bool is_full = file_ && (segments_.back().bytes >= config_.segment_bytes_max ||
                                 env_->buggify("wal.rotate_early"));
  // A segment is begun with records only, so a closed one is never empty. What is left of the
  // reserve is used up where it is.
  if (has_records && (!file_ || (is_full && !lives_on_reserve()))) {
    const auto started = co_await start_segment();
    VECTRON_CO_CHECK_OK(started);
  }
  buffer_.clear();
  encoded_ = true;
  take_queued();
  if (wants_reclaim()) relocate_oldest();
  while (!in_flight_.empty()) {
    const auto written = co_await write_in_flight();
    VECTRON_CO_CHECK_OK(written);
  }
  if (wants_reclaim() && index_.live_bytes(segments_.front().number) == 0) {
    removing_ = true;
    tasks_.spawn(remove_oldest());
  }
  co_return Result<void>();
}

Task<Result<void>> Wal::start_segment() {
  // All of the old segment is synced: write_in_flight() ends with that.
  file_.reset();
  named_ = false;
  while (!file_) {
    if (may_take_reserve()) {
      const auto taken = co_await take_reserve();
      VECTRON_CO_CHECK_OK(taken);
      continue;
    }
    auto opened = co_await env_->disk().open(path_of(next_segment_), OpenMode::create);
    if (opened.has_value()) {
      file_ = *std::move(opened);
      // No proof of space: an empty file needs none. But where nothing waits to be written, only
      // what is relocated into it can find out, and nothing is relocated without space.
      if (in_flight_.empty() && queue_.empty()) tell_space();
      break;
    }
    if (opened.error().code() == Code::resource_exhausted) tell_full(opened.error());
    if (may_take_reserve()) continue;
    const auto waited = co_await wait_for_space(opened.error());
    VECTRON_CO_CHECK_OK(waited);
  }
  const Result<uint64_t> filled = file_->size();
  VECTRON_CO_CHECK_OK(filled);
  filled_bytes_ = *filled;
  segments_.push_back({next_segment_++, 0});
  co_return Result<void>();
}

void Wal::take_queued() {
  while (!queue_.empty()) {
    Queued& next = queue_.front();
    VECTRON_ASSERT(index_.can_follow(next.batch),
                   "entries of group {} from {} on leave a gap in its log", next.batch.group,
                   next.batch.entries.front().index);
    queued_bytes_ -= next.bytes;
    add_record(std::move(next.batch), next.ticket);
    queue_.pop_front();
    if (buffer_.size() >= config_.write_bytes_max || env_->buggify("wal.one_record")) break;
  }
  room_.notify_all();
}

void Wal::add_record(WalBatch batch, WalTicket ticket) {
  index_.apply(batch, segments_.back().number, ticket == WalTicket());
  in_flight_.push_back({std::move(batch), ticket});
  encode(in_flight_.back(), next_sequence_++);
}

// Appends the record to the buffer, behind the segment's header where it is the first.
void Wal::encode(const InFlight& record, uint64_t sequence) {
  const Segment& segment = segments_.back();
  const wal_format::SegmentIdentity identity{config_.cluster, config_.node, segment.number};
  if (segment.bytes == 0 && buffer_.empty()) {
    buffer_ = wal_format::encode_segment_header({identity, sequence});
  }
  wal_format::RecordHeader header;
  header.kind = record.ticket ? wal_format::RecordKind::batch : wal_format::RecordKind::relocation;
  header.sequence = sequence;
  header.durable_sequence = durable_sequence_;
  wal_format::append_record(&buffer_, identity, segment.bytes + buffer_.size(), header,
                            record.batch);
}

// Fills the buffer with the records in flight; returns how many: all of them, or those that go into
// what is kept for a full disk.
size_t Wal::encode_what_fits() {
  if (encoded_ && !lives_on_reserve()) return in_flight_.size();
  encoded_ = false;
  buffer_.clear();
  size_t count = 0;
  for (const InFlight& record : in_flight_) {
    const size_t before = buffer_.size();
    encode(record, durable_sequence_ + 1 + count);
    const bool is_small = record.batch.cost_bytes() <= kReservedRecordBytesMax;
    const bool fits = is_small && segments_.back().bytes + buffer_.size() <= filled_bytes_;
    if (lives_on_reserve() && !fits) {
      buffer_.resize(before);
      break;
    }
    ++count;
  }
  encoded_ = count == in_flight_.size();
  return count;
}

// One write and its sync; what is left in flight afterwards is to be written again.
Task<Result<void>> Wal::write_in_flight() {
  if (!file_) {
    const auto started = co_await start_segment();
    VECTRON_CO_CHECK_OK(started);
    encoded_ = false;
  }
  const size_t count = encode_what_fits();
  if (count == 0) {  // keep_reserve() sees when there is space.
    co_await env_->clock().sleep_for(config_.full_pause);
    co_return Result<void>();
  }
  const auto written = co_await write_buffer();
  if (!written.has_value()) {
    const auto handled = co_await go_on_after(written.error(), true);
    co_return handled;
  }
  if (!env_->planted("wal_skip_sync")) {
    const auto synced = co_await file_->sync();
    if (!synced.has_value() && !env_->planted("ignore_sync_failure")) {
      const auto handled = co_await go_on_after(synced.error(), false);
      co_return handled;
    }
    ++syncs_;
    env_->metrics().add(Metric::wal_syncs);
  }
  tell_space();  // Where blocks are given out late, the write alone proves nothing.
  segments_.back().bytes += buffer_.size();
  if (!named_) {
    // The name of the segment, before anything in it is acknowledged.
    const auto synced = co_await sync_names();
    VECTRON_CO_CHECK_OK(synced);
    named_ = true;
  }
  ended(count);
  co_return Result<void>();
}

// The first `count` of the records in flight are durable.
void Wal::ended(size_t count) {
  env_->metrics().add(Metric::wal_bytes, buffer_.size());
  durable_sequence_ += count;
  for (; count > 0; --count) {
    if (in_flight_.front().ticket) durable_ = in_flight_.front().ticket;
    in_flight_.pop_front();
  }
  durable_changed_.notify_all();
}

/// Makes the names in the folder durable. Waits where there is no descriptor to do it with: then
/// nothing was tried. A sync that failed is another matter.
Task<Result<void>> Wal::sync_names() {
  while (true) {
    const auto synced = co_await env_->disk().sync_directory(folder_);
    if (synced.has_value()) break;
    if (env_->planted("descriptors_end_the_log")) co_return fail(synced.error());
    const auto waited = co_await wait_for_space(synced.error());
    VECTRON_CO_CHECK_OK(waited);
  }
  tell_space();
  co_return Result<void>();
}

/// A full disk heals, and descriptors come back; any other error does not heal: that one is given
/// back.
Task<Result<void>> Wal::wait_for_space(Status cause) {
  if (cause.code() != Code::resource_exhausted) co_return fail(std::move(cause));
  tell_full(cause);
  co_await env_->clock().sleep_for(config_.full_pause);
  co_return Result<void>();
}

// Appends zeros to the buffer when its records reach beyond those in the file, and returns how far
// the file reaches once it is written. A large write is slower by itself than by what its sync does
// for the file's size.
uint64_t Wal::prefill() {
  const uint64_t begin = segments_.back().bytes;
  const uint64_t end = begin + buffer_.size();
  if (end <= filled_bytes_) return filled_bytes_;
  const uint64_t room = config_.segment_bytes_max > end ? config_.segment_bytes_max - end : 0;
  const bool is_small = buffer_.size() <= kPrefillWriteBytesMax;
  const uint64_t filled = end + (is_small && !full_ ? std::min(config_.prefill_bytes, room) : 0);
  buffer_.resize(filled - begin);
  return filled;
}

Task<Result<void>> Wal::write_buffer() {
  const size_t record_bytes = buffer_.size();
  const uint64_t begin = segments_.back().bytes;
  uint64_t filled = prefill();
  auto written = co_await file_->write_at(begin, buffer_);
  const bool has_zeros = buffer_.size() > record_bytes;
  buffer_.resize(record_bytes);
  if (!written.has_value() && has_zeros && written.error().code() == Code::resource_exhausted) {
    // There may be room for the records alone; some of the zeros may lie there already.
    filled = begin + record_bytes;
    written = co_await file_->write_at(begin, buffer_);
  }
  if (written.has_value()) filled_bytes_ = std::max(filled_bytes_, filled);
  co_return written;
}

void Wal::fail_log(const Status& cause) {
  if (!failure_.ok()) return;
  failure_ = Status(
      Code::data_loss,
      fmt::format("the write-ahead log failed and the node must stop: {}", cause.to_string()));
  env_->log().error("wal", "{}", failure_.message());
  work_.notify_all();
  durable_changed_.notify_all();
  room_.notify_all();
}

std::string Wal::path_of(uint64_t segment) const {
  return fmt::format("{}/{}", folder_, wal_format::segment_name(segment));
}

// ------------------------------------------------------------------------------------ reclaim

bool Wal::wants_reclaim() const {
  // The open segment holds records, so that the log is never left without any.
  if (removing_ || !file_ || segments_.size() < 2) return false;
  const Segment& oldest = segments_.front();
  const uint64_t live = index_.live_bytes(oldest.number);
  if (no_space_ && config_.reserve_bytes > 0 && live > 0)
    return false;  // There is no room to write it.
  if (live <= oldest.bytes / 2) return true;
  return segments_.size() > kClosedSegmentsBeforeMerge && live <= config_.segment_bytes_max / 2;
}

void Wal::relocate_oldest() {
  std::vector<WalBatch> alive =
      index_.relocation(segments_.front().number, config_.write_bytes_max);
  for (WalBatch& batch : alive) add_record(std::move(batch), WalTicket());
}

Task<void> Wal::remove_oldest() {
  const uint64_t number = segments_.front().number;
  auto removed = co_await remove_segment(number);
  // One name at a time becomes durable, the oldest first: a crash must not bring back a segment
  // whose successor is gone.
  if (removed.has_value()) removed = co_await sync_names();
  if (!removed.has_value()) {
    fail_log(removed.error());
    co_return;
  }
  segments_.pop_front();
  removing_ = false;
  work_.notify_all();
}

}  // namespace vectron
