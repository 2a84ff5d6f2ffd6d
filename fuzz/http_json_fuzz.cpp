// Any text as the JSON of every public message: refused with a reason, or read; and what was read
// must survive being written and read again, as JSON and as a FlatBuffer.
//
// The first byte chooses the message.
#include <cstdlib>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_json.h"
#include "services/gateway/http_json_fault.h"

namespace {

using namespace vectron;
using namespace vectron::gateway;

constexpr size_t kBytesMax = 64 << 20;

// The byte that a message names lies in the body, or is its end.
bool names_no_byte_outside(const std::string& message, size_t size) {
  constexpr std::string_view kBefore = "at byte ";
  const size_t at = message.find(kBefore);
  return at == std::string::npos || std::stoul(message.substr(at + kBefore.size())) <= size;
}

template <typename Message>
void check(std::string body) {
  JsonReader reader;
  Message message;
  const Result<void> read = reader.read(&body, &message);
  if (!read.has_value()) {
    if (read.error().code() != Code::invalid_argument || read.error().message().empty()) {
      std::abort();
    }
    const bool named = !read.error().field().empty() ||
                       read.error().message().find("at byte ") != std::string::npos ||
                       read.error().message().find("body is empty") != std::string::npos ||
                       read.error().message().starts_with("must be an object");
    if (!named || !names_no_byte_outside(read.error().message(), body.size())) std::abort();
    return;
  }
  if (find_json_fault(body).has_value()) std::abort();
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
