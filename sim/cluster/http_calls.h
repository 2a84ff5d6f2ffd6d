// HttpCalls: the public operations as HTTP bytes with JSON bodies, for the simulated clients that
// speak HTTP.
//
// Requests are written by hand, the way a program in another language would do it, and not by the
// gateway's own writer: a field that both ends misname must show. As services/client does for RPC,
// it goes to another gateway when a call certainly was not done, and never sends a write again
// whose outcome is unknown.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/client.h"
#include "schemas/vectron_messages.h"
#include "services/gateway/http_json.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// Told of an answer that no gateway may give.
using ObjectToAnswer = std::function<void(std::string text)>;

class HttpCalls {
 public:
  /// `env` outlives it. `object` may be empty: for tests against what is not a gateway.
  HttpCalls(Env* env, const Plan& plan, ObjectToAnswer object = {});

  /// Errors of all: those of services/client.
  Task<Result<api::UpsertReply>> upsert(const api::UpsertRequest& request);
  Task<Result<api::GetReply>> get(const api::GetRequest& request);
  Task<Result<api::DeleteReply>> remove(const api::DeleteRequest& request);
  Task<Result<api::SearchReply>> search(const api::SearchRequest& request);

 private:
  enum class Access : uint8_t { read, write };

  template <typename Reply>
  Task<Result<Reply>> call(http::ClientRequest request, Access access);
  template <typename Reply>
  Result<Reply> read_reply(http::Response response, Access access);
  void object(std::string text) const;

  Env& env_;
  Duration request_timeout_;
  ObjectToAnswer object_;
  std::vector<std::unique_ptr<http::Client>> gateways_;
  gateway::JsonReader reader_;
  /// Calls take turns.
  size_t next_gateway_ = 0;
};

/// What an HTTP error says, as the status that the gateway meant; its detail is the token, where it
/// has one. Nothing where the body is not one of a gateway's error objects.
std::optional<Status> status_of_error(const http::Response& response);

}  // namespace vectron::sim
