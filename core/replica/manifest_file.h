// Manifest files: a small record that says what a folder is, replaced atomically.
//
// Format: 8 bytes "VECTRONM", the checksum of what follows (8 bytes, little-endian), the record (a
// FlatBuffer of schemas/storage.fbs). docs/internals/replica.md.
#pragma once

#include <string>

#include "core/env/env.h"
#include "core/replica/small_file.h"

namespace vectron {

/// Writes `record` to the file `name` in `folder` (which exists) so that after a crash either the
/// old file is there or the new one, whole; durable on return. Goes on where a full disk lets it,
/// and with a spare file where it does not (core/replica/small_file.h).
Task<Result<void>> write_manifest(Env* env, std::string folder, std::string name, Bytes record,
                                  SpareFile spare = SpareFile::none);

/// Reads a record. Errors: not_found (no such file), data_loss (damaged), unavailable (the
/// device does not read it now).
Task<Result<Bytes>> read_manifest(Env* env, std::string path);

}  // namespace vectron
