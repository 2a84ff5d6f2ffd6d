#include "sim/cluster/register_service.h"

#include "core/replica/damage.h"
#include "core/rpc/server.h"
#include "services/node/group_node.h"

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

constexpr ConfiguredGroup kGroup{kRegisterGroup, "the register group", "register"};

}  // namespace

Task<Result<void>> run_register_node(Env* env, GroupNodeConfig config) {
  const auto valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  auto state = std::make_unique<RegisterState>();
  RegisterState* state_pointer = state.get();
  auto opened = co_await GroupNode::open(env, &config, kGroup, std::move(state));
  VECTRON_CO_TRY(const std::unique_ptr<GroupNode> node, opened);
  if (node == nullptr) co_return Result<void>();

  RegisterHandler handler(node->replica(), state_pointer);
  rpc::Server server(*env, node->node().server_config());
  handler.serve(server);
  const auto listening = node->listen(&server);
  VECTRON_CO_CHECK_OK(listening);
  const auto ended = co_await node->run(&server);
  server.stop();
  co_return ended;
}

}  // namespace vectron::sim
