// Small files that are written as a whole: manifests.
//
// A file is replaced by one that was written beside it. On a full disk there is no room for a
// second one, and a node must be able to start there all the same: a file of one sector and of the
// same size is then written over in its place (docs/decisions/0045-full-disks.md).
#pragma once

#include <string>

#include "core/env/disk.h"

namespace vectron {

/// Writes `bytes` to the file `name` in `folder` (which exists) so that after a crash either the
/// old file is there or the new one, whole; durable on return. Errors: those of Disk;
/// resource_exhausted where the disk is full and the file is new, has another size or is longer
/// than a sector.
Task<Result<void>> write_small_file(Disk* disk, std::string folder, std::string name, Bytes bytes);

}  // namespace vectron
