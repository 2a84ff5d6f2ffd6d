// vectron-bench: one bench of the suite (./dev bench NAME).
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

#include "services/daemon/demo_server.h"
#include "tests/bench/suite/benches.h"

namespace vectron::bench {

const std::vector<BenchRow>& benches() {
  static const std::vector<BenchRow> rows = {
      {"search", "searches over RPC against plain hnswlib", bench_search},
      {"search-http", "searches over HTTP/JSON against plain hnswlib", bench_search_http},
      {"ingest", "durable and linked points against plain hnswlib", bench_ingest},
      {"restart", "start after SIGKILL against building anew", bench_restart},
      {"sim", "simulated time against wall time", bench_sim},
      {"mixed", "slow searches during ingest against alone", bench_mixed},
  };
  return rows;
}

namespace {

int run(const BenchRow& row, WorkbenchOptions options, bool json) {
  auto bench = Workbench::open(std::move(options));
  Result<Report> report = bench.has_value() ? row.run(**bench) : fail(bench.error());
  if (bench.has_value()) (*bench)->progress().end();
  if (!report.has_value()) {
    fmt::print(stderr, "vectron-bench: {}\n", report.error().to_string());
    return 1;
  }
  report->bench = row.name;
  fmt::print("{}\n", json ? report->to_json() : report->to_text());
  return report->reached() ? 0 : 1;
}

}  // namespace
}  // namespace vectron::bench

int main(int argc, char** argv) {
  using namespace vectron::bench;
  CLI::App app{"Measures Vectron against a yardstick, in interleaved rounds of one run."};
  std::vector<std::string> names;
  std::string listed = "One of:";
  for (const BenchRow& row : benches()) {
    names.emplace_back(row.name);
    listed += fmt::format("\n  {:<12} {}", row.name, row.meaning);
  }
  std::string name;
  WorkbenchOptions options;
  options.programs = vectron::demo::program_folder();
  options.folder = std::filesystem::temp_directory_path();
  bool json = false;
  app.add_option("bench", name, listed)->required()->check(CLI::IsMember(names));
  app.add_flag("--json", json, "Print one JSON object instead of a table");
  app.add_option("--points", options.points, "Vectors to load")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
  app.add_option("--queries", options.queries, "Vectors to search with")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "Interleaved rounds; their median is reported")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads that build; 0: one for each core")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "Where the data goes: the disk to measure")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto row = std::ranges::find(benches(), name, &BenchRow::name);
  return run(*row, std::move(options), json);
}
