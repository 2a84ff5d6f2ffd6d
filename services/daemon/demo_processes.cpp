#include "services/daemon/demo_processes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "core/base/assert.h"

namespace vectron::demo {
namespace {

constexpr Duration kPatience = 60s;
constexpr Duration kLook = 5ms;

std::string own_host() {
  const auto pid = static_cast<uint32_t>(getpid());
  return fmt::format("127.{}.{}.{}", 1 + (pid >> 16) % 250, pid >> 8 & 255, 1 + (pid & 127));
}

// Ports that nothing listens at: all are held until all are known, so that they differ. They lie
// below those that the system gives out for port 0, or another process of the cluster, which asks
// for such a one, might get one of them before its owner starts.
constexpr uint16_t kPortsBegin = 20'000;
constexpr uint16_t kPortsEnd = 30'000;

Result<std::vector<uint16_t>> free_ports(const std::string& host, size_t count) {
  std::vector<int> sockets;
  std::vector<uint16_t> ports;
  for (uint16_t port = kPortsBegin; port < kPortsEnd && ports.size() < count; ++port) {
    sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    if (bind(sockets.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
      ports.push_back(port);
    }
  }
  for (const int descriptor : sockets) close(descriptor);
  if (ports.size() < count) return fail(Code::unavailable, "no free port on " + host);
  return ports;
}

}  // namespace

Result<std::unique_ptr<ProcessCluster>> ProcessCluster::make(const ProcessClusterShape& shape) {
  auto cluster = std::make_unique<ProcessCluster>();
  const std::string host = own_host();
  VECTRON_TRY(const auto ports, free_ports(host, shape.placement));
  std::string members;
  for (uint32_t i = 0; i < shape.placement; ++i) {
    std::string address = fmt::format("{}:{}", host, ports[i]);
    members += fmt::format("{}{}={}", i == 0 ? "" : ",", i + 1, address);
    cluster->add(shape, ServiceId::placement, i, std::move(address));
  }
  for (uint32_t i = 0; i < shape.workers; ++i)
    cluster->add(shape, ServiceId::worker, i, host + ":0");
  for (uint32_t i = 0; i < shape.gateways; ++i) {
    cluster->add(shape, ServiceId::gateway, i, host + ":0");
    auto& arguments = cluster->processes_.back().options.arguments;
    arguments.insert(arguments.end(), {"--http", host + ":0"});
  }
  std::ofstream file(shape.folder + "/cluster.conf");
  file << "# Shared by all processes of this cluster.\n"
       << "cluster = 81\nplacement = " << members << "\nbootstrap = true\n";
  for (const std::string& line : shape.config_lines) file << line << "\n";
  return cluster;
}

void ProcessCluster::add(const ProcessClusterShape& shape, ServiceId id, uint32_t number,
                         std::string rpc) {
  const Service& row = service(id);
  Process process;
  process.service = id;
  process.number = number;
  process.name = fmt::format("{}-{}", row.name, number);
  process.options.binary = shape.binary;
  process.options.command = {"serve", std::string(row.name)};
  process.options.data = shape.folder + "/" + process.name;
  process.options.log = shape.folder + "/" + process.name + ".log";
  process.options.rpc = std::move(rpc);
  process.options.arguments = {"--config", shape.folder + "/cluster.conf", "--node",
                               fmt::format("{}", row.first_node + number)};
  processes_.push_back(std::move(process));
}

ProcessCluster::Process& ProcessCluster::process(ServiceId service, uint32_t number) {
  for (Process& process : processes_) {
    if (process.service == service && process.number == number) return process;
  }
  VECTRON_ASSERT(false, "no {} {}", vectron::service(service).name, number);
  return processes_.front();
}

void ProcessCluster::kill_all() {
  for (Process& process : processes_) {
    if (process.server.has_value()) process.server->send(SIGKILL);
  }
  for (Process& process : processes_) process.server.reset();
}

Result<void> ProcessCluster::start_all() {
  for (Process& process : processes_) VECTRON_CHECK_OK(launch(&process));
  for (Process& process : processes_) {
    VECTRON_ASSERT(process.server.has_value());
    VECTRON_CHECK_OK(process.server->wait_until_ready(process.options));
  }
  return {};
}

Result<void> ProcessCluster::launch(Process* process) {
  VECTRON_ASSERT(!process->server.has_value(), "{} runs", process->name);
  VECTRON_TRY(Server server, Server::launch(process->options));
  process->server.emplace(std::move(server));
  return {};
}

Task<Result<void>> ProcessCluster::wait_until_ready(Env* env, Process* process) {
  const Instant until = env->clock().monotonic() + kPatience;
  while (env->clock().monotonic() < until) {
    VECTRON_ASSERT(process->server.has_value(), "{} does not run", process->name);
    const Result<bool> ready = process->server->poll_ready(process->options);
    VECTRON_CO_CHECK_OK(ready);
    if (*ready) co_return Result<void>();
    co_await env->clock().sleep_for(kLook);
  }
  co_return fail(Code::unavailable, process->name + " did not become ready");
}

Task<Result<int>> ProcessCluster::end(Env* env, Process* process, int signal) {
  const Instant until = env->clock().monotonic() + kPatience;
  VECTRON_ASSERT(process->server.has_value(), "{} does not run", process->name);
  process->server->send(signal);
  while (env->clock().monotonic() < until) {
    VECTRON_ASSERT(process->server.has_value());
    const std::optional<int> status = process->server->poll_gone();
    if (status.has_value()) {
      process->server.reset();
      co_return *status;
    }
    co_await env->clock().sleep_for(kLook);
  }
  co_return fail(Code::deadline_exceeded, process->name + " did not end");
}

}  // namespace vectron::demo
