// RefusalObserver: is told of every request that a Server answered by itself, for those were in no
// handler's hands: too busy, not let in, without a route, not readable, too slow to come.
#pragma once

#include <string_view>

#include "core/base/status.h"

namespace vectron::http {

struct RefusedRequest {
  /// "POST /v1/collections"; empty where no route fits, or where the head did not come.
  std::string_view route;
  Code code = Code::ok;
  /// Of its body, as far as that came.
  size_t request_bytes = 0;
  size_t reply_bytes = 0;
};

class RefusalObserver {
 public:
  virtual ~RefusalObserver() = default;
  /// Called for each refused request; `request` points at values that live during the call.
  virtual void refused(const RefusedRequest& request) = 0;
};

}  // namespace vectron::http
