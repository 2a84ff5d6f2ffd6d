// Options of gateways: how they ask, what clients may take, HTTP, the log of requests, writes.
#include "services/daemon/options/rows.h"

namespace vectron::options {
namespace {

using G = GatewayConfig;

template <typename Member>
auto field(Member member) {
  return at(&Settings::gateway, member);
}

void add_attempts(Rows* rows) {
  rows->push_back({"request_timeout_ms_max", kUpGateway,
                   "No request may take longer, whatever deadline it names.",
                   milliseconds(field(&G::request_timeout_max), 1)});
  rows->push_back({"read_attempt_timeout_ms", kUpGateway,
                   "How long one copy may think about a read before another one is asked.",
                   milliseconds(field(&G::read_attempt_timeout), 1)});
  rows->push_back({"connect_timeout_ms", kUpGateway,
                   "How long connecting to a node may take before another one is asked.",
                   milliseconds(field(&G::connect_timeout), 1)});
  rows->push_back(
      {"backoff_ms_min", kUpGateway,
       "The pause after the first round of attempts that failed, or up to half less; it doubles "
       "with each further round.",
       milliseconds(field(&G::backoff_min), 1)});
  rows->push_back({"backoff_ms_max", kUpGateway,
                   "The longest pause between two rounds of attempts.",
                   milliseconds(field(&G::backoff_max), 1)});
  rows->push_back({"attempts_max", kUpGateway,
                   "How often a gateway tries one operation on one shard.",
                   count(field(&G::attempts_max), 1)});
  rows->push_back({"route_bytes_max", kUpGateway,
                   "Memory for where the shards of collections are; the longest unused goes first.",
                   bytes(field(&G::route_bytes_max), 1'024)});
  rows->push_back({"worker_channels_max", kUpGateway,
                   "Connections to nodes of the cluster that a gateway holds.",
                   count(field(&G::worker_channels_max), 1)});
}

void add_clients(Rows* rows) {
  rows->push_back(
      {"connections_max", kUpGateway,
       "Clients connected at once, over RPC and over HTTP each; from one host half of it, "
       "over both together. More are told so and closed.",
       count(field(&G::connections_max), 1)});
  rows->push_back({"requests_in_flight_max", kUpGateway,
                   "Requests of all clients that a gateway has not answered, and half of them of "
                   "one host; more are refused.",
                   count(field(&G::requests_in_flight_max), 1)});
  rows->push_back({"requests_in_flight_per_connection_max", kUpGateway,
                   "Requests of one connection that a gateway has not answered; more are refused.",
                   count(field(&G::requests_in_flight_per_connection_max), 1)});
  rows->push_back({"frame_bytes_max", kUpGateway,
                   "The largest request or reply, over RPC and HTTP.",
                   bytes(field(&G::frame_bytes_max), 4'096, uint64_t{1} << 30)});
  rows->push_back({"body_bytes_in_flight_max", kUpGateway,
                   "How much the requests and waiting answers of all clients may take, over RPC "
                   "and HTTP together, and half of it those of one host; more is refused. At least "
                   "three times frame_bytes_max.",
                   bytes(field(&G::body_bytes_in_flight_max), 8'192, uint64_t{1} << 40)});
}

void add_http(Rows* rows) {
  rows->push_back({"http_head_bytes_max", kUpGateway,
                   "How large the request line and header fields of an HTTP request may be.",
                   bytes(field(&G::http_head_bytes_max), 256, 1 << 20)});
  rows->push_back({"http_pipelined_requests_max", kUpGateway,
                   "Requests of one HTTP connection that are read and not answered; further ones "
                   "wait in the network.",
                   count(field(&G::http_pipelined_requests_max), 1, 1'024)});
  rows->push_back({"http_idle_ms_max", kUpGateway,
                   "How long an HTTP connection may be idle between an answer and the next request "
                   "before it is closed.",
                   milliseconds(field(&G::http_idle_timeout), 1)});
  rows->push_back(
      {"http_head_ms_max", kUpGateway,
       "How long the head of an HTTP request may take from its first byte; then it is refused.",
       milliseconds(field(&G::http_head_timeout), 1)});
  rows->push_back({"http_body_ms_max", kUpGateway,
                   "How long the body of an HTTP request may take after its head, of which 64 KiB "
                   "come in each quarter; else it is refused.",

                   milliseconds(field(&G::http_body_timeout), 1)});
  rows->push_back({"http_write_ms_max", kUpGateway,
                   "How long an HTTP client may take for an answer, or for 64 KiB of it; else its "
                   "connection is closed.",
                   milliseconds(field(&G::http_write_timeout), 1)});
  rows->push_back({"http_hosts", kAll,
                   "Names by which HTTP clients may call this process (the Host field), besides "
                   "loopback's names and the host of http; * for any. Web pages whose names were "
                   "pointed here are refused by it.",
                   texts(field(&G::http_hosts), "names with commas between them")});
  rows->push_back({"http_origins", kUpGateway,
                   "Origins whose web pages may use the HTTP API (CORS), as "
                   "https://app.example:8443; * for any. Pages of others cannot write, nor read "
                   "answers.",
                   texts(field(&G::http_origins), "origins with commas between them")});
}

void add_request_log(Rows* rows) {
  using L = gateway::RequestLogConfig;
  const auto log = [](auto member) {
    return at(&Settings::gateway, &GatewayConfig::request_log, member);
  };
  rows->push_back({"request_log_level", kUpGateway,
                   "The level of the log's lines about requests: they are written when log_level "
                   "lets it through.",
                   log_level(log(&L::level))});
  rows->push_back({"request_log_share_ppm", kUpGateway,
                   "Of how many requests a line is written (parts per million). Those that failed "
                   "by the server's fault, and slow ones, always have one.",
                   count(log(&L::share_ppm), 0, 1'000'000)});
  rows->push_back({"request_log_slow_ms_min", kUpGateway,
                   "A request that takes so long is slow, and always has a line in the log.",
                   milliseconds(log(&L::slow_min), 0)});
}

void add_writes(Rows* rows) {
  rows->push_back({"batch_points_max", kUpGateway, "How many points one upsert may hold.",
                   count(field(&G::batch_points_max), 1, 10'000'000)});
  rows->push_back({"write_bytes_max", kUpGateway,
                   "A shard's part of an upsert is written in pieces of at most so many bytes.",
                   bytes(field(&G::write_bytes_max), 1'024, kWritePieceBytesMax, 8 << 20)});
  rows->push_back({"write_points_max", kUpGateway,
                   "A shard's part of an upsert is written in pieces of at most so many points; no "
                   "more than the workers' entry_operations_max.",
                   count(field(&G::write_points_max), 1, kWriteOperationsMax)});
}

}  // namespace

void add_gateway(Rows* rows) {
  add_attempts(rows);
  add_clients(rows);
  add_http(rows);
  add_request_log(rows);
  add_writes(rows);
}

}  // namespace vectron::options
