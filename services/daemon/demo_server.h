// The server under the demo: `vectron up` as a child process, to be killed and started again.
//
// It also serves the end-to-end tests.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/env/network.h"

namespace vectron::demo {

struct ServerOptions {
  /// The path of `vectron`.
  std::string binary;
  /// What it runs as: up, or serve and a role.
  std::vector<std::string> command = {"up"};
  /// Its --data.
  std::string data;
  /// Its --rpc.
  std::string rpc = "127.0.0.1:0";
  /// A file that its standard error is appended to.
  std::string log;
  /// Further arguments.
  std::vector<std::string> arguments;
};

/// One child process. Destroying it kills the child. It dies with its parent's thread too.
class Server {
 public:
  /// Starts it and waits until it says that it is ready. Errors: unavailable (it ended or was
  /// silent; the message has the last lines of its log).
  static Result<Server> start(const ServerOptions& options);
  /// Starts it and does not wait.
  static Result<Server> launch(const ServerOptions& options);

  Server(Server&& other) noexcept;
  Server& operator=(Server&& other) noexcept;
  ~Server();

  /// Waits until it says that it is ready. Errors: as start().
  Result<void> wait_until_ready(const ServerOptions& options);
  /// Whether it has said so by now. Errors: unavailable (it ended).
  Result<bool> poll_ready(const ServerOptions& options);

  /// Where it answers.
  const Address& rpc() const { return rpc_; }
  /// The same for HTTP; empty where the program was not told to serve it.
  const Address& http() const { return http_; }

  /// Sends a signal, and does not wait.
  void send(int signal);
  /// As stop() returns it, once the process is gone.
  std::optional<int> poll_gone();

  /// SIGKILL, and waits until it is gone.
  void kill();
  /// SIGTERM, and waits. Returns the exit status; 128 and the signal's number when a signal ended
  /// it.
  int stop();

 private:
  Server(pid_t pid, int output)
      : pid_(pid), output_(output), started_(std::chrono::steady_clock::now()) {}
  Result<void> read_output(const ServerOptions& options, std::chrono::milliseconds patience);
  bool find_ready_line();
  int wait_until_gone();

  pid_t pid_ = -1;
  int output_ = -1;  // The reading end of its standard output.
  Address rpc_;
  Address http_;
  std::string text_;  // What it has said until it was ready.
  bool ready_ = false;
  std::chrono::steady_clock::time_point started_;
};

/// Runs `binary` with `arguments` to its end. Returns the exit status and both outputs as one text.
/// It is killed after a minute of silence. Errors: unavailable (cannot start it).
struct CommandOutcome {
  int status = 0;
  std::string text;
};
Result<CommandOutcome> run_command(const std::string& binary,
                                   const std::vector<std::string>& arguments);

/// The folder of the running program's file, where its companions are.
std::string program_folder();

}  // namespace vectron::demo
