#include <flatbuffers/flexbuffers.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_json.h"
#include "services/gateway/http_json_fault.h"
#include "services/gateway/http_value.h"

namespace vectron::gateway {
namespace {

namespace json = simdjson::ondemand;

// Of a client's own text that is shown to it again.
constexpr size_t kPlaceBytesMax = 256;
constexpr size_t kValueBytesMax = 64;

std::string_view type_name(json::json_type type) {
  switch (type) {
    case json::json_type::array:
      return "a list";
    case json::json_type::object:
      return "an object";
    case json::json_type::number:
      return "a number";
    case json::json_type::string:
      return "a text";
    case json::json_type::boolean:
      return "true or false";
    case json::json_type::null:
      return "null";
  }
  return "something else";
}

std::string_view trimmed(std::string_view token) {
  const size_t end = token.find_first_of(" \t\r\n,]}");
  return token.substr(0, end);
}

// The float next to `from`, away from zero or towards it.
float neighbour(float from, bool outwards) {
  const auto bits = std::bit_cast<uint32_t>(from);
  return std::bit_cast<float>(outwards ? bits + 1 : bits - 1);
}

// `token` (what follows the number is let be) as the nearest float. It was rounded to `wide` first;
// rounding twice goes wrong only where `wide` lies exactly between two floats, and there the digits
// decide.
float narrow(double wide, std::string_view token) {
  const auto near = static_cast<float>(wide);
  const double error = wide - static_cast<double>(near);
  if (error == 0) return near;
  if (near != 0) {
    const bool outwards = (error > 0) == (near > 0);
    const float other = neighbour(near, outwards);
    if (static_cast<double>(other) - wide != error) return near;
  }
  float exact = near;
  token = trimmed(token);
  const auto read = std::from_chars(token.data(), token.data() + token.size(), exact);
  return read.ec == std::errc() ? exact : near;
}

// The number that `token` begins with, where it is a whole one of at most seven digits: then it is
// a float exactly. None for every other token, of which some are numbers and some are not.
std::optional<float> short_whole_number(std::string_view token) {
  constexpr size_t kDigitsMax = 7;
  const bool negative = token.starts_with('-');
  const std::string_view digits = token.substr(negative ? 1 : 0);
  uint32_t number = 0;
  size_t count = 0;
  for (; count < digits.size() && digits[count] >= '0' && digits[count] <= '9'; ++count) {
    if (count == kDigitsMax) return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(digits[count] - '0');
  }
  if (count == 0 || (count > 1 && digits[0] == '0')) return std::nullopt;
  if (count == digits.size()) return std::nullopt;  // What ends it must be in sight.
  constexpr std::string_view kEnds = ",] }\t\r\n";
  if (kEnds.find(digits[count]) == std::string_view::npos) return std::nullopt;
  const auto value = static_cast<float>(number);
  return negative ? -value : value;
}

std::string no_json_at(size_t byte, std::string_view why) {
  return fmt::format("the body is not valid JSON at byte {} (counted from 0){}", byte, why);
}

// What a payload becomes, with a bound on it that holds while it grows: the builder keeps what lies
// open (entries of lists and objects that have not ended) as 16 bytes each, beside its buffer.
class PayloadBuilder {
 public:
  // What an entry takes in the end at least: of a list a byte and its type, of an object also its
  // name.
  static constexpr size_t kListEntryBytesMin = 2;
  static constexpr size_t kObjectEntryBytesMin = 3;

  flexbuffers::Builder* operator->() { return &builder_; }
  void entries_begin(size_t bytes) { open_bytes_ += bytes; }
  void entries_end(size_t bytes) { open_bytes_ -= bytes; }
  /// False once the payload will certainly be larger than allowed, with `more` bytes of text.
  bool fits(size_t more = 0) const {
    return builder_.GetSize() + open_bytes_ + more <= kPayloadBytesMax;
  }
  Bytes finish() {
    builder_.Finish();
    return builder_.GetBuffer();
  }

