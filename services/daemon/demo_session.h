// DemoSession: one running server and the demo's connection to it, over kills and restarts.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/async/combine.h"
#include "core/async/task_group.h"
#include "net/event_loop.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "services/client/client.h"
#include "services/daemon/demo_dataset.h"
#include "services/daemon/demo_http.h"
#include "services/daemon/demo_processes.h"
#include "services/daemon/demo_progress.h"
#include "services/daemon/demo_run.h"
#include "services/daemon/demo_server.h"

namespace vectron::demo {

enum class Protocol : uint8_t { rpc, http };

/// Operations of many callers at once. Each runs the event loop until its work is done; nothing
/// runs in between. Points have the ids 0, 1, ... of their images.
class DemoSession {
 public:
  /// `points` and `progress` outlive it.
  static Result<std::unique_ptr<DemoSession>> open(const DemoOptions& options, const Images& points,
                                                   Progress& progress);
  ~DemoSession();

  /// Starts a server (or the processes of a cluster), waits until every collection that is there
  /// can be used, and connects to it.
  Result<void> start_server();
  void kill_server();

  Result<void> create_collection();

  /// Stores points until all are acknowledged, or until `acknowledged_max` are: then the server is
  /// killed in the midst of what is in flight.
  Result<void> load(size_t acknowledged_max);
  /// Stores about `points` more points over HTTP.
  Result<void> load_over_http(size_t points);
  size_t acknowledged() const { return acknowledged_count_; }
  /// Batches whose outcome nobody knew when the server died. They are sent again by the next
  /// load(): a batch has the same content each time, so that is the same whether it was stored or
  /// not.
  size_t unknown_batches() const { return unknown_batches_; }
  /// Seconds that load() took, all calls together.
  double load_seconds() const { return load_seconds_; }
  /// Points a second that load_over_http() stored.
  double http_points_per_second() const { return http_points_per_second_; }

  /// Reads back every acknowledged point and counts those that are missing or differ in one bit.
  Result<size_t> count_lost();

  /// What the status says about the collection.
  /// Asks for the status until `enough` says so, or for `patience`. Returns the last one.
  Result<api::CollectionStatus> wait_for(std::function<bool(const api::CollectionStatus&)> enough,
                                         Duration patience);

  struct Answers {
    /// For each query the ids, best first.
    std::vector<std::vector<uint64_t>> found;
    /// For each query.
    std::vector<Duration> latencies;
    /// Of the whole.
    double seconds = 0;
  };
  /// Searches with the first `count` of `queries` from `callers` at once.
  Result<Answers> search(const Images& queries, size_t count, size_t callers,
                         Protocol protocol = Protocol::rpc);

 private:
  struct Loop;
  DemoSession(const DemoOptions& options, const Images& points, Progress& progress);

  template <typename T>
  T run(Task<T> task);
  template <typename Start>
  void run_callers(size_t callers, Start start);

  Result<void> start_processes(Address* rpc, Address* http);
  Result<void> start_process(Address* rpc, Address* http);
  Task<Result<void>> wait_until_usable(Duration patience);

  Task<bool> load_caller(size_t acknowledged_max);
  Task<bool> load_http_caller(size_t acknowledged_max);
  Task<Result<api::SearchReply>> ask(api::SearchRequest request, Protocol protocol);
  Task<bool> check_caller();
  Task<bool> search_caller(const Images* queries, size_t count, Answers* answers,
                           Protocol protocol);
  Task<Result<api::CollectionStatus>> poll_status(
      std::function<bool(const api::CollectionStatus&)> enough, Duration patience);

  api::UpsertRequest make_batch(size_t batch) const;
  void acknowledge(size_t batch);
  void fail_with(const Status& status);

  const DemoOptions& options_;
  const Images& points_;
  Progress& progress_;
  std::unique_ptr<Loop> loop_;
  std::optional<Server> server_;
  std::unique_ptr<ProcessCluster> cluster_;  // Instead of server_, when there are processes.
  std::unique_ptr<Client> client_;
  std::unique_ptr<DemoHttp> http_;

  std::deque<size_t> pending_batches_;
  std::vector<bool> acknowledged_;
  size_t acknowledged_count_ = 0;
  size_t unknown_batches_ = 0;
  double load_seconds_ = 0;
  double http_points_per_second_ = 0;
  bool killed_ = false;
  size_t next_ = 0;  // The next point to check, or query to ask.
  size_t lost_ = 0;
  Status failure_;  // The first that no caller could live with.
};

}  // namespace vectron::demo
