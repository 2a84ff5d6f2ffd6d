#include "core/http/browser_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/need.h"
#include "core/base/shown.h"

namespace vectron::http {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, DELETE";
constexpr std::string_view kRequestFields = "Content-Type, X-Request-Timeout-Ms, X-Request-Id";
constexpr std::string_view kAnswerFields = "Retry-After, X-Request-Id";
constexpr std::string_view kPreflightSeconds = "600";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

// Four numbers with dots between them, as browsers write an IPv4 address.
bool is_ipv4(std::string_view text) {
  size_t parts = 0;
  while (true) {
    const size_t end = std::min(text.find('.'), text.size());
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part.size() > 3 || !std::ranges::all_of(part, is_digit)) return false;
    if (std::stoi(std::string(part)) > 255) return false;
    ++parts;
    if (end == text.size()) return parts == 4;
    text.remove_prefix(end + 1);
  }
}

// A name without its brackets: nothing else with a colon passes as one.
bool is_ip(std::string_view host) {
  return host.find(':') != std::string_view::npos || is_ipv4(host);
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && is_ipv4(host));
}

bool is_everywhere(std::string_view host) {
  return host == "*" || host == "0.0.0.0" || host == "::";
}

bool is_origin(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const std::string_view host = text.substr(scheme + 3);
  return !host_name_of(host).empty() &&
         host.find_first_of("/?#@ ,\"\r\n\t") == std::string_view::npos;
}

// "https://app.example:8443" of a page that this server's own host and port served.
bool is_same_origin(std::string_view origin, const std::string* host) {
  const size_t scheme = origin.find("://");
  return host != nullptr && scheme != std::string_view::npos &&
         lower(origin.substr(scheme + 3)) == lower(*host);
}

Response refusal(int http_status, Code code, std::string message, std::string_view field) {
  return error_response(http_status, Status(code, std::move(message), std::string(field)));
}

bool only_looks(Method method) {
  return method == Method::get || method == Method::head;
}

}  // namespace

std::string host_name_of(std::string_view host_and_port) {
  std::string_view host = trimmed(host_and_port);
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return "";
    return lower(host.substr(1, end - 1));
  }
  host = host.substr(0, host.rfind(':'));
  // A second colon: an IPv6 address that lacks its brackets.
  if (host.find(':') != std::string_view::npos) return "";
  if (host.ends_with('.')) host.remove_suffix(1);
  return lower(host);
}

bool is_json_type(std::string_view content_type) {
  const size_t end = std::min(content_type.find(';'), content_type.size());
  if (lower(trimmed(content_type.substr(0, end))) != "application/json") return false;
  std::string parameters;
  for (const char letter : lower(content_type.substr(end))) {
    if (letter != ' ' && letter != '\t' && letter != '"') parameters += letter;
  }
  const size_t charset = parameters.find(";charset=");
  if (charset == std::string::npos) return true;
  const std::string_view named = std::string_view(parameters).substr(charset + 9);
  return named.substr(0, named.find(';')) == "utf-8";
}

Result<void> BrowserPolicy::Config::validate() const {
  for (const std::string& host : hosts) {
    const bool name = !host.empty() && host.find_first_of("/ ,\"\r\n\t") == std::string::npos;
    VECTRON_CHECK_OK(need(
        name && !host_name_of(host).empty(), "hosts",
        fmt::format(
            "\"{}\" is no name of a host: \"db.example\", an address, or * for any is expected",
            shown(host))));
  }
  for (const std::string& origin : origins) {
    VECTRON_CHECK_OK(need(
        origin == "*" || is_origin(origin), "origins",
        fmt::format(
            "\"{}\" is no origin: \"https://app.example\" without a path, or * for any is expected",
            shown(origin))));
  }
  return {};
}

BrowserPolicy::BrowserPolicy(const Config& config) {
  for (const Address& address : config.listen) {
    hosts_.push_back(host_name_of(address.text));
    listens_everywhere_ = listens_everywhere_ || is_everywhere(hosts_.back());
  }
  for (const std::string& host : config.hosts) {
    any_host_ = any_host_ || host == "*";
    hosts_.push_back(host_name_of(host));
  }
  for (const std::string& origin : config.origins) {
    any_origin_ = any_origin_ || origin == "*";
    origins_.push_back(lower(origin));
  }
}

Verdict BrowserPolicy::judge(const Request& request, std::optional<RouteKind> kind) const {
  Verdict verdict;
  const std::string* host = request.header("host");
  if (host != nullptr && kind != RouteKind::probe && !knows_host(*host)) {
    verdict.refusal = refusal(421, Code::invalid_argument,
                              fmt::format("this server is not known as \"{}\": the option "
                                          "http_hosts names what else it may be called",
                                          shown(*host)),
                              "Host");
    return verdict;
  }
  const std::string* origin = request.header("origin");
  if (origin != nullptr && allows(*origin)) {
    add_cors_fields(request, *origin, &verdict.fields);
  } else if (origin != nullptr && !only_looks(request.method) && !is_same_origin(*origin, host)) {
    verdict.refusal =
        refusal(403, Code::permission_denied,
                fmt::format("pages of \"{}\" may not ask this server: the option http_origins "
                            "names those that may",
                            shown(*origin)),
                "Origin");
    return verdict;
  }
  const std::string* type = request.header("content-type");
  const bool has_body = !request.body.empty() || request.body_follows;
  if (has_body && (type == nullptr || !is_json_type(*type))) {
    verdict.refusal = refusal(
        415, Code::invalid_argument,
        fmt::format("the body must be JSON and say so, with \"Content-Type: application/json\", "
                    "not {}",
                    type == nullptr ? "without a type" : fmt::format("\"{}\"", shown(*type))),
        "Content-Type");
  }
  return verdict;
}

bool BrowserPolicy::knows_host(std::string_view host_and_port) const {
  if (any_host_) return true;
  const std::string host = host_name_of(host_and_port);
  // No name can be pointed elsewhere where a client says an address.
  if (is_loopback(host) || (listens_everywhere_ && is_ip(host))) return true;
  return !host.empty() && std::ranges::find(hosts_, host) != hosts_.end();
}

bool BrowserPolicy::allows(std::string_view origin) const {
  return any_origin_ || std::ranges::find(origins_, lower(origin)) != origins_.end();
}

void BrowserPolicy::add_cors_fields(const Request& request, std::string_view origin,
                                    std::vector<Field>* fields) const {
  fields->push_back({"Access-Control-Allow-Origin", any_origin_ ? "*" : std::string(origin)});
  if (!any_origin_) fields->push_back({"Vary", "Origin"});
  if (request.header("access-control-request-method") == nullptr) {
    fields->push_back({"Access-Control-Expose-Headers", std::string(kAnswerFields)});
    return;
  }
  fields->push_back({"Access-Control-Allow-Methods", std::string(kMethods)});
  fields->push_back({"Access-Control-Allow-Headers", std::string(kRequestFields)});
  fields->push_back({"Access-Control-Max-Age", std::string(kPreflightSeconds)});
  if (request.header("access-control-request-private-network") != nullptr) {
    fields->push_back({"Access-Control-Allow-Private-Network", "true"});
  }
}

}  // namespace vectron::http
