// Small files that are written as a whole: manifests.
//
// A file is replaced by one that was written beside it. A file that has to change on a full disk
// (each start of a node is counted) keeps that other one ready: `<name>.new`, of the same size, so
// that nothing needs space (docs/decisions/0067-a-spare-beside-the-manifest.md).
#pragma once

#include <cstdint>
#include <string>

#include "core/env/disk.h"

namespace vectron {

/// Whether the file that the next write will need is made beforehand.
enum class SpareFile : uint8_t { none, kept };

/// Writes `bytes` to the file `name` in `folder` (which exists) so that after a crash either the
/// old file is there or the new one, whole; durable on return. Where the disk is full and had no
/// room for a spare file either, a file of one sector and of the same size is written over in its
/// place. Errors: those of Disk; resource_exhausted where the disk is full and that is not
/// possible.
Task<Result<void>> write_small_file(Disk* disk, std::string folder, std::string name, Bytes bytes,
                                    SpareFile spare = SpareFile::none);

}  // namespace vectron
