#include "tests/bench/suite/database.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/async/combine.h"
#include "core/async/task_group.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "services/daemon/demo_exact.h"

namespace vectron::bench {
namespace {

constexpr size_t kBatchPoints = 100;
constexpr size_t kLoadCallers = 8;
constexpr Duration kPause = 50ms;  // Before a refused batch is sent again.
constexpr Duration kPollInterval = 20ms;
constexpr Duration kIndexPatience = 600s;

template <typename T>
Task<void> keep(std::optional<T>* out, Task<T> task) {
  T value = co_await task;
  out->emplace(std::move(value));
}

bool all_stored(const api::UpsertReply& reply) {
  return std::ranges::all_of(reply.results,
                             [](const api::PointResult& result) { return result.code == 0; });
}

}  // namespace

// In the order in which a process must build them (net/production_env.h).
struct Database::Loop {
  LogSink sink{LogLevel::error};
  ProductionPools pools{
      ProductionPools::Config{.cpu_threads = 1, .file_threads = 1, .key_value_threads = 1}};
  EventLoop loop;
  TcpNetwork network{loop, pools.files};
  std::unique_ptr<ProductionEnv> env;
};

struct Database::Load {
  std::string collection;
  const demo::Images* points = nullptr;
  size_t next = 0;
  Status failure;
};

struct Database::Search {
  const Questions* questions = nullptr;
  Answers* answers = nullptr;
  size_t next = 0;
  bool endless = false;  // Begins again with the first query until `stop` is set.
  const bool* stop = nullptr;
  Status failure;
};

Database::Database(DatabaseOptions options)
    : options_(std::move(options)), loop_(std::make_unique<Loop>()) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(DatabaseOptions options) {
  std::unique_ptr<Database> database(new Database(std::move(options)));
  Loop& loop = *database->loop_;
  VECTRON_TRY(loop.env, ProductionEnv::open(loop.loop, loop.pools, loop.network, loop.sink,
                                            {"bench", database->options_.folder + "/client"}));
  VECTRON_CHECK_OK(database->start());
  return database;
}

Result<void> Database::start() {
  client_.reset();
  server_.reset();
  demo::ServerOptions options;
  options.binary = options_.binary;
  options.data = options_.folder + "/data";
  options.log = options_.folder + "/server.log";
  options.arguments = {"--http", "127.0.0.1:0", "--cpu-threads",
                       fmt::format("{}", options_.cpu_threads)};
  VECTRON_TRY(demo::Server server, demo::Server::start(options));
  server_.emplace(std::move(server));
  ClientConfig config;
  config.gateways = {server_->rpc()};
  config.request_timeout = 60s;
  client_ = std::make_unique<Client>(*loop_->env, config);
  return {};
}

void Database::kill() {
  client_.reset();
  server_->kill();
}

template <typename T>
T Database::run(Task<T> task) {
  std::optional<T> result;
  TaskGroup group(loop_->env->scheduler());
  group.spawn(keep(&result, std::move(task)));
  loop_->loop.run_until([&result] { return result.has_value(); });
  return *std::move(result);
}

Result<void> Database::create(const CollectionShape& shape) {
  api::CreateCollectionRequest request;
  request.name = shape.name;
  request.dimension = demo::kDimension;
  request.distance = api::Distance::euclidean;
  request.shards = shape.shards;
  request.index.emplace();
  request.index->m = shape.m;
  request.index->ef_construction = shape.ef_construction;
  const auto created = run(client_->create_collection(request));
  if (!created.has_value()) return fail(created.error().with_context("creating"));
  return {};
}

Result<void> Database::load(const std::string& collection, const demo::Images& points) {
  Load load{.collection = collection, .points = &points};
  return run(load_all(&load));
}

Task<Result<void>> Database::load_all(Load* load) {
  std::vector<Task<bool>> callers;
  callers.reserve(kLoadCallers);
  for (size_t i = 0; i < kLoadCallers; ++i) callers.push_back(load_caller(load));
  co_await when_all(std::move(callers));
  if (!load->failure.ok()) co_return fail(load->failure.with_context("loading"));
  co_return Result<void>();
}

Task<bool> Database::load_caller(Load* load) {
  while (load->next < load->points->count() && load->failure.ok()) {
    const size_t first = load->next;
    const size_t last = std::min(first + kBatchPoints, load->points->count());
    load->next = last;
    api::UpsertRequest request;
    request.collection = load->collection;
    request.points.reserve(last - first);
    for (size_t i = first; i < last; ++i) {
      api::Point& point = request.points.emplace_back();
      point.id.number = i;
      point.vector = load->points->vector(i);
    }
    while (load->failure.ok()) {
      api::UpsertRequest copy = request;
      const auto reply = co_await client_->upsert(std::move(copy));
      if (reply.has_value() && all_stored(*reply)) break;
      if (status_of(reply).code() == Code::resource_exhausted) {
        co_await loop_->env->clock().sleep_for(kPause);
        continue;
      }
      load->failure =
          reply.has_value() ? Status(Code::internal, "a point was refused") : reply.error();
    }
  }
  co_return true;
}

Result<void> Database::wait_until_indexed(const std::string& collection, size_t points) {
  return run(poll_until_indexed(collection, points));
}

Task<Result<void>> Database::poll_until_indexed(std::string collection, size_t points) {
  Clock& clock = loop_->env->clock();
  const Instant end = clock.monotonic() + kIndexPatience;
  while (clock.monotonic() < end) {
    const auto reply = co_await client_->collection_status(collection);
    VECTRON_CO_CHECK_OK(reply);
    if (reply->collection.indexed >= points) co_return Result<void>();
    co_await clock.sleep_for(kPollInterval);
  }
  co_return fail(Code::deadline_exceeded, "the graph was not finished in time");
}

Result<Answers> Database::search(const Questions& questions) {
  Answers answers;
  answers.found.resize(questions.queries->count());
  answers.latencies_us.reserve(questions.queries->count());
  Search search{.questions = &questions, .answers = &answers};
  const Stopwatch watch;
  VECTRON_CHECK_OK(run(search_all(&search, questions.callers)));
  answers.seconds = watch.seconds();
  return answers;
}

Task<Result<void>> Database::search_all(Search* search, size_t callers) {
  std::vector<Task<bool>> tasks;
  tasks.reserve(callers);
  for (size_t i = 0; i < callers; ++i) tasks.push_back(search_caller(search));
  co_await when_all(std::move(tasks));
  if (!search->failure.ok()) co_return fail(search->failure.with_context("searching"));
  co_return Result<void>();
}

Task<bool> Database::search_caller(Search* search) {
  const Questions& questions = *search->questions;
  const size_t count = questions.queries->count();
  while (search->failure.ok() && (search->endless ? !*search->stop : search->next < count)) {
    const size_t query = search->next++ % count;
    api::SearchRequest request;
    request.collection = questions.collection;
    request.vector = questions.queries->vector(query);
    request.top_k = kTopK;
    request.ef = questions.ef;
    const Instant start = machine_monotonic();
    const auto reply = co_await client_->search(std::move(request));
    if (!reply.has_value()) {
      search->failure = reply.error();
      break;
    }
    search->answers->latencies_us.push_back(to_seconds(machine_monotonic() - start) * 1e6);
    std::vector<uint64_t>& found = search->answers->found[query];
    found.clear();
    for (const api::Hit& hit : reply->hits) found.push_back(hit.id.number);
  }
  co_return true;
}

Task<bool> Database::load_and_link(Load* load, bool* done) {
  auto loaded = co_await load_all(load);
  if (loaded.has_value()) {
    loaded = co_await poll_until_indexed(load->collection, load->points->count());
  }
  if (!loaded.has_value()) load->failure = loaded.error();
  *done = true;
  co_return true;
}

Result<std::vector<double>> Database::search_while_loading(const Questions& questions,
                                                           const std::string& loaded,
                                                           const demo::Images& points) {
  Answers answers;
  answers.found.resize(questions.queries->count());
  bool done = false;
  Load load{.collection = loaded, .points = &points};
  Search search{.questions = &questions, .answers = &answers, .endless = true, .stop = &done};
  std::vector<Task<bool>> tasks;
  tasks.push_back(load_and_link(&load, &done));
  tasks.push_back(search_caller(&search));
  run(when_all(std::move(tasks)));
  if (!load.failure.ok()) return fail(load.failure);
  if (!search.failure.ok()) return fail(search.failure);
  return std::move(answers.latencies_us);
}

double recall_of(const Answers& answers, const demo::Images& points, const demo::Images& queries,
                 const std::vector<int32_t>& radii) {
  double sum = 0;
  for (size_t q = 0; q < answers.found.size(); ++q) {
    sum += demo::recall_of(points, queries.row(q), answers.found[q], radii[q], Database::kTopK);
  }
  return sum / static_cast<double>(answers.found.size());
}

}  // namespace vectron::bench