 private:
  flexbuffers::Builder builder_;
  size_t open_bytes_ = 0;
};

// Reads one body. Each function returns false at the first error; the place is put together while
// the calls return.
class Reading {
 public:
  Reading(std::string_view body, json::document& document, const JsonLimits& limits)
      : body_(body), document_(document), limits_(limits) {}

  template <typename Message>
  bool root(Message* to, std::span<const std::string_view> bound) {
    json::json_type type{};
    if (const auto error = document_.type().get(type)) return syntax(error);
    if (type != json::json_type::object) return wrong_type("an object", type);
    json::object object;
    if (const auto error = document_.get_object().get(object)) return syntax(error);
    if (!fields(object, to, bound)) return false;
    if (document_.current_location().error() == simdjson::OUT_OF_BOUNDS) return true;
    return syntax(simdjson::TRAILING_CONTENT);
  }

  Status take_error() {
    return Status(Code::invalid_argument, std::move(message_), std::move(place_));
  }
  // For simdjson knows the place of few of its errors, it is looked for from the beginning.
  bool syntax(simdjson::error_code error) {
    switch (error) {
      case simdjson::EMPTY:
        return wrong("the body is empty: a JSON object is needed");
      case simdjson::CAPACITY:
      case simdjson::MEMALLOC:
        return wrong("the body is too large");
      default:
        break;
    }
    const size_t utf8 = http::valid_utf8_prefix(body_);
    const std::optional<JsonFault> fault = find_json_fault(body_);
    if (utf8 < body_.size() && (!fault.has_value() || utf8 <= fault->at)) {
      return wrong(fmt::format("the body is not UTF-8 at byte {} (counted from 0)", utf8));
    }
    if (!fault.has_value()) return wrong(no_json_at(reached(), ""));
    switch (fault->kind) {
      case JsonFault::Kind::cut_short:
        return wrong(no_json_at(fault->at, ": it ends too early"));
      case JsonFault::Kind::trailing:
        return wrong(no_json_at(fault->at, ": there is more behind the end of the object"));
      case JsonFault::Kind::wrong_byte:
        break;
    }
    return wrong(no_json_at(fault->at, ""));
  }

 private:
  // Where simdjson stands: for what it refuses beyond the grammar. Requires: a document.
  size_t reached() {
    const char* at = nullptr;
    if (document_.current_location().get(at) != simdjson::SUCCESS) return body_.size();
    return std::min(static_cast<size_t>(at - body_.data()), body_.size());
  }
  bool wrong(std::string message) {
    message_ = std::move(message);
    return false;
  }
  bool wrong_type(std::string_view needed, json::json_type found) {
    return wrong(fmt::format("must be {}, not {}", needed, type_name(found)));
  }
  bool inside(std::string_view name) {
    name = name.empty() ? R"("")" : name.substr(0, kPlaceBytesMax);
    const bool joined = place_.empty() || place_.front() == '[';
    place_ = fmt::format("{}{}{}", name, joined ? "" : ".", place_);
    if (place_.size() > kPlaceBytesMax * 2) place_.resize(kPlaceBytesMax * 2);
    return false;
  }
  bool inside(size_t position) {
    const bool joined = place_.empty() || place_.front() == '[';
    place_ = fmt::format("[{}]{}{}", position, joined ? "" : ".", place_);
    return false;
  }

  bool expect(json::value& from, json::json_type needed, std::string_view name) {
    json::json_type type{};
    if (const auto error = from.type().get(type)) return syntax(error);
    return type == needed || wrong_type(name, type);
  }

  template <typename Message>
  bool fields(json::object& object, Message* to, std::span<const std::string_view> bound) {
    uint64_t seen = 0;
    for (auto item : object) {
      json::field field;
      std::string_view key;
      if (const auto error = std::move(item).get(field)) return syntax(error);
      if (const auto error = field.unescaped_key().get(key)) return syntax(error);
      if (!one_field(key, field.value(), to, bound, &seen)) return inside(key);
    }
    return all_there(to, bound, seen);
  }

