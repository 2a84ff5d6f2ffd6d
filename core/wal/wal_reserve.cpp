// What Wal keeps of the disk for the time that it is full, and how it leaves a segment that the
// disk would not take all of (docs/decisions/0066-room-for-a-vote.md).
//
// The reserve is a file of zeros beside the segments. When the disk is full and the next record is
// a small one, it becomes the next segment by a new name, which needs no space. keep_reserve()
// makes another one as soon as there is room; until then the disk counts as full.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/env/descriptors.h"
#include "core/wal/wal.h"

namespace vectron {

namespace {

constexpr std::string_view kReserveName = "reserve";
constexpr std::string_view kReserveNew = ".new";

bool is_out_of_space(const Status& status) {
  return status.code() == Code::resource_exhausted && status.field() != kDescriptorsField;
}

Task<Result<void>> write_zeros(Disk* disk, std::string path, uint64_t bytes) {
  auto opened = co_await disk->open(path, OpenMode::create);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  auto done = co_await file->truncate(0);
  VECTRON_CO_CHECK_OK(done);
  const Bytes zeros(bytes);
  done = co_await file->write_at(0, zeros);
  VECTRON_CO_CHECK_OK(done);
  done = co_await file->sync();
  co_return done;
}

}  // namespace

std::string Wal::reserve_path() const {
  return fmt::format("{}/{}", folder_, kReserveName);
}

void Wal::tell_full(const Status& cause) {
  no_space_ = no_space_ || is_out_of_space(cause);
  if (std::exchange(full_, true)) return;
  env_->log().warning("wal", "writes wait for space or descriptors: {}", cause.to_string());
}

// Something went well that needs space. Where the reserve is gone, that is no proof.
void Wal::tell_space() {
  if (reserved_ || config_.reserve_bytes == 0) no_space_ = false;
  full_ = no_space_;
}

/// Whether all that is left is what was kept.
bool Wal::lives_on_reserve() const {
  return no_space_ && !reserved_ && config_.reserve_bytes > 0;
}

bool Wal::may_take_reserve() const {
  if (!no_space_ || !reserved_) return false;
  if (!in_flight_.empty()) {
    return in_flight_.front().batch.cost_bytes() <= kReservedRecordBytesMax;
  }
  return !queue_.empty() && queue_.front().bytes <= kReservedRecordBytesMax;
}

/// Opens a segment that is there, as soon as there is a descriptor for it.
Task<Result<std::unique_ptr<File>>> Wal::open_segment(uint64_t number, OpenMode mode) {
  while (true) {
    auto opened = co_await env_->disk().open(path_of(number), mode);
    if (opened.has_value()) co_return std::move(opened);
    const auto waited = co_await wait_for_space(opened.error());
    VECTRON_CO_CHECK_OK(waited);
  }
}

/// Takes up the reserve that an earlier start left. Whatever else has its name is removed.
Task<Result<void>> Wal::look_for_reserve() {
  auto opened = co_await env_->disk().open(reserve_path(), OpenMode::read);
  if (!opened.has_value() && opened.error().code() == Code::not_found) co_return Result<void>();
  VECTRON_CO_CHECK_OK(opened);
  Bytes content(config_.reserve_bytes + 1);
  const auto count = co_await (*opened)->read_at(0, content);
  // A reserve that cannot be read is no use.
  content.resize(count.has_value() ? *count : 0);
  const bool is_blank = std::ranges::all_of(content, [](uint8_t byte) { return byte == 0; });
  reserved_ = is_blank && content.size() == config_.reserve_bytes;
  if (reserved_) co_return Result<void>();
  opened->reset();
  const auto removed = co_await env_->disk().remove(reserve_path());
  co_return removed;
}

/// Keeps the reserve there while the log runs.
Task<void> Wal::keep_reserve() {
  while (failure_.ok()) {
    if (reserved_) {
      co_await reserve_taken_.wait();
      continue;
    }
    const auto made = co_await make_reserve();
    if (made.has_value()) continue;
    co_await env_->clock().sleep_for(config_.full_pause);
  }
}

/// Makes the reserve, whole and durable. What an attempt left is taken back: it is not to be in the
/// way of others on a full disk.
Task<Result<void>> Wal::make_reserve() {
  Disk& disk = env_->disk();
  const Result<uint64_t> free = disk.free_space_bytes();
  Result<void> made;
  if (free.has_value() && *free < config_.reserve_bytes) {
    made = fail(Code::resource_exhausted, "the disk has no room for the log's reserve");
    tell_full(made.error());
    co_return made;
  }
  const std::string fresh = reserve_path() + std::string(kReserveNew);
  made = co_await write_zeros(&disk, fresh, config_.reserve_bytes);
  if (made.has_value()) made = co_await disk.rename(fresh, reserve_path());
  if (made.has_value()) {
    made = co_await disk.sync_directory(folder_);
    // A device says once what it lost. The writer's next sync of the folder may well succeed, and
    // the name of its segment is not on the disk all the same.
    const bool lost = !made.has_value() && made.error().code() != Code::resource_exhausted;
    if (lost) fail_log(made.error());
  }
  if (made.has_value()) {
    reserved_ = true;
    tell_space();
    work_.notify_all();
    co_return made;
  }
  if (is_out_of_space(made.error())) tell_full(made.error());
  const auto removed = co_await disk.remove(fresh);
  (void)removed;  // It may not be there; the next attempt begins with it.
  co_return made;
}

/// Makes the reserve the next segment. Its name is durable before anything is written to it, so
/// that what is called the reserve is always blank. Without a file afterwards: try again.
Task<Result<void>> Wal::take_reserve() {
  const auto renamed = co_await env_->disk().rename(reserve_path(), path_of(next_segment_));
  if (!renamed.has_value()) {
    const auto waited = co_await wait_for_space(renamed.error());
    co_return waited;
  }
  reserved_ = false;
  reserve_taken_.notify_all();
  const auto synced = co_await sync_names();
  VECTRON_CO_CHECK_OK(synced);
  named_ = true;
  auto opened = co_await open_segment(next_segment_, OpenMode::read_write);
  VECTRON_CO_TRY(file_, opened);
  co_return Result<void>();
}

/// Closes the segment behind its last durable record: what was written behind that is cut off,
/// durably, as if it had never been. A segment without a record gives its name to the next one.
Task<Result<void>> Wal::leave_segment() {
  file_.reset();
  encoded_ = false;
  const Segment last = segments_.back();
  if (last.bytes == 0) {
    const auto removed = co_await remove_segment(last.number);
    VECTRON_CO_CHECK_OK(removed);
    segments_.pop_back();
    next_segment_ = last.number;
    co_return Result<void>();
  }
  while (true) {
    const auto cut = co_await cut_segment(last);
    if (cut.has_value()) co_return Result<void>();
    const auto waited = co_await wait_for_space(cut.error());
    VECTRON_CO_CHECK_OK(waited);
  }
}

/// By another handle: one whose sync failed believes nothing any more.
Task<Result<void>> Wal::cut_segment(Segment last) {
  auto opened = co_await open_segment(last.number, OpenMode::read_write);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto cut = co_await file->truncate(last.bytes);
  VECTRON_CO_CHECK_OK(cut);
  const auto synced = co_await file->sync();
  co_return synced;
}

/// Where files are never written over in place, even a removal needs space: it waits for some.
Task<Result<void>> Wal::remove_segment(uint64_t number) {
  while (true) {
    const auto removed = co_await env_->disk().remove(path_of(number));
    if (removed.has_value()) co_return Result<void>();
    const auto waited = co_await wait_for_space(removed.error());
    VECTRON_CO_CHECK_OK(waited);
  }
}

/// After a write (`synced` is true) or a sync that failed. Without space nothing is lost: a write
/// is tried again at the same place, or goes into the reserve; after a sync nobody knows what the
/// disk has of the segment's end, so the records go into another one. Errors: `cause`, where that
/// is something else.
Task<Result<void>> Wal::go_on_after(Status cause, bool synced) {
  if (cause.code() != Code::resource_exhausted) co_return fail(std::move(cause));
  tell_full(cause);
  // A sync may go on failing as quickly as the disk answers.
  if (!synced && !may_take_reserve()) co_await env_->clock().sleep_for(config_.full_pause);
  if (!synced || may_take_reserve()) {
    const auto left = co_await leave_segment();
    co_return left;
  }
  const auto waited = co_await wait_for_space(std::move(cause));
  co_return waited;
}

}  // namespace vectron
