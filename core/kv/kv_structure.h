// Whether the bytes of an LMDB file are a sound tree: looked at before LMDB reads them.
//
// LMDB trusts its pages: a wrong page number or node offset makes it read, or write, anywhere. So
// before a file is opened its structure is walked here, by its bytes alone, with every number
// checked: the newest meta page and its counts, branch and leaf pages with the order of their keys,
// pages of long values, and the list of free pages, none of which may be in use. What the values
// say is no matter of this file (kv_format.h). The layout of LMDB 0.9 is in docs/internals/kv.md.
// Private to core/kv.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/kv/given_up.h"

namespace vectron::kv_structure {

/// Checks a whole file. An empty one is sound: nothing was made yet. Errors: data_loss, naming the
/// page; cancelled: it was given up before the end. Time: each page is looked at once.
Result<void> check(ByteView file, const GivenUp& given_up = {});

}  // namespace vectron::kv_structure