  template <typename Message>
  bool one_field(std::string_view key, json::value& from, Message* to,
                 std::span<const std::string_view> bound, uint64_t* seen) {
    bool known = false;
    bool good = true;
    uint64_t bit = 1;
    visit_fields(*to, [&](const FieldRow& row, auto& field) {
      if (!known && row.name == key) {
        known = true;
        if (std::ranges::find(bound, key) != bound.end()) {
          good = wrong("is given by the path and may not stand in the body too");
        } else if ((*seen & bit) != 0) {
          good = wrong("stands here twice");
        } else {
          *seen |= bit;
          good = value(row, from, &field);
        }
      }
      bit <<= 1;
    });
    return known ? good : unknown<Message>(bound);
  }

  template <typename Message>
  bool unknown(std::span<const std::string_view> bound) {
    std::string names;
    Message message;
    visit_fields(message, [&](const FieldRow& row, const auto&) {
      if (std::ranges::find(bound, row.name) != bound.end()) return;
      if (!names.empty()) names += ", ";
      names += row.name;
    });
    return wrong(names.empty() ? "is not a field: there are none here"
                               : "is not a field: there are " + names);
  }

  template <typename Message>
  bool all_there(Message* to, std::span<const std::string_view> bound, uint64_t seen) {
    std::string_view missing;
    uint64_t bit = 1;
    visit_fields(*to, [&](const FieldRow& row, const auto&) {
      const bool there = (seen & bit) != 0 || std::ranges::find(bound, row.name) != bound.end();
      if (row.needed && !there && missing.empty()) missing = row.name;
      bit <<= 1;
    });
    if (missing.empty()) return true;
    wrong("is missing");
    return inside(missing);
  }

  bool value(const FieldRow&, json::value& from, bool* to) {
    if (!expect(from, json::json_type::boolean, "true or false")) return false;
    if (const auto error = from.get_bool().get(*to)) return syntax(error);
    return true;
  }

  bool value(const FieldRow& row, json::value& from, uint64_t* to) {
    if (row.text_too) return number_or_text(from, to);
    return whole_number(from, std::numeric_limits<uint64_t>::max(), to);
  }
  bool value(const FieldRow&, json::value& from, uint32_t* to) {
    uint64_t wide = 0;
    if (!whole_number(from, std::numeric_limits<uint32_t>::max(), &wide)) return false;
    *to = static_cast<uint32_t>(wide);
    return true;
  }
  bool whole_number(json::value& from, uint64_t max, uint64_t* to) {
    if (!expect(from, json::json_type::number, "a whole number")) return false;
    const std::string_view token = trimmed(from.raw_json_token());
    if (from.get_uint64().get(*to) == simdjson::SUCCESS && *to <= max) return true;
    return wrong(fmt::format("must be a whole number from 0 to {}, not {}", max,
                             token.substr(0, kValueBytesMax)));
  }
  bool number_or_text(json::value& from, uint64_t* to) {
    json::json_type type{};
    if (const auto error = from.type().get(type)) return syntax(error);
    if (type == json::json_type::number) {
      return whole_number(from, std::numeric_limits<uint64_t>::max(), to);
    }
    if (type != json::json_type::string) return wrong_type("a whole number or a text", type);
    std::string text_id;
    if (!text(from, &text_id)) return false;
    const Result<uint64_t> number = number_of_text(text_id);
    if (number.has_value()) *to = *number;
    return number.has_value() || wrong(number.error().message());
  }

