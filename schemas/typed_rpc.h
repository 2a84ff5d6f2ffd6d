// The glue between generated stubs and the untyped Channel and Server: encoding, decoding and
// lifetimes.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "core/rpc/channel.h"
#include "core/rpc/message_bounds.h"
#include "core/rpc/server.h"
#include "core/rpc/server_stream.h"
#include "schemas/codec_work.h"

namespace vectron::rpc {

/// What a call ends with whose answer is no message.
inline Status unreadable_answer(const MethodInfo& method, const Status& found) {
  const Code code = method.read_only ? Code::internal : Code::unknown_outcome;
  return Status(code, "the answer cannot be read: " + found.message());
}

/// Calls a unary method. The task holds the channel, so it may outlive the stub that made it.
template <typename Reply, typename Request>
Task<Result<Reply>> call(std::shared_ptr<Channel> channel, const MethodInfo* method,
                         RequestContext context, Request request) {
  Cpu* const cpu = &channel->cpu();
  Bytes body;
  if (encodes_here(cpu, request)) {
    body = encode(request);
  } else {
    auto shared = std::make_shared<const Request>(std::move(request));
    body = co_await encode_on_pool<Request>(cpu, std::move(shared));
  }
  Result<FrameBody> answer = co_await channel->ask(std::move(context), method, std::move(body));
  if (!answer.has_value()) co_return fail(std::move(answer).error());
  Result<Reply> reply;
  if (decodes_here(cpu, answer->bytes())) {
    reply = decode<Reply>(answer->bytes());
  } else {
    reply = co_await decode_on_pool<Reply>(cpu, *std::move(answer));
  }
  if (reply.has_value()) co_return std::move(reply);
  co_return fail(unreadable_answer(*method, reply.error()));
}

/// One attempt of a call that may be tried at other nodes: fails with unavailable when there is no
/// connection after `connect_timeout` (Channel::ask_promptly). The request is encoded from where it
/// lies, so that a further attempt copies nothing. Requires: nobody changes it meanwhile.
template <typename Reply, typename Request>
Task<Result<Reply>> call_promptly(std::shared_ptr<Channel> channel, const MethodInfo* method,
                                  RequestContext context, Duration connect_timeout,
                                  std::shared_ptr<const Request> request) {
  Cpu* const cpu = &channel->cpu();
  Bytes body;
  if (encodes_here(cpu, *request)) {
    body = encode(*request);
  } else {
    body = co_await encode_on_pool<Request>(cpu, std::move(request));
  }
  Result<FrameBody> answer =
      co_await channel->ask_promptly(std::move(context), connect_timeout, method, std::move(body));
  if (!answer.has_value()) co_return fail(std::move(answer).error());
  Result<Reply> reply;
  if (decodes_here(cpu, answer->bytes())) {
    reply = decode<Reply>(answer->bytes());
  } else {
    reply = co_await decode_on_pool<Reply>(cpu, *std::move(answer));
  }
  if (reply.has_value()) co_return std::move(reply);
  co_return fail(unreadable_answer(*method, reply.error()));
}

template <typename Message>
bool send_one_way(Channel& channel, const MethodInfo& method, const Message& message) {
  channel.cpu().worked_on_loop(encoding_cost(size_hint(message)));
  return channel.send_one_way(method, encode(message));
}

/// The receiving end of a typed server stream. Destroying it cancels the stream.
template <typename Item>
class StreamReader {
 public:
  StreamReader(std::shared_ptr<Channel> channel, std::unique_ptr<ClientStream> stream)
      : channel_(std::move(channel)), stream_(std::move(stream)) {}

  /// Waits for the next item; empty at the end. Requires: the reader outlives the task.
  Task<Result<std::optional<Item>>> next() {
    Result<std::optional<Bytes>> body = co_await stream_->next();
    if (!body.has_value()) co_return fail(std::move(body).error());
    if (!body->has_value()) co_return std::optional<Item>();
    Cpu* const cpu = &channel_->cpu();
    Result<Item> item;
    if (decodes_here(cpu, **body)) {
      item = decode<Item>(**body);
    } else {
      FrameBody large(**std::move(body));
      item = co_await decode_on_pool<Item>(cpu, std::move(large));
    }
    if (!item.has_value()) co_return fail(std::move(item).error());
    co_return std::optional<Item>(*std::move(item));
  }

 private:
  std::shared_ptr<Channel> channel_;  // Before the stream, which unregisters from it.
  std::unique_ptr<ClientStream> stream_;
};

template <typename Item, typename Request>
Result<StreamReader<Item>> open_stream(std::shared_ptr<Channel> channel, const MethodInfo& method,
                                       const RequestContext& context, const Request& request) {
  channel->cpu().worked_on_loop(encoding_cost(size_hint(request)));
  VECTRON_TRY(auto stream, channel->open_stream(context, method, encode(request)));
  return StreamReader<Item>(std::move(channel), std::move(stream));
}

/// The sending end of a typed server stream; given to the handler, lives as long as its task.
template <typename Item>
class StreamWriter {
 public:
  StreamWriter(Cpu* cpu, ServerStream* stream) : cpu_(cpu), stream_(stream) {}

