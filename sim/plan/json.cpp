#include "sim/plan/json.h"

#include <algorithm>
#include <charconv>

namespace vectron::sim {

Json::Json(int64_t value) {
  if (value < 0) {
    value_ = value;
  } else {
    value_ = static_cast<uint64_t>(value);
  }
}

const Json* Json::find(std::string_view name) const {
  const JsonObject* object = as<JsonObject>();
  if (object == nullptr) return nullptr;
  for (const JsonMember& member : *object) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

namespace {

class Printer {
 public:
  explicit Printer(bool pretty) : pretty_(pretty) {}

  std::string take() { return std::move(out_); }

  void print(const Json& json) {
    if (json.as<std::nullptr_t>() != nullptr) out_ += "null";
    if (const bool* value = json.as<bool>()) out_ += *value ? "true" : "false";
    if (const uint64_t* value = json.as<uint64_t>()) out_ += fmt::format("{}", *value);
    if (const int64_t* value = json.as<int64_t>()) out_ += fmt::format("{}", *value);
    if (const Json::Decimal* value = json.as<Json::Decimal>()) {
      out_ += fmt::format("{:.4f}", value->value);
    }
    if (const std::string* value = json.as<std::string>()) out_ += json_quoted(*value);
    if (const JsonArray* value = json.as<JsonArray>()) print_array(*value);
    if (const JsonObject* value = json.as<JsonObject>()) print_object(*value);
  }

 private:
  void print_array(const JsonArray& array) {
    const bool flat = std::ranges::none_of(array, [](const Json& item) {
      return item.as<JsonArray>() != nullptr || item.as<JsonObject>() != nullptr;
    });
    print_items('[', ']', array.size(), flat, [&](size_t i) { print(array[i]); });
  }

  void print_object(const JsonObject& object) {
    print_items('{', '}', object.size(), false, [&](size_t i) {
      out_ += json_quoted(object[i].first);
      out_ += pretty_ ? ": " : ":";
      print(object[i].second);
    });
  }

  template <typename PrintItem>
  void print_items(char open, char close, size_t count, bool flat, PrintItem print_item) {
    const bool lines = pretty_ && !flat && count > 0;
    out_ += open;
    ++depth_;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += pretty_ && !lines ? ", " : ",";
      if (lines) new_line();
      print_item(i);
    }
    --depth_;
    if (lines) new_line();
    out_ += close;
  }

  void new_line() {
    out_ += '\n';
    out_.append(static_cast<size_t>(depth_) * 2, ' ');
  }

  bool pretty_;
  int depth_ = 0;
  std::string out_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> document() {
    VECTRON_TRY(Json json, value(0));
    skip_space();
    if (at_ != text_.size()) return error("text after the end of the document");
    return json;
  }

 private:
  std::unexpected<Status> error(std::string_view what) const {
    const auto head = text_.substr(0, std::min(at_, text_.size()));
    const auto line = 1 + std::count(head.begin(), head.end(), '\n');
    return fail(Code::invalid_argument, fmt::format("JSON, line {}: {}", line, what));
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Json> value(int depth) {
    if (depth > kJsonDepthMax) return error("nested too deeply");
    skip_space();
    if (at_ >= text_.size()) return error("the document ends where a value is expected");
    const char c = text_[at_];
    if (c == '{') return object(depth);
    if (c == '[') return array(depth);
    if (c == '"') {
      VECTRON_TRY(std::string text, string());
      return Json(std::move(text));
    }
    if (take_word("true")) return Json(true);
    if (take_word("false")) return Json(false);
    if (take_word("null")) return Json();
    return number();
  }

  Result<Json> number() {
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view("+-.eE0123456789").contains(text_[at_])) ++at_;
    const std::string_view digits = text_.substr(begin, at_ - begin);
    if (digits.empty()) return error("a value is expected");
    const char* from = text_.data() + begin;
    const char* end = text_.data() + at_;
    if (digits.front() == '-') {
      int64_t negative = 0;
      const auto [stop, code] = std::from_chars(from, end, negative);
      if (code == std::errc() && stop == end) return Json(negative);
    } else {
      uint64_t positive = 0;
      const auto [stop, code] = std::from_chars(from, end, positive);
      if (code == std::errc() && stop == end) return Json(positive);
    }
    return error(fmt::format("'{}' is not an integer of 64 bits", digits));
  }

  Result<std::string> string() {
    ++at_;  // The opening quote.
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) return error("a control character in a string");
      if (c == '\\') {
        VECTRON_TRY(c, escape());
      }
      out += c;
    }
    if (at_ >= text_.size()) return error("a string without its end");
    ++at_;
    return out;
  }

  Result<char> escape() {
    if (at_ >= text_.size()) return error("a string without its end");
    const char c = text_[at_++];
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (const size_t i = kNames.find(c); i != std::string_view::npos) return kValues[i];
    if (c != 'u' || at_ + 4 > text_.size()) return error("an unknown escape");
    unsigned code = 0;
    const char* begin = text_.data() + at_;
    const auto [stop, ec] = std::from_chars(begin, begin + 4, code, 16);
    if (ec != std::errc() || stop != begin + 4 || code > 0x7f) {
      return error("an escape beyond ASCII: write the character itself");
    }
    at_ += 4;
    return static_cast<char>(code);
  }

  Result<Json> array(int depth) {
    ++at_;
    JsonArray items;
    if (take(']')) return Json(std::move(items));
    do {
      VECTRON_TRY(Json item, value(depth + 1));
      items.push_back(std::move(item));
    } while (take(','));
    if (!take(']')) return error("',' or ']' is expected");
    return Json(std::move(items));
  }

  Result<Json> object(int depth) {
    ++at_;
    JsonObject members;
    if (take('}')) return Json(std::move(members));
    do {
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '"') return error("a member's name is expected");
      VECTRON_TRY(std::string name, string());
      if (std::ranges::any_of(members, [&](const auto& member) { return member.first == name; })) {
        return error(fmt::format("'{}' stands here twice", name));
      }
      if (!take(':')) return error("':' is expected");
      VECTRON_TRY(Json item, value(depth + 1));
      members.emplace_back(std::move(name), std::move(item));
    } while (take(','));
    if (!take('}')) return error("',' or '}' is expected");
    return Json(std::move(members));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string Json::compact() const {
  Printer printer(false);
  printer.print(*this);
  return printer.take();
}

std::string Json::pretty() const {
  Printer printer(true);
  printer.print(*this);
  return printer.take();
}

Result<Json> parse_json(std::string_view text) {
  return Parser(text).document();
}

}  // namespace vectron::sim