  bool value(const FieldRow&, json::value& from, float* to) {
    if (!expect(from, json::json_type::number, "a number")) return false;
    const std::string_view token = from.raw_json_token();
    double wide = 0;
    if (const auto error = from.get_double().get(wide)) {
      return error == simdjson::NUMBER_ERROR ? bad_number(trimmed(token)) : syntax(error);
    }
    *to = narrow(wide, token);
    constexpr float kMax = std::numeric_limits<float>::max();
    return (*to <= kMax && *to >= -kMax) || wrong("does not fit a 32-bit float");
  }
  // A number of the right form that is beyond all doubles, or one of a wrong form.
  bool bad_number(std::string_view token) {
    double ignored = 0;
    const auto read = std::from_chars(token.data(), token.data() + token.size(), ignored);
    const bool whole = read.ptr == token.data() + token.size();
    if (whole && read.ec == std::errc::result_out_of_range) {
      return wrong("is larger than any floating-point number");
    }
    return syntax(simdjson::NUMBER_ERROR);
  }

  bool value(const FieldRow&, json::value& from, std::string* to) {
    if (!expect(from, json::json_type::string, "a text")) return false;
    return text(from, to);
  }
  bool text(json::value& from, std::string* to) {
    std::string_view view;
    if (const auto error = from.get_string().get(view)) return syntax(error);
    to->assign(view);
    return true;
  }

