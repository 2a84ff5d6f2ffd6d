#include "services/gateway/http_api.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/async/combine.h"
#include "core/base/memory_refusal.h"
#include "core/http/json_text.h"
#include "schemas/vectron_openapi.h"
#include "services/gateway/http_binding.h"

namespace vectron::gateway {
namespace {

http::Method method_from(std::string_view name) {
  for (const http::Method method : {http::Method::get, http::Method::post, http::Method::put,
                                    http::Method::patch, http::Method::delete_}) {
    if (http::method_name(method) == name) return method;
  }
  VECTRON_ASSERT(false, "\"{}\" is no method of HTTP", name);
  return http::Method::other;
}

bool has_body(http::Method method) {
  return method != http::Method::get && method != http::Method::head &&
         method != http::Method::delete_;
}

// A point that does not exist: the error says when that was so.
void add_token(const Status& status, http::Response* response) {
  if (status.code() != Code::not_found || status.detail().empty()) return;
  const auto token = decode<api::ShardToken>(status.detail());
  if (!token.has_value()) return;
  // Before the ends of the error, of the object around it, and of the line.
  response->body.insert(response->body.size() - 3,
                        fmt::format(R"(,"token":{{"shard_id":{},"applied_index":{}}})",
                                    token->shard_id, token->applied_index));
}

http::Response failure(const Status& status) {
  http::Response response = http::error_response(status);
  add_token(status, &response);
  return response;
}

// As rpc::ServerConnection does it: a write was done, though its answer cannot be told.
Status unanswerable(const rpc::MethodInfo& method, const Status& status) {
  return method.read_only ? status : Status(Code::unknown_outcome, status.message());
}

// As rpc::ServerConnection does it: what a write did is not known when its time runs out.
Code code_when_late(const rpc::MethodInfo& method) {
  return method.read_only ? Code::deadline_exceeded : Code::unknown_outcome;
}

Result<std::string> to_line(Result<std::string> json) {
  if (json.has_value()) *json += '\n';
  return json;
}

std::vector<std::string_view> names_of(const std::vector<http::Field>& parameters) {
  std::vector<std::string_view> names;
  names.reserve(parameters.size());
  for (const http::Field& parameter : parameters) names.emplace_back(parameter.name);
  return names;
}

// Of a body of numbers, as measured (150 MB a second).
CpuCost reading_cost(size_t bytes) {
  return {.nanoseconds = 1000 + 6 * bytes};
}

/// What requests without a route are counted as.
/// A larger answer is written on the Cpu pool.
constexpr size_t kInlineReplyBytesMax = 32 << 10;
/// For /readyz to find the placement driver.
constexpr Duration kReadyTimeout = 1s;

constexpr rpc::MethodInfo kNoOperation{
    .id = 0, .service = "none", .name = "none", .permission = "none", .read_only = true};

// A request between its beginning and its end.
class Watched {
 public:
  Watched(Env* env, rpc::RequestObserver* observer, const rpc::MethodInfo* method,
          size_t request_bytes, std::string id)
      : env_(env), observer_(observer), began_(env->clock().monotonic()), id_(std::move(id)) {
    end_.method = method;
    end_.over_http = true;
    end_.request_bytes = request_bytes;
    end_.id = id_;
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  const std::string& id() const { return id_; }
  std::shared_ptr<RequestSubject> subject() const { return subject_; }
  void ended(Code code, size_t reply_bytes) {
    if (observer_ == nullptr) return;
    end_.code = code;
    end_.took = env_->clock().monotonic() - began_;
    end_.reply_bytes = reply_bytes;
    end_.collection = subject_->collection;
    observer_->ended(end_);
  }

 private:
  Env* env_;
  rpc::RequestObserver* observer_;
  const Instant began_;
  const std::string id_;
  rpc::RequestEnd end_;
  std::shared_ptr<RequestSubject> subject_ = std::make_shared<RequestSubject>();
};

// Which collection a request is about shows in its path, however its body ends.
std::string collection_in_path(const http::Request& request) {
  for (const std::string_view parameter : {"collection", "name"}) {
    const std::string* value = http::find_field(request.parameters, parameter);
    if (value != nullptr) return *value;
  }
  return {};
}

// Of numbers mostly, as measured (150 MB of JSON a second), a number taking three times its bytes.
CpuCost writing_cost(size_t bytes) {
  return {.nanoseconds = 1000 + 20 * bytes};
}

Metrics sum_of(Metrics sum, const std::vector<const Metrics*>& others) {
  for (const Metrics* other : others) {
    for (uint16_t i = 0; i < static_cast<uint16_t>(Metric::count); ++i) {
      const auto metric = static_cast<Metric>(i);
      sum.add(metric, other->value(metric));
    }
  }
  return sum;
}

}  // namespace

HttpApi::HttpApi(Env* env, Parts parts, HttpApiConfig config)
    : env_(env), parts_(parts), config_(std::move(config)) {
  if (config_.bodies != nullptr) replies_.emplace(config_.bodies, "replies:0");
  using Handler = api::VectronHandler;
  add(api::kVectronCreateCollectionMethod, &Handler::create_collection);
  add(api::kVectronListCollectionsMethod, &Handler::list_collections);
  add(api::kVectronListWorkersMethod, &Handler::list_workers);
  add(api::kVectronGetCollectionStatusMethod, &Handler::get_collection_status);
  add(api::kVectronDeleteCollectionMethod, &Handler::delete_collection);
  add(api::kVectronUpsertMethod, &Handler::upsert);
  add(api::kVectronGetMethod, &Handler::get);
  add(api::kVectronDeleteMethod, &Handler::delete_);
  add(api::kVectronSearchMethod, &Handler::search);
  router_.add(http::Method::get, "/", [this](const http::Request&) { return about(); });
  add_probes();
}

template <typename Request, typename Reply>
void HttpApi::add(const rpc::MethodInfo& method, Operation<Request, Reply> operation) {
  const size_t space = method.http.find(' ');
  VECTRON_ASSERT(space != std::string_view::npos, "{} has no route", method.name);
  const auto start = [this, &method, operation](http::Request request) {
    return serve<Request, Reply>(&method, operation, std::move(request));
  };
  operations_.emplace(method.http, &method);
  router_.add(method_from(method.http.substr(0, space)), method.http.substr(space + 1), start,
              method.read_only ? http::RouteKind::reads : http::RouteKind::writes);
}

void HttpApi::add_probes() {
  const auto add_probe = [this](std::string_view path, http::Handler handler) {
    router_.add(http::Method::get, path, std::move(handler), http::RouteKind::probe);
  };
  add_probe("/healthz", [this](const http::Request&) { return alive(); });
  add_probe("/livez", [this](const http::Request&) { return alive(); });
  add_probe("/readyz", [this](const http::Request&) { return ready(); });
  router_.add(
      http::Method::get, "/metrics", [this](const http::Request&) { return metrics(); },
      http::RouteKind::report);
  router_.add(http::Method::get, "/openapi.json",
              [this](const http::Request&) { return openapi(); });
}

// Reads what is left of a request: its body, into a message that has the rest.
template <typename Request>
Result<void> HttpApi::read_body(http::Request* from, Request* to) {
  if (!has_body(from->method)) {
    if (from->body.empty()) return {};
    return fail(Code::invalid_argument, "this request has no body");
  }
  env_->cpu().worked_on_loop(reading_cost(from->body.size()));
  return reader_.read(&from->body, to, names_of(from->parameters));
}

bool HttpApi::is_read_elsewhere(const http::Request& request) const {
  return has_body(request.method) && request.body.size() > config_.inline_body_bytes_max;
}

// What is large is taken apart, and given back, on the pool's thread.
template <typename Request>
Task<Result<Request>> HttpApi::read_body_elsewhere(http::Request from, Request to) {
  struct Reading {
    std::string body;
    std::vector<http::Field> parameters;
    Request message;
  };
  const auto reading = std::make_shared<Reading>(
      Reading{std::move(from.body), std::move(from.parameters), std::move(to)});
  const CpuCost cost = reading_cost(reading->body.size());
  std::function<Result<Request>()> work = [reading, limits = config_.limits]() -> Result<Request> {
    std::string body = std::move(reading->body);
    Request message = std::move(reading->message);
    JsonReader reader(limits);
    VECTRON_CHECK_OK(reader.read(&body, &message, names_of(reading->parameters)));
    return message;
  };
  Result<Request> read = co_await run_on<Result<Request>>(&env_->cpu(), cost, std::move(work));
  co_return read;
}

template <typename Request>
Result<HttpApi::Call<Request>> HttpApi::open_call(const rpc::MethodInfo& method,
                                                  const http::Request& request) {
  Call<Request> call;
  VECTRON_TRY(const RequestOptions options, request_options(request));
  if (options.timeout.has_value()) {
    call.context.deadline = env_->clock().monotonic() + *options.timeout;
  }
  call.context.cancellation = request.cancellation;
  VECTRON_CHECK_OK(parts_.door->admit(method, 0, call.context));
  VECTRON_CHECK_OK(bind_fields(request, options, !has_body(request.method), &call.request));
  return call;
}

template <typename Request, typename Reply>
Task<http::Response> HttpApi::serve(const rpc::MethodInfo* method,
                                    Operation<Request, Reply> operation, http::Request request) {
  const auto watched = std::make_shared<Watched>(env_, parts_.observer, method, request.body.size(),
                                                 request_id(request));
  watched->subject()->collection = collection_in_path(request);
  if (request.outcome != nullptr) {
    request.outcome->watch([watched](Code code, size_t bytes) { watched->ended(code, bytes); });
  }
  Task<Result<std::string>> answering =
      answer<Request, Reply>(method, operation, std::move(request), watched->subject());
  Result<std::string> body = co_await answering;
  http::Response response;
  if (body.has_value()) {
    response.body = *std::move(body);
  } else {
    response = failure(body.error());
  }
  response.headers.push_back({"X-Request-Id", watched->id()});
  co_return response;
}

void HttpApi::refused(const http::RefusedRequest& request) {
  if (parts_.observer == nullptr) return;
  const auto operation = operations_.find(request.route);
  rpc::RequestEnd end;
  end.method = operation == operations_.end() ? &kNoOperation : operation->second;
  end.over_http = true;
  end.code = request.code;
  end.request_bytes = request.request_bytes;
  end.reply_bytes = request.reply_bytes;
  parts_.observer->ended(end);
}

template <typename Request, typename Reply>
Task<Result<std::string>> HttpApi::answer(const rpc::MethodInfo* method,
                                          Operation<Request, Reply> operation,
                                          http::Request request,
                                          std::shared_ptr<RequestSubject> subject) {
  Result<Call<Request>> call = open_call<Request>(*method, request);
  if (!call.has_value()) co_return fail(call.error());
  call->context.subject = std::move(subject);
  if (is_read_elsewhere(request)) {
    auto reading = read_body_elsewhere(std::move(request), std::move(call->request));
    Result<Request> read =
        co_await in_time(Code::deadline_exceeded, call->context, std::move(reading));
    if (!read.has_value()) co_return fail(read.error());
    call->request = *std::move(read);
  } else {
    const Result<void> read = read_body(&request, &call->request);
    if (!read.has_value()) co_return fail(read.error());
  }
  RequestContext context = call->context;
  Task<Result<Reply>> task =
      (parts_.handler->*operation)(std::move(call->context), std::move(call->request));
  Result<Reply> reply =
      co_await in_time(code_when_late(*method), std::move(context), std::move(task));
  if (!reply.has_value()) co_return fail(reply.error());
  auto writing = write_body<Reply>(method->read_only, *std::move(reply));
  Result<std::string> body = co_await writing;
  if (!body.has_value()) co_return fail(unanswerable(*method, body.error()));
  co_return body;
}

// The client's own, where it is one that fits a line; else a number that no other request has.
std::string HttpApi::request_id(const http::Request& request) {
  constexpr size_t kBytesMax = 64;
  const auto visible = [](char letter) { return letter > ' ' && letter < '\x7f'; };
  const std::string* given = request.header("x-request-id");
  if (given != nullptr && !given->empty() && given->size() <= kBytesMax &&
      std::ranges::all_of(*given, visible)) {
    return *given;
  }
  return fmt::format("{}-{}", config_.incarnation, ++requests_);
}

Task<http::Response> HttpApi::about() {
  http::Response response;
  response.body = R"({"service":"Vectron, a distributed vector database","version":)";
  http::append_json_string(response.body, config_.version);
  response.body += R"(,"api":"/openapi.json","collections":"/v1/collections","ready":"/readyz",)"
                   R"("metrics":"/metrics","docs":"docs/api.md in Vectron's sources"})"
                   "\n";
  co_return response;
}

template <typename Reply>
Task<Result<std::string>> HttpApi::write_body(bool read_only, Reply reply) {
  const size_t bytes = memory_bytes(reply);
  const bool planted = env_->planted("json_on_loop");
  if (planted || bytes <= kInlineReplyBytesMax) {
    // A payload that shares its parts may still be long: then the work so far is thrown away.
    const size_t text_bytes_max = planted ? config_.reply_bytes_max : inline_text_bytes_max();
    Result<std::string> body = to_line(to_json(reply, text_bytes_max));
    const size_t text_bytes = body.has_value() ? body->size() : text_bytes_max;
    env_->cpu().worked_on_loop(writing_cost(std::max(bytes, text_bytes / 3)));
    if (body.has_value() || body.error().code() != Code::out_of_range) co_return body;
  }
  auto shared = std::make_shared<const Reply>(std::move(reply));
  // Numbers take three times their bytes as text, and text at most six times; what takes more
  // shares its parts, and all that it may become is counted first.
  const size_t text_bytes = std::min(inline_text_bytes_max() + 6 * bytes, config_.reply_bytes_max);
  auto writing = write_on_pool<Reply>(read_only, std::move(shared), bytes, text_bytes);
  Written<Reply> written = co_await writing;
  if (written.unwritten == nullptr || text_bytes == config_.reply_bytes_max) {
    co_return std::move(written.body);
  }
  auto unfolding = write_on_pool<Reply>(read_only, std::move(written.unwritten),
                                        config_.reply_bytes_max, config_.reply_bytes_max);
  Written<Reply> unfolded = co_await unfolding;
  co_return std::move(unfolded.body);
}

size_t HttpApi::inline_text_bytes_max() const {
  return std::min(config_.inline_text_bytes_max, config_.reply_bytes_max);
}

// The reply ends there, too: to give up ten thousand hits takes its time.
template <typename Reply>
Task<HttpApi::Written<Reply>> HttpApi::write_on_pool(bool read_only,
                                                     std::shared_ptr<const Reply> reply,
                                                     size_t held_bytes, size_t text_bytes_max) {
  BodyShare* const share = replies_.has_value() ? &*replies_ : nullptr;
  if (read_only && share != nullptr && !share->fits(held_bytes)) {
    env_->metrics().add(Metric::http_answers_dropped);
    Written<Reply> refused;
    refused.body = fail(memory_refusal("answers that become JSON"));
    co_return refused;
  }
  const HeldBytes held(share, held_bytes);
  const CpuCost cost = writing_cost(held_bytes);
  const auto kept = std::make_shared<std::shared_ptr<const Reply>>(std::move(reply));
  std::function<Written<Reply>()> work = [kept, text_bytes_max] {
    std::shared_ptr<const Reply> taken = std::move(*kept);
    Written<Reply> written;
    written.body = to_line(to_json(*taken, text_bytes_max));
    const bool is_too_long =
        !written.body.has_value() && written.body.error().code() == Code::out_of_range;
    if (is_too_long) written.unwritten = std::move(taken);
    return written;
  };
  Written<Reply> written = co_await run_on<Written<Reply>>(&env_->cpu(), cost, std::move(work));
  co_return written;
}

template <typename Reply>
Task<Result<Reply>> HttpApi::in_time(Code late, RequestContext context, Task<Result<Reply>> task) {
  if (context.deadline == kNever) {
    Result<Reply> reply = co_await task;
    co_return reply;
  }
  Clock& clock = env_->clock();
  auto reply = co_await with_deadline(&clock.scheduler(), clock.scheduler_time(context.deadline),
                                      std::move(task));
  if (reply.has_value()) co_return *std::move(reply);
  context.cancellation.cancel();
  co_return fail(late, "the deadline passed while the request ran");
}

Task<http::Response> HttpApi::alive() {
  co_return http::text_response(200, "ok\n");
}

// Ready: not stopping, and the placement driver answers.
Task<http::Response> HttpApi::ready() {
  const rpc::MethodInfo& method = api::kVectronListCollectionsMethod;
  RequestContext context;
  context.deadline = env_->clock().monotonic() + kReadyTimeout;
  if (config_.ready_after != nullptr && !config_.ready_after->is_set()) {
    co_return http::text_response(503, "starting\n");
  }
  const Result<void> admitted = parts_.door->admit(method, 0, context);
  if (!admitted.has_value()) co_return http::text_response(503, admitted.error().message() + "\n");
  auto task = parts_.handler->list_collections(context, {});
  const auto reply = co_await in_time(code_when_late(method), std::move(context), std::move(task));
  if (reply.has_value()) co_return http::text_response(200, "ok\n");
  co_return http::text_response(503, reply.error().message() + "\n");
}

Task<http::Response> HttpApi::metrics() {
  http::Response response = metrics_response(sum_of(env_->metrics(), config_.metrics_beside));
  if (config_.more_metrics) config_.more_metrics(&response.body);
  if (config_.process_metrics) {
    Task<std::string> asking = config_.process_metrics();
    const std::string of_process = co_await asking;
    response.body += of_process;
  }
  co_return response;
}

Task<http::Response> HttpApi::openapi() {
  http::Response response;
  response.body = api::openapi_json();
  response.body += '\n';
  co_return response;
}

http::Response metrics_response(const Metrics& metrics) {
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  for (uint16_t i = 0; i < static_cast<uint16_t>(Metric::count); ++i) {
    const auto metric = static_cast<Metric>(i);
    const MetricRow& row = metric_row(metric);
    const std::string unit = row.unit == "count" || row.name.ends_with(row.unit)
                                 ? std::string()
                                 : fmt::format("_{}", row.unit);
    const std::string name =
        fmt::format("vectron_{}{}{}", row.name, unit, row.gauge ? "" : "_total");
    fmt::format_to(std::back_inserter(response.body), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n",
                   name, row.meaning, row.gauge ? "gauge" : "counter", metrics.value(metric));
  }
  return response;
}

}  // namespace vectron::gateway