  /// Sends an item; waits while the client has not taken enough of the earlier ones.
  Task<Result<void>> send(Item item) {
    Bytes body;
    if (encodes_here(cpu_, item)) {
      body = encode(item);
    } else {
      auto shared = std::make_shared<const Item>(std::move(item));
      body = co_await encode_on_pool<Item>(cpu_, std::move(shared));
    }
    const Result<void> sent = co_await stream_->send(std::move(body));
    co_return sent;
  }

 private:
  Cpu* cpu_;
  ServerStream* stream_;
};

/// A large answer counts while it waits for the pool, and an answer to a read that finds no room is
/// refused: it can be asked for again.
template <typename Reply>
Task<Result<Bytes>> encode_reply(Cpu* cpu, const MethodInfo* method,
                                 std::shared_ptr<AnswerRoom> room, Task<Result<Reply>> handler) {
  Result<Reply> reply = co_await handler;
  if (!reply.has_value()) co_return fail(std::move(reply).error());
  if (encodes_here(cpu, *reply)) co_return encode(*reply);
  const bool is_counted = method->read_only && room != nullptr;
  if (is_counted && !room->hold(size_hint(*reply))) co_return fail(no_room_for_answer());
  auto shared = std::make_shared<const Reply>(*std::move(reply));
  Bytes encoded = co_await encode_on_pool<Reply>(cpu, std::move(shared));
  co_return encoded;
}

template <typename Request, typename Reply, typename Handler>
Task<Result<Bytes>> answer_large(Cpu* cpu, const MethodInfo* method, Handler handler,
                                 RequestContext context, FrameBody body) {
  Result<Request> request = co_await decode_on_pool<Request>(cpu, std::move(body));
  if (!request.has_value()) co_return fail(std::move(request).error());
  std::shared_ptr<AnswerRoom> room = context.answer_room;
  Task<Result<Reply>> task = handler(std::move(context), *std::move(request));
  Result<Bytes> answer =
      co_await encode_reply<Reply>(cpu, method, std::move(room), std::move(task));
  co_return answer;
}

/// `handler`: Task<Result<Reply>>(RequestContext, Request).
template <typename Request, typename Reply, typename Handler>
void add_unary(Server& server, const MethodInfo& method, Handler handler) {
  Cpu* const cpu = &server.cpu();
  server.add_unary(
      method,
      [cpu, method = &method, handler](RequestContext context,
                                       ByteView body) -> Result<Task<Result<Bytes>>> {
        cpu->worked_on_loop(decoding_cost(body.size()));
        VECTRON_TRY(auto request, decode<Request>(body));
        std::shared_ptr<AnswerRoom> room = context.answer_room;
        return encode_reply<Reply>(cpu, method, std::move(room),
                                   handler(std::move(context), std::move(request)));
      },
      [cpu, method = &method, handler](RequestContext context, FrameBody body) {
        return answer_large<Request, Reply, Handler>(cpu, method, handler, std::move(context),
                                                     std::move(body));
      });
}

/// `handler`: Task<Result<void>>(RequestContext, Request, StreamWriter<Item>).
template <typename Request, typename Item, typename Handler>
void add_stream(Server& server, const MethodInfo& method, Handler handler) {
  server.add_stream(
      method,
      [cpu = &server.cpu(), handler](RequestContext context, ByteView body,
                                     ServerStream* stream) -> Result<Task<Result<void>>> {
        cpu->worked_on_loop(decoding_cost(body.size()));
        VECTRON_TRY(auto request, decode<Request>(body));
        return handler(std::move(context), std::move(request), StreamWriter<Item>(cpu, stream));
      });
}

template <typename Message, typename Handler>
Task<Result<void>> take_large_one_way(Cpu* cpu, Handler handler, RequestContext context,
                                      FrameBody body) {
  Result<Message> message = co_await decode_on_pool<Message>(cpu, std::move(body));
  if (!message.has_value()) co_return fail(std::move(message).error());
  handler(std::move(context), *std::move(message));
  co_return Result<void>();
}

/// `handler`: void(RequestContext, Message). They are decoded on the event loop, large ones in a
/// turn of their own: others of their connection wait behind them (heartbeats), which must not wait
/// for the pool. Only what a node of before sends is larger than a turn holds, and goes there.
template <typename Message, typename Handler>
void add_one_way(Server& server, const MethodInfo& method, Handler handler) {
  Cpu* const cpu = &server.cpu();
  server.add_one_way(
      method,
      [cpu, handler](RequestContext context, ByteView body) -> Result<void> {
        cpu->worked_on_loop(decoding_cost(body.size()));
        VECTRON_TRY(auto message, decode<Message>(body));
        handler(std::move(context), std::move(message));
        return {};
      },
      [cpu, handler](RequestContext context, FrameBody body) {
        return take_large_one_way<Message, Handler>(cpu, handler, std::move(context),
                                                    std::move(body));
      });
}

}  // namespace vectron::rpc
