#include "services/daemon/folder_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace vectron {
namespace {

namespace fs = std::filesystem;

// A file system of its own has it.
constexpr std::string_view kLostAndFound = "lost+found";

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// A crash may leave nodes' folders before there is a file "cluster".
bool is_of_up(std::string_view name) {
  return name == "cluster" || name == "cluster.new" || is_node_folder(name);
}

bool is_of_serve(std::string_view name) {
  return name == "node";
}

std::unexpected<Status> refused(std::string why) {
  return fail(Code::failed_precondition, std::move(why), "data");
}

}  // namespace

bool is_node_folder(std::string_view name) {
  for (const Service& service : roster()) {
    const std::string before = fmt::format("{}-", service.name);
    if (!name.starts_with(before)) continue;
    const std::string_view number = name.substr(before.size());
    return !number.empty() && number.find_first_not_of("0123456789") == number.npos;
  }
  return false;
}

Result<void> check_folder_names(Role role, std::string_view folder,
                                const std::vector<std::string>& names) {
  const bool up = role == Role::up;
  if (up && holds(names, "node")) {
    return refused(
        fmt::format("{} is the data folder of a node of `vectron serve`: give `vectron "
                    "up` a folder of its own",
                    folder));
  }
  if (!up && std::ranges::any_of(names, is_of_up)) {
    return refused(
        fmt::format("{} is the data folder of a `vectron up`: give this {} a folder of "
                    "its own",
                    folder, role.name()));
  }
  if (std::ranges::any_of(names, up ? is_of_up : is_of_serve)) return {};
  for (const std::string& name : names) {
    if (name == kLostAndFound) continue;
    return refused(
        fmt::format("{} is not empty and is no data folder (it holds \"{}\"): give an "
                    "empty folder, or one that does not exist",
                    folder, name));
  }
  return {};
}

Result<void> check_data_folder(Role role, const std::string& folder) {
  std::error_code failed;
  const fs::file_status status = fs::status(folder, failed);
  if (status.type() == fs::file_type::not_found) return {};
  if (!failed && !fs::is_directory(status)) {
    return fail(Code::invalid_argument, fmt::format("{} is a file, not a folder", folder), "data");
  }
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (failed) {
    const bool denied = failed == std::errc::permission_denied;
    return fail(denied ? Code::permission_denied : Code::unavailable,
                fmt::format("{} cannot be read: {}", folder, failed.message()), "data");
  }
  std::ranges::sort(names);
  return check_folder_names(role, folder, names);
}

}  // namespace vectron
