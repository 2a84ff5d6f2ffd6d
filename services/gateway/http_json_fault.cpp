#include "services/gateway/http_json_fault.h"

#include <string>

namespace vectron::gateway {
namespace {

bool is_digit(int byte) {
  return byte >= '0' && byte <= '9';
}

bool is_hex_digit(int byte) {
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

bool is_blank(int byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// Goes through the text byte by byte. Each function that returns bool stops at the first byte that
// does not fit and returns false.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::optional<JsonFault> run() {
    while (wanted_ != Wanted::nothing) {
      skip_blanks();
      if (!step()) return fault(JsonFault::Kind::wrong_byte);
    }
    skip_blanks();
    if (at_ < text_.size()) return fault(JsonFault::Kind::trailing);
    return std::nullopt;
  }

 private:
  enum class Wanted : uint8_t {
    value,
    value_or_end,
    key,
    key_or_end,
    colon,
    comma_or_end,
    nothing,
  };
  static constexpr int kEnd = -1;

  JsonFault fault(JsonFault::Kind kind) const {
    return {at_ == text_.size() ? JsonFault::Kind::cut_short : kind, at_};
  }

  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : kEnd; }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  bool take_if(bool (*fits)(int)) {
    if (!fits(peek())) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (is_blank(peek())) ++at_;
  }

  bool step() {
    switch (wanted_) {
      case Wanted::value_or_end:
        return close(']') || value();
      case Wanted::value:
        return value();
      case Wanted::key_or_end:
        return close('}') || key();
      case Wanted::key:
        return key();
      case Wanted::colon:
        wanted_ = Wanted::value;
        return take(':');
      case Wanted::comma_or_end:
        return comma() || close(open_.back() == '{' ? '}' : ']');
      case Wanted::nothing:
        break;
    }
    return false;
  }

  bool comma() {
    if (!take(',')) return false;
    wanted_ = open_.back() == '{' ? Wanted::key : Wanted::value;
    return true;
  }
  bool close(char end) {
    if (!take(end)) return false;
    open_.pop_back();
    value_ends();
    return true;
  }
  void value_ends() { wanted_ = open_.empty() ? Wanted::nothing : Wanted::comma_or_end; }
  bool key() {
    wanted_ = Wanted::colon;
    return string();
  }

  bool value() {
    switch (peek()) {
      case '{':
        return begin('{', Wanted::key_or_end);
      case '[':
        return begin('[', Wanted::value_or_end);
      case '"':
        value_ends();
        return string();
      case 't':
        value_ends();
        return literal("true");
      case 'f':
        value_ends();
        return literal("false");
      case 'n':
        value_ends();
        return literal("null");
      default:
        value_ends();
        return number();
    }
  }
  bool begin(char bracket, Wanted then) {
    open_ += bracket;
    wanted_ = then;
    return take(bracket);
  }
  bool literal(std::string_view name) {
    for (const char letter : name) {
      if (!take(letter)) return false;
    }
    return true;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }
  bool digits() {
    if (!take_if(is_digit)) return false;
    while (take_if(is_digit)) continue;
    return true;
  }

  bool string() {
    if (!take('"')) return false;
    while (!take('"')) {
      if (take('\\')) {
        if (!escape()) return false;
      } else if (peek() < ' ') {
        return false;  // A control character, or the end.
      } else {
        ++at_;
      }
    }
    return true;
  }
  bool escape() {
    if (take('u')) return code_unit();
    constexpr std::string_view kEscaped = "\"\\/bfnrt";
    const int byte = peek();
    if (byte == kEnd || kEscaped.find(static_cast<char>(byte)) == std::string_view::npos) {
      return false;
    }
    ++at_;
    return true;
  }
  // Four hexadecimal digits; those of the first half of a pair are followed by the other half.
  bool code_unit() {
    const std::string_view digits = text_.substr(at_, 4);
    for (int i = 0; i < 4; ++i) {
      if (!take_if(is_hex_digit)) return false;
    }
    if (!first_half(digits)) return true;
    if (!take('\\') || !take('u')) return false;
    if (!take('d') && !take('D')) return false;
    return take_if(second_half_digit) && take_if(is_hex_digit) && take_if(is_hex_digit);
  }
  static bool first_half(std::string_view digits) {
    constexpr std::string_view kSecond = "89abAB";
    return (digits[0] == 'd' || digits[0] == 'D') && kSecond.find(digits[1]) != kSecond.npos;
  }
  static bool second_half_digit(int byte) {
    return (byte >= 'c' && byte <= 'f') || (byte >= 'C' && byte <= 'F');
  }

  std::string_view text_;
  size_t at_ = 0;
  Wanted wanted_ = Wanted::value;
  std::string open_;  // Of each object and list around here, its bracket.
};

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text) {
  return Scan(text).run();
}

}  // namespace vectron::gateway
