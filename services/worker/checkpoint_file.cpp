#include "services/worker/checkpoint_file.h"

#include <fmt/format.h>

namespace vectron {

namespace {

constexpr std::string_view kPrefix = "graph-";
constexpr std::string_view kTemporary = ".new";

/// Reading a byte of a checkpoint in: checksum, rows, links.
CpuCost read_cost(size_t bytes) {
  return {1000 + bytes};
}

Result<void> check_read(const Result<size_t>& read, size_t wanted) {
  if (!read.has_value()) return fail(read.error());
  if (*read == wanted) return {};
  return fail(Code::data_loss, "the graph checkpoint is cut short");
}

}  // namespace

std::string checkpoint_path(const StateHome& home) {
  return fmt::format("{}/{}{}.checkpoint", home.folder, kPrefix, home.generation);
}

Task<Result<CheckpointContent>> read_checkpoint(Env* env, StateHome home, ShardOptions options) {
  auto opened = co_await env->disk().open(checkpoint_path(home), OpenMode::read);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const CheckpointIdentity identity{home.name.group, home.name.replica, home.generation,
                                    index_options(options)};
  const auto decoder = std::make_shared<CheckpointDecoder>(
      identity, options, env->planted("checkpoint_skips_checksum"));
  uint64_t offset = 0;
  while (!decoder->done()) {
    const auto piece = std::make_shared<Bytes>(decoder->bytes_wanted());
    const auto read = co_await file->read_at(offset, *piece);
    const auto whole = check_read(read, piece->size());
    VECTRON_CO_CHECK_OK(whole);
    offset += piece->size();
    Result<void> taken;
    if (piece->size() <= kCheckpointHeaderBytes) {
      taken = decoder->take(*piece);
    } else {
      std::function<Result<void>()> work = [decoder, piece] { return decoder->take(*piece); };
      taken = co_await run_on<Result<void>>(&env->cpu(), read_cost(piece->size()), std::move(work));
    }
    VECTRON_CO_CHECK_OK(taken);
  }
  co_return decoder->finish();
}

Task<Result<void>> remove_stale_checkpoints(Env* env, StateHome home) {
  const std::string current = checkpoint_path(home);
  auto listed = co_await env->disk().list(home.folder);
  VECTRON_CO_TRY(const std::vector<std::string> names, listed);
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}", home.folder, name);
    if (!name.starts_with(kPrefix) || path == current) continue;
    const auto removed = co_await env->disk().remove(path);
    VECTRON_CO_CHECK_OK(removed);
  }
  co_return Result<void>();
}

Task<void> remove_unfinished_checkpoint(Env* env, StateHome home) {
  const auto removed = co_await env->disk().remove(checkpoint_path(home) + std::string(kTemporary));
  // The next write, or the next start, overwrites what stays.
  (void)removed;
}

CheckpointWriter::CheckpointWriter(Env* env, StateHome home, std::unique_ptr<File> file,
                                   ByteView header)
    : env_(env), home_(std::move(home)), file_(std::move(file)), blocks_(header) {}

Task<Result<std::unique_ptr<CheckpointWriter>>> CheckpointWriter::create(Env* env, StateHome home,
                                                                         CheckpointHeader header) {
  const std::string temporary = checkpoint_path(home) + std::string(kTemporary);
  auto opened = co_await env->disk().open(temporary, OpenMode::create);
  VECTRON_CO_TRY(std::unique_ptr<File> file, opened);
  const auto emptied = co_await file->truncate(0);
  VECTRON_CO_CHECK_OK(emptied);
  Bytes bytes = encode_checkpoint_header(header);
  std::unique_ptr<CheckpointWriter> writer(
      new CheckpointWriter(env, std::move(home), std::move(file), bytes));
  const auto written = co_await writer->write(std::move(bytes));
  VECTRON_CO_CHECK_OK(written);
  co_return writer;
}

Task<Result<void>> CheckpointWriter::add(CheckpointBlockKind kind, uint32_t count, Bytes payload) {
  auto written = co_await write(blocks_.block(kind, count, payload));
  co_return written;
}

Task<Result<void>> CheckpointWriter::write(Bytes bytes) {
  auto written = co_await file_->write_at(offset_, bytes);
  offset_ += bytes.size();
  co_return written;
}

Task<Result<void>> CheckpointWriter::commit(index::Slot graph_end, uint64_t coverage) {
  const auto written = co_await write(blocks_.end_block(graph_end, coverage));
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file_->sync();
  VECTRON_CO_CHECK_OK(synced);
  const std::string path = checkpoint_path(home_);
  const auto renamed = co_await env_->disk().rename(path + std::string(kTemporary), path);
  VECTRON_CO_CHECK_OK(renamed);
  const auto named = co_await env_->disk().sync_directory(home_.folder);
  co_return named;
}

}  // namespace vectron
