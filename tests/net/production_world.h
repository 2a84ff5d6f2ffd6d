// The production world for the conformance suite: real sockets, files and threads, all nodes on one
// loop.
#pragma once

#include <filesystem>
#include <map>

#include "net/in_process_network.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "tests/conformance/world.h"

namespace vectron {

/// A folder that is removed with its contents.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "vectron-net-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs `loop` until `done`, or until `limit` has passed; returns whether it was done.
bool run_loop(EventLoop& loop, const std::function<bool()>& done, Duration limit);

class ProductionWorld final : public conformance::World {
 public:
  enum class Links { tcp, in_process };
  explicit ProductionWorld(Links links);
  ~ProductionWorld() override;

  Env& node(size_t index) override { return *process(index).env; }
  TaskGroup& tasks(size_t index) override { return *process(index).tasks; }
  bool run_until(const std::function<bool()>& done, Duration limit) override;
  Address free_address(size_t index) override;
  bool work_runs_beside_loop() const override { return true; }
  bool can_stop(conformance::Stop how) const override {
    return how != conformance::Stop::power_loss;
  }
  void restart(size_t index, conformance::Stop how) override;

 private:
  struct Process {
    std::unique_ptr<ProductionEnv> env;
    std::unique_ptr<TaskGroup> tasks;
  };
  Process& process(size_t index);

  Links links_;
  TemporaryFolder folder_;
  LogSink sink_{LogLevel::warning};
  ProductionPools pools_{{.cpu_threads = 2, .file_threads = 2, .key_value_threads = 2}};
  EventLoop loop_;
  TcpNetwork tcp_{loop_, pools_.files};
  InProcessNetwork in_process_{loop_.scheduler(), &tcp_};
  std::map<size_t, Process> processes_;
};

}  // namespace vectron
