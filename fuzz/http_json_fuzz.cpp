// Any text as the JSON of every public message: refused with a reason, or read; and what was read
// must survive being written and read again, as JSON and as a FlatBuffer.
//
// The first byte chooses the message.
#include <cstdlib>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_json.h"

namespace {

using namespace vectron;
using namespace vectron::gateway;

constexpr size_t kBytesMax = 64 << 20;

template <typename Message>
void check(std::string body) {
  JsonReader reader;
  Message message;
  const Result<void> read = reader.read(&body, &message);
  if (!read.has_value()) {
    if (read.error().code() != Code::invalid_argument || read.error().message().empty()) {
      std::abort();
    }
    return;
  }
  if (http::valid_utf8_prefix(body) != body.size()) std::abort();
  if (!decode<Message>(encode(message)).has_value()) std::abort();
  Result<std::string> text = to_json(message, kBytesMax);
  if (!text.has_value()) std::abort();
  if constexpr (!std::same_as<Message, api::PointId>) {
    Message again;
    std::string copy = *text;
    if (!reader.read(&copy, &again).has_value()) std::abort();
    if (*to_json(again, kBytesMax) != *text) std::abort();
  }
}

template <typename... Messages>
void check_one_of(MessageList<Messages...>, size_t chosen, const std::string& body) {
  size_t position = 0;
  ((position++ == chosen % sizeof...(Messages) ? check<Messages>(body) : void()), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_one_of(api::VectronMessageList(), data[0], body);
  return 0;
}
