#include "core/rpc/hello.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/rpc/cluster_refusals.h"

namespace vectron::rpc {
namespace {

constexpr uint64_t kMagic = 0x316e6f7274636576;  // "vectron1"

}  // namespace

Bytes encode_hello(const Hello& hello) {
  Bytes body;
  ByteWriter writer(body);
  writer.put(kMagic);
  writer.put(hello.identity.cluster.value());
  writer.put(hello.identity.node.value());
  writer.put(hello.identity.incarnation);
  writer.put(hello.protocol_min);
  writer.put(hello.protocol_max);
  writer.put(hello.feature_level);
  writer.put(hello.frame_bytes_max);
  return body;
}

Result<Hello> decode_hello(ByteView body) {
  ByteReader reader(body);
  const auto magic = reader.get<uint64_t>();
  Hello hello;
  hello.identity.cluster = ClusterId(reader.get<uint64_t>());
  hello.identity.node = NodeId(reader.get<uint64_t>());
  hello.identity.incarnation = reader.get<uint64_t>();
  hello.protocol_min = reader.get<uint32_t>();
  hello.protocol_max = reader.get<uint32_t>();
  hello.feature_level = reader.get<uint32_t>();
  hello.frame_bytes_max = reader.get<uint32_t>();
  // A later protocol may append to it.
  if (!reader.ok() || magic != kMagic) return fail(Code::invalid_argument, "this is not a Hello");
  return hello;
}

size_t frame_bytes_for(const Hello& peer, size_t own_bytes_max) {
  if (peer.frame_bytes_max == 0) return own_bytes_max;
  return std::min<size_t>(own_bytes_max, peer.frame_bytes_max);
}

Result<void> check_hello(const Hello& own, const Hello& peer) {
  const ClusterId ours = own.identity.cluster;
  const ClusterId theirs = peer.identity.cluster;
  if (ours && theirs && ours != theirs) {
    return fail(
        Code::failed_precondition,
        fmt::format("the peer belongs to cluster {}, not to {}: check its address", theirs, ours),
        std::string(kClusterField));
  }
  if (peer.protocol_max < own.protocol_min || peer.protocol_min > own.protocol_max) {
    return fail(
        Code::failed_precondition,
        fmt::format("the peer speaks protocols {} to {}, this program {} to {}: upgrade one",
                    peer.protocol_min, peer.protocol_max, own.protocol_min, own.protocol_max));
  }
  return {};
}

}  // namespace vectron::rpc
