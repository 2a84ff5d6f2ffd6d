#include "sim/cluster/hostile_client.h"

#include "core/async/combine.h"
#include "core/http/request_writer.h"
#include "core/rpc/frame.h"
#include "core/rpc/hello.h"
#include "schemas/placement_rpc.h"
#include "schemas/vectron_rpc.h"
#include "sim/history/value.h"

namespace vectron::sim {

namespace {

/// After a connection was lost, or refused.
constexpr uint64_t kAgainMsMax = 1'500;
constexpr Duration kConnectPatience = 2s;
constexpr Duration kBurstPause = 20ms;
constexpr int kBursts = 24;
constexpr Duration kShortSilence = 4s;
constexpr Duration kLongSilence = kHostileLifeMax + 5s;
constexpr uint32_t kHitsMax = 400;
constexpr uint64_t kSearchesOfBurst = 12;
constexpr uint64_t kSmallFramesOfBurst = 800;
constexpr size_t kFloodBytesMax = 3 << 20;
static_assert(kFloodBytesMax < kHostileWindowBytesMax);
constexpr uint32_t kNoMethod = 0x0bad0bad;
/// Less than any server asks for in its time.
constexpr uint64_t kTrickleBytesMax = 8;
constexpr uint64_t kTrickleMsMax = 900;
/// Of a frame; every server takes as much.
constexpr uint32_t kUnfinishedBytes = 1 << 20;

Bytes hello() {
  rpc::Hello hello;
  hello.identity.cluster = kSimulatedCluster;
  Bytes out;
  rpc::append_frame(out, {.kind = rpc::FrameKind::hello}, encode_hello(hello));
  return out;
}

Bytes request(uint32_t method, uint64_t call_id, ByteView body) {
  Bytes out;
  rpc::append_frame(out, {.kind = rpc::FrameKind::request, .method = method, .call_id = call_id},
                    body);
  return out;
}

void append(Bytes* out, ByteView bytes) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

/// Whether all of it was taken.
Task<bool> written(Connection* connection, Bytes bytes) {
  const Result<void> result = co_await write_all(connection, bytes);
  co_return result.has_value();
}

}  // namespace

void HostileClient::attack(const PlannedFault& fault, ServiceId kind, uint32_t number) {
  const Instant until = env_.clock().monotonic() + std::chrono::milliseconds(fault.duration_ms);
  for (uint32_t i = 0; i < fault.connections; ++i) {
    Attack attack{.hostile = fault.hostile,
                  .door = fault.door,
                  .kind = kind,
                  .address = node_address(kind, number),
                  .until = until,
                  .random = world_.random(fmt::format("hostile[{}.{}.{}.{}]", fault.id,
                                                      static_cast<int>(kind), number, i))};
    if (fault.door == HostileDoor::http) attack.address = gateway_http_address(number);
    ++attacks_;
    tasks_.spawn(keep_attacking(std::move(attack)));
  }
}

Task<void> HostileClient::keep_attacking(Attack attack) {
  Clock& clock = env_.clock();
  while (clock.monotonic() < attack.until) {
    auto attacking = attack_once(&attack);
    const Instant until = clock.scheduler_time(attack.until);
    const auto lost = co_await with_deadline(&env_.scheduler(), until, std::move(attacking));
    (void)lost;
    const auto pause = std::chrono::milliseconds(attack.random.between(50, kAgainMsMax));
    co_await clock.sleep_for(pause);
  }
  --attacks_;
}

Task<bool> HostileClient::attack_once(Attack* attack) {
  Clock& clock = env_.clock();
  const Instant patience = clock.scheduler_time(clock.monotonic() + kConnectPatience);
  auto connecting = env_.network().connect(attack->address);
  auto connected = co_await with_deadline(&env_.scheduler(), patience, std::move(connecting));
  if (!connected.has_value() || !connected->has_value()) co_return false;
  const std::unique_ptr<Connection> connection = *std::move(*connected);
  world_.fault_fired(FaultClass::hostile);
  bool ended = false;
  if (attack->hostile == HostileKind::unread) {
    ended = co_await ask_and_not_read(connection.get(), attack);
  } else if (attack->hostile == HostileKind::slow) {
    ended = co_await dawdle(connection.get(), attack);
  } else if (attack->hostile == HostileKind::flood) {
    ended = co_await flood(connection.get(), attack);
  } else {
    ended = co_await idle(connection.get(), attack);
  }
  co_return ended;
}

// Never reads. Then it is silent, for less or for more time than a server may hold it: a client
// that goes on asking, and whose answers its own system takes for it, is like any other.
Task<bool> HostileClient::ask_and_not_read(Connection* connection, Attack* attack) {
  uint64_t call_id = 0;
  Bytes first = attack->door == HostileDoor::rpc ? hello() : Bytes();
  for (int burst = 0; burst < kBursts; ++burst) {
    append(&first, requests(attack, &call_id));
    const bool sent = co_await written(connection, std::exchange(first, {}));
    if (!sent) co_return true;
    co_await env_.clock().sleep_for(kBurstPause);
  }
  const bool stays = attack->random.chance_ppm(500'000);
  co_await env_.clock().sleep_for(stays ? kLongSilence : kShortSilence);
  co_return true;
}

Task<bool> HostileClient::dawdle(Connection* connection, Attack* attack) {
  Bytes next = beginning(attack);
  for (;;) {
    const bool sent = co_await written(connection, std::move(next));
    if (!sent) co_return true;
    next = Bytes(attack->random.between(1, kTrickleBytesMax), 'x');
    const auto pause = std::chrono::milliseconds(attack->random.between(50, kTrickleMsMax));
    co_await env_.clock().sleep_for(pause);
  }
}

// All at once, so that they lie at the server before it looks; the answers to pings are left.
Task<bool> HostileClient::flood(Connection* connection, Attack* attack) {
  RandomStream& random = attack->random;
  Bytes frames = hello();
  append(&frames, small_frames(random.between(kFloodBytesMax / 4, kFloodBytesMax), &random));
  const bool sent = co_await written(connection, std::move(frames));
  if (sent) co_await env_.clock().sleep_for(kShortSilence);
  co_return true;
}

// With a Hello or without a word; reads what it is told, and stays.
Task<bool> HostileClient::idle(Connection* connection, Attack* attack) {
  const bool says_hello = attack->door == HostileDoor::rpc && attack->random.chance_ppm(500'000);
  if (says_hello) {
    const bool sent = co_await written(connection, hello());
    if (!sent) co_return true;
  }
  std::array<uint8_t, 4'096> answer;
  for (;;) {
    const Result<size_t> count = co_await connection->read_some(answer);
    if (!count.has_value() || *count == 0) co_return true;
  }
}

Bytes HostileClient::requests(Attack* attack, uint64_t* call_id) const {
  Bytes out;
  const bool searches = attack->kind == ServiceId::gateway && attack->random.chance_ppm(800'000);
  if (attack->door == HostileDoor::http) {
    for (uint64_t i = 0; i < kSearchesOfBurst; ++i) {
      append(&out, http_search(attack->address, &attack->random));
    }
  } else if (searches) {
    for (uint64_t i = 0; i < kSearchesOfBurst; ++i) {
      append(&out, rpc_search(++*call_id, &attack->random));
    }
  } else {
    const bool asks = attack->kind == ServiceId::placement;
    for (uint64_t i = 0; i < kSmallFramesOfBurst; ++i) {
      const uint32_t method = asks && i % 8 == 0 ? wire::kPlacementListWorkersMethod.id : kNoMethod;
      append(&out, request(method, ++*call_id, encode(wire::ListWorkersRequest())));
      if (i % 4 == 0) rpc::append_frame(out, {.kind = rpc::FrameKind::ping}, {});
    }
  }
  return out;
}

// Mostly messages that no method takes: of such frames these are the most work.
Bytes HostileClient::small_frames(size_t bytes, RandomStream* random) {
  using Kind = rpc::FrameKind;
  constexpr std::array<Kind, 4> kOthers = {Kind::ping, Kind::pong, Kind::cancel, Kind::credit};
  Bytes out;
  out.reserve(bytes + rpc::kFrameHeaderBytes);
  for (uint64_t i = 1; out.size() < bytes; ++i) {
    const bool tells = random->chance_ppm(900'000);
    const Kind kind = tells ? Kind::one_way : kOthers[i % kOthers.size()];
    rpc::append_frame(out, {.kind = kind, .method = tells ? kNoMethod : 0, .call_id = i}, {});
  }
  return out;
}

Bytes HostileClient::rpc_search(uint64_t call_id, RandomStream* random) const {
  const auto& collections = plan_.workload.collections;
  const PlanCollection& collection = collections[random->below(collections.size())];
  api::SearchRequest search;
  search.collection = collection.name;
  search.vector = vector_of_value(random->below(1'000), collection.dimension);
  search.top_k = kHitsMax;
  search.exact = true;
  search.read_level = api::ReadLevel::eventual;
  search.include_payload = true;
  search.include_vector = true;
  return request(api::kVectronSearchMethod.id, call_id, encode(search));
}

Bytes HostileClient::http_search(const Address& address, RandomStream* random) const {
  const auto& collections = plan_.workload.collections;
  const PlanCollection& collection = collections[random->below(collections.size())];
  const auto vector = vector_of_value(random->below(1'000), collection.dimension);
  const std::string body = fmt::format(
      R"({{"vector":[{}],"top_k":{},"exact":true,"read_level":"eventual","include_vector":true}})",
      fmt::join(vector, ","), kHitsMax);
  const std::string text = fmt::format(
      "POST /v1/collections/{}/points/search HTTP/1.1\r\nHost: {}\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      http::percent_encode(collection.name), address.text, body.size(), body);
  return to_bytes(as_bytes(text));
}

Bytes HostileClient::beginning(Attack* attack) {
  RandomStream& random = attack->random;
  const bool most = random.chance_ppm(500'000);
  const size_t sent_max = kUnfinishedBytes - 1'024;
  const size_t sent =
      most ? random.between(sent_max / 2, sent_max) : random.heavy_tail(1, sent_max);
  Bytes out;
  if (attack->door == HostileDoor::http) {
    const bool whole_head = random.chance_ppm(700'000);
    const std::string head = fmt::format(
        "POST /v1/collections/x/points HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n",
        attack->address.text, kUnfinishedBytes);
    append(&out, as_bytes(head));
    append(&out, as_bytes(whole_head ? std::string_view("\r\n") : std::string_view("X-Slow: ")));
    if (whole_head) out.resize(out.size() + sent, ' ');
    return out;
  }
  if (random.chance_ppm(900'000)) out = hello();
  // The length of a body that never comes; its checksum is looked at when it is there.
  Bytes frame = request(kNoMethod, 1, {});
  for (size_t i = 0; i < sizeof(kUnfinishedBytes); ++i) {
    frame[i] = static_cast<uint8_t>(kUnfinishedBytes >> (8 * i));
  }
  append(&out, frame);
  out.resize(out.size() + sent, 0);
  return out;
}

}  // namespace vectron::sim
