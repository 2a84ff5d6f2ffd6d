// DemoHttp: the demo's requests as HTTP with JSON, the way a program in another language sends
// them.
#pragma once

#include "core/http/client.h"
#include "schemas/vectron_messages.h"
#include "services/gateway/http_json.h"

namespace vectron::demo {

class DemoHttp {
 public:
  /// `env` outlives it. Tasks it returned must end before it is destroyed.
  DemoHttp(Env& env, const Address& server, Duration request_timeout);

  /// Errors: resource_exhausted and unavailable (not done, try again later), unknown_outcome.
  Task<Result<api::UpsertReply>> upsert(const api::UpsertRequest& request);
  Task<Result<api::SearchReply>> search(const api::SearchRequest& request);

 private:
  template <typename Reply>
  Task<Result<Reply>> post(std::string target, std::string body);

  Env& env_;
  Duration request_timeout_;
  http::Client client_;
  gateway::JsonReader reader_;
};

}  // namespace vectron::demo
