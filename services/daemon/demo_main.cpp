// vectron-demo: what a newcomer runs first (./dev demo).
#include <CLI/CLI.hpp>

#include <filesystem>

#include "services/daemon/demo_run.h"
#include "services/daemon/demo_server.h"

namespace vectron::demo {
namespace {

// A new folder under the system's one for temporary files; removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vectron-demo-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty() && !keep_) std::filesystem::remove_all(path_, ignored);
  }
  void keep() { keep_ = true; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_ = false;
};

int run(const DemoOptions& options, bool json) {
  Progress progress;
  const Result<Report> report = run_demo(options, progress);
  if (!report.has_value()) {
    progress.end();
    fmt::print(stderr, "vectron-demo: {}\n", report.error().to_string());
    return 1;
  }
  fmt::print("{}\n", json ? to_json(*report) : to_table(*report));
  if (good_enough(*report)) return 0;
  fmt::print(stderr,
             "vectron-demo: not good enough: recall@10 must be {} or more before and after "
             "the kill, and nothing may be lost\n",
             kRecallMin);
  return 1;
}

}  // namespace
}  // namespace vectron::demo

int main(int argc, char** argv) {
  using namespace vectron::demo;
  DemoOptions options;
  options.binary = program_folder() + "/vectron";
  bool json = false;
  bool keep = false;
  CLI::App app{
      "Loads Fashion-MNIST into `vectron up`, kills it twice, and compares its answers with "
      "exact ones."};
  app.add_flag("--json", json, "Print one JSON object instead of a table");
  app.add_flag("--keep", keep, "Keep the folder with the data and the server's log");
  app.add_option("--binary", options.binary, "The server to start")->capture_default_str();
  app.add_option("--dataset", options.dataset, "The folder of the idx files")
      ->capture_default_str();
  app.add_option("--points", options.points, "Vectors to load")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
  app.add_option("--queries", options.queries, "Vectors to search with")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--batch", options.batch_points, "Points of one upsert")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--callers", options.callers, "Requests in flight")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--shards", options.shards, "Shards of the collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--processes", options.processes,
               "Run three placement nodes, three workers and a gateway, each a process of its own, "
               "instead of one process; three copies of everything");
  app.add_option("--replication", options.replication,
                 "Copies; 0: one in one process, three over several")
      ->check(CLI::Range(0, 3))
      ->capture_default_str();
  app.add_option("--ef", options.ef, "Candidates of a search; 0: the collection's own")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  TemporaryFolder folder;
  if (folder.path().empty()) {
    fmt::print(stderr, "vectron-demo: cannot make a temporary folder\n");
    return 1;
  }
  if (keep) {
    folder.keep();
    fmt::print(stderr, "the data stays in {}\n", folder.path());
  }
  options.folder = folder.path();
  return run(options, json);
}
