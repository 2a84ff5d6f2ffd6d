// A first program: creates a collection in a running Vectron, stores three points and searches.
//
//   ./dev up                                               in one terminal
//   ./dev build release first_search                       in another one
//   build/release/bin/first_search 127.0.0.1:7700
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include "core/async/task_group.h"
#include "net/production_env.h"
#include "net/tcp_network.h"
#include "services/client/client.h"

using namespace vectron;

// Awaits are statements of their own; every answer is a value or a Status that says what to do.
Task<Result<void>> first_search(Client* client) {
  api::CreateCollectionRequest create;
  create.name = "colours";
  create.dimension = 3;
  create.distance = api::Distance::euclidean;
  auto created = co_await client->create_collection(create);
  const bool there = !created.has_value() && created.error().code() == Code::already_exists;
  if (!created.has_value() && !there) co_return fail(created.error());

  api::UpsertRequest upsert;
  upsert.collection = "colours";
  for (const auto& [id, vector] : std::map<std::string, std::vector<float>>{
           {"red", {255, 0, 0}}, {"orange", {255, 165, 0}}, {"blue", {0, 0, 255}}}) {
    api::Point& point = upsert.points.emplace_back();
    point.id.is_text = true;
    point.id.text = id;
    point.vector = vector;
  }
  auto stored = co_await client->upsert(upsert);
  VECTRON_CO_CHECK_OK(stored);

  api::SearchRequest search;
  search.collection = "colours";
  search.vector = {250, 120, 10};
  search.top_k = 2;
  auto found = co_await client->search(search);
  VECTRON_CO_CHECK_OK(found);
  for (const api::Hit& hit : found->hits) fmt::print("{} at distance {}\n", hit.id.text, hit.score);
  co_return Result<void>();
}

Task<void> run(Client* client, std::optional<Result<void>>* outcome) {
  Result<void> result = co_await first_search(client);
  outcome->emplace(std::move(result));
}

int main(int argc, char** argv) {
  // What every program on real machines stands on, in this order.
  LogSink sink(LogLevel::warning);
  ProductionPools pools(ProductionPools::Config{.cpu_threads = 1});
  EventLoop loop;
  TcpNetwork network(loop, pools.files);
  std::string folder = std::filesystem::temp_directory_path() / "first-search-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  auto env = ProductionEnv::open(loop, pools, network, sink, {"first-search", folder});
  if (!env.has_value()) return 1;

  std::optional<Result<void>> outcome;
  {
    ClientConfig config;
    config.gateways = {Address{argc > 1 ? argv[1] : "127.0.0.1:7700"}};
    Client client(**env, config);
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(run(&client, &outcome));
    loop.run_until([&outcome] { return outcome.has_value(); });
  }
  env->reset();
  std::filesystem::remove_all(folder);
  if (!outcome.has_value()) return 1;
  if (outcome->has_value()) return 0;
  fmt::print(stderr, "{}\n", outcome->error().to_string());
  return 1;
}
