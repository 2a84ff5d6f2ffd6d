#include "services/daemon/option.h"

#include <algorithm>

namespace vectron {
namespace {

// Levenshtein's distance, one row at a time.
size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

std::string Option::flag() const {
  std::string out = "--" + name;
  std::ranges::replace(out, '_', '-');
  return out;
}

std::string Option::variable() const {
  std::string out = "VECTRON_" + name;
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string Option::kind() const {
  std::string out = value.type;
  if (!value.unit.empty()) out += " in " + value.unit;
  if (!value.range.empty()) out += ", " + value.range;
  return out;
}

const Option* find_option(std::string_view name) {
  for (const Option& option : option_table()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Option* nearest_option(std::string_view name) {
  const Option* nearest = nullptr;
  size_t least = std::max<size_t>(name.size() / 3, 2) + 1;
  for (const Option& option : option_table()) {
    const size_t edits = edits_between(name, option.name);
    if (edits >= least) continue;
    least = edits;
    nearest = &option;
  }
  return nearest;
}

}  // namespace vectron
