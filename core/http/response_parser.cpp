#include "core/http/response_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "core/base/assert.h"

namespace vectron::http {
namespace {

namespace beast = boost::beast;

constexpr size_t kBodyReserveBytesMax = 1 << 20;  // More is reserved when it has come.

std::string lower_case(beast::string_view text) {
  std::string out(text.data(), text.size());
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

}  // namespace

/// Receives what Beast's parser finds.
class ResponseParser::Impl final : public beast::http::basic_parser<false> {
 public:
  Impl(ParserLimits limits, bool to_head) : limits_(limits) {
    header_limit(static_cast<uint32_t>(limits.head_bytes_max));
    body_limit(limits.body_bytes_max);
    skip(to_head);
  }

  Result<size_t> feed(ByteView bytes) {
    size_t taken = 0;
    while (taken < bytes.size() && !is_done()) {
      const ByteView rest = bytes.subspan(taken);
      const bool in_head = !is_header_done();
      beast::error_code error;
      const size_t count = put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      taken += count;
      if (in_head) head_bytes_ += count;
      const size_t waiting = bytes.size() - taken;
      const bool long_head = head_bytes_ + (in_head ? waiting : 0) > limits_.head_bytes_max;
      if (error == beast::http::error::need_more) {
        if (in_head && long_head) return refuse("its head is too long");
        if (!in_head && waiting > limits_.head_bytes_max)
          return refuse("a chunk's line is too long");
        return taken;
      }
      if (error) return refuse(error.message());
      if (count == 0) break;
    }
    return taken;
  }

  Result<void> end() {
    beast::error_code error;
    if (is_header_done() && !is_done()) put_eof(error);
    if (error || !is_done()) return fail(Code::data_loss, "the answer ended in the middle");
    return {};
  }

  bool is_interim() const { return is_done() && response_.status / 100 == 1; }
  Response take() { return std::move(response_); }

 protected:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       beast::error_code&) override {}
  void on_response_impl(int code, beast::string_view, int, beast::error_code&) override {
    response_.status = code;
    response_.content_type.clear();
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    if (++fields_ > limits_.headers_max) {
      error = beast::http::error::header_limit;
      return;
    }
    if (is_header_done()) return;  // A trailer: nothing here reads any.
    Field field{lower_case(name), std::string(value.data(), value.size())};
    if (field.name == "content-type") response_.content_type = field.value;
    response_.headers.push_back(std::move(field));
  }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         beast::error_code&) override {
    response_.body.reserve(std::min<uint64_t>(length.value_or(0), kBodyReserveBytesMax));
  }
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    response_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    response_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

 private:
  static std::unexpected<Status> refuse(std::string_view why) {
    return fail(Code::data_loss, fmt::format("this answer cannot be read: {}", why));
  }

  ParserLimits limits_;
  Response response_;
  size_t head_bytes_ = 0;
  size_t fields_ = 0;
};

ResponseParser::ResponseParser(ParserLimits limits, bool to_head)
    : limits_(limits), to_head_(to_head), impl_(std::make_unique<Impl>(limits, to_head)) {}
ResponseParser::~ResponseParser() = default;

Result<size_t> ResponseParser::feed(ByteView bytes) {
  VECTRON_ASSERT(!done(), "a parser reads one response");
  size_t taken = 0;
  while (true) {
    VECTRON_TRY(const size_t count, impl_->feed(bytes.subspan(taken)));
    taken += count;
    if (!impl_->is_interim()) return taken;
    impl_ = std::make_unique<Impl>(limits_, to_head_);
    if (taken == bytes.size()) return taken;
  }
}

Result<void> ResponseParser::end() {
  return impl_->end();
}

bool ResponseParser::done() const {
  return impl_->is_done();
}

bool ResponseParser::keep_alive() const {
  VECTRON_ASSERT(done());
  return impl_->keep_alive();
}

Response ResponseParser::take() {
  VECTRON_ASSERT(done());
  return impl_->take();
}

}  // namespace vectron::http