  template <typename Names>
  bool name(json::value& from, const Names& names, size_t* position) {
    if (!expect(from, json::json_type::string, "a text")) return false;
    std::string_view view;
    if (const auto error = from.get_string().get(view)) return syntax(error);
    const auto found = std::ranges::find(names, view);
    *position = static_cast<size_t>(found - std::ranges::begin(names));
    if (found != std::ranges::end(names)) return true;
    return wrong(not_one_of(names, view));
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  bool value(const FieldRow&, json::value& from, Enum* to) {
    size_t position = 0;
    if (!name(from, EnumNames<Enum>::values, &position)) return false;
    *to = static_cast<Enum>(position);
    return true;
  }
  bool value(const FieldRow&, json::value& from, uint8_t* code) {
    std::vector<std::string_view> names;
    names.reserve(kCodeCount);
    for (uint8_t i = 0; i < kCodeCount; ++i) names.push_back(code_name(static_cast<Code>(i)));
    size_t position = 0;
    if (!name(from, names, &position)) return false;
    *code = static_cast<uint8_t>(position);
    return true;
  }

  bool value(const FieldRow&, json::value& from, api::PointId* to) {
    json::json_type type{};
    if (const auto error = from.type().get(type)) return syntax(error);
    to->is_text = type == json::json_type::string;
    if (to->is_text) return text(from, &to->text);
    if (type != json::json_type::number) return wrong_type("a whole number or a text", type);
    if (from.get_uint64().get(to->number) == simdjson::SUCCESS) return true;
    return wrong(fmt::format("must be a whole number from 0 to {}, or a text", UINT64_MAX));
  }

  template <typename Item>
  size_t entries_max() const {
    if (std::is_same_v<Item, float>) return kDimensionMax;
    if (std::is_same_v<Item, api::Point>) return limits_.points_max;
    return kJsonEntriesMax;
  }

  template <typename Item>
  bool value(const FieldRow& row, json::value& from, std::vector<Item>* to) {
    if (!expect(from, json::json_type::array, "a list")) return false;
    json::array list;
    if (const auto error = from.get_array().get(list)) return syntax(error);
    to->clear();
    const size_t max = entries_max<Item>();
    for (auto item : list) {
      json::value element;
      if (const auto error = std::move(item).get(element)) {
        syntax(error);
        return inside(to->size());
      }
      if (to->size() == max) return wrong(fmt::format("has more than {} entries", max));
      if constexpr (std::is_same_v<Item, float>) {
        const std::optional<float> whole = short_whole_number(element.raw_json_token());
        if (whole.has_value()) {
          to->push_back(*whole);
          continue;
        }
      }
      const size_t position = to->size();
      if (!value(row, element, &to->emplace_back())) return inside(position);
    }
    return true;
  }

  template <typename Item>
  bool value(const FieldRow& row, json::value& from, std::optional<Item>* to) {
    json::json_type type{};
    if (const auto error = from.type().get(type)) return syntax(error);
    if (type != json::json_type::null) return value(row, from, &to->emplace());
    to->reset();
    return null(from);
  }
  bool null(json::value& from) {
    bool is_null = false;
    if (const auto error = from.is_null().get(is_null)) return syntax(error);
    return is_null || syntax(simdjson::N_ATOM_ERROR);
  }

  template <typename Message>
    requires std::is_class_v<Message>
  bool value(const FieldRow&, json::value& from, Message* to) {
    if (!expect(from, json::json_type::object, "an object")) return false;
    json::object object;
    if (const auto error = from.get_object().get(object)) return syntax(error);
    return fields(object, to, {});
  }

  // Payloads: any JSON, as a FlexBuffer. A payload of null is none.
  bool value(const FieldRow&, json::value& from, Bytes* to) {
    json::json_type type{};
    if (const auto error = from.type().get(type)) return syntax(error);
    to->clear();
    if (type == json::json_type::null) return null(from);
    PayloadBuilder builder;
    if (!payload(from, type, 1, &builder)) return false;
    *to = builder.finish();
    return true;
  }

  bool payload(json::value& from, json::json_type type, size_t depth, PayloadBuilder* builder) {
    switch (type) {
      case json::json_type::object:
        return payload_object(from, depth, builder);
      case json::json_type::array:
        return payload_list(from, depth, builder);
      case json::json_type::number:
        return payload_number(from, builder);
      case json::json_type::string: {
        std::string_view text;
        if (const auto error = from.get_string().get(text)) return syntax(error);
        if (!builder->fits(text.size())) return too_large();
        (*builder)->String(text.data(), text.size());
        return true;
      }
      case json::json_type::boolean: {
        bool truth = false;
        if (const auto error = from.get_bool().get(truth)) return syntax(error);
        (*builder)->Bool(truth);
        return true;
      }
      case json::json_type::null:
        (*builder)->Null();
        return null(from);
    }
    return syntax(simdjson::TAPE_ERROR);
  }

  bool payload_list(json::value& from, size_t depth, PayloadBuilder* builder) {
    if (depth > kJsonDepthMax) return too_deep();
    json::array list;
    if (const auto error = from.get_array().get(list)) return syntax(error);
    const size_t start = (*builder)->StartVector();
    size_t position = 0;
    for (auto item : list) {
      json::value element;
      json::json_type type{};
      simdjson::error_code error = std::move(item).get(element);
      if (error == simdjson::SUCCESS) error = element.type().get(type);
      const bool good =
          error == simdjson::SUCCESS ? payload(element, type, depth + 1, builder) : syntax(error);
      if (!good) return inside_payload(position);
      ++position;
      builder->entries_begin(PayloadBuilder::kListEntryBytesMin);
      if (!builder->fits()) return too_large();
    }
    builder->entries_end(position * PayloadBuilder::kListEntryBytesMin);
    (*builder)->EndVector(start, false, false);
    return true;
  }

  bool payload_object(json::value& from, size_t depth, PayloadBuilder* builder) {
    if (depth > kJsonDepthMax) return too_deep();
    json::object object;
    if (const auto error = from.get_object().get(object)) return syntax(error);
    const size_t start = (*builder)->StartMap();
    std::vector<std::string> keys;
    for (auto item : object) {
      json::field field;
      std::string_view key;
      json::json_type type{};
      if (const auto error = std::move(item).get(field)) return syntax(error);
      if (const auto error = field.unescaped_key().get(key)) return syntax(error);
      if (key.find('\0') != std::string_view::npos) {
        return wrong("a name in a payload may not contain U+0000");
      }
      if (key.size() > kPayloadBytesMax) return too_large();
      keys.emplace_back(key);
      (*builder)->Key(keys.back());
      const auto error = field.value().type().get(type);
      const bool good = error == simdjson::SUCCESS
                            ? payload(field.value(), type, depth + 1, builder)
                            : syntax(error);
      if (!good) return inside_payload(keys.back());
      builder->entries_begin(PayloadBuilder::kObjectEntryBytesMin);
      if (!builder->fits()) return too_large();
    }
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      wrong("stands here twice");
      return inside(*twice);
    }
    builder->entries_end(keys.size() * PayloadBuilder::kObjectEntryBytesMin);
    (*builder)->EndMap(start);
    return true;
  }

