#include "core/http/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>

#include "core/base/assert.h"
#include "core/http/target.h"

namespace vectron::http {
namespace {

namespace beast = boost::beast;

// So much is reserved on a client's word; the whole body when so much of it has come, for a string
// that grows by doubling would be copied on the event loop, the last time for milliseconds.
constexpr size_t kBodyReserveBytesMax = 1 << 20;
// Of a body whose length nobody says so much is copied at most.
constexpr size_t kBodyMovedBytesMax = 8 << 20;
constexpr size_t kBodyPaddingBytes = 64;  // Left free behind a body, for fast JSON readers.

std::string_view to_std(beast::string_view text) {
  return {text.data(), text.size()};
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

Method to_method(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::get;
    case beast::http::verb::head:
      return Method::head;
    case beast::http::verb::post:
      return Method::post;
    case beast::http::verb::put:
      return Method::put;
    case beast::http::verb::patch:
      return Method::patch;
    case beast::http::verb::delete_:
      return Method::delete_;
    case beast::http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

std::unexpected<Refusal> refuse(int http_status, std::string message) {
  return std::unexpected<Refusal>(
      {http_status, Status(Code::invalid_argument, std::move(message))});
}

}  // namespace

std::string_view reason_phrase(int http_status) {
  if (http_status == 499) return "Client Closed Request";
  return to_std(beast::http::obsolete_reason(static_cast<beast::http::status>(http_status)));
}

/// Receives what Beast's parser finds.
class RequestParser::Impl final : public beast::http::basic_parser<true> {
 public:
  using Base = beast::http::basic_parser<true>;

  explicit Impl(ParserLimits limits) : limits_(limits) {
    header_limit(static_cast<uint32_t>(limits.head_bytes_max));
    body_limit(limits.body_bytes_max);
  }

  std::expected<size_t, Refusal> feed(ByteView bytes) {
    size_t taken = skip_empty_line(bytes);
    while (taken < bytes.size() && !is_done()) {
      const ByteView rest = bytes.subspan(taken);
      if (!got_some() && rest[0] == '\r' && rest.size() < 2) break;
      const bool in_head = !is_header_done();
      beast::error_code error;
      const size_t count = put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      taken += count;
      if (in_head) head_bytes_ += count;
      if (error == beast::http::error::need_more) {
        return check_waiting(bytes.size() - taken, taken);
      }
      // A length that is too large is seen at the end of the head.
      if (error == beast::http::error::body_limit && !knows_head_) (void)take_target();
      if (error) return explain(error);
      if (in_head && is_header_done()) {
        const std::optional<Refusal> refusal = check_head();
        if (refusal.has_value()) return std::unexpected(*refusal);
      }
      if (count == 0) break;
    }
    return taken;
  }

  bool knows_head() const { return knows_head_; }
  bool http_1_0() const { return http_1_0_; }
  bool expects_continue() const { return expects_continue_; }
  size_t body_bytes() const { return request_.body.size(); }
  Request head() const {
    Request head;
    head.method = request_.method;
    head.segments = request_.segments;
    head.query = request_.query;
    head.headers = request_.headers;
    return head;
  }
  Request& request() { return request_; }
  Request take() { return std::move(request_); }

 protected:
  void on_request_impl(beast::http::verb verb, beast::string_view, beast::string_view target,
                       int version, beast::error_code&) override {
    request_.method = to_method(verb);
    target_ = to_std(target);
    http_1_0_ = version == 10;
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    if (++fields_ > limits_.headers_max) {
      error = beast::http::error::header_limit;
      return;
    }
    if (is_header_done()) return;  // A trailer: nothing here reads any.
    request_.headers.push_back({lower_case(to_std(name)), std::string(to_std(value))});
  }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         beast::error_code&) override {
    expected_bytes_ = std::min<uint64_t>(length.value_or(0), limits_.body_bytes_max);
    request_.body.reserve(std::min(expected_bytes_, kBodyReserveBytesMax) + kBodyPaddingBytes);
  }
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    const size_t after = request_.body.size() + body.size();
    if (after > request_.body.capacity() && after <= expected_bytes_) {
      request_.body.reserve(expected_bytes_ + kBodyPaddingBytes);
    }
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    const size_t after = request_.body.size() + body.size();
    if (after > request_.body.capacity() && after > kBodyMovedBytesMax) {
      request_.body.reserve(limits_.body_bytes_max + kBodyPaddingBytes);
    }
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

 private:
  // One empty line before a request line is let pass (RFC 9112, section 2.2).
  size_t skip_empty_line(ByteView bytes) {
    if (got_some() || head_bytes_ > 0 || !as_text(bytes).starts_with("\r\n")) return 0;
    head_bytes_ += 2;
    return 2;
  }

  // Beast waits for more than `waiting` bytes of a head, a chunk's line or trailers.
  std::expected<size_t, Refusal> check_waiting(size_t waiting, size_t taken) const {
    if (is_header_done()) {
      if (waiting <= limits_.head_bytes_max) return taken;
      return refuse(431, fmt::format("a chunk's line or the trailers are longer than {} bytes",
                                     limits_.head_bytes_max));
    }
    if (head_bytes_ + waiting <= limits_.head_bytes_max) return taken;
    return std::unexpected(head_too_large());
  }

  Refusal head_too_large() const {
    return {431, Status(Code::invalid_argument,
                        fmt::format("the head of a request has at most {} fields and {} bytes",
                                    limits_.headers_max, limits_.head_bytes_max))};
  }

  std::unexpected<Refusal> explain(const beast::error_code& error) const {
    if (error == beast::http::error::header_limit) return std::unexpected(head_too_large());
    if (error == beast::http::error::body_limit) {
      return refuse(413, fmt::format("a body has at most {} bytes: send less at a time",
                                     limits_.body_bytes_max));
    }
    if (error == beast::http::error::bad_version) {
      return refuse(505, "only versions 1.1 and 1.0 of HTTP are spoken here");
    }
    return refuse(400, "this is not an HTTP request: " + error.message());
  }

  std::optional<Refusal> check_head() {
    const Result<void> target = take_target();
    if (head_bytes_ > limits_.head_bytes_max) return head_too_large();
    const std::expected<void, Refusal> framed = check_framing();
    if (!framed.has_value()) return framed.error();
    if (!target.has_value()) return Refusal{400, target.error()};
    return std::nullopt;
  }

  // All fields have come.
  Result<void> take_target() {
    knows_head_ = true;
    VECTRON_TRY(Target target, http::parse_target(target_));
    request_.segments = std::move(target.segments);
    request_.query = std::move(target.query);
    return {};
  }

  size_t count(std::string_view name) const {
    return static_cast<size_t>(std::count_if(request_.headers.begin(), request_.headers.end(),
                                             [&](const Field& f) { return f.name == name; }));
  }

  std::expected<void, Refusal> check_framing() {
    const size_t hosts = count("host");
    if (hosts > 1 || (hosts == 0 && !http_1_0_)) {
      return refuse(400, "a request has exactly one Host field");
    }
    // A coding that is not understood hides where the body ends (RFC 9112, section 6.1).
    if (const std::string* coding = request_.header("transfer-encoding"); coding != nullptr) {
      if (http_1_0_) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
      if (lower_case(*coding) != "chunked") {
        return refuse(501, "the only transfer coding understood here is \"chunked\"");
      }
    }
    if (const std::string* coding = request_.header("content-encoding"); coding != nullptr) {
      if (lower_case(*coding) != "identity") {
        return refuse(415, "bodies are taken as they are: send them without Content-Encoding");
      }
    }
    if (const std::string* expected = request_.header("expect"); expected != nullptr) {
      if (lower_case(*expected) != "100-continue") {
        return refuse(417, "the only expectation understood here is \"100-continue\"");
      }
      expects_continue_ = !http_1_0_ && !is_done();
    }
    return {};
  }

  ParserLimits limits_;
  Request request_;
  std::string target_;
  size_t head_bytes_ = 0;
  size_t expected_bytes_ = 0;  // Of the body, as its client says.
  size_t fields_ = 0;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
  bool knows_head_ = false;
};

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

std::expected<size_t, Refusal> RequestParser::feed(ByteView bytes) {
  VECTRON_ASSERT(stage() != Stage::done, "a parser reads one request");
  return impl_->feed(bytes);
}

RequestParser::Stage RequestParser::stage() const {
  if (impl_->is_done()) return Stage::done;
  return impl_->is_header_done() ? Stage::body : Stage::head;
}

bool RequestParser::expects_continue() const {
  return impl_->expects_continue();
}

bool RequestParser::keep_alive() const {
  return impl_->keep_alive();
}

bool RequestParser::is_http_1_0() const {
  return impl_->http_1_0();
}

bool RequestParser::knows_head() const {
  return impl_->knows_head();
}

Request RequestParser::head() const {
  VECTRON_ASSERT(knows_head());
  return impl_->head();
}

Request& RequestParser::request() {
  VECTRON_ASSERT(stage() == Stage::done);
  return impl_->request();
}

size_t RequestParser::body_bytes() const {
  return impl_->body_bytes();
}

Request RequestParser::take() {
  VECTRON_ASSERT(stage() == Stage::done);
  return impl_->take();
}

}  // namespace vectron::http
