// The types of options: how the text of each becomes a field of Settings, and back.
//
// Used by the rows of options, through at(): `count(at(&Settings::wal, &WalConfig::...), 1, 9)`.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "net/log_sink.h"
#include "services/daemon/option.h"

namespace vectron::options {

/// A field of Settings as a path of members.
template <typename... Members>
auto at(Members... members) {
  return [members...](auto& settings) -> auto& { return (settings.*....*members); };
}

/// A number in decimal, all of `text`; nothing when it is none.
std::optional<uint64_t> parse_number(std::string_view text);
/// The same with KiB, MiB, GiB or TiB behind it, if the sum fits.
std::optional<uint64_t> parse_bytes(std::string_view text);
/// "67108864" as "64MiB": the largest unit that divides it.
std::string show_bytes(uint64_t bytes);
/// "host:port"; errors: invalid_argument without a field.
Result<Address> parse_address(std::string_view text);
/// What stands between commas, without the blanks round it; views of `text`.
std::vector<std::string_view> split_at_commas(std::string_view text);
/// "1=host:port,2=host:port"; errors: invalid_argument without a field.
Result<std::vector<GroupMember>> parse_members(std::string_view text);
std::string show_members(const std::vector<GroupMember>& members);

std::unexpected<Status> must_be(std::string_view what, std::string_view text);

struct NumberRange {
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
  /// Of older programs, where that was more.
  uint64_t max_before = 0;
};

template <typename Field>
OptionValue number(Field field, NumberRange range, std::string type, std::string unit,
                   std::optional<uint64_t> (*parse)(std::string_view),
                   std::string (*print)(uint64_t), std::string_view how = {}) {
  OptionValue value;
  value.type = std::move(type);
  value.unit = std::move(unit);
  if (range.max != UINT64_MAX) {
    value.range = fmt::format("{} to {}", print(range.min), print(range.max));
  } else if (range.min > 0) {
    value.range = fmt::format("at least {}", print(range.min));
  }
  value.read = [field, range, parse,
                what = fmt::format("{}{}{}{}", value.type, value.range.empty() ? "" : " of ",
                                   value.range, how)](Settings* settings,
                                                      std::string_view text) -> Result<void> {
    const auto parsed = parse(text);
    if (!parsed || *parsed < range.min || *parsed > range.max) return must_be(what, text);
    auto& target = field(*settings);
    target = std::remove_reference_t<decltype(target)>(*parsed);
    return {};
  };
  value.show = [field, print](const Settings& settings) {
    return print(static_cast<uint64_t>(field(settings)));
  };
  value.lowered = [range, parse, print](std::string_view text) -> std::optional<std::string> {
    const auto parsed = parse(text);
    if (!parsed || *parsed <= range.max || *parsed > range.max_before) return std::nullopt;
    return print(range.max);
  };
  return value;
}

inline std::string show_number(uint64_t number) {
  return fmt::format("{}", number);
}

template <typename Field>
OptionValue count(Field field, uint64_t min, uint64_t max = UINT32_MAX, uint64_t max_before = 0) {
  return number(field, {min, max, max_before}, "a number", "", &parse_number, &show_number);
}

template <typename Field>
OptionValue bytes(Field field, uint64_t min, uint64_t max = uint64_t{1} << 50,
                  uint64_t max_before = 0) {
  return number(field, {min, max, max_before}, "a size", "bytes", &parse_bytes, &show_bytes,
                " (in bytes, or with KiB, MiB, GiB or TiB behind it)");
}

template <typename Field>
OptionValue milliseconds(Field field, uint64_t min, uint64_t max = 86'400'000) {
  OptionValue value;
  value.type = "a time";
  value.unit = "ms";
  value.range = fmt::format("{} to {}", min, max);
  value.read = [field, min, max](Settings* settings, std::string_view text) -> Result<void> {
    const auto parsed = parse_number(text);
    if (!parsed || *parsed < min || *parsed > max) {
      return must_be(fmt::format("a number of milliseconds from {} to {}", min, max), text);
    }
    field(*settings) = std::chrono::milliseconds(*parsed);
    return {};
  };
  value.show = [field](const Settings& settings) {
    const auto shown = std::chrono::duration_cast<std::chrono::milliseconds>(field(settings));
    return fmt::format("{}", shown.count());
  };
  return value;
}

template <typename Field>
OptionValue text(Field field) {
  OptionValue value;
  value.type = "a text";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    field(*settings) = std::string(text);
    return {};
  };
  value.show = [field](const Settings& settings) { return field(settings); };
  return value;
}

/// A number that names something: a strong id.
template <typename Field>
OptionValue id(Field field) {
  OptionValue value;
  value.type = "a number";
  value.range = "above 0";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    const auto parsed = parse_number(text);
    if (!parsed || *parsed == 0) return must_be("a number above 0", text);
    auto& target = field(*settings);
    target = std::remove_reference_t<decltype(target)>(*parsed);
    return {};
  };
  value.show = [field](const Settings& settings) {
    const auto& id = field(settings);
    return id ? fmt::format("{}", id) : std::string();
  };
  return value;
}

/// An Address, or an optional one.
template <typename Field>
OptionValue address(Field field) {
  OptionValue value;
  value.type = "HOST:PORT";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    VECTRON_TRY(field(*settings), parse_address(text));
    return {};
  };
  value.show = [field](const Settings& settings) -> std::string {
    const auto& shown = field(settings);
    if constexpr (requires { shown->text; }) {
      return shown.has_value() ? shown->text : std::string();
    } else {
      return shown.text;
    }
  };
  return value;
}

/// Texts with commas between them.
template <typename Field>
OptionValue texts(Field field, std::string type) {
  OptionValue value;
  value.type = std::move(type);
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    auto& target = field(*settings);
    target.clear();
    for (const std::string_view part : split_at_commas(text)) {
      if (!part.empty()) target.emplace_back(part);
    }
    return {};
  };
  value.show = [field](const Settings& settings) {
    return fmt::format("{}", fmt::join(field(settings), ","));
  };
  return value;
}

template <typename Field>
OptionValue toggle(Field field) {
  OptionValue value;
  value.type = "true or false";
  value.is_switch = true;
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    if (text != "true" && text != "false") return must_be("true or false", text);
    field(*settings) = text == "true";
    return {};
  };
  value.show = [field](const Settings& settings) -> std::string {
    return field(settings) ? "true" : "false";
  };
  return value;
}

template <typename Field>
OptionValue log_level(Field field) {
  OptionValue value;
  value.type = "debug, info, warning or error";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    const auto level = parse_log_level(text);
    if (!level.has_value()) return must_be("debug, info, warning or error", text);
    field(*settings) = *level;
    return {};
  };
  value.show = [field](const Settings& settings) -> std::string {
    constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
    return std::string(kNames[static_cast<size_t>(field(settings))]);
  };
  return value;
}

template <typename Field>
OptionValue members(Field field) {
  OptionValue value;
  value.type = "NODE=HOST:PORT,...";
  value.read = [field](Settings* settings, std::string_view text) -> Result<void> {
    VECTRON_TRY(field(*settings), parse_members(text));
    return {};
  };
  value.show = [field](const Settings& settings) { return show_members(field(settings)); };
  return value;
}

}  // namespace vectron::options
