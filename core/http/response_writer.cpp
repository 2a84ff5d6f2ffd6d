#include "core/http/response_writer.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace vectron::http {
namespace {

bool is_field_text(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  VECTRON_ASSERT(!name.empty() && is_field_text(name) && is_field_text(value),
                 "the field \"{}\" would break the framing", name);
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

// 204 and 304 have no body, and say no length (RFC 9110, section 8.6).
bool has_length(int status) {
  return status != 204 && status != 304;
}

}  // namespace

std::string http_date(WallTime time) {
  using namespace std::chrono;
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                            "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto since_epoch = floor<seconds>(time.time_since_epoch());
  const auto day = floor<days>(since_epoch);
  const year_month_day date{sys_days(day)};
  const hh_mm_ss clock(since_epoch - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[weekday(sys_days(day)).c_encoding()], unsigned(date.day()),
                     kMonths[unsigned(date.month()) - 1], int(date.year()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::string write_response_head(const Response& response, const Framing& framing) {
  std::string out;
  out.reserve(256);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 reason_phrase(response.status));
  append_field(out, "Date", http_date(framing.now));
  if (!response.content_type.empty() && has_length(response.status)) {
    append_field(out, "Content-Type", response.content_type);
  }
  if (has_length(response.status)) {
    append_field(out, "Content-Length", fmt::format_int(response.body.size()).c_str());
  }
  for (const Field& field : response.headers) append_field(out, field.name, field.value);
  for (const Field& field : framing.fields) append_field(out, field.name, field.value);
  if (framing.closes) {
    append_field(out, "Connection", "close");
  } else if (framing.http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  out += "\r\n";
  return out;
}

bool has_body(const Response& response, const Framing& framing) {
  return !framing.without_body && has_length(response.status);
}

std::string write_response(const Response& response, const Framing& framing) {
  std::string out = write_response_head(response, framing);
  if (has_body(response, framing)) out += response.body;
  return out;
}

}  // namespace vectron::http
