#include "services/daemon/demo_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/daemon/demo_exact.h"
#include "services/daemon/demo_session.h"

namespace vectron::demo {
namespace {

constexpr size_t kRecallAt = 10;
constexpr size_t kLoneQueries = 1'000;
constexpr size_t kHttpShare = 10;  // One point of so many is loaded over HTTP.
constexpr Duration kIndexPatience = 240s;
constexpr Duration kStatusPatience = 60s;
constexpr Duration kRestartPatience = 120s;

double mean_recall(const Images& points, const Images& queries, const DemoSession::Answers& answers,
                   const std::vector<int32_t>& radii) {
  double sum = 0;
  for (size_t q = 0; q < answers.found.size(); ++q) {
    sum += recall_of(points, queries.row(q), answers.found[q], radii[q], kRecallAt);
  }
  return sum / static_cast<double>(answers.found.size());
}

double percentile_ms(std::vector<Duration> latencies, double share) {
  const auto place = static_cast<size_t>(share * static_cast<double>(latencies.size() - 1));
  const auto nth = latencies.begin() + static_cast<ptrdiff_t>(place);
  std::nth_element(latencies.begin(), nth, latencies.end());
  return to_seconds(*nth) * 1e3;
}

// One run of the demo: the parts that its steps share.
class Demo {
 public:
  Demo(Dataset dataset, DemoSession& session, Progress& progress, const DemoOptions& options)
      : points_(std::move(dataset.points)),
        queries_(std::move(dataset.queries)),
        session_(session),
        progress_(progress),
        options_(options) {}

  Result<Report> run();

 private:
  Result<void> load_over_a_kill();
  Result<void> search_in_peace();
  Result<void> kill_and_search_again();
  Result<void> first_right_answer();
  Result<void> search_over_http();
  Result<double> recall(DemoSession::Answers* answers, Protocol protocol = Protocol::rpc);