  bool payload_number(json::value& from, PayloadBuilder* builder) {
    const std::string_view token = trimmed(from.raw_json_token());
    // -0 is a double: no integer says it.
    if (token == "-0" || token.find_first_of(".eE") != std::string_view::npos) {
      double number = 0;
      if (const auto error = from.get_double().get(number)) {
        return error == simdjson::NUMBER_ERROR ? bad_number(token) : syntax(error);
      }
      (*builder)->Double(number);
      return true;
    }
    int64_t number = 0;
    uint64_t large = 0;
    if (token.starts_with('-')) {
      if (from.get_int64().get(number) != simdjson::SUCCESS) return bad_integer();
      (*builder)->Int(number);
      return true;
    }
    if (from.get_uint64().get(large) != simdjson::SUCCESS) return bad_integer();
    if (large <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      (*builder)->Int(static_cast<int64_t>(large));
    } else {
      (*builder)->UInt(large);
    }
    return true;
  }
  bool bad_integer() {
    return wrong(
        "is not an integer of 64 bits: with a decimal point it would be stored as a double");
  }
  bool too_deep() {
    return wrong(fmt::format("a payload is at most {} objects and lists deep", kJsonDepthMax));
  }

  // The payload as a whole is at fault, not what was read when it became clear.
  bool too_large() {
    payload_too_large_ = true;
    return wrong(fmt::format("a payload has at most {} bytes (as a FlexBuffer), this one has more",
                             kPayloadBytesMax));
  }
  template <typename Name>
  bool inside_payload(const Name& name) {
    return payload_too_large_ ? false : inside(name);
  }

  std::string_view body_;
  json::document& document_;
  const JsonLimits& limits_;
  std::string message_;
  std::string place_;
  bool payload_too_large_ = false;
};

}  // namespace

class JsonReader::Scratch {
 public:
  static constexpr size_t kKeptBodyBytesMax = 1 << 20;  // simdjson keeps about six times as much.
  json::parser parser;
};

JsonReader::JsonReader(JsonLimits limits)
    : limits_(limits), scratch_(std::make_unique<Scratch>()) {}
JsonReader::~JsonReader() = default;

template <typename Message>
Result<void> JsonReader::read(std::string* body, Message* message,
                              std::span<const std::string_view> bound) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (body->starts_with(kByteOrderMark)) {
    return fail(Code::invalid_argument, no_json_at(0, ": it begins with a byte order mark"));
  }
  if (body->capacity() - body->size() < simdjson::SIMDJSON_PADDING) {
    body->reserve(body->size() + simdjson::SIMDJSON_PADDING);
  }
  json::document document;
  Reading reading(*body, document, limits_);
  const auto error =
      scratch_->parser.iterate(body->data(), body->size(), body->capacity()).get(document);
  const bool good =
      error == simdjson::SUCCESS ? reading.root(message, bound) : reading.syntax(error);
  if (body->size() > Scratch::kKeptBodyBytesMax) scratch_ = std::make_unique<Scratch>();
  if (good) return {};
  return fail(reading.take_error());
}

namespace {

template <typename... Messages>
constexpr auto readers_of(MessageList<Messages...>) {
  return std::tuple{&JsonReader::read<Messages>...};
}
// Makes the readers of all messages, for callers that see only the header.
[[gnu::used]] constexpr auto kReaders = readers_of(api::VectronMessageList());

}  // namespace

}  // namespace vectron::gateway
