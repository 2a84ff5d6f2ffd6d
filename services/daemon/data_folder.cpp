#include "services/daemon/data_folder.h"

#include <fmt/format.h>

#include <charconv>

#include "core/base/hash.h"
#include "core/replica/small_file.h"
#include "services/daemon/folder_check.h"

namespace vectron {
namespace {

constexpr std::string_view kManifest = "cluster";
constexpr size_t kManifestBytes = 256;
constexpr size_t kManifestBytesMax = 4096;
constexpr std::string_view kFirstLine = "vectron data folder\n";

std::unexpected<Status> damaged(std::string_view what) {
  return fail(Code::data_loss,
              fmt::format("the data folder's file \"{}\" is damaged: {}", kManifest, what));
}

// Takes "key number\n" off the front of `text`.
Result<uint64_t> take_number(std::string_view* text, std::string_view key) {
  if (!text->starts_with(key) || text->size() <= key.size() || (*text)[key.size()] != ' ') {
    return damaged(fmt::format("it lacks \"{}\"", key));
  }
  const std::string_view rest = text->substr(key.size() + 1);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || end == rest.data() + rest.size() || *end != '\n') {
    return damaged(fmt::format("\"{}\" is not a number", key));
  }
  text->remove_prefix(key.size() + 1 + static_cast<size_t>(end - rest.data()) + 1);
  return value;
}

Task<Result<std::string>> read_manifest(Disk* disk) {
  auto file = co_await disk->open(std::string(kManifest), OpenMode::read);
  VECTRON_CO_TRY(auto open, file);
  Bytes bytes(kManifestBytesMax);
  const std::span<uint8_t> into(bytes);
  auto read = co_await open->read_at(0, into);
  VECTRON_CO_TRY(const size_t size, read);
  co_return std::string(as_text(ByteView(bytes).first(size)));
}

// The file comes first: before it is durable, a start makes empty folders at most. With a new id
// the nodes that are there would be strangers to one another.
Task<Result<void>> check_is_new(Disk* disk) {
  const auto names = co_await disk->list("");
  VECTRON_CO_CHECK_OK(names);
  for (const std::string& name : *names) {
    if (!is_node_folder(name)) continue;
    const auto held = co_await disk->list(name);
    VECTRON_CO_CHECK_OK(held);
    if (held->empty()) continue;
    co_return fail(Code::data_loss,
                   fmt::format("{} is missing, and {} is there: put the file back, for it names "
                               "the cluster that the folder belongs to",
                               disk->whole_path(std::string(kManifest)), name),
                   "data");
  }
  co_return Result<void>();
}

}  // namespace

std::string encode_manifest(const DataFolder& folder) {
  std::string text(kFirstLine);
  text += fmt::format("format {}\ncluster {}\nstarts {}\nworkers {}\nbootstrapped {}\n",
                      DataFolder::kFormatVersion, folder.cluster, folder.starts, folder.workers,
                      folder.bootstrapped ? 1 : 0);
  // The size stays, so that a start on a full disk can be counted in the file's place. Zeros in
  // front of a number are no news to earlier versions.
  const std::string_view name = "checksum ";
  const size_t digits = kManifestBytes - text.size() - name.size() - 1;
  text += fmt::format("{}{:0>{}}\n", name, checksum64(as_bytes(text)), digits);
  return text;
}

Result<DataFolder> decode_manifest(std::string_view text) {
  const std::string_view whole = text;
  if (!text.starts_with(kFirstLine)) return damaged("its first line is not ours");
  text.remove_prefix(kFirstLine.size());
  VECTRON_TRY(const uint64_t format, take_number(&text, "format"));
  if (format > DataFolder::kFormatVersion) {
    return fail(
        Code::failed_precondition,
        fmt::format("the data folder has format {}; this vectron knows up to {}: use a newer "
                    "vectron",
                    format, DataFolder::kFormatVersion));
  }
  DataFolder folder;
  VECTRON_TRY(const uint64_t cluster, take_number(&text, "cluster"));
  VECTRON_TRY(folder.starts, take_number(&text, "starts"));
  VECTRON_TRY(const uint64_t workers, take_number(&text, "workers"));
  VECTRON_TRY(const uint64_t bootstrapped, take_number(&text, "bootstrapped"));
  const std::string_view summed = whole.substr(0, whole.size() - text.size());
  VECTRON_TRY(const uint64_t checksum, take_number(&text, "checksum"));
  if (checksum != checksum64(as_bytes(summed))) return damaged("its checksum is wrong");
  if (cluster == 0 || workers > UINT32_MAX) return damaged("a number is out of range");
  folder.cluster = ClusterId(cluster);
  folder.workers = static_cast<uint32_t>(workers);
  folder.bootstrapped = bootstrapped != 0;
  return folder;
}

Task<Result<DataFolder>> open_data_folder(Disk* disk, uint32_t workers, ClusterId fresh) {
  DataFolder folder;
  folder.cluster = fresh;
  auto exists = co_await disk->exists(std::string(kManifest));
  VECTRON_CO_TRY(const bool found, exists);
  if (found) {
    auto text = co_await read_manifest(disk);
    VECTRON_CO_TRY(const std::string manifest, text);
    auto decoded = decode_manifest(manifest);
    if (!decoded.has_value()) {
      co_return fail(decoded.error().with_context(disk->whole_path(std::string(kManifest))));
    }
    folder = *decoded;
  } else {
    const auto is_new = co_await check_is_new(disk);
    VECTRON_CO_CHECK_OK(is_new);
  }
  if (workers < folder.workers) {
    co_return fail(Code::failed_precondition,
                   fmt::format("this data folder holds {} workers: start it with --workers {} or "
                               "more, or their copies are missing",
                               folder.workers, folder.workers),
                   "workers");
  }
  folder.workers = workers;
  folder.starts += 1;
  auto stored = co_await store_data_folder(disk, folder);
  VECTRON_CO_CHECK_OK(stored);
  co_return folder;
}

// A crash at any point leaves the old manifest or the new one, whole.
Task<Result<void>> store_data_folder(Disk* disk, DataFolder folder) {
  const std::string text = encode_manifest(folder);
  auto stored = co_await write_small_file(disk, "", std::string(kManifest),
                                          to_bytes(as_bytes(text)), SpareFile::kept);
  co_return stored;
}

}  // namespace vectron
