// HttpApi: the public operations over HTTP with JSON, and the probes.
//
// A second front of the same handler that answers RPC: it turns a request into the message that the
// schema declares, and the reply (or the error) into JSON. The routes are those of the `http`
// attributes in schemas/vectron.fbs. docs/api.md describes it from outside.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/body_memory.h"
#include "core/env/env.h"
#include "core/http/refusal_observer.h"
#include "core/http/router.h"
#include "core/rpc/server.h"
#include "schemas/vectron_rpc.h"
#include "services/gateway/http_json.h"

namespace vectron::gateway {

struct HttpApiConfig {
  /// Of an answer's JSON.
  size_t reply_bytes_max = 64 << 20;
  /// A larger body is read on the Cpu pool.
  size_t inline_body_bytes_max = 128 << 10;
  /// An answer whose JSON is larger is written on the Cpu pool.
  size_t inline_text_bytes_max = 128 << 10;
  /// Counts answers while they become JSON. May be null; outlives the API.
  BodyMemory* bodies = nullptr;
  JsonLimits limits;
  /// /readyz says 503 before; may be null.
  const Event* ready_after = nullptr;
  /// /metrics adds them to those of this node.
  std::vector<const Metrics*> metrics_beside;
  /// Further lines of /metrics; may be empty.
  std::function<void(std::string*)> more_metrics;
  /// The same of the process, which take their time; may be empty.
  std::function<Task<std::string>()> process_metrics;
  /// Of the program, for GET /.
  std::string version;
  /// Of this gateway: the first part of the ids that it gives.
  uint64_t incarnation = 1;
};

class HttpApi final : public http::RefusalObserver {
 public:
  /// What a request goes by before and after its handler, as requests over RPC do.
  struct Parts {
    api::VectronHandler* handler = nullptr;
    rpc::Interceptor* door = nullptr;
    rpc::RequestObserver* observer = nullptr;
  };
  /// All outlive the API, and it outlives the requests that it serves.
  HttpApi(Env* env, Parts parts, HttpApiConfig config);

  const http::Router& router() const { return router_; }
  /// Tells the observer of requests that no handler saw: they ended, too.
  void refused(const http::RefusedRequest& request) override;
  /// As Router has it.
  void set_gate(http::Gate gate) { router_.set_gate(std::move(gate)); }

 private:
  template <typename Request, typename Reply>
  using Operation = Task<Result<Reply>> (api::VectronHandler::*)(RequestContext, Request);

  /// Routes a method where its `http` attribute says.
  template <typename Request, typename Reply>
  void add(const rpc::MethodInfo& method, Operation<Request, Reply> operation);
  void add_probes();

  template <typename Request>
  struct Call {
    RequestContext context;
    Request request;
  };
  /// All of a call but what its body says.
  template <typename Request>
  Result<Call<Request>> open_call(const rpc::MethodInfo& method, const http::Request& request);
  bool is_read_elsewhere(const http::Request& request) const;
  template <typename Request>
  Result<void> read_body(http::Request* from, Request* to);
  template <typename Request>
  Task<Result<Request>> read_body_elsewhere(http::Request from, Request to);
  template <typename Request, typename Reply>
  Task<http::Response> serve(const rpc::MethodInfo* method, Operation<Request, Reply> operation,
                             http::Request request);
  /// The body of the answer, with the newline at its end.
  template <typename Request, typename Reply>
  Task<Result<std::string>> answer(const rpc::MethodInfo* method,
                                   Operation<Request, Reply> operation, http::Request request,
                                   std::shared_ptr<RequestSubject> subject);
  /// The answer's JSON, made by the loop where it is short and on the Cpu pool where it is not.
  template <typename Reply>
  Task<Result<std::string>> write_body(bool read_only, Reply reply);
  template <typename Reply>
  struct Written {
    Result<std::string> body;
    /// Where its text is longer than the bound.
    std::shared_ptr<const Reply> unwritten;
  };
  /// Counts `held_bytes` meanwhile.
  template <typename Reply>
  Task<Written<Reply>> write_on_pool(bool read_only, std::shared_ptr<const Reply> reply,
                                     size_t held_bytes, size_t text_bytes_max);
  size_t inline_text_bytes_max() const;
  /// `late` is the error when the deadline comes first.
  template <typename Reply>
  Task<Result<Reply>> in_time(Code late, RequestContext context, Task<Result<Reply>> task);

  std::string request_id(const http::Request& request);

  Task<http::Response> about();
  Task<http::Response> alive();
  Task<http::Response> ready();
  Task<http::Response> metrics();
  Task<http::Response> openapi();

  Env* env_;
  Parts parts_;
  HttpApiConfig config_;
  /// Those that were given an id.
  uint64_t requests_ = 0;
  std::optional<BodyShare> replies_;  // That become JSON.
  JsonReader reader_;
  http::Router router_;
  std::map<std::string_view, const rpc::MethodInfo*> operations_;  // By their routes.
};

/// All counters in Prometheus' text format (version 0.0.4).
http::Response metrics_response(const Metrics& metrics);

}  // namespace vectron::gateway
