#include "tests/bench/suite/report.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <thread>

#include "core/base/assert.h"

namespace vectron::bench {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

// Four significant digits are more than a shared machine repeats.
std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "null";
}

// The value of the first line that begins with `key`, behind the colon.
std::string line_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

}  // namespace

void Fields::put(std::string_view name, std::string json) {
  fields_.push_back({std::string(name), std::move(json), {}});
}
void Fields::add(std::string_view name, double value) {
  put(name, number(value));
}
void Fields::add(std::string_view name, size_t value) {
  put(name, fmt::format("{}", value));
}
void Fields::add(std::string_view name, std::string_view text) {
  put(name, quoted(text));
}
void Fields::add(std::string_view name, bool value) {
  put(name, value ? "true" : "false");
}
void Fields::add(std::string_view name, const std::vector<double>& values) {
  std::string json = "[";
  for (const double value : values) json += (json.size() > 1 ? ", " : "") + number(value);
  put(name, json + "]");
}
void Fields::add(std::string_view name, const Fields& object) {
  fields_.push_back({std::string(name), {}, {object}});
}

std::string Fields::to_json() const {
  std::string out = "{";
  for (const Field& field : fields_) {
    if (out.size() > 1) out += ", ";
    out += quoted(field.name) + ": ";
    out += field.object.empty() ? field.json : field.object.front().to_json();
  }
  return out + "}";
}

std::string Fields::to_text(size_t depth) const {
  std::string out;
  for (const Field& field : fields_) {
    const std::string label = std::string(2 * depth, ' ') + field.name;
    if (field.object.empty()) {
      out += fmt::format("{:<34}{}\n", label, field.json);
    } else {
      out += label + "\n" + field.object.front().to_text(depth + 1);
    }
  }
  return out;
}

bool Report::reached() const {
  return std::ranges::all_of(goals, [](const Goal& goal) { return goal.reached(); });
}

std::string Report::to_json() const {
  Fields all;
  all.add("bench", bench);
  for (const Goal& goal : goals) {
    const std::string suffix = goal.name == "value" ? "" : "_" + goal.name;
    all.add("value" + suffix, goal.value);
    const double none = std::numeric_limits<double>::quiet_NaN();  // Written as null.
    all.add("must" + suffix, goal.informative ? none : goal.must);
    all.add("aim" + suffix, goal.informative ? none : goal.aim);
  }
  all.add("lower_is_better", goals.front().lower_is_better);
  all.add("reached", reached());
  all.add("machine", describe_machine());
  all.add("details", details);
  return all.to_json();
}

std::string Report::to_text() const {
  std::string out;
  for (const Goal& goal : goals) {
    const std::string name = goal.name == "value" ? bench : bench + ", " + goal.name;
    if (goal.informative) {
      out += fmt::format("{:<34}{:.3g}\n", name, goal.value);
      continue;
    }
    out += fmt::format("{:<34}{:.3g} (must {}, aim {}{}): {}\n", name, goal.value, goal.must,
                       goal.aim, goal.lower_is_better ? ", lower is better" : "",
                       goal.reached() ? "reached" : "NOT reached");
  }
  return out + describe_machine().to_text(1) + details.to_text(1);
}

Fields describe_machine() {
  Fields machine;
  machine.add("processor", line_of("/proc/cpuinfo", "model name"));
  machine.add("cores", size_t{std::thread::hardware_concurrency()});
  const double kilobytes = std::atof(line_of("/proc/meminfo", "MemTotal").c_str());
  machine.add("memory_gb", kilobytes / (1 << 20));
  utsname system{};
  ::uname(&system);
  machine.add("kernel", system.release);
  double load[1] = {};
  ::getloadavg(load, 1);
  machine.add("load_average", load[0]);
  return machine;
}

double median(std::vector<double> values) {
  VECTRON_ASSERT(!values.empty());
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double share) {
  VECTRON_ASSERT(!values.empty());
  const auto place = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  const auto nth = values.begin() + static_cast<ptrdiff_t>(place);
  std::ranges::nth_element(values, nth);
  return *nth;
}

}  // namespace vectron::bench
