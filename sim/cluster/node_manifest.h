// What a simulated node's disk says about the node, read from outside.
#pragma once

#include <optional>

#include "schemas/codec.h"
#include "schemas/storage_messages.h"
#include "sim/world/disk.h"

namespace vectron::sim {

/// The manifest of the node's folder; nothing where it is not there whole.
inline std::optional<stored::NodeManifest> node_manifest(SimDisk& disk) {
  constexpr size_t kHeadBytes = 16;
  const auto content = disk.content("node.manifest");
  if (!content.has_value() || content->size() < kHeadBytes) return std::nullopt;
  auto manifest = decode<stored::NodeManifest>(ByteView(*content).subspan(kHeadBytes));
  if (!manifest.has_value()) return std::nullopt;
  return *std::move(manifest);
}

}  // namespace vectron::sim
