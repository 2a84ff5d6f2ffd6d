#include "sim/cluster/http_calls.h"

#include "core/http/json_text.h"
#include "sim/cluster/node_configs.h"
#include "sim/history/value.h"
#include "sim/plan/json.h"

namespace vectron::sim {

namespace {

using http::append_json_number;
using http::append_json_string;

constexpr Duration kBackoffMin = 20ms;
constexpr Duration kBackoffMax = 500ms;
constexpr uint32_t kAttemptsMax = 32;

void append_id(std::string& out, const api::PointId& id) {
  id.is_text ? append_json_string(out, id.text) : append_json_number(out, id.number);
}

void append_vector(std::string& out, const std::vector<float>& vector) {
  out += "\"vector\":[";
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    append_json_number(out, vector[i]);
  }
  out += ']';
}

void append_point(std::string& out, const api::Point& point) {
  out += "{\"id\":";
  append_id(out, point.id);
  out += ',';
  append_vector(out, point.vector);
  if (const auto value = value_of_payload(point.payload)) {
    out += ",\"payload\":";
    append_json_number(out, *value);
  }
  out += '}';
}

std::string upsert_body(const api::UpsertRequest& request) {
  std::string out = "{\"points\":[";
  for (size_t i = 0; i < request.points.size(); ++i) {
    if (i > 0) out += ',';
    append_point(out, request.points[i]);
  }
  out += ']';
  if (request.request_id != 0) {
    out += ",\"request_id\":";
    append_json_number(out, request.request_id);
  }
  out += '}';
  return out;
}

std::string_view level_name(api::ReadLevel level) {
  return level == api::ReadLevel::eventual ? "eventual" : "linearizable";
}

std::string search_body(const api::SearchRequest& request) {
  std::string out = "{";
  append_vector(out, request.vector);
  fmt::format_to(std::back_inserter(out),
                 ",\"top_k\":{},\"exact\":{},\"read_level\":\"{}\",\"include_payload\":{}",
                 request.top_k, request.exact, level_name(request.read_level),
                 request.include_payload);
  if (request.timeout_ms != 0) {
    fmt::format_to(std::back_inserter(out), ",\"timeout_ms\":{}", request.timeout_ms);
  }
  if (request.allow_partial) out += ",\"allow_partial\":true";
  if (request.include_vector) out += ",\"include_vector\":true";
  out += '}';
  return out;
}

std::string points_path(const std::string& collection) {
  return fmt::format("/v1/collections/{}/points", http::percent_encode(collection));
}

std::string point_path(const std::string& collection, const api::PointId& id) {
  const std::string text =
      id.is_text ? http::percent_encode(id.text) : fmt::format("{}", id.number);
  const char* type = id.is_text ? "text" : "number";
  return fmt::format("{}/{}?id_type={}", points_path(collection), text, type);
}

std::optional<Code> code_of_name(std::string_view name) {
  for (uint8_t code = 0; code < kCodeCount; ++code) {
    if (code_name(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  }
  return std::nullopt;
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  const std::string* text = member == nullptr ? nullptr : member->as<std::string>();
  return text == nullptr ? std::string() : *text;
}

std::optional<api::ShardToken> token_of(const Json& error) {
  const Json* token = error.find("token");
  if (token == nullptr) return std::nullopt;
  const Json* shard = token->find("shard_id");
  const Json* index = token->find("applied_index");
  if (shard == nullptr || index == nullptr) return std::nullopt;
  const uint64_t* shard_id = shard->as<uint64_t>();
  const uint64_t* applied_index = index->as<uint64_t>();
  if (shard_id == nullptr || applied_index == nullptr) return std::nullopt;
  return api::ShardToken{*shard_id, *applied_index};
}

}  // namespace

std::optional<Status> status_of_error(const http::Response& response) {
  const auto json = parse_json(response.body);
  const Json* error = json.has_value() ? json->find("error") : nullptr;
  if (error == nullptr) return std::nullopt;
  const auto code = code_of_name(text_of(*error, "code"));
  if (!code.has_value() || *code == Code::ok) return std::nullopt;
  const Status status(*code, text_of(*error, "message"), text_of(*error, "field"));
  const auto token = token_of(*error);
  return token.has_value() ? status.with_detail(encode(*token)) : status;
}

HttpCalls::HttpCalls(Env* env, const Plan& plan, ObjectToAnswer object)
    : env_(*env),
      request_timeout_(std::chrono::milliseconds(plan.knobs.client_deadline_ms)),
      object_(std::move(object)) {
  for (uint32_t i = 0; i < plan.shape.gateways; ++i) {
    gateways_.push_back(
        std::make_unique<http::Client>(*env, gateway_http_address(i), http::ClientConfig()));
  }
}

Task<Result<api::UpsertReply>> HttpCalls::upsert(const api::UpsertRequest& request) {
  return call<api::UpsertReply>({.method = http::Method::post,
                                 .target = points_path(request.collection),
                                 .body = upsert_body(request)},
                                Access::write);
}

Task<Result<api::GetReply>> HttpCalls::get(const api::GetRequest& request) {
  return call<api::GetReply>(
      {.method = http::Method::get,
       .target = fmt::format("{}&read_level={}", point_path(request.collection, request.id),
                             level_name(request.read_level))},
      Access::read);
}

Task<Result<api::DeleteReply>> HttpCalls::remove(const api::DeleteRequest& request) {
  std::string target = point_path(request.collection, request.id);
  if (request.request_id != 0) target += fmt::format("&request_id={}", request.request_id);
  return call<api::DeleteReply>({.method = http::Method::delete_, .target = std::move(target)},
                                Access::write);
}

Task<Result<api::SearchReply>> HttpCalls::search(const api::SearchRequest& request) {
  return call<api::SearchReply>({.method = http::Method::post,
                                 .target = points_path(request.collection) + "/search",
                                 .body = search_body(request)},
                                Access::read);
}

// Nothing changes bytes on the simulated network: what cannot be read was written so.
void HttpCalls::object(std::string text) const {
  if (object_) object_(std::move(text));
}

template <typename Reply>
Result<Reply> HttpCalls::read_reply(http::Response response, Access access) {
  Status failure;
  if (response.status == 200) {
    Reply reply;
    const Result<void> read = reader_.read(&response.body, &reply);
    if (read.has_value()) return reply;
    failure =
        Status(Code::unknown_outcome, "the answer cannot be read: " + read.error().to_string());
    object(failure.message());
  } else if (const auto told = status_of_error(response)) {
    failure = *told;
  } else {
    failure = Status(Code::unknown_outcome,
                     fmt::format("HTTP status {}: {}", response.status, response.body));
    object("an error that names no known code: " + failure.message());
  }
  const bool says_nothing = failure.code() == Code::unknown_outcome;
  if (!says_nothing || access == Access::write) return fail(std::move(failure));
  return fail(Code::unavailable, failure.message(), failure.field());
}

template <typename Reply>
Task<Result<Reply>> HttpCalls::call(http::ClientRequest request, Access access) {
  Clock& clock = env_.clock();
  const Instant deadline = clock.monotonic() + request_timeout_;
  size_t gateway = next_gateway_++ % gateways_.size();
  Duration backoff = kBackoffMin;
  for (uint32_t attempt = 1;; ++attempt) {
    const Instant now = clock.monotonic();
    Instant limit = deadline;
    if (access == Access::read && gateways_.size() > 1) {
      limit = std::min(limit, now + request_timeout_ / 2);
    }
    http::ClientRequest one = request;
    const uint64_t remaining_ms = to_microseconds(limit - now) / 1'000 + 1;
    one.headers.push_back({"X-Request-Timeout-Ms", fmt::format("{}", remaining_ms)});
    auto answer = co_await gateways_[gateway]->send(std::move(one), limit);
    Result<Reply> reply = answer.has_value() ? read_reply<Reply>(*std::move(answer), access)
                                             : Result<Reply>(fail(answer.error()));
    if (reply.has_value()) co_return reply;
    const Code code = reply.error().code();
    const bool not_done = code == Code::unavailable || code == Code::aborted;
    const bool no_answer = code == Code::deadline_exceeded || code == Code::unknown_outcome;
    if (!not_done && !(no_answer && access == Access::read)) co_return reply;
    gateway = (gateway + 1) % gateways_.size();
    Instant next = clock.monotonic();
    if (attempt % gateways_.size() == 0) {
      next += backoff;
      backoff = std::min(backoff * 2, kBackoffMax);
    }
    if (attempt >= kAttemptsMax || next >= deadline) co_return reply;
    co_await clock.sleep_until(next);
  }
}

}  // namespace vectron::sim
