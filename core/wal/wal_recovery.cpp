// Wal::open: reads all segments, cuts a torn tail, refuses damage.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/wal/segment_reader.h"
#include "core/wal/wal.h"

namespace vectron {

namespace {

Task<Result<std::vector<uint64_t>>> list_segments(Disk* disk, std::string folder) {
  auto names = co_await disk->list(folder);
  VECTRON_CO_CHECK_OK(names);
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = wal_format::parse_segment_name(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] == numbers[i - 1] + 1) continue;
    co_return fail(Code::data_loss, fmt::format("the write-ahead log in {} lacks segment {}",
                                                disk->whole_path(folder),
                                                wal_format::segment_name(numbers[i - 1] + 1)));
  }
  co_return numbers;
}

Task<Result<Bytes>> read_all(File* file) {
  const Result<uint64_t> size = file->size();
  VECTRON_CO_CHECK_OK(size);
  Bytes bytes(*size);
  size_t done = 0;
  while (done < bytes.size()) {
    const auto count = co_await file->read_at(done, std::span(bytes).subspan(done));
    VECTRON_CO_CHECK_OK(count);
    if (*count == 0) break;
    done += *count;
  }
  bytes.resize(done);
  co_return std::move(bytes);
}

// Bytes behind the records, without the zeros at their end: those were written in advance.
uint64_t torn_bytes(ByteView content, uint64_t valid_bytes) {
  const auto is_written = [](uint8_t byte) { return byte != 0; };
  const auto last = std::find_if(content.rbegin(), content.rend(), is_written);
  const auto used = static_cast<uint64_t>(content.rend() - last);
  return used > valid_bytes ? used - valid_bytes : 0;
}

}  // namespace

Task<Result<WalOpened>> Wal::open(Env* env, std::string folder, WalConfig config) {
  const Result<void> valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  if (env->planted("no_room_for_votes")) config.reserve_bytes = 0;
  auto made = co_await env->disk().create_directory(folder);
  VECTRON_CO_CHECK_OK(made);
  const auto numbers = co_await list_segments(&env->disk(), folder);
  VECTRON_CO_CHECK_OK(numbers);

  WalOpened opened;
  opened.wal.reset(new Wal(env, folder, config));
  Wal& wal = *opened.wal;
  if (config.reserve_bytes > 0) {
    const auto looked = co_await wal.look_for_reserve();
    VECTRON_CO_CHECK_OK(looked);
  }
  for (const uint64_t number : *numbers) {
    const auto torn = co_await wal.recover_segment(number, number == numbers->back());
    VECTRON_CO_CHECK_OK(torn);
    opened.torn_bytes += *torn;
  }
  const Result<void> contiguous = wal.index_.check_contiguous();
  VECTRON_CO_CHECK_OK(contiguous);
  // The folder's own name (in the data folder when it has no parent), and the names in it.
  const size_t slash = folder.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : folder.substr(0, slash);
  made = co_await env->disk().sync_directory(parent);
  VECTRON_CO_CHECK_OK(made);
  made = co_await env->disk().sync_directory(folder);
  VECTRON_CO_CHECK_OK(made);

  if (opened.torn_bytes > 0) {
    env->metrics().add(Metric::wal_torn_tails);
    env->log().info("wal", "cut a torn tail of {} bytes, which was never acknowledged",
                    opened.torn_bytes);
  }
  wal.durable_sequence_ = wal.next_sequence_ - 1;
  opened.groups = wal.index_.groups();
  opened.dropped = wal.index_.dropped();
  if (config.reserve_bytes > 0) {
    // Now, so that nothing is taken that a full disk has no room for.
    if (!wal.reserved_) {
      const auto made = co_await wal.make_reserve();
      (void)made;  // keep_reserve() goes on trying.
    }
    wal.tasks_.spawn(wal.keep_reserve());
  }
  wal.tasks_.spawn(wal.write_loop());
  co_return std::move(opened);
}

