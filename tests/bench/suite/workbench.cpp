#include "tests/bench/suite/workbench.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "services/daemon/demo_exact.h"

namespace vectron::bench {

namespace fs = std::filesystem;

Result<std::unique_ptr<Workbench>> Workbench::open(WorkbenchOptions options) {
  std::unique_ptr<Workbench> bench(new Workbench(std::move(options)));
  WorkbenchOptions& set = bench->options_;
  if (set.threads == 0) set.threads = std::max(1U, std::thread::hardware_concurrency());
  std::string pattern = (fs::path(set.folder) / "vectron-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return fail(Code::unavailable, "cannot make a folder in " + set.folder, "folder");
  }
  bench->folder_ = pattern;
  VECTRON_TRY(bench->dataset_, demo::read_dataset(set.dataset));
  demo::Dataset& data = bench->dataset_;
  data.points = first_images(data.points, std::min(set.points, data.points.count()));
  data.queries = first_images(data.queries, std::min(set.queries, data.queries.count()));
  VECTRON_CHECK_OK(bench->find_radii());
  return bench;
}

Workbench::~Workbench() {
  progress_.end();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Result<void> Workbench::find_radii() {
  const size_t wanted = queries().count();
  radii_file_ = fmt::format("{}/radii-{}-{}", options_.programs, points().count(), wanted);
  radii_.resize(wanted);
  const auto bytes = static_cast<std::streamsize>(wanted * sizeof(int32_t));
  std::ifstream stored(radii_file_, std::ios::binary);
  if (stored.read(reinterpret_cast<char*>(radii_.data()), bytes).gcount() == bytes) return {};
  progress_.begin("computing the exact answers by brute force");
  radii_ = demo::exact_radii(points(), queries(), Database::kTopK,
                             [this](double share) { progress_.show(share); });
  const std::string part = radii_file_ + ".part";
  std::ofstream file(part, std::ios::binary);
  file.write(reinterpret_cast<const char*>(radii_.data()), bytes);
  file.close();
  std::error_code error;
  fs::rename(part, radii_file_, error);
  if (!file || error) return fail(Code::unavailable, "cannot write " + radii_file_);
  return {};
}

Result<std::unique_ptr<Database>> Workbench::new_database() {
  DatabaseOptions options;
  options.binary = options_.programs + "/vectron";
  options.folder = fmt::format("{}/{}", folder_, ++databases_);
  options.cpu_threads = options_.threads;
  std::error_code error;
  fs::create_directory(options.folder, error);
  if (error) return fail(Code::unavailable, "cannot make the folder " + options.folder);
  return Database::open(std::move(options));
}

Result<Baseline> Workbench::new_baseline() {
  return Baseline::start({.binary = options_.programs + "/bench_hnswlib",
                          .points = points().count(),
                          .queries = queries().count(),
                          .radii_file = radii_file_});
}

}  // namespace vectron::bench
