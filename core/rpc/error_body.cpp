#include "core/rpc/error_body.h"

#include "core/base/assert.h"
#include "core/rpc/message_bounds.h"

namespace vectron::rpc {

Bytes encode_error(const Status& status) {
  VECTRON_ASSERT(!status.ok());
  Bytes body;
  ByteWriter writer(body);
  writer.put(static_cast<uint8_t>(status.code()));
  writer.put_sized(as_bytes(status.message()));
  writer.put_sized(as_bytes(status.field()));
  writer.put_sized(status.detail());
  return body;
}

Status decode_error(ByteView body) {
  ByteReader reader(body);
  const auto number = reader.get<uint8_t>();
  const Code code = number < kCodeCount ? static_cast<Code>(number) : Code::unknown;
  if (number != 0 && body.size() > kErrorBytesMax) return Status(code, "the error is too long");
  const ByteView message = reader.get_sized();
  const ByteView field = reader.get_sized();
  const ByteView detail = reader.get_sized();
  if (!reader.ok() || number == 0) return Status(Code::data_loss, "an error frame makes no sense");
  const Status status(code, std::string(as_text(message)), std::string(as_text(field)));
  return detail.empty() ? status : status.with_detail(to_bytes(detail));
}

}  // namespace vectron::rpc
