#include "core/rpc/server_stream.h"
#include "tests/core/rpc/rpc_env.h"

namespace vectron::testing {

Task<Result<Bytes>> WordServer::answer(std::string words) {
  ++started;
  Alive tracker(&alive);
  if (words == "fail") {
    const Status status(Code::unavailable, "not the leader", "shard_id");
    co_return fail(status.with_detail(text("ask node 7")));
  }
  if (words.starts_with("big ")) co_return Bytes(std::stoul(words.substr(4)), 7);
  if (words == "later") {
    co_await env_.clock().sleep_for(10ms);
  }
  if (words.starts_with("sleep")) {
    Event never(env_.scheduler());
    co_await never.wait();
  }
  co_return text("you said " + words);
}

// "N BYTES [fail|sleep]": N items of so many bytes, then an error or nothing for ever.
Task<Result<void>> WordServer::count(std::string words, rpc::ServerStream* stream) {
  ++started;
  Alive tracker(&alive);
  size_t end = 0;
  const size_t items = std::stoul(words, &end);
  const size_t item_bytes = std::stoul(words.substr(end));
  for (size_t i = 0; i < items; ++i) {
    Bytes item(item_bytes, static_cast<uint8_t>(i));
    const Result<void> sent = co_await stream->send(std::move(item));
    VECTRON_CO_CHECK_OK(sent);
    ++items_sent;
  }
  if (words.ends_with("sleep")) {
    Event never(env_.scheduler());
    co_await never.wait();
  }
  if (words.ends_with("fail")) co_return fail(Code::aborted, "counted enough");
  co_return Result<void>();
}

}  // namespace vectron::testing
