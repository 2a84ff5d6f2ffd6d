// What /metrics says of the process and of its build, under the names that Prometheus' own clients
// use.
#pragma once

#include <string>

namespace vectron {

/// In Prometheus' text format: version, start, processor time, memory, threads, open files. What
/// the system does not tell is left out.
std::string process_metrics_text();

}  // namespace vectron
