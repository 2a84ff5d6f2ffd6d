#include "services/daemon/options/values.h"

#include <algorithm>
#include <set>

#include "core/base/shown.h"
#include "net/endpoint.h"

namespace vectron::options {
namespace {

struct ByteUnit {
  std::string_view suffix;
  uint64_t bytes;
};
constexpr std::array<ByteUnit, 4> kByteUnits = {{{"TiB", uint64_t{1} << 40},
                                                 {"GiB", uint64_t{1} << 30},
                                                 {"MiB", uint64_t{1} << 20},
                                                 {"KiB", uint64_t{1} << 10}}};

Result<GroupMember> parse_member(std::string_view text) {
  const size_t equals = text.find('=');
  const auto node =
      equals == std::string_view::npos ? std::nullopt : parse_number(text.substr(0, equals));
  if (!node || *node == 0) return must_be("NODE=HOST:PORT, with commas between several", text);
  VECTRON_TRY(Address address, parse_address(text.substr(equals + 1)));
  return GroupMember{NodeId(*node), std::move(address)};
}

}  // namespace

std::unexpected<Status> must_be(std::string_view what, std::string_view text) {
  return fail(Code::invalid_argument, fmt::format("must be {}, not \"{}\"", what, shown(text)));
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): `end` bounds it.
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  uint64_t unit = 1;
  for (const ByteUnit& candidate : kByteUnits) {
    if (!text.ends_with(candidate.suffix)) continue;
    unit = candidate.bytes;
    text.remove_suffix(candidate.suffix.size());
    while (text.ends_with(' ')) text.remove_suffix(1);
    break;
  }
  const auto number = parse_number(text);
  if (!number || *number > UINT64_MAX / unit) return std::nullopt;
  return *number * unit;
}

std::string show_bytes(uint64_t bytes) {
  for (const ByteUnit& unit : kByteUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return fmt::format("{}{}", bytes / unit.bytes, unit.suffix);
    }
  }
  return fmt::format("{}", bytes);
}

Result<Address> parse_address(std::string_view text) {
  // What is inside the process ("@name:1") is no business of who configures it.
  if (text.starts_with('@')) return must_be("HOST:PORT", text);
  Address address{std::string(text)};
  const auto parsed = parse_host_port(address);
  if (parsed.has_value()) return address;
  const bool many_colons = text.find(':') != text.rfind(':') && !text.starts_with('[');
  return must_be(
      many_colons ? "HOST:PORT, with an IPv6 HOST in brackets as in [::1]:8080" : "HOST:PORT",
      text);
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.push_back(part);
  }
  return parts;
}

Result<std::vector<GroupMember>> parse_members(std::string_view text) {
  std::vector<GroupMember> members;
  std::set<NodeId> nodes;
  std::set<std::string> addresses;
  for (const std::string_view part : split_at_commas(text)) {
    VECTRON_TRY(GroupMember member, parse_member(part));
    if (!nodes.insert(member.node).second) {
      return fail(Code::invalid_argument, fmt::format("names node {} twice", member.node));
    }
    if (!addresses.insert(member.address.text).second) {
      return fail(
          Code::invalid_argument,
          fmt::format("names {} twice: every node has an address of its own", member.address.text));
    }
    members.push_back(std::move(member));
  }
  if (members.empty()) return must_be("NODE=HOST:PORT, with commas between several", text);
  return members;
}

std::string show_members(const std::vector<GroupMember>& members) {
  std::string out;
  for (const GroupMember& member : members) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", member.node, member.address.text);
  }
  return out;
}

}  // namespace vectron::options
