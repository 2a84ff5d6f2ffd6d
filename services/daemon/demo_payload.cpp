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

}  // namespace vectron::demo
