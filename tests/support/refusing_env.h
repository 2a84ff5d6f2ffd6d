// RefusingEnv: a MemoryEnv whose disk refuses operations that a test names by their path.
#pragma once

#include <map>
#include <string>

#include "tests/support/memory_env.h"

namespace vectron {

/// Passes everything on to the disk below, but for the paths in `refused`: each is refused as often
/// as it says, whatever the operation is. The sync of a folder has that folder's path with a '/'
/// behind it.
class RefusingDisk final : public Disk {
 public:
  struct Refusal {
    Status why;
    int times = 0;
  };

  explicit RefusingDisk(Disk* below) : below_(*below) {}

  std::map<std::string, Refusal> refused;

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override {
    const Status why = ask(path);
    if (!why.ok()) co_return fail(why);
    auto done = co_await below_.open(std::move(path), mode);
    co_return done;
  }
  Task<Result<void>> rename(std::string from, std::string to) override {
    return below_.rename(std::move(from), std::move(to));
  }
  Task<Result<void>> remove(std::string path) override {
    const Status why = ask(path);
    if (!why.ok()) co_return fail(why);
    auto done = co_await below_.remove(std::move(path));
    co_return done;
  }
  Task<Result<void>> remove_tree(std::string path) override {
    const Status why = ask(path);
    if (!why.ok()) co_return fail(why);
    auto done = co_await below_.remove_tree(std::move(path));
    co_return done;
  }
  Task<Result<void>> create_directory(std::string path) override {
    return below_.create_directory(std::move(path));
  }
  Task<Result<void>> sync_directory(std::string path) override {
    const Status why = ask(path + "/");
    if (!why.ok()) co_return fail(why);
    auto done = co_await below_.sync_directory(std::move(path));
    co_return done;
  }
  Task<Result<std::vector<std::string>>> list(std::string path) override {
    const Status why = ask(path);
    if (!why.ok()) co_return fail(why);
    auto done = co_await below_.list(std::move(path));
    co_return done;
  }
  Task<Result<bool>> exists(std::string path) override {
    const Status why = ask(path);
    if (!why.ok()) co_return fail(why);
    const auto done = co_await below_.exists(std::move(path));
    co_return done;
  }
  Result<uint64_t> free_space_bytes() override { return below_.free_space_bytes(); }
  Result<std::unique_ptr<BlockingDirectory>> open_blocking_directory(
      const std::string& path) override {
    return below_.open_blocking_directory(path);
  }

 private:
  Status ask(const std::string& path) {
    const auto found = refused.find(path);
    if (found == refused.end() || found->second.times == 0) return Status();
    --found->second.times;
    return found->second.why;
  }

  Disk& below_;
};

class RefusingEnv final : public Env {
 public:
  Scheduler& scheduler() override { return below_.scheduler(); }
  Clock& clock() override { return below_.clock(); }
  Network& network() override { return below_.network(); }
  RefusingDisk& disk() override { return disk_; }
  Cpu& cpu() override { return below_.cpu(); }
  Log& log() override { return below_.log(); }
  Metrics& metrics() override { return below_.metrics(); }
  RandomStream random(std::string_view name) override { return below_.random(name); }
  bool buggify(std::string_view point) override { return below_.buggify(point); }
  bool planted(std::string_view name) override { return below_.planted(name); }

  /// Where tasks are run, and where the files are.
  MemoryEnv& below() { return below_; }

 private:
  MemoryEnv below_;
  RefusingDisk disk_{&below_.disk()};
};

}  // namespace vectron