  Images points_;
  Images queries_;
  DemoSession& session_;
  Progress& progress_;
  const DemoOptions& options_;
  std::vector<int32_t> radii_;
  Report report_;
};

Result<Report> Demo::run() {
  const Instant start = machine_monotonic();
  report_.points = points_.count();
  report_.queries = queries_.count();
  report_.callers = options_.callers;
  report_.processes = options_.processes ? 7 : 1;
  progress_.begin("computing the exact answers by brute force");
  radii_ = exact_radii(points_, queries_, kRecallAt, [&](double share) { progress_.show(share); });
  VECTRON_CHECK_OK(load_over_a_kill());
  VECTRON_CHECK_OK(search_in_peace());
  VECTRON_CHECK_OK(search_over_http());
  VECTRON_CHECK_OK(kill_and_search_again());
  progress_.end();
  report_.total_s = to_seconds(machine_monotonic() - start);
  return report_;
}

Result<void> Demo::load_over_a_kill() {
  progress_.begin("starting the server");
  VECTRON_CHECK_OK(session_.start_server());
  VECTRON_CHECK_OK(session_.create_collection());
  progress_.begin("loading the first half, then SIGKILL");
  VECTRON_CHECK_OK(session_.load(points_.count() / 2));
  ++report_.kills;
  progress_.begin("starting again and reading back what was acknowledged");
  VECTRON_CHECK_OK(session_.start_server());
  VECTRON_TRY(const size_t lost, session_.count_lost());
  report_.acknowledged_lost += lost;
  progress_.begin("loading the rest, a part of it over HTTP");
  const size_t over_rpc = session_.acknowledged();
  VECTRON_CHECK_OK(session_.load_over_http(points_.count() / kHttpShare));
  const size_t over_http = session_.acknowledged() - over_rpc;
  VECTRON_CHECK_OK(session_.load(SIZE_MAX));
  report_.unknown_batches = session_.unknown_batches();
  report_.ingest_per_s =
      static_cast<double>(session_.acknowledged() - over_http) / session_.load_seconds();
  report_.http_ingest_per_s = session_.http_points_per_second();
  return {};
}

Result<void> Demo::search_in_peace() {
  progress_.begin("waiting for the graph");
  const Instant loaded = machine_monotonic();
  const auto all_indexed = [&](const api::CollectionStatus& status) {
    return status.indexed >= points_.count();
  };
  VECTRON_TRY(const api::CollectionStatus status, session_.wait_for(all_indexed, kIndexPatience));
  report_.index_wait_s = to_seconds(machine_monotonic() - loaded);
  progress_.begin(fmt::format("searching from {} callers", options_.callers));
  DemoSession::Answers answers;
  VECTRON_TRY(report_.recall_at_10, recall(&answers));
  report_.rpc_qps = static_cast<double>(queries_.count()) / answers.seconds;
  report_.p50_ms = percentile_ms(answers.latencies, 0.50);
  report_.p99_ms = percentile_ms(answers.latencies, 0.99);
  progress_.begin("searching from one caller");
  VECTRON_TRY(const DemoSession::Answers lone,
              session_.search(queries_, std::min(kLoneQueries, queries_.count()), 1));
  report_.lone_p50_ms = percentile_ms(lone.latencies, 0.50);
  return {};
}

Result<void> Demo::search_over_http() {
  progress_.begin(fmt::format("searching over HTTP from {} callers", options_.callers));
  DemoSession::Answers answers;
  VECTRON_TRY(report_.http_recall_at_10, recall(&answers, Protocol::http));
  report_.http_qps = static_cast<double>(queries_.count()) / answers.seconds;
  report_.http_p50_ms = percentile_ms(answers.latencies, 0.50);
  report_.http_p99_ms = percentile_ms(answers.latencies, 0.99);
  return {};
}

Result<void> Demo::kill_and_search_again() {
  session_.kill_server();
  ++report_.kills;
  progress_.begin("SIGKILL, and starting again");
  VECTRON_CHECK_OK(first_right_answer());
  progress_.begin("reading every point back");
  VECTRON_TRY(const size_t lost, session_.count_lost());
  report_.acknowledged_lost += lost;
  const auto all_counted = [&](const api::CollectionStatus& status) {
    return status.points == points_.count();
  };
  VECTRON_TRY(const api::CollectionStatus status, session_.wait_for(all_counted, kStatusPatience));
  report_.points_after_kill = status.points;
  progress_.begin("searching again");
  DemoSession::Answers answers;
  VECTRON_TRY(report_.recall_at_10_after_kill, recall(&answers));
  return {};
}

// The first search whose ten answers are all right, from the moment the process is started.
Result<void> Demo::first_right_answer() {
  const Instant started = machine_monotonic();
  VECTRON_CHECK_OK(session_.start_server());
  while (machine_monotonic() - started < kRestartPatience) {
    VECTRON_TRY(const DemoSession::Answers answers, session_.search(queries_, 1, 1));
    report_.restart_s = to_seconds(machine_monotonic() - started);
    const double right =
        recall_of(points_, queries_.row(0), answers.found[0], radii_[0], kRecallAt);
    if (right == 1.0) return {};
  }
  return fail(Code::unavailable, "no right answer came after the restart");
}

Result<double> Demo::recall(DemoSession::Answers* answers, Protocol protocol) {
  VECTRON_TRY(*answers, session_.search(queries_, queries_.count(), options_.callers, protocol));
  return mean_recall(points_, queries_, *answers, radii_);
}

}  // namespace

Result<Report> run_demo(const DemoOptions& options, Progress& progress) {
  VECTRON_TRY(Dataset dataset, read_dataset(options.dataset));
  dataset.points = first_images(dataset.points, std::min(options.points, dataset.points.count()));
  dataset.queries =
      first_images(dataset.queries, std::min(options.queries, dataset.queries.count()));
  const Images points = dataset.points;
  VECTRON_TRY(const auto session, DemoSession::open(options, points, progress));
  Demo demo(std::move(dataset), *session, progress, options);
  return demo.run();
}

}  // namespace vectron::demo
