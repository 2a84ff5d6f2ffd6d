// The one place outside schemas/ that writes a FlexBuffer: the demo's payloads, as any client
// would.
#include <flatbuffers/flexbuffers.h>

#include "services/daemon/demo_dataset.h"

namespace vectron::demo {

Bytes make_payload(size_t index, uint8_t label) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    builder.UInt("index", index);
    builder.UInt("label", label);
  });
  builder.Finish();
  return builder.GetBuffer();
}

PointPayload read_payload(const Bytes& payload) {
  if (!flexbuffers::VerifyBuffer(payload.data(), payload.size())) return {};
  const auto map = flexbuffers::GetRoot(payload.data(), payload.size()).AsMap();
  return {map["index"].AsUInt64(), map["label"].AsUInt64()};
}

}  // namespace vectron::demo
