#include "services/daemon/demo_report.h"

#include <fmt/format.h>

#include <vector>

namespace vectron::demo {
namespace {

struct Row {
  std::string what;
  std::string figure;
};

std::vector<Row> rows_of(const Report& report) {
  return {
      {"points loaded", fmt::format("{}", report.points)},
      {"ingest",
       fmt::format("{:.0f} points/s from {} callers", report.ingest_per_s, report.callers)},
      {"index finished after", fmt::format("{:.1f} s", report.index_wait_s)},
      {"recall@10", fmt::format("{:.4f} over {} queries", report.recall_at_10, report.queries)},
      {"search over RPC", fmt::format("{:.0f} queries/s", report.rpc_qps)},
      {"  p50, p99", fmt::format("{:.2f} ms, {:.2f} ms", report.p50_ms, report.p99_ms)},
      {"  p50, one caller", fmt::format("{:.2f} ms", report.lone_p50_ms)},
      {"ingest over HTTP", fmt::format("{:.0f} points/s", report.http_ingest_per_s)},
      {"search over HTTP", fmt::format("{:.0f} queries/s", report.http_qps)},
      {"  p50, p99", fmt::format("{:.2f} ms, {:.2f} ms", report.http_p50_ms, report.http_p99_ms)},
      {"  recall@10", fmt::format("{:.4f}", report.http_recall_at_10)},
      {"server processes", fmt::format("{}", report.processes)},
      {"SIGKILLs", fmt::format("{}", report.kills)},
      {"batches left unanswered", fmt::format("{}, sent again", report.unknown_batches)},
      {"acknowledged points lost", fmt::format("{}", report.acknowledged_lost)},
      {"restart to right answer", fmt::format("{:.2f} s", report.restart_s)},
      {"points after the kill", fmt::format("{}", report.points_after_kill)},
      {"recall@10 after the kill", fmt::format("{:.4f}", report.recall_at_10_after_kill)},
      {"the whole demo", fmt::format("{:.0f} s", report.total_s)},
  };
}

}  // namespace

bool good_enough(const Report& report) {
  return report.recall_at_10 >= kRecallMin && report.recall_at_10_after_kill >= kRecallMin &&
         report.http_recall_at_10 >= kRecallMin && report.acknowledged_lost == 0 &&
         report.points_after_kill == report.points;
}

std::string to_json(const Report& report) {
  std::string out = "{";
  const auto add = [&out](std::string_view name, auto value) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("\"{}\": {}", name, value);
  };
  add("points", report.points);
  add("queries", report.queries);
  add("callers", report.callers);
  add("ingest_per_s", report.ingest_per_s);
  add("index_wait_s", report.index_wait_s);
  add("recall_at_10", report.recall_at_10);
  add("rpc_qps", report.rpc_qps);
  add("p50_ms", report.p50_ms);
  add("p99_ms", report.p99_ms);
  add("lone_p50_ms", report.lone_p50_ms);
  add("http_ingest_per_s", report.http_ingest_per_s);
  add("http_recall_at_10", report.http_recall_at_10);
  add("http_qps", report.http_qps);
  add("http_p50_ms", report.http_p50_ms);
  add("http_p99_ms", report.http_p99_ms);
  add("processes", report.processes);
  add("kills", report.kills);
  add("unknown_batches", report.unknown_batches);
  add("acknowledged_lost", report.acknowledged_lost);
  add("restart_s", report.restart_s);
  add("recall_at_10_after_kill", report.recall_at_10_after_kill);
  add("points_after_kill", report.points_after_kill);
  add("total_s", report.total_s);
  add("good_enough", good_enough(report));
  return out + "}";
}

std::string to_table(const Report& report) {
  std::string out;
  for (const Row& row : rows_of(report)) out += fmt::format("{:<28}{}\n", row.what, row.figure);
  return out;
}

}  // namespace vectron::demo
