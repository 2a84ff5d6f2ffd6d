// Doubt: whether any attempt of one operation may have done it.
#pragma once

#include "core/base/result.h"
#include "core/rpc/calls/access.h"

namespace vectron::rpc {

/// Remembers it over all attempts, and so what the caller is told when all have failed.
class Doubt {
 public:
  explicit Doubt(Access access) : access_(access) {}

  void note(Code code) { exists_ = exists_ || may_have_been_done(code, access_); }
  bool exists() const { return exists_; }
  /// What the caller is told of `failure`: the same, unless its code says nothing or an earlier
  /// attempt leaves the outcome unknown.
  Status told(const Status& failure) const {
    if (exists_)
      return Status(Code::unknown_outcome, "it may have been done: " + failure.message());
    const Code code = told_code(failure.code(), access_);
    if (code == failure.code()) return failure;
    return Status(code, failure.message(), failure.field());
  }

 private:
  Access access_;
  bool exists_ = false;
};

}  // namespace vectron::rpc
