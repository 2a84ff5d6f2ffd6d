#include "net/file_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/async/sync.h"
#include "core/base/assert.h"
#include "net/system_status.h"

namespace vectron {

namespace {

// Bytes that the loop copies to or from the page cache before others get their turn: about 30 us.
constexpr size_t kInlineBytesMax = 256 << 10;
constexpr size_t kFileJobsMax = 256;
// Files that are stored are for the process' user alone.
constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;

Result<void> last_error(const std::string& what) {
  return fail(system_status(errno, what));
}

/// A descriptor that closes itself. Shared with work on a pool, so that a number is never reused
/// under it.
class OpenDescriptor {
 public:
  explicit OpenDescriptor(int number) : number_(number) {}
  OpenDescriptor(const OpenDescriptor&) = delete;
  OpenDescriptor& operator=(const OpenDescriptor&) = delete;
  ~OpenDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

/// A path that stays below the root: parts that are neither empty nor "." nor "..". The empty path
/// is the root itself.
Result<void> check_path(const std::string& path, bool root_is_allowed) {
  if (path.empty() && root_is_allowed) return {};
  std::string_view rest = path;
  while (true) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos) {
      return fail(
          Code::invalid_argument,
          "'" + path +
              "' is not a path below the data folder: its parts may not be empty, '.' or '..'");
    }
    if (slash == rest.npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

/// Where relative paths begin: an open folder, and how messages name what is below it.
struct Base {
  int folder;
  /// Without a slash at its end; empty: the root of the file system.
  std::string path;

  std::string whole(const std::string& below) const {
    return below.empty() ? path : path + "/" + below;
  }
};

const char* or_dot(const std::string& path) {
  return path.empty() ? "." : path.c_str();
}

/// Whether others than its owner may do something with it. Earlier versions made such files.
bool is_open_to_others(const struct stat& status) {
  return (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Result<void> make_folders(const Base& base, const std::string& path) {
  for (size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdirat(base.folder, part.c_str(), kFolderMode) != 0 && errno != EEXIST) {
      return last_error("cannot create the folder '" + base.whole(part) + "'");
    }
    if (end == path.npos) break;
  }
  struct stat status{};
  if (::fstatat(base.folder, path.c_str(), &status, 0) != 0)
    return last_error("cannot read '" + base.whole(path) + "'");
  if (!S_ISDIR(status.st_mode))
    return fail(Code::failed_precondition, "'" + base.whole(path) + "' is a file, not a folder");
  // Not the data folder itself, nor those above it: whoever made these knows why.
  const bool is_ours = !base.path.empty();
  if (is_ours && is_open_to_others(status)) {
    (void)::fchmodat(base.folder, path.c_str(), kFolderMode, 0);
  }
  return {};
}

Result<void> sync_folder(const Base& base, const std::string& path) {
  const OpenDescriptor folder(
      ::openat(base.folder, or_dot(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0) return last_error("cannot open the folder '" + base.whole(path) + "'");
  if (::fsync(folder.number()) != 0) {
    // Whatever the reason: what a sync that failed should have written may be lost for good.
    const std::string what = "cannot sync the folder '" + base.whole(path) + "'";
    return fail(Code::data_loss, system_status(errno, what).message());
  }
  return {};
}

Result<std::vector<std::string>> names_in(const Base& base, const std::string& path) {
  const int number = ::openat(base.folder, or_dot(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0)
    return fail(system_status(errno, "cannot list the folder '" + base.whole(path) + "'"));
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(number), ::closedir);
  if (folder == nullptr) {
    ::close(number);
    return fail(system_status(errno, "cannot list the folder '" + base.whole(path) + "'"));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0)
    return fail(system_status(errno, "cannot list the folder '" + base.whole(path) + "'"));
  std::ranges::sort(names);
  return names;
}

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

Result<std::shared_ptr<OpenDescriptor>> open_file(const Base& base, const std::string& path,
                                                  OpenMode mode) {
  auto file = std::make_shared<OpenDescriptor>(
      ::openat(base.folder, path.c_str(), open_flags(mode) | O_CLOEXEC, kFileMode));
  if (file->number() < 0)
    return fail(system_status(errno, "cannot open '" + base.whole(path) + "'"));
  struct stat status{};
  if (::fstat(file->number(), &status) != 0)
    return fail(system_status(errno, "cannot open '" + base.whole(path) + "'"));
  if (S_ISDIR(status.st_mode))
    return fail(Code::failed_precondition, "'" + base.whole(path) + "' is a folder");
  if (is_open_to_others(status)) (void)::fchmod(file->number(), kFileMode);
  return file;
}

Result<size_t> read_fully(int file, uint64_t offset, std::span<uint8_t> into) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t count =
        ::pread(file, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_status(errno, "cannot read"));
    done += static_cast<size_t>(count);
  }
  return done;
}

Result<void> write_fully(int file, uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error("cannot write");
    offset += static_cast<uint64_t>(count);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return {};
}

/// Lets everything that is due run before the coroutine goes on.
SleepAwaiter others_first(Scheduler& scheduler) {
  return {scheduler, scheduler.now()};
}

}  // namespace

struct FileDisk::Root {
  std::string path;
  OpenDescriptor folder;  // Holds the lock.
  std::set<std::string> blocking_directories;

  Base base() const { return {folder.number(), path}; }
};

class FileDisk::RealFile final : public File {
 public:
  RealFile(FileDisk& disk, std::shared_ptr<OpenDescriptor> file, std::string path)
      : disk_(disk), file_(std::move(file)), path_(std::move(path)) {}

  Task<Result<size_t>> read_at(uint64_t offset, std::span<uint8_t> into) override {
    if (into.size() <= kInlineBytesMax && cached_reads_) {
      const std::optional<size_t> count = read_cached(offset, into);
      if (count.has_value()) co_return *count;
    }
    // The pool reads into memory of its own: the caller's may be gone when it comes to it.
    const auto bytes = std::make_shared<Bytes>(into.size());
    std::function<Result<size_t>()> work = [file = file_, bytes, offset] {
      return read_fully(file->number(), offset, *bytes);
    };
    auto count = co_await disk_.offload(std::move(work));
    if (count.has_value()) std::copy_n(bytes->begin(), *count, into.begin());
    co_return named(std::move(count));
  }

  Task<Result<void>> write_at(uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ByteView piece = bytes.first(std::min(bytes.size(), kInlineBytesMax));
      auto written = write_fully(file_->number(), offset, piece);
      if (!written.has_value()) co_return named(std::move(written));
      offset += piece.size();
      bytes = bytes.subspan(piece.size());
      if (bytes.empty()) break;
      auto others = others_first(disk_.loop_.scheduler());
      co_await others;
    }
    co_return Result<void>();
  }

  Task<Result<void>> sync() override {
    if (sync_failed_) co_return lost_sync();
    std::function<Result<void>()> work = [file = file_]() -> Result<void> {
      if (::fdatasync(file->number()) != 0) return last_error("cannot sync");
      return {};
    };
    auto synced = co_await disk_.offload(std::move(work));
    // The kernel reports a failed write-back once and then forgets it; we do not.
    if (!synced.has_value()) sync_failed_ = true;
    if (sync_failed_) co_return synced.has_value() ? lost_sync() : named(std::move(synced));
    co_return synced;
  }

  Result<uint64_t> size() override {
    struct stat status{};
    if (::fstat(file_->number(), &status) != 0) {
      return fail(system_status(errno, "cannot read the size of '" + path_ + "'"));
    }
    return static_cast<uint64_t>(status.st_size);
  }

  Task<Result<void>> truncate(uint64_t size) override {
    std::function<Result<void>()> work = [file = file_, size]() -> Result<void> {
      if (::ftruncate(file->number(), static_cast<off_t>(size)) != 0)
        return last_error("cannot truncate");
      return {};
    };
    auto truncated = co_await disk_.offload(std::move(work));
    co_return named(std::move(truncated));
  }

 private:
  /// Reads what the page cache has. Empty when that is not all of it, or when the file system
  /// cannot tell.
  std::optional<size_t> read_cached(uint64_t offset, std::span<uint8_t> into) {
    const iovec whole{into.data(), into.size()};
    const ssize_t count =
        ::preadv2(file_->number(), &whole, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (count < 0 && errno == EOPNOTSUPP) cached_reads_ = false;
    if (count < 0) return std::nullopt;
    const auto got = static_cast<size_t>(count);
    if (got == into.size()) return got;
    // A short count is the end of the file, or the beginning of what is not cached.
    const Result<uint64_t> end = size();
    if (end.has_value() && offset + got >= *end) return got;
    return std::nullopt;
  }

  template <typename T>
  Result<T> named(Result<T> result) const {
    if (result.has_value()) return result;
    return fail(result.error().with_context("file '" + path_ + "'"));
  }
  Result<void> lost_sync() const {
    return fail(Code::data_loss,
                "file '" + path_ +
                    "': an earlier sync failed; what was written since the one before "
                    "may be lost, so open it again and read it");
  }

  FileDisk& disk_;
  std::shared_ptr<OpenDescriptor> file_;
  std::string path_;
  bool cached_reads_ = true;
  bool sync_failed_ = false;
};

/// Work of one directory runs in the order of the calls: a store has one writer.
class FileDisk::RealBlockingDirectory final : public BlockingDirectory {
 public:
  RealBlockingDirectory(EventLoop& loop, ThreadPool& pool, std::shared_ptr<Root> root,
                        std::string name)
      : root_(std::move(root)),
        name_(std::move(name)),
        path_(name_.empty() ? root_->path : root_->path + "/" + name_),
        offload_(loop, pool, Offload::Limits{.jobs_in_flight_max = 1}) {
    const bool added = root_->blocking_directories.insert(name_).second;
    VECTRON_ASSERT(added, "'{}' is open already", name_);
  }
  ~RealBlockingDirectory() override { root_->blocking_directories.erase(name_); }

  const std::string& path() const override { return path_; }
  Task<void> run(BlockingCost, std::function<void()> work) override {
    return offload_.run(std::move(work));
  }

 private:
  std::shared_ptr<Root> root_;
  std::string name_;
  std::string path_;
  Offload offload_;
};

Result<std::unique_ptr<FileDisk>> FileDisk::open(EventLoop& loop, Pools pools,
                                                 const std::string& root) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(root, error).lexically_normal();
  if (error) return fail(system_status(error.value(), "data folder '" + root + "'"));
  const std::string below =
      absolute.has_filename() ? absolute.string() : absolute.parent_path().string();
  const OpenDescriptor top(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string relative =
      below.substr(below.find_first_not_of('/') == below.npos ? below.size() : 1);
  if (relative.empty()) return fail(Code::invalid_argument, "the data folder cannot be '/'");

  const Base whole{top.number(), ""};
  const bool is_new = ::faccessat(top.number(), relative.c_str(), F_OK, 0) != 0;
  VECTRON_CHECK_OK(make_folders(whole, relative));
  if (is_new) {
    // Every name on the way may be new. A folder that may not be opened for it was not made by us.
    for (size_t end = relative.rfind('/'); end != relative.npos && end > 0;
         end = relative.rfind('/', end - 1)) {
      if (!sync_folder(whole, relative.substr(0, end)).has_value()) break;
    }
  }
  auto opened = std::shared_ptr<Root>(new Root{
      below, OpenDescriptor(::open(below.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), {}});
  if (opened->folder.number() < 0)
    return fail(system_status(errno, "cannot open the data folder '" + below + "'"));
  if (::flock(opened->folder.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return fail(system_status(errno, "cannot lock the data folder '" + below + "'"));
    return fail(Code::failed_precondition,
                "the data folder '" + below +
                    "' is in use by another process: stop it, or choose another folder");
  }
  return std::unique_ptr<FileDisk>(new FileDisk(loop, pools, std::move(opened)));
}

FileDisk::FileDisk(EventLoop& loop, Pools pools, std::shared_ptr<Root> root)
    : loop_(loop),
      pools_(pools),
      root_(std::move(root)),
      files_(loop, *pools.files, Offload::Limits{.jobs_in_flight_max = kFileJobsMax}) {}

FileDisk::~FileDisk() = default;

std::string FileDisk::whole_path(const std::string& path) const {
  return root_->base().whole(path);
}

template <typename T>
Task<Result<T>> FileDisk::offload(std::function<Result<T>()> work) {
  auto result = std::make_shared<std::optional<Result<T>>>();
  std::function<void()> wrapped = [result, work = std::move(work)] { result->emplace(work()); };
  co_await files_.run(std::move(wrapped));
  std::optional<Result<T>>& value = *result;
  VECTRON_ASSERT(value.has_value(), "a job that resumes its caller has run");
  co_return *std::move(value);
}

Task<Result<std::unique_ptr<File>>> FileDisk::open(std::string path, OpenMode mode) {
  const Result<void> legal = check_path(path, false);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<std::shared_ptr<OpenDescriptor>>()> work = [root = root_, path, mode] {
    return open_file(root->base(), path, mode);
  };
  auto file = co_await offload(std::move(work));
  VECTRON_CO_CHECK_OK(file);
  co_return std::make_unique<RealFile>(*this, *std::move(file), whole_path(path));
}

Task<Result<void>> FileDisk::rename(std::string from, std::string to) {
  for (const std::string* path : {&from, &to}) {
    const Result<void> legal = check_path(*path, false);
    VECTRON_CO_CHECK_OK(legal);
  }
  std::function<Result<void>()> work = [root = root_, from, to]() -> Result<void> {
    const int folder = root->folder.number();
    if (::renameat(folder, from.c_str(), folder, to.c_str()) != 0) {
      return last_error("cannot rename '" + root->base().whole(from) + "' to '" +
                        root->base().whole(to) + "'");
    }
    return {};
  };
  auto renamed = co_await offload(std::move(work));
  co_return renamed;
}

Task<Result<void>> FileDisk::remove(std::string path) {
  const Result<void> legal = check_path(path, false);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<void>()> work = [root = root_, path]() -> Result<void> {
    if (::unlinkat(root->folder.number(), path.c_str(), 0) != 0)
      return last_error("cannot remove '" + root->base().whole(path) + "'");
    return {};
  };
  auto removed = co_await offload(std::move(work));
  co_return removed;
}

Task<Result<void>> FileDisk::remove_tree(std::string path) {
  const Result<void> legal = check_path(path, false);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<void>()> work = [root = root_, path]() -> Result<void> {
    std::error_code error;
    std::filesystem::remove_all(root->path + "/" + path, error);
    if (error)
      return fail(system_status(error.value(),
                                "cannot remove the folder '" + root->base().whole(path) + "'"));
    return {};
  };
  auto removed = co_await offload(std::move(work));
  co_return removed;
}

Task<Result<void>> FileDisk::create_directory(std::string path) {
  const Result<void> legal = check_path(path, false);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<void>()> work = [root = root_, path] {
    return make_folders(root->base(), path);
  };
  auto created = co_await offload(std::move(work));
  co_return created;
}

Task<Result<void>> FileDisk::sync_directory(std::string path) {
  const Result<void> legal = check_path(path, true);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<void>()> work = [root = root_, path] {
    return sync_folder(root->base(), path);
  };
  auto synced = co_await offload(std::move(work));
  co_return synced;
}

Task<Result<std::vector<std::string>>> FileDisk::list(std::string path) {
  const Result<void> legal = check_path(path, true);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<std::vector<std::string>>()> work = [root = root_, path] {
    return names_in(root->base(), path);
  };
  auto names = co_await offload(std::move(work));
  co_return names;
}

Task<Result<bool>> FileDisk::exists(std::string path) {
  const Result<void> legal = check_path(path, true);
  VECTRON_CO_CHECK_OK(legal);
  std::function<Result<bool>()> work = [root = root_, path]() -> Result<bool> {
    if (::faccessat(root->folder.number(), or_dot(path), F_OK, 0) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return fail(system_status(errno, "cannot look for '" + root->base().whole(path) + "'"));
  };
  auto found = co_await offload(std::move(work));
  co_return found;
}

Result<uint64_t> FileDisk::free_space_bytes() {
  struct statvfs status{};
  if (::fstatvfs(root_->folder.number(), &status) != 0) {
    return fail(system_status(errno, "cannot read the free space of '" + root_->path + "'"));
  }
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<std::unique_ptr<BlockingDirectory>> FileDisk::open_blocking_directory(
    const std::string& path) {
  VECTRON_CHECK_OK(check_path(path, true));
  struct stat status{};
  if (::fstatat(root_->folder.number(), or_dot(path), &status, 0) != 0) {
    return fail(system_status(errno, "cannot open the folder '" + root_->base().whole(path) + "'"));
  }
  if (!S_ISDIR(status.st_mode))
    return fail(Code::failed_precondition,
                "'" + root_->base().whole(path) + "' is a file, not a folder");
  return std::make_unique<RealBlockingDirectory>(loop_, *pools_.key_values, root_, path);
}

}  // namespace vectron
