// One attempt of an internal call: encode, ask one node, decode.
//
// The generated clients take their request by value; a call that may be tried again would copy its
// vectors for each attempt, so the gateway encodes from where the request lies.
#pragma once

#include <algorithm>
#include <memory>

#include "core/env/env.h"
#include "core/rpc/channel.h"
#include "schemas/codec_work.h"
#include "schemas/model_messages.h"
#include "services/gateway/attempts.h"

namespace vectron::gateway {

/// A method, and whom it may be asked of.
struct Operation {
  const rpc::MethodInfo* method = nullptr;
  Access access = Access::read;
  /// Followers may answer too.
  bool any_replica = false;
};

/// Asks the node behind `channel` once. Requires: nobody changes `request` meanwhile. Errors: those
/// of Channel::call_promptly; unknown_outcome when a write was answered by something that cannot be
/// read.
template <typename Reply, typename Request>
Task<Result<Reply>> call_node(std::shared_ptr<rpc::Channel> channel, Operation operation,
                              RequestContext context, Duration connect_timeout,
                              std::shared_ptr<const Request> request) {
  Cpu* const cpu = &channel->cpu();
  Bytes body;
  if (encodes_here(cpu, *request)) {
    body = encode(*request);
  } else {
    body = co_await encode_on_pool<Request>(cpu, std::move(request));
  }
  auto answer = co_await channel->ask_promptly(std::move(context), connect_timeout,
                                               operation.method, std::move(body));
  if (!answer.has_value()) co_return fail(std::move(answer).error());
  Result<Reply> reply;
  if (decodes_here(cpu, answer->bytes())) {
    reply = decode<Reply>(answer->bytes());
  } else {
    reply = co_await decode_on_pool<Reply>(cpu, *std::move(answer));
  }
  if (!reply.has_value() && operation.access != Access::read) {
    co_return fail(Code::unknown_outcome, "the answer cannot be read: " + reply.error().message());
  }
  co_return reply;
}

/// The context of one attempt: what may be repeated is cut short so that another node can be asked
/// in time, a write by half of what is left at most.
inline RequestContext attempt_context(const RequestContext& context, Access access, Clock& clock,
                                      Duration read_attempt_timeout) {
  RequestContext attempt = context;
  if (access == Access::write) return attempt;
  const Instant now = clock.monotonic();
  Duration cut = read_attempt_timeout;
  if (access == Access::repeatable_write) cut = std::max(cut, (context.deadline - now) / 2);
  attempt.deadline = std::min(attempt.deadline, now + cut);
  return attempt;
}

/// Remembers over the attempts of one operation whether any may have done it, and so what the
/// client is told when all have failed.
class Doubt {
 public:
  explicit Doubt(Access access) : access_(access) {}

  void note(Code code) { in_doubt_ = in_doubt_ || may_have_been_done(code, access_); }
  /// `status`, unless an earlier attempt leaves the outcome unknown.
  Status judge(Status status) const {
    if (!in_doubt_) return status;
    return Status(Code::unknown_outcome, "it may have been done: " + status.message());
  }

 private:
  Access access_;
  bool in_doubt_ = false;
};

/// Where a node says to ask instead; empty fields when it does not.
inline wire::ErrorDetail detail_of(const Status& status) {
  if (status.detail().empty()) return {};
  Result<wire::ErrorDetail> detail = decode<wire::ErrorDetail>(status.detail());
  return detail.has_value() ? *std::move(detail) : wire::ErrorDetail();
}

}  // namespace vectron::gateway
