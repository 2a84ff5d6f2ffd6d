// Options of every process: its data folder, where it listens, its threads.
#include "services/daemon/options/rows.h"

namespace vectron::options {
namespace {

// An address, or none: then that was said, and no role's own default counts.
OptionValue http_address() {
  OptionValue value;
  value.type = "HOST:PORT or none";
  value.read = [](Settings* settings, std::string_view text) -> Result<void> {
    settings->http.reset();
    if (!text.empty() && text != "none") {
      VECTRON_TRY(settings->http, parse_address(text));
    }
    settings->http_said = true;
    return {};
  };
  value.show = [](const Settings& settings) -> std::string {
    if (settings.http.has_value()) return settings.http->text;
    return settings.http_said ? "none" : "";
  };
  return value;
}

}  // namespace

void add_process(Rows* rows) {
  using S = Settings;
  rows->push_back({"data", kAll, "The data folder; made when absent. Each process has its own.",
                   text(at(&S::data))});
  rows->push_back(
      {"rpc", kAll,
       "Where this process listens for RPC; port 0 takes a free one. Of `up` and of a "
       "gateway: for clients. Of the others: for nodes of the cluster. All addresses of "
       "HOST are listened to; `*` is every address of this machine, an IPv6 HOST stands "
       "in brackets.",
       address(at(&S::rpc))});
  rows->push_back({"http", kAll,
                   "Where this process listens for HTTP: the public API (up, gateway), and /livez, "
                   "/readyz and /metrics (all). When it is not said, `up` listens at "
                   "127.0.0.1:8080 and the others serve no HTTP.",
                   http_address()});
  rows->push_back({"ready_file", kAll,
                   "A file that gets the line \"vectron is ready: ...\" when the process is ready; "
                   "removed when it stops. None when empty.",
                   text(at(&S::ready_file))});
  rows->push_back(
      {"log_level", kAll, "What is written to standard error.", log_level(at(&S::log_level))});
  rows->push_back({"drain_ms_max", kAll,
                   "How long, after SIGTERM, requests in flight and handing leadership over may "
                   "take. At a gateway the last quarter of it, at most a second, is for telling "
                   "those whose requests did not end.",
                   milliseconds(at(&S::drain_max), 0, 3'600'000)});
  rows->push_back({"cpu_threads", kAll, "Threads that search and index; 0: one for each core.",
                   count(at(&S::cpu_threads), 0, 1'024)});
  rows->push_back({"file_threads", kAll, "Threads for reading and writing files.",
                   count(at(&S::file_threads), 1, 1'024)});
  rows->push_back({"key_value_threads", kAll, "Threads for reading and writing LMDB.",
                   count(at(&S::key_value_threads), 1, 1'024)});
  rows->push_back({"request_timeout_ms", kAll, "The deadline of a request that names none.",
                   milliseconds(at(&Settings::request_timeout), 1)});
}

}  // namespace vectron::options
