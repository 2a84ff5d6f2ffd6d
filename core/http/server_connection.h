// One connection of an HTTP Server: its reader, its writer, and the requests that run for it.
//
// Owned by the task of Server::run_connection. Destroying it destroys the requests where they
// stand.
#pragma once

#include <deque>
#include <memory>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/base/progress_window.h"
#include "core/http/server.h"

namespace vectron::http {

class ServerConnection {
 public:
  /// Registers itself with `server`.
  ServerConnection(Server& server, std::unique_ptr<Connection> connection);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  ~ServerConnection();

  /// Serves until the connection is lost or ended.
  Task<void> run();
  /// As Server::drain(), give_up() and connections_owing() have it.
  void drain();
  void give_up();
  bool owes() const;
  /// The bytes that lie in this connection for the client.
  HeldForPeer held() const;

 private:
  /// An answer's place in the order of the connection.
  struct Slot {
    explicit Slot(BodyShare* share) : body(share), answer(share) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      if (outcome != nullptr) outcome->tell(Code::cancelled, 0);
    }

    /// The answer, once `ready`.
    std::string bytes;
    /// The answer's body, where it is not worth copying.
    std::string large_body;
    /// Whether the handler is through.
    bool ready = false;
    /// The connection ends after this answer.
    bool last = false;
    /// Not an interim answer, nor one to what cannot be read.
    bool of_request = false;
    bool only_reads = false;
    /// In Server::requests_in_flight_.
    bool counted = false;
    /// In Server::probes_in_flight_.
    bool probes = false;
    /// A handler was asked.
    bool handled = false;
    TaskGroup::TaskNumber handler = 0;
    bool without_body = false;
    bool http_1_0 = false;
    /// Of the answer, as the gate says.
    std::vector<Field> fields;
    /// Of the request.
    HeldBytes body;
    /// `bytes` and `large_body`.
    HeldBytes answer;
    CancellationToken cancellation;
    /// Who wants to know how it ends; may be null.
    std::shared_ptr<Outcome> outcome;
    /// As Router has it; empty for none.
    std::string_view route;
    size_t request_bytes = 0;
  };
  enum class Read : uint8_t { request, refused, ended, lost };

  Task<void> read_requests();
  Task<Read> read_request();
  Task<Read> read_more();
  Read take_input();
  Task<void> start_request();
  bool may_start(bool only_reads) const;
  bool count(Slot* slot, RouteKind kind);
  void uncount(const Slot& slot);
  void uncount_probe(Slot* slot);
  Task<void> run_handler(Slot* slot, Task<Response> handler);
  Slot* add_slot();
  void finish(Slot* slot, Response response);
  bool keeps_out(const Slot& slot, const Response& response) const;
  void tell(Slot* slot, const Response& response);
  /// The answer that the head alone calls for, whatever becomes of the rest.
  std::optional<Response> judge_head(Slot* slot, bool body_follows);
  size_t waiting_answer_bytes() const;
  bool arriving() const;
  Read expect_body();
  Refusal too_slow();
  Read refuse(const Refusal& refusal);
  Task<void> write_answers();
  Task<bool> write_slot(const Slot* slot);
  Task<bool> write_in_time(ByteView rest);
  Task<void> linger();

  Server& server_;
  Clock& clock_;
  std::list<ServerConnection*>::iterator place_;
  std::unique_ptr<Connection> connection_;

  BodyShare share_;
  RequestParser parser_;             // Of the request that is being read.
  HeldBytes parser_body_;            // Of it.
  Instant phase_deadline_ = kNever;  // Of its head, then of its body.
  ProgressWindow body_window_;       // Of its body.
  Instant last_activity_;
  Bytes input_;
  size_t input_begin_ = 0;  // Bytes [begin, end) of input_ were read and not taken yet.
  size_t input_end_ = 0;

  std::deque<std::unique_ptr<Slot>> slots_;
  Condition changed_;  // A slot was added, became ready or went; or a flag below was set.
  bool reading_ended_ = false;
  bool ends_when_idle_ = false;
  bool cut_ = false;  // A request was refused that its client may still be sending.
  bool lost_ = false;
  TaskGroup::TaskNumber reader_ = 0;
  Event ended_;
  TaskGroup handlers_;
  TaskGroup tasks_;
};

}  // namespace vectron::http
