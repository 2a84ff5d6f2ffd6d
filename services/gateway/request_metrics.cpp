#include "services/gateway/request_metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace vectron::gateway {
namespace {

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

void append_head(std::string* out, std::string_view name, std::string_view kind,
                 std::string_view meaning) {
  fmt::format_to(std::back_inserter(*out), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, kind, meaning);
}

}  // namespace

void RequestMetrics::count(const rpc::RequestEnd& end) {
  Row& row = rows_[{end.method->name, end.over_http}];
  const auto bucket = std::ranges::lower_bound(kBuckets, end.took);
  ++row.buckets[static_cast<size_t>(bucket - kBuckets.begin())];
  ++row.codes[static_cast<size_t>(end.code)];
  ++row.count;
  row.took += end.took;
  row.request_bytes += end.request_bytes;
  row.reply_bytes += end.reply_bytes;
}

void RequestMetrics::append_text(std::string* out) const {
  const auto labels = [](const Key& key) {
    return fmt::format("operation=\"{}\",protocol=\"{}\"", key.operation,
                       key.over_http ? "http" : "rpc");
  };
  const auto into = std::back_inserter(*out);
  append_head(out, "vectron_requests_total", "counter", "public requests that ended, by outcome");
  for (const auto& [key, row] : rows_) {
    for (size_t code = 0; code < kCodeCount; ++code) {
      if (code != 0 && row.codes[code] == 0) continue;
      fmt::format_to(into, "vectron_requests_total{{{},code=\"{}\"}} {}\n", labels(key),
                     code_name(static_cast<Code>(code)), row.codes[code]);
    }
  }
  append_head(out, "vectron_request_duration_seconds", "histogram",
              "from a request's last byte to its answer's first one");
  for (const auto& [key, row] : rows_) {
    uint64_t total = 0;
    for (size_t bucket = 0; bucket <= kBuckets.size(); ++bucket) {
      total += row.buckets[bucket];
      const std::string bound = bucket < kBuckets.size()
                                    ? fmt::format("{:g}", seconds(kBuckets[bucket]))
                                    : std::string("+Inf");
      fmt::format_to(into, "vectron_request_duration_seconds_bucket{{{},le=\"{}\"}} {}\n",
                     labels(key), bound, total);
    }
    fmt::format_to(into,
                   "vectron_request_duration_seconds_sum{{{0}}} {1:.9f}\n"
                   "vectron_request_duration_seconds_count{{{0}}} {2}\n",
                   labels(key), seconds(row.took), row.count);
  }
  append_head(out, "vectron_request_bytes_total", "counter", "bodies of public requests");
  for (const auto& [key, row] : rows_) {
    fmt::format_to(into, "vectron_request_bytes_total{{{}}} {}\n", labels(key), row.request_bytes);
  }
  append_head(out, "vectron_reply_bytes_total", "counter",
              "bodies of answers to public requests, over HTTP also of errors");
  for (const auto& [key, row] : rows_) {
    fmt::format_to(into, "vectron_reply_bytes_total{{{}}} {}\n", labels(key), row.reply_bytes);
  }
}

}  // namespace vectron::gateway