Task<Result<uint64_t>> Wal::recover_segment(uint64_t number, bool is_newest) {
  auto opened = co_await env_->disk().open(path_of(number), OpenMode::read_write);
  VECTRON_CO_CHECK_OK(opened);
  std::unique_ptr<File> file = *std::move(opened);
  auto content = co_await read_all(file.get());
  VECTRON_CO_CHECK_OK(content);

  SegmentExpectation expected;
  expected.identity = {config_.cluster, config_.node, number};
  expected.is_newest = is_newest;
  if (number == 1 || !segments_.empty()) expected.first_sequence = next_sequence_;
  if (is_newest && env_->planted("wal_lose_tail")) {
    const auto ignore = [](const wal_format::RecordHeader&, const WalBatch&) {};
    const Result<SegmentScan> whole = read_segment(*content, expected, ignore);
    if (whole.has_value() && whole->record_count > 0) content->resize(whole->last_record_offset);
  }
  const Result<SegmentScan> scan = read_segment(
      *content, expected, [&](const wal_format::RecordHeader& header, const WalBatch& batch) {
        index_.apply(batch, number, header.kind == wal_format::RecordKind::relocation);
      });
  if (!scan.has_value()) {
    co_return fail(scan.error().with_context(env_->disk().whole_path(path_of(number))));
  }

  const uint64_t kept = scan->record_count > 0 ? scan->valid_bytes : 0;
  const uint64_t torn = torn_bytes(*content, scan->valid_bytes);
  auto settled = co_await settle_segment(file.get(), &*content, kept, is_newest);
  VECTRON_CO_TRY(const uint64_t size, settled);
  next_sequence_ = std::max(next_sequence_, scan->next_sequence);
  next_segment_ = number + (kept > 0 ? 1 : 0);
  if (kept > 0) segments_.push_back({number, kept});
  if (kept > 0 && size > kept && is_newest) {
    file_ = std::move(file);
    filled_bytes_ = size;
    named_ = true;
  }
  co_return torn;
}

/// Makes the records of a segment durable, its first `kept` bytes, and takes away what lies behind
/// them. Returns how far it reaches then. What was read may be in the page cache only (the process
/// was killed, the machine was not); the node will act on it, so it must be durable first, and a
/// torn tail must be gone before the log goes on. Where blocks are given out late, the sync may be
/// what finds no space for a record that the process before had written: the start waits for some,
/// as nobody knows whether that record was acknowledged.
Task<Result<uint64_t>> Wal::settle_segment(File* file, Bytes* content, uint64_t kept,
                                           bool is_newest) {
  while (true) {
    const auto settled = co_await settle_once(file, content, kept, is_newest);
    if (settled.has_value()) {
      tell_space();
      co_return settled;
    }
    const auto waited = co_await wait_for_space(settled.error());
    VECTRON_CO_CHECK_OK(waited);
  }
}

Task<Result<uint64_t>> Wal::settle_once(File* file, Bytes* content, uint64_t kept, bool is_newest) {
  const Result<uint64_t> size = file->size();
  VECTRON_CO_CHECK_OK(size);
  // Without a reserve the room behind the records is all that a full disk may have left for a vote:
  // the log goes on in this segment. Otherwise it goes on in another one.
  const bool keeps_room = is_newest && config_.reserve_bytes > 0 && !reserved_;
  const uint64_t end = keeps_room ? *size : kept;
  if (end < *size) {
    const auto truncated = co_await file->truncate(end);
    VECTRON_CO_CHECK_OK(truncated);
  }
  if (!is_newest) co_return end;
  content->resize(kept);
  content->resize(end);  // Zeros.
  // Written again, not just synced: after a sync that failed the kernel calls pages clean that
  // never reached the disk, and a further sync of those succeeds without doing anything.
  const auto written = co_await file->write_at(0, *content);
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file->sync();
  VECTRON_CO_CHECK_OK(synced);
  co_return end;
}

}  // namespace vectron
