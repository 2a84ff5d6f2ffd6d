// One connection of a Server: its reader, its writer, and the requests that run for it.
//
// Owned by the task of Server::run_connection. Destroying it destroys the requests where they
// stand.
#pragma once

#include <map>
#include <memory>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/rpc/frame_writer.h"
#include "core/rpc/held_answer.h"
#include "core/rpc/server.h"
#include "core/rpc/server_stream.h"

namespace vectron::rpc {

class ServerConnection {
 public:
  /// Registers itself with `server`.
  ServerConnection(Server& server, std::unique_ptr<Connection> connection);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  ~ServerConnection();

  /// Serves until the connection is lost or given up.
  Task<void> run();
  /// Who the client said it is; zeros before its Hello.
  const Identity& peer() const { return peer_; }
  /// What lies here for the client.
  HeldForPeer held() const;
  /// Resets the connection, so that run() ends.
  void close() { connection_->close(); }

 private:
  friend class ServerStream;
  struct Call {
    const Server::Method* method = nullptr;
    TaskGroup::TaskNumber task = 0;
    CancellationToken cancellation;
    HeldBytes body;
    AnswerOfRequest answer;
    std::shared_ptr<RequestSubject> subject;
    Instant started;
    uint64_t request_bytes = 0;
    uint64_t trace_id = 0;
    std::unique_ptr<ServerStream> stream;
  };

  Task<Status> serve();
  Task<Status> read_until_lost();
  Task<Result<void>> read_more();
  bool is_too_long_one_way() const;
  std::span<uint8_t> make_room();
  Task<Result<Hello>> receive_hello();
  Task<Result<void>> welcome();
  Task<void> write_frames();
  Task<void> watch();
  bool takes_answers_slowly() const;
  Task<void> say_goodbye(Status reason);
  Task<bool> discard_input();
  Task<bool> answer_http();

  /// Errors: those for which the connection must be given up.
  Result<void> on_frame(const Frame& frame);
  Result<void> on_request(const Frame& frame);
  void on_one_way(const Frame& frame);
  Task<void> run_large_one_way(Frame frame);
  Result<Task<Result<void>>> begin_large_one_way(const Frame& frame);
  void on_cancel(uint64_t call_id);
  void on_credit(const FrameHeader& header);

  /// Errors: the request's own.
  Result<void> start_request(const Frame& frame);
  Result<void> begin(const Server::Method* method, const Frame& frame, Call* call);
  /// Tells of a request's end.
  void ended(const Call& call, Code code, size_t reply_bytes = 0);
  Result<const Server::Method*> find_method(const FrameHeader& header, MethodKind kind) const;
  Result<RequestContext> make_context(const FrameHeader& header, const MethodInfo& method);
  Task<void> run_unary(uint64_t call_id, Instant deadline, Task<Result<Bytes>> handler);
  Task<void> run_stream(uint64_t call_id, Instant deadline, Task<Result<void>> handler);
  void finish_unary(uint64_t call_id, Result<Bytes> answer);
  bool fits(size_t body_bytes) const;
  Status overdue(uint64_t call_id);
  void forget(uint64_t call_id);
  void send(FrameKind kind, uint64_t call_id, Bytes body = {});
  void send_error(uint64_t call_id, const Status& status);

  Server& server_;
  Clock& clock_;
  std::list<ServerConnection*>::iterator place_;
  std::unique_ptr<Connection> connection_;
  Identity peer_;
  /// Of a frame: what both ends take.
  size_t answer_bytes_max_ = 0;
  uint64_t reads_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t frames_read_ = 0;
  BodyShare share_;
  bool speaks_http_ = false;
  FrameBuffer buffer_;
  HeldBytes buffer_held_;
  FrameWriter writer_;
  Event writer_ended_;
  std::map<uint64_t, Call> calls_;
  TaskGroup tasks_;
  TaskGroup handlers_;
};

}  // namespace vectron::rpc
