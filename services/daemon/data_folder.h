// The data folder of `vectron up`: which cluster lives in it, and how often it was started.
//
//   DIR/cluster          the manifest, text, replaced whole and durably (docs/quickstart.md)
//   DIR/placement-1/     the placement node's own folder
//   DIR/worker-N/        a worker's own folder
//   DIR/gateway-1/       locks and nothing else: gateways keep nothing
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/async/task.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/env/disk.h"

namespace vectron {

/// What the manifest says.
struct DataFolder {
  static constexpr uint32_t kFormatVersion = 1;

  /// Drawn once, when the folder is new.
  ClusterId cluster;
  /// Counts starts: the incarnation of every node of the process.
  uint64_t starts = 0;
  /// How many workers the folder was ever started with.
  uint32_t workers = 0;
  /// Whether the placement driver's group was made here: from then on a folder of it that is
  /// missing is a loss, not a beginning.
  bool bootstrapped = false;
  bool operator==(const DataFolder&) const = default;
};

/// The manifest's text: a line for each field and a checksum of the lines before it.
std::string encode_manifest(const DataFolder& folder);

/// Reads what encode_manifest wrote. Errors: data_loss (damaged), failed_precondition (written by a
/// newer version).
Result<DataFolder> decode_manifest(std::string_view text);

/// Reads the manifest in `disk`'s root, or makes one with `fresh` as the cluster's id when there is
/// none; counts this start, and has stored that durably when it returns. Errors:
/// failed_precondition (`workers` is fewer than the folder has), data_loss (damaged, or missing
/// where a node has something), resource_exhausted.
Task<Result<DataFolder>> open_data_folder(Disk* disk, uint32_t workers, ClusterId fresh);

/// Replaces the manifest, durably.
Task<Result<void>> store_data_folder(Disk* disk, DataFolder folder);

}  // namespace vectron
