// The `vectron` program.
#include <CLI/CLI.hpp>

#include "net/log_sink.h"
#include "services/daemon/up.h"

namespace {

int up(vectron::UpConfig config, const std::string& log_level) {
  const auto level = vectron::parse_log_level(log_level);
  if (!level.has_value()) {
    fmt::print(stderr, "vectron: {}\n", level.error().to_string());
    return 2;
  }
  config.log_level = *level;
  const vectron::Result<void> outcome = vectron::run_up(config);
  if (outcome.has_value()) return 0;
  fmt::print(stderr, "vectron: {}\n", outcome.error().to_string());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Vectron, a distributed vector database"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "vectron " VECTRON_VERSION);

  vectron::UpConfig config;
  std::string log_level = "warning";
  CLI::App* command = app.add_subcommand("up", "Run a whole durable cluster in this process");
  command->add_option("--data", config.data, "The data folder; made when absent")
      ->envname("VECTRON_DATA")
      ->capture_default_str();
  command
      ->add_option("--rpc", config.rpc.text,
                   "Where clients connect, HOST:PORT; port 0 takes a free one")
      ->envname("VECTRON_RPC")
      ->capture_default_str();
  std::string http;
  command->add_option("--http", http, "Where HTTP clients connect, HOST:PORT; no HTTP when absent")
      ->envname("VECTRON_HTTP");
  command->add_option("--workers", config.workers, "Workers; never fewer than the data folder had")
      ->envname("VECTRON_WORKERS")
      ->check(CLI::Range(1U, vectron::UpConfig::kWorkersMax))
      ->capture_default_str();
  command
      ->add_option("--cpu-threads", config.cpu_threads,
                   "Threads that search and index; 0: one for each core")
      ->envname("VECTRON_CPU_THREADS")
      ->check(CLI::Range(0, 1'024))
      ->capture_default_str();
  command->add_option("--log-level", log_level, "debug, info, warning or error")
      ->envname("VECTRON_LOG_LEVEL")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!http.empty()) config.http = vectron::Address{http};
  return up(config, log_level);
}
