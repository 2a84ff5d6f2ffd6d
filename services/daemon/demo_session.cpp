#include "services/daemon/demo_session.h"

#include <fmt/format.h>

#include <bit>

#include "core/base/assert.h"

namespace vectron::demo {
namespace {

constexpr const char* kCollection = "fashion-mnist";
constexpr Duration kPause = 50ms;  // Before a refused batch is sent again.
constexpr Duration kPollInterval = 200ms;
constexpr Duration kRequestTimeout = 60s;
constexpr Duration kStartPatience = 60s;
constexpr uint32_t kTopK = 10;

bool same_bits(const std::vector<float>& left, const std::vector<float>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [](float a, float b) {
           return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
         });
}

bool all_stored(const Result<api::UpsertReply>& reply) {
  return reply.has_value() &&
         std::all_of(reply->results.begin(), reply->results.end(),
                     [](const api::PointResult& result) { return result.code == 0; });
}

template <typename T>
Task<void> keep(std::optional<T>* out, Task<T> task) {
  T value = co_await task;
  out->emplace(std::move(value));
}

class Stopwatch {
 public:
  double seconds() const { return to_seconds(machine_monotonic() - start_); }

 private:
  Instant start_ = machine_monotonic();
};

}  // namespace

// In the order in which a process must build them (net/production_env.h).
struct DemoSession::Loop {
  LogSink sink{LogLevel::error};
  ProductionPools pools{
      ProductionPools::Config{.cpu_threads = 1, .file_threads = 1, .key_value_threads = 1}};
  EventLoop loop;
  TcpNetwork network{loop, pools.files};
  std::unique_ptr<ProductionEnv> env;
};

DemoSession::DemoSession(const DemoOptions& options, const Images& points, Progress& progress)
    : options_(options),
      points_(points),
      progress_(progress),
      loop_(std::make_unique<Loop>()),
      acknowledged_(points.count()) {
  for (size_t first = 0; first < points.count(); first += options.batch_points) {
    pending_batches_.push_back(first / options.batch_points);
  }
}

DemoSession::~DemoSession() = default;

Result<std::unique_ptr<DemoSession>> DemoSession::open(const DemoOptions& options,
                                                       const Images& points, Progress& progress) {
  std::unique_ptr<DemoSession> session(new DemoSession(options, points, progress));
  ProductionEnvConfig config;
  config.node_name = "demo";
  config.root = options.folder + "/client";
  Loop& loop = *session->loop_;
  VECTRON_TRY(loop.env,
              ProductionEnv::open(loop.loop, loop.pools, loop.network, loop.sink, config));
  return session;
}

Result<void> DemoSession::start_server() {
  Address rpc;
  Address http;
  client_.reset();
  http_.reset();
  VECTRON_CHECK_OK(options_.processes ? start_processes(&rpc, &http) : start_process(&rpc, &http));
  ClientConfig config;
  config.gateways = {rpc};
  config.request_timeout = kRequestTimeout;
  config.attempts_max = 1;  // The demo itself decides what a failure means.
  client_ = std::make_unique<Client>(*loop_->env, config);
  http_ = std::make_unique<DemoHttp>(*loop_->env, http, kRequestTimeout);
  killed_ = false;
  return run(wait_until_usable(kStartPatience));
}

Result<void> DemoSession::start_process(Address* rpc, Address* http) {
  ServerOptions options;
  options.binary = options_.binary;
  options.data = options_.folder + "/data";
  options.log = options_.folder + "/server.log";
  options.arguments = {"--http", "127.0.0.1:0"};
  VECTRON_TRY(Server started, Server::start(options));
  server_.emplace(std::move(started));
  *rpc = server_->rpc();
  *http = server_->http();
  return {};
}

Result<void> DemoSession::start_processes(Address* rpc, Address* http) {
  if (cluster_ == nullptr) {
    ProcessClusterShape shape;
    shape.binary = options_.binary;
    shape.folder = options_.folder;
    VECTRON_TRY(cluster_, ProcessCluster::make(shape));
  }
  VECTRON_CHECK_OK(cluster_->start_all());
  const std::optional<Server>& gateway = cluster_->process(ServiceId::gateway, 0).server;
  VECTRON_ASSERT(gateway.has_value());
  *rpc = gateway->rpc();
  *http = gateway->http();
  return {};
}

