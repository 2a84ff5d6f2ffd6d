#include "services/gateway/request_log.h"

#include <fmt/format.h>

#include "core/base/shown.h"
#include "core/http/json_text.h"

namespace vectron::gateway {
namespace {

constexpr uint32_t kAllPpm = 1'000'000;

// Not what a client did wrong.
bool is_servers_fault(Code code) {
  return code == Code::internal || code == Code::data_loss || code == Code::unknown ||
         code == Code::unknown_outcome || code == Code::unavailable ||
         code == Code::deadline_exceeded;
}

void append_quoted(std::string* out, std::string_view name, std::string_view text) {
  fmt::format_to(std::back_inserter(*out), " {}=", name);
  http::append_json_string(*out, text.substr(0, http::valid_utf8_prefix(shown(text))));
}

}  // namespace

std::string request_line(const rpc::RequestEnd& end) {
  std::string line =
      fmt::format("operation={} protocol={} code={} ms={:.3f} request_bytes={} reply_bytes={}",
                  end.method->name, end.over_http ? "http" : "rpc", code_name(end.code),
                  std::chrono::duration<double, std::milli>(end.took).count(), end.request_bytes,
                  end.reply_bytes);
  if (!end.collection.empty()) append_quoted(&line, "collection", end.collection);
  if (!end.id.empty()) append_quoted(&line, "id", end.id);
  if (end.trace_id != 0) line += fmt::format(" trace={}", end.trace_id);
  return line;
}

RequestLog::RequestLog(Log* log, RandomStream shares, RequestLogConfig config)
    : log_(log), config_(config), shares_(shares) {}

void RequestLog::ended(const rpc::RequestEnd& end) {
  metrics_.count(end);
  if (!log_->enabled(config_.level) || !is_written(end)) return;
  log_->write(config_.level, "request", request_line(end));
}

bool RequestLog::is_written(const rpc::RequestEnd& end) {
  if (end.took >= config_.slow_min || is_servers_fault(end.code)) return true;
  if (config_.share_ppm >= kAllPpm) return true;
  return shares_.chance_ppm(config_.share_ppm);
}

}  // namespace vectron::gateway
