#include "sim/cluster/frame_forger.h"

#include <algorithm>

#include "core/async/combine.h"
#include "core/rpc/hello.h"
#include "sim/cluster/node_configs.h"

namespace vectron::sim {

namespace {

constexpr Duration kConnectTime = 30ms;
/// A node that does not read is left alone.
constexpr Duration kWriteTime = 20ms;
constexpr Duration kAnswerTime = 15ms;
constexpr Duration kWaitMax = 64ms;
constexpr size_t kAnswerBytesMax = size_t{64} << 20;
constexpr NodeId kStranger{0x5747};
constexpr size_t kRepeatsMax = 16;

enum class Step : uint8_t { connect, frame, bytes, wait };

Step step_of(uint8_t choice) {
  if (choice < 64) return Step::connect;
  if (choice < 224) return Step::frame;
  return choice < 240 ? Step::bytes : Step::wait;
}

}  // namespace

FrameForger::FrameForger(Env* env, const Plan* plan, const ReplicaWatch* watch,
                         const FrameProgram* program)
    : env_(env), program_(*program) {
  knowledge_.plan = plan;
  knowledge_.watch = watch;
}

Task<void> FrameForger::run() {
  for (const Bytes& step : program_.steps) {
    co_await play(step);
  }
  co_await hang_up();
}

Instant FrameForger::soon(Duration time) const {
  return env_->clock().scheduler_time(env_->clock().monotonic() + time);
}

Task<void> FrameForger::play(ByteView step) {
  Choices choices(step);
  const Step kind = step_of(choices.byte());
  if (kind == Step::wait) {
    co_await env_->clock().sleep_for(
        std::min<Duration>(std::chrono::milliseconds(choices.byte()), kWaitMax));
    co_return;
  }
  // A program that says nothing of a connection has one to somewhere.
  if (kind == Step::connect || connection_ == nullptr) co_await connect(choices);
  if (kind == Step::connect || connection_ == nullptr) co_return;
  Bytes bytes;
  if (kind == Step::frame) {
    add_frame(&choices, &bytes);
  } else {
    bytes = choices.bytes(FrameProgram::kStepBytesMax);
  }
  if (!bytes.empty()) co_await send(std::move(bytes));
}

Task<void> FrameForger::connect(Choices choices) {
  co_await hang_up();
  // Whose orders are obeyed who knows the numbers of folders and lineages, which only members are
  // told.
  if (program_.member) knowledge_.read_placement_log();
  choose_target(&choices);
  auto connecting = env_->network().connect(address_);
  auto connected =
      co_await with_deadline(&env_->scheduler(), soon(kConnectTime), std::move(connecting));
  if (!connected.has_value() || !connected->has_value()) co_return;
  connection_ = *std::move(*connected);
  ++counts_.connections;
  Bytes hello;
  add_hello(&choices, &hello);
  if (!hello.empty()) co_await send(std::move(hello));
}

Task<void> FrameForger::send(Bytes bytes) {
  auto writing = write(std::move(bytes));
  const auto written =
      co_await with_deadline(&env_->scheduler(), soon(kWriteTime), std::move(writing));
  if (written.value_or(false)) co_return;
  connection_.reset();
}

Task<bool> FrameForger::write(Bytes bytes) {
  const auto written = co_await write_all(connection_.get(), bytes);
  co_return written.has_value();
}

Task<void> FrameForger::hang_up() {
  if (connection_ == nullptr) co_return;
  auto reading = read_answers();
  const auto ended =
      co_await with_deadline(&env_->scheduler(), soon(kAnswerTime), std::move(reading));
  (void)ended;
  connection_->close();
  connection_.reset();
}

Task<bool> FrameForger::read_answers() {
  rpc::FrameBuffer buffer(kAnswerBytesMax);
  while (true) {
    const auto read = co_await connection_->read_some(buffer.writable());
    if (!read.has_value() || *read == 0) co_return true;
    buffer.filled(*read);
    while (true) {
      const auto frame = buffer.next();
      if (!frame.has_value()) co_return true;
      if (!frame->has_value()) break;
      counts_.answers += (*frame)->header.kind == rpc::FrameKind::response ? 1 : 0;
      counts_.errors += (*frame)->header.kind == rpc::FrameKind::error ? 1 : 0;
    }
  }
}

void FrameForger::choose_target(Choices* choices) {
  const PlanShape& shape = knowledge_.plan->shape;
  auto number =
      static_cast<uint32_t>(choices->below(shape.placement_nodes + shape.workers + shape.gateways));
  ServiceId kind = ServiceId::placement;
  if (number >= shape.placement_nodes) {
    number -= shape.placement_nodes;
    kind = number < shape.workers ? ServiceId::worker : ServiceId::gateway;
    if (kind == ServiceId::gateway) number -= shape.workers;
  }
  knowledge_.target = node_id(kind, number);
  address_ = node_address(kind, number);
}

void FrameForger::add_hello(Choices* choices, Bytes* out) {
  rpc::Hello hello;
  hello.identity.cluster = kSimulatedCluster;
  knowledge_.pretended = NodeId();
  const uint8_t form = choices->byte();
  if (form >= 248) return;  // It begins with something else.
  const PlanShape& shape = knowledge_.plan->shape;
  const uint8_t who = choices->byte();
  if (form < 128 && program_.member) {
    const auto kind = who < 64 ? ServiceId::placement : ServiceId::worker;
    const uint32_t count = kind == ServiceId::placement ? shape.placement_nodes : shape.workers;
    knowledge_.pretended = node_id(kind, who % count);
  } else if (form < 176) {
    knowledge_.pretended = NodeId(kStranger.value() + who);
  } else if (form < 208) {
    knowledge_.pretended = node_id(ServiceId::gateway, who % shape.gateways);
  }
  hello.identity.node = knowledge_.pretended;
  // Later starts than any that is on record are let in, those are what a liar says.
  if (hello.identity.node) hello.identity.incarnation = choices->wild() | uint64_t{1} << 20;
  if (form >= 240) hello.identity.cluster = ClusterId(choices->wild());
  if (form >= 232) hello.protocol_min = static_cast<uint32_t>(choices->wild());
  rpc::FrameHeader header;
  header.kind = rpc::FrameKind::hello;
  append_frame(*out, header, form < 224 ? encode_hello(hello) : choices->bytes(who));
}

void FrameForger::add_frame(Choices* choices, Bytes* out) {
  const size_t begin = out->size();
  rpc::FrameHeader header;
  const uint8_t choice = choices->byte();
  const rpc::MethodInfo& method = *forged_methods()[choice % forged_methods().size()];
  header.method = choice >= 240 ? static_cast<uint32_t>(choices->wild()) : method.id;
  header.kind =
      method.kind == rpc::MethodKind::one_way ? rpc::FrameKind::one_way : rpc::FrameKind::request;
  const uint8_t form = choices->byte();
  if (form >= 240) header.kind = static_cast<rpc::FrameKind>(choices->byte() % 16);
  header.call_id = form < 208 ? ++last_call_ : choices->wild();
  if (form >= 192 && form < 224) header.remaining_us = choices->wild();
  if (form >= 208) header.credit_bytes = static_cast<uint32_t>(choices->wild());
  const uint8_t shape = choices->byte();
  const size_t repeats = shape >= 232 ? 1 + shape % kRepeatsMax : 1;
  Bytes body = shape < 16 ? choices->bytes(FrameProgram::kStepBytesMax)
                          : forged_body(header.method, knowledge_, choices);
  // Damage that the sender's checksum covers.
  if (shape >= 16 && shape < 48 && !body.empty()) {
    body[choices->below(body.size())] ^= choices->byte();
  }
  for (size_t i = 0; i < repeats; ++i) {
    if (i > 0) header.call_id = ++last_call_;
    append_frame(*out, header, body);
  }
  counts_.frames += repeats;
  // Damage on the way, which the checksums must find; and a frame of which not all comes.
  if (shape >= 48 && shape < 56)
    (*out)[begin + choices->below(out->size() - begin)] ^= 1 + choices->byte() % 255;
  if (shape >= 56 && shape < 64) out->resize(begin + choices->below(out->size() - begin));
}

}  // namespace vectron::sim