// A process of its own is ready before the others have found one another.
Task<Result<void>> DemoSession::wait_until_usable(Duration patience) {
  Clock& clock = loop_->env->clock();
  const Instant end = clock.monotonic() + patience;
  while (true) {
    const Result<api::ListCollectionsReply> listed = co_await client_->list_collections();
    const bool usable =
        listed.has_value() &&
        std::all_of(listed->collections.begin(), listed->collections.end(),
                    [](const api::CollectionStatus& collection) { return collection.ready; });
    if (usable) co_return Result<void>();
    if (clock.monotonic() >= end) {
      const Status why = listed.has_value()
                             ? Status(Code::unavailable, "not every shard has a leader")
                             : listed.error();
      co_return fail(why.with_context("waiting for the cluster"));
    }
    co_await clock.sleep_for(kPause);
  }
}

void DemoSession::kill_server() {
  if (cluster_ != nullptr) {
    cluster_->kill_all();
  } else {
    VECTRON_ASSERT(server_.has_value());
    server_->kill();
  }
  killed_ = true;
}

template <typename T>
T DemoSession::run(Task<T> task) {
  std::optional<T> result;
  TaskGroup group(loop_->env->scheduler());
  group.spawn(keep(&result, std::move(task)));
  loop_->loop.run_until([&result] { return result.has_value(); });
  VECTRON_ASSERT(result.has_value());
  return *std::move(result);
}

template <typename Start>
void DemoSession::run_callers(size_t callers, Start start) {
  std::vector<Task<bool>> tasks;
  tasks.reserve(callers);
  for (size_t i = 0; i < callers; ++i) tasks.push_back(start());
  run(when_all(std::move(tasks)));
}

Result<void> DemoSession::create_collection() {
  api::CreateCollectionRequest request;
  request.name = kCollection;
  request.dimension = kDimension;
  request.distance = api::Distance::euclidean;
  request.shards = options_.shards;
  request.replication = options_.replication;
  const Result<api::CreateCollectionReply> created = run(client_->create_collection(request));
  if (!created.has_value()) return fail(created.error());
  return {};
}

Result<void> DemoSession::load(size_t acknowledged_max) {
  const Stopwatch watch;
  failure_ = Status();
  run_callers(options_.callers, [&] { return load_caller(acknowledged_max); });
  load_seconds_ += watch.seconds();
  if (!failure_.ok()) return fail(failure_.with_context("loading"));
  return {};
}

Result<void> DemoSession::load_over_http(size_t points) {
  const Stopwatch watch;
  const size_t before = acknowledged_count_;
  failure_ = Status();
  run_callers(options_.callers, [&] { return load_http_caller(before + points); });
  if (!failure_.ok()) return fail(failure_.with_context("loading over HTTP"));
  http_points_per_second_ = static_cast<double>(acknowledged_count_ - before) / watch.seconds();
  return {};
}

Task<bool> DemoSession::load_http_caller(size_t acknowledged_max) {
  while (!pending_batches_.empty() && acknowledged_count_ < acknowledged_max && failure_.ok()) {
    const size_t batch = pending_batches_.front();
    pending_batches_.pop_front();
    Result<api::UpsertReply> reply = co_await http_->upsert(make_batch(batch));
    if (all_stored(reply)) {
      acknowledge(batch);
      continue;
    }
    pending_batches_.push_front(batch);
    if (status_of(reply).code() == Code::resource_exhausted) {
      co_await loop_->env->clock().sleep_for(kPause);
    } else {
      fail_with(reply.has_value() ? Status(Code::internal, "a point was refused") : reply.error());
    }
  }
  co_return true;
}

Task<bool> DemoSession::load_caller(size_t acknowledged_max) {
  while (!pending_batches_.empty() && !killed_ && failure_.ok()) {
    const size_t batch = pending_batches_.front();
    pending_batches_.pop_front();
    Result<api::UpsertReply> reply = co_await client_->upsert(make_batch(batch));
    if (all_stored(reply)) {
      acknowledge(batch);
      if (acknowledged_count_ >= acknowledged_max && !killed_) kill_server();
      continue;
    }
    pending_batches_.push_front(batch);
    if (killed_) {
      ++unknown_batches_;
    } else if (status_of(reply).code() == Code::resource_exhausted) {
      co_await loop_->env->clock().sleep_for(kPause);
    } else {
      fail_with(reply.has_value() ? Status(Code::internal, "a point was refused") : reply.error());
    }
  }
  co_return true;
}

api::UpsertRequest DemoSession::make_batch(size_t batch) const {
  api::UpsertRequest request;
  request.collection = kCollection;
  const size_t first = batch * options_.batch_points;
  const size_t last = std::min(first + options_.batch_points, points_.count());
  for (size_t i = first; i < last; ++i) {
    api::Point& point = request.points.emplace_back();
    point.id.number = i;
    point.vector = points_.vector(i);
    point.payload = make_payload(i, points_.labels[i]);
  }
  return request;
}

