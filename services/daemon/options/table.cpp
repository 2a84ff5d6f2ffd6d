// The table of options: the parts of it in the order in which they are listed.
#include <algorithm>

#include "services/daemon/options/rows.h"

namespace vectron {
namespace {

options::Rows make_table() {
  options::Rows rows;
  options::add_process(&rows);
  options::add_identity(&rows);
  options::add_placement(&rows);
  options::add_worker(&rows);
  options::add_gateway(&rows);
  options::add_replication(&rows);
  options::add_storage(&rows);
  constexpr std::array<std::string_view, 19> kCommon = {
      "data",        "rpc",     "http",    "http_hosts", "http_origins", "ready_file",
      "log_level",   "workers", "cluster", "node",       "placement",    "advertise",
      "bootstrap",   "host",    "rack",    "zone",       "cpu_threads",  "memory_bytes_max",
      "drain_ms_max"};
  for (Option& row : rows) row.common = std::ranges::find(kCommon, row.name) != kCommon.end();
  return rows;
}

}  // namespace

const std::vector<Option>& option_table() {
  static const options::Rows table = make_table();
  return table;
}

}  // namespace vectron
