#include "services/gateway/http_binding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_value.h"

namespace vectron::gateway {
namespace {

constexpr std::string_view kTimeoutQuery = "timeout_ms";
constexpr std::string_view kTimeoutHeader = "x-request-timeout-ms";
constexpr std::string_view kIdTypeQuery = "id_type";

std::unexpected<Status> bad(std::string message, std::string_view field) {
  return fail(Code::invalid_argument, std::move(message), std::string(field));
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

// The number that `text` says in its plain form: no sign, no leading zeros.
std::optional<uint64_t> plain_number(std::string_view text, uint64_t max) {
  if (!all_digits(text) || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || value > max) return std::nullopt;
  return value;
}

Result<uint64_t> number_from(std::string_view text, uint64_t max, std::string_view field) {
  const std::optional<uint64_t> value = plain_number(text, max);
  if (value.has_value()) return *value;
  return bad(fmt::format("must be a whole number from 0 to {}, not \"{}\"", max, shown_value(text)),
             field);
}

template <typename Names>
Result<size_t> name_from(std::string_view text, const Names& names, std::string_view field) {
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  return bad(not_one_of(names, text), field);
}

// One field from a text.
struct FieldFromText {
  std::string_view text;
  std::string_view name;
  IdType id_type = IdType::automatic;
  bool text_too = false;

  Result<void> operator()(std::string* to) const {
    if (http::valid_utf8_prefix(text) != text.size()) return bad("is not UTF-8", name);
    to->assign(text);
    return {};
  }
  Result<void> operator()(uint64_t* to) const {
    if (text_too && !all_digits(text)) {
      const Result<uint64_t> number = number_of_text(text);
      if (!number.has_value()) return bad(number.error().message(), name);
      *to = *number;
      return {};
    }
    VECTRON_TRY(*to, number_from(text, std::numeric_limits<uint64_t>::max(), name));
    return {};
  }
  Result<void> operator()(uint32_t* to) const {
    VECTRON_TRY(const uint64_t value,
                number_from(text, std::numeric_limits<uint32_t>::max(), name));
    *to = static_cast<uint32_t>(value);
    return {};
  }
  Result<void> operator()(bool* to) const {
    static constexpr std::array<std::string_view, 2> kNames = {"false", "true"};
    VECTRON_TRY(const size_t value, name_from(text, kNames, name));
    *to = value == 1;
    return {};
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  Result<void> operator()(Enum* to) const {
    VECTRON_TRY(const size_t value, name_from(text, EnumNames<Enum>::values, name));
    *to = static_cast<Enum>(value);
    return {};
  }
  Result<void> operator()(api::PointId* to) const {
    VECTRON_TRY(*to, point_id_from_text(text, id_type));
    return {};
  }
  template <typename Other>
  Result<void> operator()(Other*) const {
    return bad("cannot be said in a query", name);
  }
};

template <typename Message>
Result<void> set_field(Message* message, std::string_view name, std::string_view text,
                       IdType id_type) {
  std::optional<Result<void>> outcome;
  visit_fields(*message, [&](const FieldRow& row, auto& field) {
    if (row.name == name) outcome = FieldFromText{text, name, id_type, row.text_too}(&field);
  });
  if (outcome.has_value()) return *outcome;
  return bad("is not a parameter of this request", name);
}

Result<std::optional<Duration>> timeout_from(const std::string* text, std::string_view place) {
  if (text == nullptr) return std::optional<Duration>();
  constexpr uint64_t kMaxMs = std::numeric_limits<uint32_t>::max();
  const std::optional<uint64_t> value = plain_number(*text, kMaxMs);
  if (!value.has_value() || *value == 0) {
    return bad(fmt::format("must be a whole number of milliseconds from 1 to {}", kMaxMs), place);
  }
  return std::optional<Duration>(std::chrono::milliseconds(*value));
}

bool is_option(std::string_view name) {
  return name == kTimeoutQuery || name == kIdTypeQuery;
}

}  // namespace

Result<api::PointId> point_id_from_text(std::string_view text, IdType type) {
  api::PointId id;
  id.is_text = type == IdType::text || (type == IdType::automatic && !all_digits(text));
  if (id.is_text) {
    VECTRON_CHECK_OK(FieldFromText{text, "id"}(&id.text));
    return id;
  }
  const std::optional<uint64_t> number = plain_number(text, std::numeric_limits<uint64_t>::max());
  if (!number.has_value()) {
    return bad(fmt::format("must be a whole number from 0 to {} without leading zeros; digits that "
                           "are a text are asked for with ?id_type=text",
                           std::numeric_limits<uint64_t>::max()),
               "id");
  }
  id.number = *number;
  return id;
}

Result<RequestOptions> request_options(const http::Request& request) {
  RequestOptions options;
  for (const http::Field& field : request.query) {
    const auto same = [&](const http::Field& other) { return other.name == field.name; };
    if (std::ranges::count_if(request.query, same) > 1) {
      return bad("stands twice in the query", field.name);
    }
  }
  const auto is_timeout = [](const http::Field& field) { return field.name == kTimeoutHeader; };
  if (std::ranges::count_if(request.headers, is_timeout) > 1) {
    return bad("stands twice in the head", kTimeoutHeader);
  }
  const std::string* timeout = http::find_field(request.query, kTimeoutQuery);
  if (timeout == nullptr) {
    VECTRON_TRY(options.timeout, timeout_from(request.header(kTimeoutHeader), kTimeoutHeader));
  } else if (request.header(kTimeoutHeader) != nullptr) {
    return bad("is given twice: in the query and as X-Request-Timeout-Ms", kTimeoutQuery);
  } else {
    VECTRON_TRY(options.timeout, timeout_from(timeout, kTimeoutQuery));
  }
  if (const std::string* type = http::find_field(request.query, kIdTypeQuery); type != nullptr) {
    if (http::find_field(request.parameters, "id") == nullptr) {
      return bad("belongs to requests with an id in their path", kIdTypeQuery);
    }
    static constexpr std::array<std::string_view, 3> kNames = {"automatic", "number", "text"};
    VECTRON_TRY(const size_t value, name_from(*type, kNames, kIdTypeQuery));
    options.id_type = static_cast<IdType>(value);
  }
  return options;
}

template <typename Message>
Result<void> bind_fields(const http::Request& request, const RequestOptions& options,
                         bool query_fields, Message* message) {
  for (const http::Field& parameter : request.parameters) {
    VECTRON_CHECK_OK(set_field(message, parameter.name, parameter.value, options.id_type));
  }
  for (const http::Field& parameter : request.query) {
    if (is_option(parameter.name)) continue;
    if (!query_fields) return bad("belongs into the body, not into the query", parameter.name);
    if (http::find_field(request.parameters, parameter.name) != nullptr) {
      return bad("is given by the path", parameter.name);
    }
    VECTRON_CHECK_OK(set_field(message, parameter.name, parameter.value, options.id_type));
  }
  return {};
}

namespace {

template <typename... Messages>
constexpr auto binders_of(MessageList<Messages...>) {
  return std::tuple{&bind_fields<Messages>...};
}
// Makes bind_fields() for all messages, for callers that see only the header.
[[gnu::used]] constexpr auto kBinders = binders_of(api::VectronMessageList());

}  // namespace

}  // namespace vectron::gateway