void DemoSession::acknowledge(size_t batch) {
  const size_t first = batch * options_.batch_points;
  const size_t last = std::min(first + options_.batch_points, points_.count());
  for (size_t i = first; i < last; ++i) {
    acknowledged_count_ += acknowledged_[i] ? 0 : 1;
    acknowledged_[i] = true;
  }
  progress_.show(static_cast<double>(acknowledged_count_) / static_cast<double>(points_.count()));
}

void DemoSession::fail_with(const Status& status) {
  if (failure_.ok()) failure_ = status;
}

Result<size_t> DemoSession::count_lost() {
  next_ = 0;
  lost_ = 0;
  failure_ = Status();
  run_callers(options_.callers, [&] { return check_caller(); });
  if (!failure_.ok()) return fail(failure_.with_context("reading back"));
  return lost_;
}

Task<bool> DemoSession::check_caller() {
  while (next_ < points_.count() && failure_.ok()) {
    const size_t index = next_++;
    if (!acknowledged_[index]) continue;
    api::GetRequest request;
    request.collection = kCollection;
    request.id.number = index;
    Result<api::GetReply> reply = co_await client_->get(std::move(request));
    if (!reply.has_value() && reply.error().code() != Code::not_found) {
      fail_with(reply.error());
      break;
    }
    // By value: integers that came as JSON may be stored in another width.
    const PointPayload expected{index, points_.labels[index]};
    const bool kept = reply.has_value() && same_bits(reply->point.vector, points_.vector(index)) &&
                      read_payload(reply->point.payload) == expected;
    lost_ += kept ? 0 : 1;
    progress_.show(static_cast<double>(index + 1) / static_cast<double>(points_.count()));
  }
  co_return true;
}

Result<api::CollectionStatus> DemoSession::wait_for(
    std::function<bool(const api::CollectionStatus&)> enough, Duration patience) {
  return run(poll_status(std::move(enough), patience));
}

Task<Result<api::CollectionStatus>> DemoSession::poll_status(
    std::function<bool(const api::CollectionStatus&)> enough, Duration patience) {
  Clock& clock = loop_->env->clock();
  const Instant end = clock.monotonic() + patience;
  while (true) {
    Result<api::GetCollectionStatusReply> reply = co_await client_->collection_status(kCollection);
    if (!reply.has_value()) co_return fail(reply.error().with_context("asking for the status"));
    const api::CollectionStatus& status = reply->collection;
    if (enough(status) || clock.monotonic() >= end) co_return status;
    progress_.show(static_cast<double>(status.indexed) / static_cast<double>(points_.count()));
    co_await clock.sleep_for(kPollInterval);
  }
}

Result<DemoSession::Answers> DemoSession::search(const Images& queries, size_t count,
                                                 size_t callers, Protocol protocol) {
  VECTRON_ASSERT(count <= queries.count());
  Answers answers;
  answers.found.resize(count);
  answers.latencies.resize(count);
  next_ = 0;
  failure_ = Status();
  const Stopwatch watch;
  run_callers(callers, [&] { return search_caller(&queries, count, &answers, protocol); });
  answers.seconds = watch.seconds();
  if (!failure_.ok()) return fail(failure_.with_context("searching"));
  return answers;
}

Task<Result<api::SearchReply>> DemoSession::ask(api::SearchRequest request, Protocol protocol) {
  if (protocol == Protocol::http) return http_->search(request);
  return client_->search(std::move(request));
}

Task<bool> DemoSession::search_caller(const Images* queries, size_t count, Answers* answers,
                                      Protocol protocol) {
  Clock& clock = loop_->env->clock();
  while (next_ < count && failure_.ok()) {
    const size_t query = next_++;
    api::SearchRequest request;
    request.collection = kCollection;
    request.vector = queries->vector(query);
    request.top_k = kTopK;
    request.ef = options_.ef;
    const Instant start = clock.monotonic();
    Result<api::SearchReply> reply = co_await ask(std::move(request), protocol);
    if (!reply.has_value()) {
      fail_with(reply.error());
      break;
    }
    answers->latencies[query] = clock.monotonic() - start;
    for (const api::Hit& hit : reply->hits) answers->found[query].push_back(hit.id.number);
    progress_.show(static_cast<double>(query + 1) / static_cast<double>(count));
  }
  co_return true;
}

}  // namespace vectron::demo
