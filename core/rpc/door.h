// Door: an interceptor that lets every request in until it is shut.
//
// A service that stops shuts it first: what is under way goes on and is answered, what comes now is
// told to ask elsewhere. What nodes say to one another on behalf of a group (`internal.raft`) still
// comes in, because without it nothing that is under way could end.
#pragma once

#include <string>

#include "core/rpc/server.h"

namespace vectron::rpc {

class Door final : public Interceptor {
 public:
  void shut() { shut_ = true; }

  /// Errors: unavailable (shut).
  Result<void> admit(const MethodInfo& method, uint32_t, RequestContext&) override {
    if (!shut_ || method.permission == "internal.raft") return {};
    return fail(Code::unavailable, "this node is stopping: ask another one");
  }

 private:
  bool shut_ = false;
};

}  // namespace vectron::rpc
