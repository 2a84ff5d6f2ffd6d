// Bytes from a connection, as HTTP requests: any bytes, in pieces of any size, must be refused or
// give the same requests as in one piece.
//
// The first byte says in which pieces the rest comes.
#include <cstdlib>

#include "core/http/json_text.h"
#include "core/http/request_parser.h"
#include "core/http/target.h"

namespace {

using namespace vectron;
using namespace vectron::http;

constexpr ParserLimits kLimits = {
    .head_bytes_max = 1'024, .headers_max = 16, .body_bytes_max = 4'096};

struct Parsed {
  std::vector<Request> requests;
  bool refused = false;
};

// As a connection does it: what the parser leaves is shown to it again, with more behind it.
Parsed parse(ByteView bytes, size_t piece) {
  Parsed parsed;
  RequestParser parser(kLimits);
  Bytes waiting;
  while (!bytes.empty()) {
    const size_t count = std::min(piece, bytes.size());
    waiting.insert(waiting.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    while (!waiting.empty()) {
      const auto taken = parser.feed(waiting);
      if (!taken.has_value()) {
        parsed.refused = true;
        return parsed;
      }
      if (*taken > waiting.size()) std::abort();
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(*taken));
      if (parser.body_bytes() > kLimits.body_bytes_max) std::abort();
      if (parser.stage() != RequestParser::Stage::done) break;
      parsed.requests.push_back(parser.take());
      parser = RequestParser(kLimits);
    }
    if (waiting.size() > kLimits.head_bytes_max) std::abort();  // It must be refused by now.
  }
  return parsed;
}

void check_same(const Request& one, const Request& other) {
  const bool same = one.method == other.method && one.segments == other.segments &&
                    one.query == other.query && one.headers == other.headers &&
                    one.body == other.body;
  if (!same) std::abort();
  if (one.headers.size() > kLimits.headers_max) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  const Parsed pieces = parse(bytes, 1 + data[0]);
  const Parsed whole = parse(bytes, 512);
  // A refusal may come sooner or later; what was read before it is the same.
  const size_t count = std::min(pieces.requests.size(), whole.requests.size());
  for (size_t i = 0; i < count; ++i) check_same(pieces.requests[i], whole.requests[i]);
  if (pieces.requests.size() != whole.requests.size() && !pieces.refused && !whole.refused) {
    std::abort();
  }
  std::string quoted;
  append_json_string(quoted, as_text(bytes));
  if (valid_utf8_prefix(quoted) != quoted.size()) std::abort();
  return 0;
}
