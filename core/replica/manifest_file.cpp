#include "core/replica/manifest_file.h"

#include "core/base/hash.h"

namespace vectron {
namespace {

constexpr std::string_view kMagic = "VECTRONM";
constexpr size_t kHeaderBytes = 16;
constexpr size_t kManifestBytesMax = 1 << 20;

Bytes framed(ByteView record) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.put_raw(as_bytes(kMagic));
  writer.put(checksum64(record));
  writer.put_raw(record);
  return bytes;
}

Result<Bytes> unframed(const std::string& path, ByteView bytes) {
  ByteReader reader(bytes);
  const std::string_view magic = as_text(reader.get_raw(kMagic.size()));
  const auto checksum = reader.get<uint64_t>();
  if (!reader.ok() || magic != kMagic || checksum != checksum64(reader.rest())) {
    return fail(Code::data_loss, "the manifest " + path + " is damaged");
  }
  return to_bytes(reader.rest());
}

/// An error of the device is not damage: what it would not read now it may read at the next start.
Status unread(const std::string& path, const Status& status) {
  if (status.code() != Code::data_loss) return status;
  return Status(Code::unavailable, "the manifest " + path + " cannot be read: " + status.message());
}

}  // namespace

Task<Result<void>> write_manifest(Env* env, std::string folder, std::string name, Bytes record,
                                  SpareFile spare) {
  VECTRON_ASSERT(record.size() + kHeaderBytes <= kManifestBytesMax);
  Bytes bytes = framed(record);
  const auto written = co_await write_small_file(&env->disk(), std::move(folder), std::move(name),
                                                 std::move(bytes), spare);
  co_return written;
}

Task<Result<Bytes>> read_manifest(Env* env, std::string path) {
  const std::string whole = env->disk().whole_path(path);
  auto opened = co_await env->disk().open(path, OpenMode::read);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto size = file->size();
  VECTRON_CO_CHECK_OK(size);
  if (*size < kHeaderBytes || *size > kManifestBytesMax) {
    co_return fail(Code::data_loss, "the manifest " + whole + " has an impossible size");
  }
  Bytes bytes(*size);
  const auto read = co_await file->read_at(0, bytes);
  if (!read.has_value()) co_return fail(unread(whole, read.error()));
  bytes.resize(*read);
  co_return unframed(whole, bytes);
}

}  // namespace vectron
