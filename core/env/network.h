// Byte streams between nodes, with TCP's truth: in order or reset, short reads and writes,
// half-open, stalls.
//
// Frames (core/rpc) and HTTP (core/http) lie above this, so a simulation covers framing and
// reconnection too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron {

/// "host:port". In simulation the host is a node's name. Port 0 asks listen() for a free one.
struct Address {
  std::string text;
  auto operator<=>(const Address&) const = default;
};

/// One end of a stream. At most one read and one write may be in flight at a time. Destroying it
/// closes it (the peer reads what was sent, then the end; or a reset when bytes were left unread
/// here).
class Connection {
 public:
  virtual ~Connection() = default;

  /// Reads at least one byte into `into`, as many as are there. 0 is the end of the stream (the
  /// peer shut its writing side). Requires: `into` is not empty and outlives the await. Errors:
  /// unavailable (reset, closed).
  virtual Task<Result<size_t>> read_some(std::span<uint8_t> into) = 0;

  /// Writes at least one byte of `bytes` and returns how many; waits while the peer takes none
  /// (back-pressure). Requires: `bytes` is not empty and outlives the await. Errors: unavailable.
  /// Success says nothing of what the peer received.
  virtual Task<Result<size_t>> write_some(ByteView bytes) = 0;

  /// Does as write_some(), where that can be done at once and without a task; none where it would
  /// have to wait, and then nothing happened. Requires: as write_some().
  virtual std::optional<Result<size_t>> try_write_some(ByteView bytes);

  /// Ends our writing side; the peer reads the rest, then the end. Reading goes on.
  virtual void shutdown_write() = 0;

  /// Resets the connection: both ends fail from now on, this one at once. Waiting reads and writes
  /// end with unavailable.
  virtual void close() = 0;

  /// The other end, for logs.
  virtual const Address& peer() const = 0;

  /// `owes` says whether the peer waits for an answer. It is asked when connections must be closed
  /// to make room: one that owes an answer goes last. Lives as long as the connection.
  virtual void ask_before_closing(std::function<bool()> owes) { (void)owes; }
};

/// Accepts connections. Destroying it refuses further ones.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Errors: unavailable when the listener is closed.
  virtual Task<Result<std::unique_ptr<Connection>>> accept() = 0;
  /// Where it listens, with the real port; the first place where there are several.
  virtual const Address& address() const = 0;
  /// All places: a name may have several addresses.
  virtual std::vector<Address> addresses() const { return {address()}; }
};

class Network {
 public:
  virtual ~Network() = default;
  /// Errors: unavailable (address in use), invalid_argument (not an address).
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address) = 0;
  /// May hang for ever: give it a deadline (with_deadline). Errors: unavailable (refused),
  /// invalid_argument.
  virtual Task<Result<std::unique_ptr<Connection>>> connect(Address address) = 0;
};

/// Writes all of `bytes`. Requires: `bytes` outlives the await.
Task<Result<void>> write_all(Connection* connection, ByteView bytes);

/// Writes what the connection takes at once, and returns what is left: for write_all(). Errors:
/// unavailable.
Result<ByteView> write_at_once(Connection* connection, ByteView bytes);

}  // namespace vectron
