#include "core/replica/small_file.h"

#include <string_view>

#include "core/env/descriptors.h"

namespace vectron {

namespace {

/// One sector: the disk writes it whole or not at all.
constexpr size_t kSectorBytes = 512;
constexpr std::string_view kSpareSuffix = ".new";
constexpr int kPutBackTriesMax = 3;

/// Makes `path` a file of these bytes, durably. What is there already keeps its blocks: a spare
/// file needs no space.
Task<Result<void>> fill_file(Disk* disk, std::string path, const Bytes* bytes) {
  auto opened = co_await disk->open(path, OpenMode::create);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto size = file->size();
  VECTRON_CO_CHECK_OK(size);
  if (*size > bytes->size()) {
    const auto cut = co_await file->truncate(bytes->size());
    VECTRON_CO_CHECK_OK(cut);
  }
  const auto written = co_await file->write_at(0, *bytes);
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file->sync();
  co_return synced;
}

Task<Result<void>> replace_file(Disk* disk, std::string folder, std::string path,
                                const Bytes* bytes) {
  const std::string fresh = path + std::string(kSpareSuffix);
  const auto filled = co_await fill_file(disk, fresh, bytes);
  VECTRON_CO_CHECK_OK(filled);
  const auto renamed = co_await disk->rename(fresh, path);
  VECTRON_CO_CHECK_OK(renamed);
  const auto named = co_await disk->sync_directory(folder);
  co_return named;
}

Task<Result<void>> overwrite(File* file, const Bytes* bytes) {
  const auto written = co_await file->write_at(0, *bytes);
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file->sync();
  co_return synced;
}

/// A write that failed may have done a part of its work, and this is the only copy: its bytes are
/// put back as they were.
Task<void> put_back(File* file, const Bytes* bytes) {
  for (int tries = 0; tries < kPutBackTriesMax; ++tries) {
    const auto written = co_await overwrite(file, bytes);
    if (written.has_value()) co_return;
  }
}

/// Writes over a file of the same size; `full` is given back where that is not possible.
Task<Result<void>> overwrite_sector(Disk* disk, std::string path, const Bytes* bytes, Status full) {
  if (bytes->size() > kSectorBytes) co_return fail(std::move(full));
  auto opened = co_await disk->open(path, OpenMode::read_write);
  if (!opened.has_value()) co_return fail(std::move(full));
  const std::unique_ptr<File> file = *std::move(opened);
  const auto size = file->size();
  if (!size.has_value() || *size != bytes->size()) co_return fail(std::move(full));
  Bytes before(bytes->size());
  const auto read = co_await file->read_at(0, before);
  VECTRON_CO_CHECK_OK(read);
  const auto written = co_await overwrite(file.get(), bytes);
  if (!written.has_value() && *read == before.size()) co_await put_back(file.get(), &before);
  co_return written;
}

}  // namespace

Task<Result<void>> write_small_file(Disk* disk, std::string folder, std::string name, Bytes bytes,
                                    SpareFile spare) {
  const std::string path = folder.empty() ? name : folder + "/" + name;
  auto written = co_await replace_file(disk, folder, path, &bytes);
  const bool disk_is_full = !written.has_value() &&
                            written.error().code() == Code::resource_exhausted &&
                            written.error().field() != kDescriptorsField;
  // The only copy is written over where there is no other way.
  if (disk_is_full) written = co_await overwrite_sector(disk, path, &bytes, written.error());
  if (!written.has_value() || spare == SpareFile::none) co_return written;
  // At once: the block that the old file had has just become free.
  const Bytes zeros(bytes.size());
  const auto spared = co_await fill_file(disk, path + std::string(kSpareSuffix), &zeros);
  (void)spared;  // Without it the next write needs space, as this one may have.
  co_return written;
}

}  // namespace vectron
