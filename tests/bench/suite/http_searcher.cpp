#include "tests/bench/suite/http_searcher.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "net/endpoint.h"

namespace vectron::bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLength = "content-length:";
constexpr size_t kAnswerBytesMax = 1 << 20;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// The bytes of the whole answer that `text` begins with; 0 while its head is not whole.
size_t answer_bytes(const std::string& text) {
  const size_t end = text.find(kHeadEnd);
  if (end == std::string::npos) return 0;
  std::string head = text.substr(0, end);
  for (char& c : head) c = lower(c);
  const size_t length = head.find(kLength);
  if (length == std::string::npos) return 0;
  return end + kHeadEnd.size() + std::strtoull(head.c_str() + length + kLength.size(), nullptr, 10);
}

std::vector<uint64_t> ids_of(std::string_view answer) {
  constexpr std::string_view kId = "{\"id\":";
  std::vector<uint64_t> ids;
  for (size_t at = answer.find(kId); at != answer.npos; at = answer.find(kId, at + 1)) {
    ids.push_back(std::strtoull(answer.data() + at + kId.size(), nullptr, 10));
  }
  return ids;
}

}  // namespace

Result<HttpSearcher> HttpSearcher::connect(const Address& address) {
  VECTRON_TRY(const HostPort where, parse_host_port(address));
  const std::vector<Endpoint> endpoints = numeric_endpoints(where);
  const int socket =
      endpoints.empty() ? -1 : ::socket(endpoints[0].family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  HttpSearcher searcher(socket);
  if (socket < 0 || ::connect(socket, endpoints[0].get(), endpoints[0].size) != 0) {
    return fail(Code::unavailable, "cannot connect to " + address.text);
  }
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return searcher;
}

HttpSearcher::HttpSearcher(HttpSearcher&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), requests_(std::move(other.requests_)) {}

HttpSearcher::~HttpSearcher() {
  if (socket_ >= 0) ::close(socket_);
}

void HttpSearcher::prepare(const std::string& collection, const demo::Images& queries, size_t ef) {
  requests_.clear();
  for (size_t q = 0; q < queries.count(); ++q) {
    std::string body = fmt::format(R"({{"top_k":{},"ef":{},"vector":[)", Database::kTopK, ef);
    for (const uint8_t value : queries.row(q)) body += fmt::format("{},", value);
    body.back() = ']';
    body += '}';
    requests_.push_back(
        fmt::format("POST /v1/collections/{}/points/search HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    collection, body.size(), body));
  }
}

Result<Answers> HttpSearcher::search() {
  Answers answers;
  std::vector<std::string> texts;
  texts.reserve(requests_.size());
  answers.latencies_us.reserve(requests_.size());
  const Stopwatch watch;
  for (const std::string& request : requests_) {
    const Instant start = machine_monotonic();
    VECTRON_TRY(std::string text, exchange(request));
    answers.latencies_us.push_back(to_seconds(machine_monotonic() - start) * 1e6);
    texts.push_back(std::move(text));
  }
  answers.seconds = watch.seconds();
  for (const std::string& text : texts) answers.found.push_back(ids_of(text));
  return answers;
}

Result<std::string> HttpSearcher::exchange(const std::string& request) {
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t count =
        ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return fail(Code::unavailable, "the server takes no request");
    sent += static_cast<size_t>(count);
  }
  std::string text;
  size_t whole = 0;
  while (whole == 0 || text.size() < whole) {
    std::array<char, 16 << 10> bytes;
    const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count <= 0 || text.size() > kAnswerBytesMax) {
      return fail(Code::unavailable, "no whole answer came");
    }
    text.append(bytes.data(), static_cast<size_t>(count));
    if (whole == 0) whole = answer_bytes(text);
  }
  if (!text.starts_with("HTTP/1.1 200")) return fail(Code::internal, text);
  return text;
}

}  // namespace vectron::bench
