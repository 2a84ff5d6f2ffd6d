#include "core/replica/small_file.h"

#include "core/env/descriptors.h"

namespace vectron {

namespace {

/// One sector: the disk writes it whole or not at all.
constexpr size_t kSectorBytes = 512;

Task<Result<void>> replace_file(Disk* disk, std::string folder, std::string name,
                                const Bytes* bytes) {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  const std::string temporary = prefix + name + ".new";
  auto opened = co_await disk->open(temporary, OpenMode::create);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto emptied = co_await file->truncate(0);
  VECTRON_CO_CHECK_OK(emptied);
  const auto written = co_await file->write_at(0, *bytes);
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file->sync();
  VECTRON_CO_CHECK_OK(synced);
  const auto renamed = co_await disk->rename(temporary, prefix + name);
  VECTRON_CO_CHECK_OK(renamed);
  const auto named = co_await disk->sync_directory(folder);
  co_return named;
}

/// Writes over a file of the same size; `full` is given back where that is not possible.
Task<Result<void>> overwrite_sector(Disk* disk, std::string path, const Bytes* bytes, Status full) {
  if (bytes->size() > kSectorBytes) co_return fail(std::move(full));
  auto opened = co_await disk->open(path, OpenMode::read_write);
  if (!opened.has_value()) co_return fail(std::move(full));
  const std::unique_ptr<File> file = *std::move(opened);
  const auto size = file->size();
  if (!size.has_value() || *size != bytes->size()) co_return fail(std::move(full));
  const auto written = co_await file->write_at(0, *bytes);
  VECTRON_CO_CHECK_OK(written);
  const auto synced = co_await file->sync();
  co_return synced;
}

}  // namespace

Task<Result<void>> write_small_file(Disk* disk, std::string folder, std::string name, Bytes bytes) {
  auto replaced = co_await replace_file(disk, folder, name, &bytes);
  // The only copy is written over where there is no other way: on a full disk.
  const bool disk_is_full = !replaced.has_value() &&
                            replaced.error().code() == Code::resource_exhausted &&
                            replaced.error().field() != kDescriptorsField;
  if (!disk_is_full) co_return replaced;
  const std::string path = folder.empty() ? name : folder + "/" + name;
  const auto written = co_await overwrite_sector(disk, path, &bytes, replaced.error());
  co_return written;
}

}  // namespace vectron
