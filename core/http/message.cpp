#include "core/http/message.h"

#include <algorithm>
#include <array>

#include "core/http/json_text.h"

namespace vectron::http {

std::string_view method_name(Method method) {
  static constexpr std::array<std::string_view, 8> kNames = {"GET",   "HEAD",   "POST",    "PUT",
                                                             "PATCH", "DELETE", "OPTIONS", "OTHER"};
  return kNames[static_cast<size_t>(method)];
}

const std::string* find_field(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &found->value;
}

Response error_response(int http_status, const Status& status) {
  Response response;
  response.status = http_status;
  response.code = status.code();
  response.body = R"({"error":{"code":)";
  append_json_string(response.body, code_name(status.code()));
  response.body += R"(,"message":)";
  append_json_string(response.body, status.message());
  if (!status.field().empty()) {
    response.body += R"(,"field":)";
    append_json_string(response.body, status.field());
  }
  response.body += "}}\n";
  const bool passes =
      status.code() == Code::unavailable || status.code() == Code::resource_exhausted;
  if (passes) response.headers.push_back({"Retry-After", "1"});
  return response;
}

Response error_response(const Status& status) {
  return error_response(vectron::http_status(status.code()), status);
}

Response text_response(int http_status, std::string text) {
  Response response;
  response.status = http_status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

}  // namespace vectron::http
