// What every bench of the suite stands on: the data set with its exact answers, a folder of its
// own, the programs to start, and what to tell a person meanwhile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/daemon/demo_dataset.h"
#include "services/daemon/demo_progress.h"
#include "tests/bench/suite/baseline.h"
#include "tests/bench/suite/database.h"

namespace vectron::bench {

struct WorkbenchOptions {
  /// The folder of vectron, vectron-sim and bench_hnswlib.
  std::string programs;
  std::string dataset = "/usr/share/datasets/fashion-mnist";
  /// For data; on the disk that is to be measured.
  std::string folder;
  /// The first so many training images.
  size_t points = 60'000;
  /// The first so many test images.
  size_t queries = 10'000;
  /// Interleaved; medians of so many are reported.
  size_t rounds = 5;
  /// That build, on both sides; 0: one for each core.
  size_t threads = 0;
};

class Workbench {
 public:
  static Result<std::unique_ptr<Workbench>> open(WorkbenchOptions options);
  ~Workbench();

  const WorkbenchOptions& options() const { return options_; }
  /// Its own, removed at the end.
  const std::string& folder() const { return folder_; }
  const demo::Images& points() const { return dataset_.points; }
  const demo::Images& queries() const { return dataset_.queries; }
  demo::Progress& progress() { return progress_; }

  /// A database with nothing in it, in a new folder.
  Result<std::unique_ptr<Database>> new_database();
  Result<Baseline> new_baseline();

  double recall(const Answers& answers) const {
    return recall_of(answers, points(), queries(), radii_);
  }
  const std::vector<int32_t>& radii() const { return radii_; }

 private:
  explicit Workbench(WorkbenchOptions options) : options_(std::move(options)) {}
  /// Computed once, then kept in a file beside the programs.
  Result<void> find_radii();

  WorkbenchOptions options_;
  demo::Dataset dataset_;
  std::vector<int32_t> radii_;
  std::string radii_file_;
  std::string folder_;
  size_t databases_ = 0;
  demo::Progress progress_;
};

}  // namespace vectron::bench
