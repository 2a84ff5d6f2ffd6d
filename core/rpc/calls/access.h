// What a call does to the node that it asks, and so what a failure of it means. Pure.
#pragma once

#include <cstdint>

#include "core/base/status.h"
#include "core/base/time.h"

namespace vectron::rpc {

/// What an operation does, as far as repeating it is concerned.
enum class Access : uint8_t {
  /// May be repeated whatever became of it.
  read,
  /// May be repeated only when it certainly was not done.
  write,
  /// May be repeated whatever became of it, because whoever does it recognises a repetition; but
  /// when it fails in the end, an attempt may have been the one that did it.
  repeatable_write,
};

/// Whether an attempt that ended with `code` may have done what was asked.
bool may_have_been_done(Code code, Access access);

/// Whether another node, or the same one later, may do what ended with `code` here: the failure is
/// about the node or the moment and not about the request, and repeating it is safe.
bool worth_asking_on(Code code, Access access);

/// Whether whoever answers with `code` (or does not answer) cannot be seen to lead: it says so
/// itself, or is silent.
bool shows_no_leader(Code code);

/// The code that the caller is told: a read whose outcome is unknown simply was not answered, and
/// a write that ended with a code that says nothing has an unknown outcome.
Code told_code(Code code, Access access);

/// When an attempt that begins now is given up. What may be repeated is cut short, so that another
/// node can be asked in time: a read after `attempt_timeout`, a repeatable write by half of what is
/// left at most. Other writes have until the deadline.
Instant attempt_deadline(Access access, Instant now, Instant deadline, Duration attempt_timeout);

}  // namespace vectron::rpc
