// Channel: the client side of RPC to one address: one connection, made when it is needed and made
// again when it is lost, shared by any number of calls.
//
// What a failed call says of its effect is what linearizability rests on:
//   - it failed before the first byte of its request was handed to the connection: `unavailable` or
//     `deadline_exceeded`; it certainly was not done;
//   - the connection was lost, or the deadline passed, after that: `unknown_outcome`; for methods
//     that only read, `unavailable` or `deadline_exceeded`.
// A call whose task is destroyed sends a cancel frame, and its answer is dropped.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/rpc/exchange.h"
#include "core/rpc/frame.h"
#include "core/rpc/frame_writer.h"
#include "core/rpc/hello.h"
#include "core/rpc/method.h"
#include "core/rpc/request_context.h"

namespace vectron::rpc {

/// Bounds and times of a Channel.
struct ClientConfig {
  Identity identity;
  /// Refuse to talk to another node at the address (kNodeField); zero for any.
  NodeId expected_node;
  /// Of one frame, both ways.
  size_t frame_bytes_max = 64 << 20;
  /// Waiting for an answer; more are refused. No option sets it.
  size_t calls_max = 10'000;
  /// One-way frames above it are dropped, unless one is alone. No option sets it.
  size_t one_way_queued_bytes_max = 16 << 20;
  /// Credit of a server stream. No option sets it.
  uint32_t stream_window_bytes = 256 << 10;
  /// Of connect and Hello together.
  Duration connect_timeout = 3s;
  /// Before the second attempt; doubled from then on.
  Duration backoff_min = 10ms;
  Duration backoff_max = 1s;
  /// The connection is given up when nothing came in for so long, and no long request was leaving.
  /// At least 2 s: a ping goes out after each second in which nothing came in or went out.
  Duration silence_max = 5s;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

class Channel final : private Admission {
 public:
  /// Requires: config.validate(); `env` outlives the channel.
  Channel(Env& env, Address address, ClientConfig config);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() override;

  /// Sends a request and waits for its response. Requires: the channel outlives the task (typed
  /// clients see to it). Errors: those of the top of this file, resource_exhausted (too many calls
  /// or bytes), invalid_argument (too large), and whatever the server answers.
  Task<Result<FrameBody>> ask(RequestContext context, const MethodInfo* method, Bytes body);
  /// The same, with the answer copied out of the memory that it came in.
  Task<Result<Bytes>> call(RequestContext context, const MethodInfo* method, Bytes body);

  /// The same for a caller that has other nodes to turn to: when there is no connection after
  /// `connect_timeout`, or after half of the time until the deadline, it fails with unavailable and
  /// nothing was sent.
  Task<Result<FrameBody>> ask_promptly(RequestContext context, Duration connect_timeout,
                                       const MethodInfo* method, Bytes body);
  Task<Result<Bytes>> call_promptly(RequestContext context, Duration connect_timeout,
                                    const MethodInfo* method, Bytes body);

  /// Sends the request of a server stream. Never waits. Requires: the channel outlives the stream.
  /// Errors: as of call(); later ones come from the stream.
  Result<std::unique_ptr<ClientStream>> open_stream(const RequestContext& context,
                                                    const MethodInfo& method, Bytes body);

  /// Queues a message. Never waits; false when it was dropped: the queue is full, the address does
  /// not answer, or it has more than kOneWayBytesTaken.
  bool send_one_way(const MethodInfo& method, Bytes body);

  const Address& address() const { return address_; }
  /// Where messages are encoded and decoded that would hold the event loop.
  Cpu& cpu() { return env_.cpu(); }
  bool connected() const { return connection_ != nullptr && welcomed_; }
  uint64_t one_way_dropped() const { return one_way_dropped_; }
  size_t calls_waiting() const { return exchanges_.size(); }

 private:
  friend class Exchange;
  friend class PendingCall;
  friend class ClientStream;

  bool admit(uint64_t call_id) override;

  Result<void> check_room(const RequestContext& context, size_t body_bytes);
  void push_request(const Exchange& exchange, const RequestContext& context,
                    const MethodInfo& method, Bytes body, uint32_t credit_bytes);
  void push_control(FrameKind kind, uint64_t call_id, uint32_t credit_bytes = 0);
  /// Tells the server that nobody waits any more, when it may know of the request.
  void abandon(const Exchange& exchange);
  void remove(const Exchange& exchange);

  Task<void> run();
  void tell_other_node(const Status& failure);
  Task<Result<void>> connected_by(Instant deadline);
  Task<Result<void>> wait_for_connection();
  Task<Result<void>> establish();
  Task<Result<void>> shake_hands();
  Task<Result<Hello>> receive_hello();
  Task<void> write_frames();
  Task<void> keep_alive();
  Task<Status> read_until_lost();
  Result<void> on_frame(const Frame& frame);
  /// Ends all that waits, and forgets the connection.
  void lose(const Status& reason);
  void queue_one_way(const MethodInfo& method, Bytes body);
  Duration next_backoff();

  Env& env_;
  Address address_;
  ClientConfig config_;
  /// Of a frame: what both ends take, as far as that is known.
  size_t request_bytes_max_;
  RandomStream random_;
  uint64_t last_call_id_ = 0;
  uint64_t failures_in_a_row_ = 0;
  uint64_t one_way_dropped_ = 0;
  bool backing_off_ = false;
  /// The log has it that another node answers.
  bool told_other_node_ = false;
  bool welcomed_ = false;
  uint64_t reads_ = 0;
  /// A one-way frame that the simulation delays past the next.
  std::optional<FrameHeader> held_back_;
  Bytes held_back_body_;
  Status lost_because_;
  std::map<uint64_t, Exchange*> exchanges_;
  FrameWriter writer_;
  FrameBuffer buffer_;
  Condition demand_;
  /// Or failed to be: then why.
  Condition established_;
  Status not_established_;
  std::unique_ptr<Connection> connection_;
  TaskGroup connection_tasks_;
  TaskGroup tasks_;
};

}  // namespace vectron::rpc
