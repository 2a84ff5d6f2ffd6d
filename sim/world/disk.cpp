#include "sim/world/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/world/world.h"

namespace vectron::sim {
namespace {

using Kind = DiskNode::Kind;

constexpr std::string_view kStoreFile = "data.mdb";
/// Stores that are looked at for something to rot.
constexpr uint64_t kRotAttemptsMax = 8;

using NodePointer = std::shared_ptr<DiskNode>;

/// The parts of a path; none for "", the data folder. Errors: invalid_argument.
Result<std::vector<std::string>> split(const std::string& path) {
  std::vector<std::string> parts;
  if (path.empty()) return parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return fail(Code::invalid_argument,
                  fmt::format("'{}' is not a path relative to the data folder", path));
    }
    parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

std::unexpected<Status> absent(const std::string& path) {
  return fail(Code::not_found, fmt::format("'{}' does not exist", path));
}
std::unexpected<Status> wrong_kind(const std::string& path, std::string_view wanted) {
  return fail(Code::failed_precondition, fmt::format("'{}' is not a {}", path, wanted));
}

/// Points `name` at `node` (null: removes it), not yet durably.
void set_name(DiskNode* folder, const std::string& name, NodePointer node, bool with_next = false) {
  if (node != nullptr) {
    folder->entries[name] = node;
  } else {
    folder->entries.erase(name);
  }
  folder->changes.push_back({name, std::move(node), with_next});
}

void apply(const DiskNode::Change& change, std::map<std::string, NodePointer>* entries) {
  if (change.now != nullptr) {
    (*entries)[change.name] = change.now;
  } else {
    entries->erase(change.name);
  }
}

void remove_entries(DiskNode* folder) {
  if (folder->real_folder != nullptr) folder->real_folder->move_aside();
  while (!folder->entries.empty()) {
    const auto [name, node] = *folder->entries.begin();
    if (node->kind == Kind::folder) remove_entries(node.get());
    set_name(folder, name, nullptr);
  }
}

/// Undoes some of a folder's un-synced changes of names.
void lose_names(DiskNode* folder, PageFates* fates, PowerLossCounts* counts) {
  std::map<std::string, NodePointer> left = folder->durable_entries;
  bool joined = false;
  bool lost = false;
  for (const DiskNode::Change& change : folder->changes) {
    if (!joined) lost = fates->loses_metadata();
    joined = change.with_next;
    if (!lost) apply(change, &left);
  }
  if (left != folder->entries) ++counts->lost;
  folder->entries = left;
  folder->durable_entries = std::move(left);
  folder->changes.clear();
}

/// Places of a disk that can rot, in the order of names.
struct Rottables {
  /// With something in them that is settled.
  std::vector<DiskNode*> files;
  std::vector<TrackedFolder*> stores;
};

bool is_of(RotPlace place, std::string_view name) {
  if (place == RotPlace::log) return name.ends_with(".wal");
  if (place == RotPlace::checkpoint) {
    return name.starts_with("graph-") && name.ends_with(".checkpoint");
  }
  return place == RotPlace::manifest && (name.ends_with(".manifest") || name == "FORMAT");
}

void collect_rottables(const DiskNode& folder, RotPlace place, Rottables* out) {
  if (folder.real_folder != nullptr && (place == RotPlace::store || place == RotPlace::pages)) {
    if (folder.real_folder->contains(std::string(kStoreFile))) {
      out->stores.push_back(folder.real_folder.get());
    }
  }
  for (const auto& [name, child] : folder.entries) {
    if (child->kind == Kind::folder) {
      collect_rottables(*child, place, out);
    } else if (is_of(place, name) && child->image.synced()) {
      out->files.push_back(child.get());
    }
  }
}

/// Manifests and markers whose names are durable.
void collect_small_files(const DiskNode& folder, const std::string& prefix,
                         std::vector<std::string>* paths) {
  for (const auto& [name, child] : folder.entries) {
    if (child->kind == Kind::folder) {
      collect_small_files(*child, prefix + name + "/", paths);
    } else if (is_of(RotPlace::manifest, name) && folder.durable_entries.contains(name)) {
      paths->push_back(prefix + name);
    }
  }
}

uint64_t bytes_below(const DiskNode& node) {
  uint64_t bytes = node.image.size();
  if (node.real_folder != nullptr) bytes += node.real_folder->bytes();
  for (const auto& [name, child] : node.entries) bytes += bytes_below(*child);
  return bytes;
}

}  // namespace

SimDisk::SimDisk(SimWorld* world, std::string node_name, uint64_t generation)
    : world_(*world),
      name_(std::move(node_name)),
      real_root_(fmt::format("{}/{}-{}", world->real_folder(), name_, generation)),
      timing_(world->seed(), fmt::format("disk[{}]", name_), generation),
      losses_(world->seed(), fmt::format("disk[{}].losses", name_), generation),
      trouble_(world),
      root_(std::make_shared<DiskNode>(Kind::folder, 0)) {
  power_.set_trouble(
      [this](FileCall call, bool needs_space) { return trouble_of_call(call, needs_space); });
  power_.set_last_space([this](uint64_t bytes) { return trouble_.take_last_space(bytes); });
  power_.observe([this](const FileCallRecord& record) {
    world_.record(TraceKind::kv,
                  record.offset << 8 | (record.succeeded ? 16 : 0) | unsigned(record.call),
                  record.bytes);
  });
}

SimDisk::~SimDisk() = default;

std::shared_ptr<DiskNode> SimDisk::make(Kind kind) {
  return std::make_shared<DiskNode>(kind, next_id_++);
}

Result<SimDisk::Place> SimDisk::locate(const std::string& path) {
  VECTRON_TRY(std::vector<std::string> parts, split(path));
  if (parts.empty()) {
    return fail(Code::invalid_argument, fmt::format("'{}' is the data folder itself", path));
  }
  Place place{root_, std::move(parts.back()), nullptr};
  parts.pop_back();
  for (const std::string& part : parts) {
    const auto found = place.folder->entries.find(part);
    if (found == place.folder->entries.end()) return absent(path);
    if (found->second->kind != Kind::folder) return wrong_kind(part, "folder");
    place.folder = found->second;
  }
  const auto found = place.folder->entries.find(place.name);
  if (found != place.folder->entries.end()) place.node = found->second;
  return place;
}

Result<SimDisk::Place> SimDisk::locate_existing(const std::string& path) {
  VECTRON_TRY(Place place, locate(path));
  const bool real =
      place.folder->real_folder != nullptr && place.folder->real_folder->contains(place.name);
  if (place.node == nullptr && !real) return absent(path);
  return place;
}

Result<std::shared_ptr<DiskNode>> SimDisk::find_folder(const std::string& path) {
  VECTRON_TRY(const std::vector<std::string> parts, split(path));
  if (parts.empty()) return root_;
  VECTRON_TRY(const Place place, locate(path));
  if (place.node == nullptr) return absent(path);
  if (place.node->kind != Kind::folder) return wrong_kind(path, "folder");
  return place.node;
}

Result<std::shared_ptr<DiskNode>> SimDisk::open_file(const std::string& path, Creation creation) {
  VECTRON_TRY(const Place place, locate(path));
  if (place.node != nullptr) {
    if (creation == Creation::always) {
      return fail(Code::already_exists, fmt::format("'{}' exists", path));
    }
    if (place.node->kind != Kind::file) return wrong_kind(path, "file");
    return place.node;
  }
  if (creation == Creation::never) return absent(path);
  NodePointer node = make(Kind::file);
  set_name(place.folder.get(), place.name, node);
  return node;
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  VECTRON_TRY(const std::vector<std::string> target_parts, split(to));
  if (target_parts.empty()) return fail(Code::invalid_argument, "the data folder has its place");
  VECTRON_TRY(const Place source, locate_existing(from));
  VECTRON_TRY(const Place target, locate(to));
  if (source.node == nullptr) return wrong_kind(from, "file of ours");
  if (target.node == source.node) return {};
  if (target.node != nullptr && target.node->kind != source.node->kind) {
    return wrong_kind(to, source.node->kind == Kind::file ? "file" : "folder");
  }
  if (target.node != nullptr && !target.node->entries.empty()) {
    return fail(Code::failed_precondition, fmt::format("'{}' is not empty", to));
  }
  // Atomic within one folder. Between two, each folder's half lasts once that folder is synced; the
  // new name comes first.
  set_name(target.folder.get(), target.name, source.node, source.folder == target.folder);
  set_name(source.folder.get(), source.name, nullptr);
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  VECTRON_TRY(const Place place, locate_existing(path));
  if (place.node == nullptr) {
    place.folder->real_folder->remove(place.name);
    return {};
  }
  if (place.node->kind != Kind::file) return wrong_kind(path, "file");
  set_name(place.folder.get(), place.name, nullptr);
  return {};
}

Result<void> SimDisk::remove_tree(const std::string& path) {
  Result<Place> place = locate(path);
  if (!place.has_value()) {
    if (place.error().code() == Code::not_found) return {};
    return fail(std::move(place).error());
  }
  if (place->node == nullptr) return {};
  remove_entries(place->node.get());
  set_name(place->folder.get(), place->name, nullptr);
  return {};
}

Result<void> SimDisk::create_directory(const std::string& path) {
  VECTRON_TRY(const std::vector<std::string> parts, split(path));
  if (parts.empty()) return fail(Code::invalid_argument, "the data folder always exists");
  NodePointer folder = root_;
  for (const std::string& part : parts) {
    const auto found = folder->entries.find(part);
    NodePointer next = found != folder->entries.end() ? found->second : nullptr;
    if (next == nullptr) {
      next = make(Kind::folder);
      set_name(folder.get(), part, next);
    }
    if (next->kind != Kind::folder) return wrong_kind(part, "folder");
    folder = std::move(next);
  }
  return {};
}

Result<void> SimDisk::sync_directory(const std::string& path) {
  VECTRON_TRY(const NodePointer folder, find_folder(path));
  for (const DiskNode::Change& change : folder->changes) apply(change, &folder->durable_entries);
  folder->changes.clear();
  if (folder->real_folder != nullptr) folder->real_folder->sync_names();
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& path) {
  VECTRON_TRY(const NodePointer folder, find_folder(path));
  std::vector<std::string> names;
  if (folder->real_folder != nullptr) names = folder->real_folder->names();
  for (const auto& [name, node] : folder->entries) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

Result<bool> SimDisk::exists(const std::string& path) {
  VECTRON_TRY(const std::vector<std::string> parts, split(path));
  if (parts.empty()) return true;
  const Result<Place> place = locate_existing(path);
  if (place.has_value()) return true;
  if (place.error().code() == Code::not_found) return false;
  return fail(place.error());
}

Result<std::shared_ptr<DiskNode>> SimDisk::open_real_folder(const std::string& path) {
  VECTRON_TRY(NodePointer folder, find_folder(path));
  if (folder->real_folder_open) {
    return fail(Code::failed_precondition, fmt::format("'{}' is open already", path));
  }
  if (folder->real_folder == nullptr) {
    folder->real_folder =
        std::make_unique<TrackedFolder>(fmt::format("{}/{}", real_root_, folder->id), &power_);
  }
  folder->real_folder_open = true;
  return folder;
}

uint64_t SimDisk::used_bytes() const {
  return bytes_below(*root_);
}

Result<Bytes> SimDisk::content(const std::string& path) {
  VECTRON_TRY(const Place place, locate_existing(path));
  if (place.node == nullptr) return place.folder->real_folder->content(place.name);
  if (place.node->kind != Kind::file) return wrong_kind(path, "file");
  return to_bytes(place.node->image.content());
}

void SimDisk::lose_power() {
  PowerLossCounts counts;
  PageFates fates(&losses_, {world_.fault_enabled(FaultClass::lost_unsynced),
                             world_.fault_enabled(FaultClass::torn_write)});
  lose_power(root_.get(), &fates, &counts);
  power_.restore();
  // A tear that spares none of what changed looks like a loss, and is a tear all the same.
  const bool loses = world_.fault_enabled(FaultClass::lost_unsynced);
  const FaultClass of_lost = loses ? FaultClass::lost_unsynced : FaultClass::torn_write;
  for (uint64_t i = 0; i < counts.lost; ++i) world_.fault_fired(of_lost);
  for (uint64_t i = 0; i < counts.torn; ++i) world_.fault_fired(FaultClass::torn_write);
}

void SimDisk::lose_power(DiskNode* node, PageFates* fates, PowerLossCounts* counts) {
  if (node->kind == Kind::file) {
    if (!node->image.synced()) *counts += node->image.lose_power(fates);
    return;
  }
  if (!node->changes.empty()) lose_names(node, fates, counts);
  if (node->real_folder != nullptr) *counts += node->real_folder->lose_power(fates);
  for (const auto& [name, child] : node->entries) lose_power(child.get(), fates, counts);
}

int SimDisk::trouble_of_call(FileCall call, bool needs_space) {
  if (call == FileCall::sync && trouble_.sync_fails()) return EIO;
  if (call == FileCall::sync) return needs_space && trouble_.sync_finds_no_space() ? ENOSPC : 0;
  const bool opens = call == FileCall::create || call == FileCall::open;
  if (opens && trouble_.has_no_descriptor()) return EMFILE;
  if (call == FileCall::open) return 0;
  if (call == FileCall::read) return trouble_.read_fails() ? EIO : 0;
  if (call == FileCall::allocate) return trouble_.has_no_block() ? ENOSPC : 0;
  if (trouble_.write_fails()) return EIO;
  return needs_space && trouble_.is_full() ? ENOSPC : 0;
}

bool SimDisk::rot(RotPlace place, RandomStream* random) {
  if (!world_.fault_enabled(FaultClass::bit_rot)) return false;
  Rottables found;
  collect_rottables(*root_, place, &found);
  if (place == RotPlace::store || place == RotPlace::pages) {
    return rot_store(found.stores, place, random);
  }
  const auto bytes_of = [place](const DiskNode* file) {
    return place == RotPlace::log ? file->image.settled_bytes() : file->image.size();
  };
  std::erase_if(found.files, [&](const DiskNode* file) { return bytes_of(file) == 0; });
  if (found.files.empty()) return false;
  DiskNode* file = found.files[random->below(found.files.size())];
  const uint64_t offset = random->below(bytes_of(file));
  // The same bit twice would be as it was.
  if (file->image.is_rotten(offset, 1)) return false;
  file->image.rot(offset, static_cast<unsigned>(random->below(8)));
  file->spare = place == RotPlace::checkpoint;
  ever_rotted_ = ever_rotted_ || !file->spare;
  return true;
}

void SimDisk::rot_was_read(DiskNode* file) {
  file->rot_was_read = true;
  if (file->spare) {
    world_.fault_fired(FaultClass::bit_rot);
  } else {
    trouble_.rot_was_read();
  }
}

bool SimDisk::gave_rotten_checkpoint(const std::string& path) {
  const auto folder = find_folder(path);
  if (!folder.has_value()) return false;
  return std::ranges::any_of((*folder)->entries, [](const auto& entry) {
    return entry.second->spare && entry.second->rot_was_read;
  });
}

std::optional<std::string> SimDisk::lose_file(RandomStream* random) {
  if (!world_.fault_enabled(FaultClass::bit_rot)) return std::nullopt;
  std::vector<std::string> paths;
  collect_small_files(*root_, "", &paths);
  if (paths.empty()) return std::nullopt;
  std::string path = paths[random->below(paths.size())];
  const Result<Place> place = locate(path);
  VECTRON_ASSERT(place.has_value());
  DiskNode& folder = *place->folder;
  folder.entries.erase(place->name);
  folder.durable_entries.erase(place->name);
  std::erase_if(folder.changes, [&](const auto& change) { return change.name == place->name; });
  ever_rotted_ = true;
  world_.fault_fired(FaultClass::bit_rot);
  return path;
}

bool SimDisk::rot_store(const std::vector<TrackedFolder*>& stores, RotPlace place,
                        RandomStream* random) {
  if (stores.empty()) return false;
  for (uint64_t i = 0; i < kRotAttemptsMax; ++i) {
    TrackedFolder* store = stores[random->below(stores.size())];
    const std::string name(kStoreFile);
    const uint64_t choice = random->next();
    const bool struck =
        place == RotPlace::pages ? store->rot_pages(name, choice) : store->rot(name, choice);
    if (!struck) continue;
    ever_rotted_ = true;
    return true;
  }
  return false;
}

Instant SimDisk::transfer(uint64_t bytes) {
  const Instant begin = std::max(world_.now(), device_free_at_);
  const unsigned __int128 nanoseconds = static_cast<unsigned __int128>(bytes) * 1'000'000'000;
  device_free_at_ =
      begin + Duration(static_cast<int64_t>(nanoseconds / world_.config().disk.bytes_per_second));
  return device_free_at_;
}

}  // namespace vectron::sim
