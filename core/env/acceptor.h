// Acceptor: takes the connections that come to a listener, for a server, and turns away with a word
// those for which there is no room.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/async/task_group.h"
#include "core/base/peer_holder.h"
#include "core/base/seldom.h"
#include "core/env/env.h"

namespace vectron {

class Acceptor {
 public:
  struct Config {
    /// Of the protocol, in log lines.
    std::string_view name;
    /// Counts the connections that are turned away.
    Metric refused{};
    /// At a time.
    size_t connections_max = 0;
    /// At a time, from one host.
    size_t host_connections_max = 0;
    /// Told of those that are turned away; may be null.
    PeerWatcher* watcher = nullptr;
  };
  /// Questions to the server, and orders for it.
  struct Hooks {
    /// How many it has.
    std::function<size_t()> connections;
    std::function<void(std::unique_ptr<Connection>)> take;
    /// The bytes that a client gets for whom there is no room.
    std::function<Bytes()> goodbye;
  };

  /// `holder` is the server, whose counter() knows how many connections each host has. `env` and
  /// `holder` outlive the acceptor.
  Acceptor(Env& env, Config config, const PeerHolder* holder, Hooks hooks);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Begins to listen, once. Errors: of Network::listen.
  Result<void> start(const Address& address);
  bool listening() const { return listener_ != nullptr; }
  /// Where it listens, with the real port. Requires: start() succeeded.
  const Address& address() const;
  /// All of its addresses, where it listens at several.
  std::vector<Address> addresses() const;
  /// Ends everything at once.
  void stop();

 private:
  /// Connections that were turned away and that no log line has named yet.
  struct Refused {
    uint64_t without_descriptor = 0;
    uint64_t without_word = 0;
  };

  bool has_room_for(const Connection& connection) const;
  Task<void> accept_connections();
  Task<void> wait_for_room();
  void turn_away(std::unique_ptr<Connection> connection);
  void log_refused(const Connection& last);
  Task<void> say_goodbye(std::unique_ptr<Connection> connection);

  Env& env_;
  Config config_;
  const PeerHolder& holder_;
  Hooks hooks_;
  /// Being said.
  size_t goodbyes_ = 0;
  /// When it last waited for room.
  Instant waited_{};
  Seldom turned_away_;
  Refused refused_;
  std::unique_ptr<Listener> listener_;
  TaskGroup tasks_;  // Last: the tasks use all of the above.
};

}  // namespace vectron
