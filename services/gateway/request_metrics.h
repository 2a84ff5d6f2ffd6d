// RequestMetrics: how many requests ended with which code, and how long they took, by operation.
//
// The labels are operation, protocol and code, which the program's own tables bound: nothing that a
// client says becomes one. Single-threaded: touched on the gateway's event loop.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/status.h"
#include "core/rpc/request_observer.h"

namespace vectron::gateway {

class RequestMetrics {
 public:
  /// Upper bounds of the histogram's buckets; what took longer is in the last one, without a bound.
  static constexpr std::array<Duration, 18> kBuckets = {100us, 250us,  500us, 1ms,   2500us, 5ms,
                                                        10ms,  25ms,   50ms,  100ms, 250ms,  500ms,
                                                        1s,    2500ms, 5s,    10s,   30s,    60s};

  void count(const rpc::RequestEnd& end);
  /// In Prometheus' text format (version 0.0.4).
  void append_text(std::string* out) const;

 private:
  struct Key {
    /// Of a generated table: lives as long as the program.
    std::string_view operation;
    bool over_http = false;
    auto operator<=>(const Key&) const = default;
  };
  struct Row {
    std::array<uint64_t, kBuckets.size() + 1> buckets{};
    std::array<uint64_t, kCodeCount> codes{};
    Duration took{};
    uint64_t count = 0;
    uint64_t request_bytes = 0;
    uint64_t reply_bytes = 0;
  };

  std::map<Key, Row> rows_;
};

}  // namespace vectron::gateway
