// RequestObserver: is told of every request when it ends, whichever way it came in and however it
// ended. Logs and metrics of requests are made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/base/time.h"
#include "core/rpc/method.h"

namespace vectron::rpc {

struct RequestEnd {
  const MethodInfo* method = nullptr;
  bool over_http = false;
  /// `cancelled` when nobody waited for the answer any more.
  Code code = Code::ok;
  /// From its last byte to its answer's first one.
  Duration took{};
  uint64_t request_bytes = 0;
  /// Of the body; an error over RPC has none.
  uint64_t reply_bytes = 0;
  uint64_t trace_id = 0;
  /// What the client is told to call it; empty over RPC.
  std::string_view id;
  /// Empty where it is about none, or was refused before that.
  std::string_view collection;
};

class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  /// What `end` points at lives only during the call.
  virtual void ended(const RequestEnd& end) = 0;
};

}  // namespace vectron::rpc
