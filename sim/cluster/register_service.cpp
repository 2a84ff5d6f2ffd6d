#include "sim/cluster/register_service.h"

#include "core/replica/damage.h"
#include "core/replica/raft_transport.h"
#include "core/rpc/door.h"
#include "core/rpc/server.h"

namespace vectron::sim {

namespace rpc_method {
const rpc::MethodInfo kRegisterWrite{.id = 0x72656731, .service = "Register", .name = "Write"};
const rpc::MethodInfo kRegisterRead{
    .id = 0x72656732, .service = "Register", .name = "Read", .read_only = true};
}  // namespace rpc_method

Bytes encode(const RegisterWrite& request) {
  Bytes out;
  ByteWriter writer(out);
  writer.put(request.key);
  writer.put(request.value);
  return out;
}

Result<RegisterAnswer> decode_register_answer(ByteView bytes) {
  ByteReader reader(bytes);
  RegisterAnswer answer;
  answer.value = reader.get<uint64_t>();
  answer.version = reader.get<uint64_t>();
  answer.applied_index = reader.get<uint64_t>();
  if (reader.done()) return answer;
  return fail(Code::invalid_argument, "not the answer of a register");
}

namespace {

Bytes encode(const RegisterAnswer& answer) {
  Bytes out;
  ByteWriter writer(out);
  writer.put(answer.value);
  writer.put(answer.version);
  writer.put(answer.applied_index);
  return out;
}

Result<RegisterWrite> decode_write(ByteView bytes) {
  ByteReader reader(bytes);
  RegisterWrite request;
  request.key = reader.get<uint64_t>();
  request.value = reader.get<uint64_t>();
  if (reader.done()) return request;
  return fail(Code::invalid_argument, "not a write of a register");
}

Bytes key_of(uint64_t key) {
  Bytes out;
  put_big_endian(out, key);
  return out;
}

/// Keys to (value, version).
class RegisterState final : public StateMachine {
 public:
  Task<Result<void>> load(OverlayStore* store, StateHome) override {
    store_ = store;
    co_return Result<void>();
  }

  Result<void> check(ByteView command, size_t) const override {
    VECTRON_CHECK_OK(decode_write(command));
    return {};
  }

  Result<void> check_pair(ByteView key, ByteView value) const override {
    if (key.size() == sizeof(uint64_t) && value.size() == 2 * sizeof(uint64_t)) return {};
    return fail(Code::invalid_argument, "this is no register");
  }

  Result<Bytes> apply(LogIndex index, ByteView command) override {
    const auto write = decode_write(command);
    if (!write.has_value()) return fail(Code::data_loss, "an entry that is no write");
    Bytes value;
    ByteWriter writer(value);
    writer.put(write->value);
    writer.put(index.value());
    VECTRON_CHECK_OK(store_->put(key_of(write->key), std::move(value)));
    return Bytes();
  }

  Result<RegisterAnswer> read(uint64_t key) const {
    VECTRON_TRY(const std::optional<Bytes> stored, store_->get(key_of(key)));
    RegisterAnswer answer;
    answer.applied_index = store_->applied_index().value();
    if (!stored.has_value()) return answer;
    ByteReader reader(*stored);
    answer.value = reader.get<uint64_t>();
    answer.version = reader.get<uint64_t>();
    return answer;
  }

 private:
  OverlayStore* store_ = nullptr;
};

/// Answers clients from the node's one replica.
class RegisterHandler {
 public:
  RegisterHandler(Replica* replica, RegisterState* state) : replica_(*replica), state_(*state) {}

  void serve(rpc::Server& server) {
    server.add_unary(rpc_method::kRegisterWrite,
                     [this](RequestContext context, ByteView body) -> Result<Task<Result<Bytes>>> {
                       VECTRON_TRY(const RegisterWrite request, decode_write(body));
                       return write(std::move(context), request);
                     });
    server.add_unary(rpc_method::kRegisterRead,
                     [this](RequestContext context, ByteView body) -> Result<Task<Result<Bytes>>> {
                       VECTRON_TRY(const RegisterWrite request, decode_write(body));
                       return read(std::move(context), request.key);
                     });
  }

 private:
  Task<Result<Bytes>> write(RequestContext context, RegisterWrite request) {
    const auto applied = co_await replica_.propose(sim::encode(request), context.deadline);
    VECTRON_CO_CHECK_OK(applied);
    const uint64_t index = applied->index.value();
    co_return encode(
        RegisterAnswer{.value = request.value, .version = index, .applied_index = index});
  }

  Task<Result<Bytes>> read(RequestContext context, uint64_t key) {
    const auto reached = co_await replica_.read_barrier(context.deadline);
    VECTRON_CO_CHECK_OK(reached);
    const auto answer = state_.read(key);
    if (!answer.has_value()) co_return fail(unreadable(answer.error()));
    co_return encode(*answer);
  }

  Replica& replica_;
  RegisterState& state_;
};

stored::ReplicaManifest manifest_of(const RegisterConfig& config) {
  stored::ReplicaManifest manifest;
  manifest.group_id = kRegisterGroup.value();
  manifest.replica_id = config.node.value();
  for (const ReplicaMember& member : config.members) {
    manifest.members.push_back({member.replica.value(), member.node.value(), member.address.text});
  }
  return manifest;
}

}  // namespace

Task<Result<void>> run_register_node(Env* env, RegisterConfig config) {
  const auto manifest = co_await open_node_folder(env, config.cluster, config.node);
  VECTRON_CO_CHECK_OK(manifest);
  rpc::ClientConfig client_config;
  client_config.identity = {config.cluster, config.node, manifest->incarnation};
  RaftTransport transport(env, client_config);
  const ReplicaHostConfig host_config{config.cluster, config.node, manifest->incarnation,
                                      config.replica, config.wal};
  auto opened = co_await ReplicaHost::open(env, host_config, &transport, config.observer);
  VECTRON_CO_TRY(const std::unique_ptr<ReplicaHost> host, opened);
  const ReplicaId self(config.node.value());
  const ReplicaHost::Presence presence = host->presence(kRegisterGroup, self);
  if (presence == ReplicaHost::Presence::lost) {
    co_return fail(Code::data_loss, "the replica's folder is damaged or missing");
  }
  if (presence == ReplicaHost::Presence::absent) {
    if (!config.bootstrap) co_return fail(Code::data_loss, "the replica's folder is missing");
    const auto born = co_await host->bear(manifest_of(config));
    VECTRON_CO_CHECK_OK(born);
  }
  auto state = std::make_unique<RegisterState>();
  RegisterState* state_pointer = state.get();
  const auto replica = co_await host->start(kRegisterGroup, std::move(state));
  VECTRON_CO_CHECK_OK(replica);

  RaftReceiver receiver(host.get());
  RegisterHandler handler(*replica, state_pointer);
  rpc::ServerConfig server_config;
  server_config.identity = client_config.identity;
  rpc::Server server(*env, server_config);
  wire::serve(server, static_cast<wire::RaftHandler&>(receiver));
  handler.serve(server);
  rpc::Door door;
  server.set_interceptor(&door);
  const auto listening = server.start(config.listen);
  VECTRON_CO_CHECK_OK(listening);
  auto ended = co_await host->run_until(config.stop);
  door.shut();
  const Instant until = env->clock().monotonic() + config.drain_timeout;
  if (ended.has_value()) co_await host->hand_over_all(until);
  server.stop();
  co_return ended;
}

}  // namespace vectron::sim
