#include "services/daemon/demo_http.h"

#include <fmt/format.h>

#include "core/http/json_text.h"
#include "services/daemon/demo_dataset.h"

namespace vectron::demo {
namespace {

http::ClientConfig client_config() {
  http::ClientConfig config;
  config.requests_in_flight_max = 256;
  config.idle_connections_max = 256;
  return config;
}

std::string points_path(const std::string& collection) {
  return fmt::format("/v1/collections/{}/points", http::percent_encode(collection));
}

void append_vector(std::string& out, const std::vector<float>& vector) {
  out += '[';
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    http::append_json_number(out, vector[i]);
  }
  out += ']';
}

std::string upsert_body(const api::UpsertRequest& request) {
  std::string body = "{\"points\":[";
  for (const api::Point& point : request.points) {
    if (&point != &request.points.front()) body += ',';
    const auto [index, label] = read_payload(point.payload);
    body += fmt::format("{{\"id\":{},\"payload\":{{\"index\":{},\"label\":{}}},\"vector\":",
                        point.id.number, index, label);
    append_vector(body, point.vector);
    body += '}';
  }
  return body + "]}";
}

std::string search_body(const api::SearchRequest& request) {
  std::string body = fmt::format("{{\"top_k\":{},\"ef\":{},\"vector\":", request.top_k, request.ef);
  append_vector(body, request.vector);
  return body + "}";
}

Code code_of(int http_status) {
  if (http_status == 429) return Code::resource_exhausted;
  return http_status == 503 ? Code::unavailable : Code::internal;
}

}  // namespace

DemoHttp::DemoHttp(Env& env, const Address& server, Duration request_timeout)
    : env_(env), request_timeout_(request_timeout), client_(env, server, client_config()) {}

Task<Result<api::UpsertReply>> DemoHttp::upsert(const api::UpsertRequest& request) {
  return post<api::UpsertReply>(points_path(request.collection), upsert_body(request));
}

Task<Result<api::SearchReply>> DemoHttp::search(const api::SearchRequest& request) {
  return post<api::SearchReply>(points_path(request.collection) + "/search", search_body(request));
}

template <typename Reply>
Task<Result<Reply>> DemoHttp::post(std::string target, std::string body) {
  http::ClientRequest request;
  request.method = http::Method::post;
  request.target = std::move(target);
  request.body = std::move(body);
  const Instant deadline = env_.clock().monotonic() + request_timeout_;
  auto answer = co_await client_.send(std::move(request), deadline);
  if (!answer.has_value()) co_return fail(answer.error());
  if (answer->status != 200) co_return fail(code_of(answer->status), std::move(answer->body));
  Reply reply;
  const auto read = reader_.read(&answer->body, &reply);
  if (!read.has_value()) co_return fail(read.error());
  co_return reply;
}

}  // namespace vectron::demo
