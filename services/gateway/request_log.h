// RequestLog: is told of the end of every public request; counts it, and writes a line of it into
// the node's log.
//
// A request that failed by the server's fault or took long is always written; of the others, a
// share.
#pragma once

#include "core/base/random.h"
#include "core/env/log.h"
#include "services/gateway/request_metrics.h"

namespace vectron::gateway {

struct RequestLogConfig {
  /// Of the lines.
  LogLevel level = LogLevel::info;
  /// Of the ordinary requests, in parts per million.
  uint32_t share_ppm = 1'000'000;
  /// One that takes so long is written whatever the share.
  Duration slow_min = 1s;
};

class RequestLog final : public rpc::RequestObserver {
 public:
  /// `shares` draws which of the ordinary requests are written. `log` outlives it.
  RequestLog(Log* log, RandomStream shares, RequestLogConfig config);

  void ended(const rpc::RequestEnd& end) override;
  const RequestMetrics& metrics() const { return metrics_; }

 private:
  bool is_written(const rpc::RequestEnd& end);

  Log* log_;
  RequestLogConfig config_;
  RequestMetrics metrics_;
  RandomStream shares_;
};

/// "operation=Search protocol=http code=ok ms=1.25 request_bytes=20 reply_bytes=300
/// collection="films" id=... trace=...", without what is not known.
std::string request_line(const rpc::RequestEnd& end);

}  // namespace vectron::gateway
