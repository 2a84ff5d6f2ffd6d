// The database under test: the real `vectron up` as a child process, and a client of it here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "net/event_loop.h"
#include "services/client/client.h"
#include "services/daemon/demo_dataset.h"
#include "services/daemon/demo_server.h"

namespace vectron::bench {

struct DatabaseOptions {
  /// The path of `vectron`.
  std::string binary;
  /// An empty folder for its data and its log.
  std::string folder;
  /// For its --cpu-threads; 0: one for each core.
  size_t cpu_threads = 0;
};

struct CollectionShape {
  std::string name;
  uint32_t shards = 1;
  /// As hnswlib_baseline.cpp has it; so is the next.
  uint32_t m = 16;
  uint32_t ef_construction = 200;
};

/// What to search with, and how.
struct Questions {
  std::string collection;
  const demo::Images* queries = nullptr;
  /// Searches in flight, over one connection.
  size_t callers = 1;
  uint32_t ef = 0;
};

struct Answers {
  /// For each query the ids, best first.
  std::vector<std::vector<uint64_t>> found;
  std::vector<double> latencies_us;
  double seconds = 0;

  double per_second() const { return static_cast<double>(found.size()) / seconds; }
};

/// Each call runs the client's event loop until it is done. Errors of all: those of the operations.
class Database {
 public:
  static constexpr uint32_t kTopK = 10;

  static Result<std::unique_ptr<Database>> open(DatabaseOptions options);
  ~Database();

  Result<void> start();
  /// SIGKILL.
  void kill();
  const Address& http() const { return server_->http(); }

  Result<void> create(const CollectionShape& shape);
  /// Stores the points under the ids 0, 1, ..., and waits until all are acknowledged.
  Result<void> load(const std::string& collection, const demo::Images& points);
  /// Waits until all points that were stored are in the graph.
  Result<void> wait_until_indexed(const std::string& collection, size_t points);
  Result<Answers> search(const Questions& questions);
  /// Searches again and again from one caller while the points are stored and linked; returns the
  /// latencies.
  Result<std::vector<double>> search_while_loading(const Questions& questions,
                                                   const std::string& loaded,
                                                   const demo::Images& points);

 private:
  struct Loop;
  struct Load;
  struct Search;
  explicit Database(DatabaseOptions options);

  template <typename T>
  T run(Task<T> task);
  Task<Result<void>> load_all(Load* load);
  Task<bool> load_caller(Load* load);
  Task<Result<void>> search_all(Search* search, size_t callers);
  Task<bool> search_caller(Search* search);
  Task<Result<void>> poll_until_indexed(std::string collection, size_t points);
  Task<bool> load_and_link(Load* load, bool* done);

  DatabaseOptions options_;
  std::unique_ptr<Loop> loop_;
  std::optional<demo::Server> server_;
  std::unique_ptr<Client> client_;
};

/// recall@10 of the answers, by distance.
double recall_of(const Answers& answers, const demo::Images& points, const demo::Images& queries,
                 const std::vector<int32_t>& radii);

class Stopwatch {
 public:
  double seconds() const { return to_seconds(machine_monotonic() - start_); }

 private:
  Instant start_ = machine_monotonic();
};

}  // namespace vectron::bench
