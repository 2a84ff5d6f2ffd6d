#include "services/daemon/role_node.h"

#include "services/daemon/process_metrics.h"

namespace vectron {

RoleNode::RoleNode(const Ground& ground, std::string name, Condition* changed)
    : name_(std::move(name)),
      changed_(changed),
      stop_(ground.loop->scheduler()),
      listening_(ground.loop->scheduler()),
      ready_(ground.loop->scheduler()),
      ended_(ground.loop->scheduler()),
      process_(*ground.loop, ground.pools->files),
      tasks_(ground.loop->scheduler()) {}

RoleNode::~RoleNode() {
  tasks_.cancel_all();
  probes_.reset();
}

Result<std::unique_ptr<RoleNode>> RoleNode::open(const Ground& ground, std::string name,
                                                 const std::string& folder, Condition* changed) {
  std::unique_ptr<RoleNode> node(new RoleNode(ground, name, changed));
  ProductionEnvConfig config;
  config.node_name = std::move(name);
  config.root = folder;
  VECTRON_TRY(node->env_, ProductionEnv::open(*ground.loop, *ground.pools, *ground.network,
                                              *ground.sink, config));
  return node;
}

Task<Result<void>> RoleNode::start(Runnable service, std::optional<Probes::Config> probes) {
  const auto served = serve_probes(probes);
  VECTRON_CO_CHECK_OK(served);
  NodeConfig& config = service.config();
  config.stop = &stop_;
  config.on_listening = [this](const std::vector<Address>& at) { listening_.set(at); };
  config.on_http_listening = [this](const std::vector<Address>& at) { http_ = at; };
  config.on_ready = [this] { is_ready(); };
  config.process_metrics = [this] { return process_.text(); };
  config.http_place = http_place();
  auto launched = co_await launch(service.run(env_.get()));
  co_return launched;
}

void RoleNode::is_ready() {
  ready_.set();
  changed_->notify_all();
}

Task<Result<void>> RoleNode::launch(Task<Result<void>> service) {
  launched_ = true;
  tasks_.spawn(watch(std::move(service)));
  while (!ready_.is_set() && !ended_.is_set()) {
    co_await changed_->wait();
  }
  if (ready_.is_set()) co_return Result<void>();
  const Result<void> ended = ended_.get();
  if (!ended.has_value()) co_return fail(ended.error().with_context(name_));
  co_return fail(Code::cancelled, name_ + " was asked to stop before it was ready");
}

Result<void> RoleNode::serve_probes(const std::optional<Probes::Config>& config) {
  if (!config.has_value()) return {};
  VECTRON_CHECK_OK(config->validate());
  const Probes::Life life{&ready_, &stop_, &ended_};
  probes_ = std::make_unique<Probes>(env_.get(), &process_, life, *config);
  const Result<void> started = probes_->start();
  if (!started.has_value()) {
    return fail(started.error().code(), started.error().message(), "http");
  }
  http_ = probes_->addresses();
  return {};
}

std::optional<Address> RoleNode::http_place() const {
  return http_.empty() ? std::nullopt : std::optional(http_.front());
}

Task<void> RoleNode::watch(Task<Result<void>> service) {
  Result<void> outcome = co_await service;
  ended_.set(std::move(outcome));
  changed_->notify_all();
}

void RoleNode::request_stop() {
  stop_.set();
}

Task<Result<void>> RoleNode::stop() {
  if (!launched_) co_return Result<void>();
  stop_.set();
  co_await ended_.wait();
  co_return ended_.get();
}

Status RoleNode::failure() const {
  if (!ended_.is_set() || ended_.get().has_value()) return {};
  return ended_.get().error().with_context(name_);
}

}  // namespace vectron
