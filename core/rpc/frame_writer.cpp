#include "core/rpc/frame_writer.h"

#include <algorithm>

namespace vectron::rpc {
namespace {

constexpr size_t kBatchBytesMax = 64 << 10;
constexpr size_t kLargeBodyBytesMin = 32 << 10;  // Such a body is not copied into a batch.
constexpr size_t kBatchBytesKept = 4 << 10;      // While nothing is queued.

uint64_t remaining_us(Clock& clock, Instant deadline) {
  if (deadline == kNever) return kNoTimeLimit;
  return static_cast<uint64_t>(std::max<int64_t>(0, to_microseconds(deadline - clock.monotonic())));
}

}  // namespace

void FrameWriter::push(FrameHeader header, Bytes body, Instant deadline) {
  const size_t bytes = frame_bytes(body.size());
  queued_bytes_ += bytes;
  if (header.kind == FrameKind::one_way) queued_one_way_bytes_ += bytes;
  queue_.push_back({header, std::move(body), deadline});
  count();
  wake();
}

void FrameWriter::push_pong() {
  if (std::exchange(pong_queued_, true)) return;
  push({.kind = FrameKind::pong});
}

// What is queued takes its place in the queue too.
void FrameWriter::count() {
  held_.set(queued_bytes_ + queue_.size() * sizeof(Item));
}

size_t FrameWriter::memory_bytes() const {
  size_t bytes = batch_.size() + large_.size() + queue_.size() * sizeof(Item);
  for (const Item& item : queue_) bytes += item.body.size();
  return bytes;
}

void FrameWriter::wake() {
  if (idle_ == nullptr || idle_->queued()) return;
  clock_.scheduler().post_last(*idle_, TurnEnd::send);
}

void FrameWriter::clear() {
  queue_.clear();
  batch_ = Bytes();
  large_ = Bytes();
  padding_bytes_ = batch_frame_bytes_ = queued_bytes_ = queued_one_way_bytes_ = summed_ = 0;
  sum_.reset();
  count();
  finishing_ = pong_queued_ = false;
  drained_.notify_all();
}

Task<Result<void>> FrameWriter::run(Connection* connection) {
  for (;;) {
    while (queue_.empty() && padding_bytes_ == 0) {
      if (finishing_) co_return Result<void>();
      Idle idle(this);
      co_await idle;
    }
    while (padding_bytes_ == 0 && sum_up_some()) {
      co_await clock_.sleep_for(Duration::zero());
    }
    fill_batch();
    const Result<ByteView> rest = write_at_once(connection, batch_);
    VECTRON_CO_CHECK_OK(rest);
    bytes_taken_ += batch_.size() - rest->size();
    if (!rest->empty()) {
      const Result<void> wrote = co_await write(connection, *rest);
      VECTRON_CO_CHECK_OK(wrote);
    }
    if (!large_.empty()) {
      const Result<void> wrote = co_await write(connection, large_);
      VECTRON_CO_CHECK_OK(wrote);
    }
    written();
  }
}

Task<Result<void>> FrameWriter::write(Connection* connection, ByteView bytes) {
  while (!bytes.empty()) {
    const Result<size_t> count = co_await connection->write_some(bytes);
    VECTRON_CO_CHECK_OK(count);
    bytes_taken_ += *count;
    bytes = bytes.subspan(*count);
  }
  co_return Result<void>();
}

void FrameWriter::finish() {
  finishing_ = true;
  wake();
}

void FrameWriter::give_up() {
  given_up_ = true;
  drained_.notify_all();
}

Task<void> FrameWriter::wait_below(size_t bytes) {
  while (queued_bytes_ > bytes && !given_up_) co_await drained_.wait();
}

bool FrameWriter::sum_up_some() {
  if (queue_.empty() || !is_huge(queue_.front())) return false;
  const ByteView body = queue_.front().body;
  if (summed_ == 0) sum_.emplace();
  const size_t some = std::min(body.size() - summed_, kSummedBytesMax);
  sum_->add(body.subspan(summed_, some));
  summed_ += some;
  return summed_ < body.size();
}

void FrameWriter::fill_batch() {
  batch_.assign(padding_bytes_, 0);
  padding_bytes_ = 0;
  while (!queue_.empty() && batch_.size() < kBatchBytesMax && large_.empty()) {
    // It is summed up first; what is owed to the frame before is written meanwhile.
    if (is_huge(queue_.front()) && summed_ < queue_.front().body.size()) return;
    Item item = std::move(queue_.front());
    queue_.pop_front();
    const size_t bytes = frame_bytes(item.body.size());
    batch_frame_bytes_ += bytes;
    if (item.header.kind == FrameKind::one_way) queued_one_way_bytes_ -= bytes;
    if (item.header.kind == FrameKind::pong) pong_queued_ = false;
    const bool is_summed = std::exchange(summed_, 0) > 0;
    const bool asks = item.header.kind == FrameKind::request && admission_ != nullptr;
    if (asks && !admission_->admit(item.header.call_id)) continue;
    item.header.remaining_us = remaining_us(clock_, item.deadline);
    if (item.body.size() < kLargeBodyBytesMin) {
      append_frame(batch_, item.header, item.body);
      continue;
    }
    const uint64_t sum = is_summed ? sum_->value() : checksum64(item.body);
    sum_.reset();
    const auto header = encode_header(item.header, item.body.size(), sum);
    batch_.insert(batch_.end(), header.begin(), header.end());
    padding_bytes_ = bytes - kFrameHeaderBytes - item.body.size();
    large_ = std::move(item.body);
  }
}

void FrameWriter::written() {
  queued_bytes_ -= std::exchange(batch_frame_bytes_, 0);
  count();
  ++batches_taken_;
  batch_.clear();
  large_ = Bytes();  // Not `{}`, which would keep the memory.
  // Most connections are idle most of the time, and there may be thousands.
  if (queue_.empty() && batch_.capacity() > kBatchBytesKept) batch_ = Bytes();
  drained_.notify_all();
}

}  // namespace vectron::rpc
