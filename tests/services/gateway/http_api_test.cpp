// The public operations by the bytes of HTTP, through a whole gateway.
#include "services/gateway/http_api.h"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "schemas/vectron_openapi.h"
#include "tests/services/gateway/fake_cluster.h"

namespace vectron::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

const Address kHttpAddress{"@gateway:80"};

Task<std::string> exchange_bytes(Env* env, std::string bytes) {
  auto connected = co_await env->network().connect(kHttpAddress);
  if (!connected.has_value()) co_return connected.error().to_string();
  const auto written = co_await write_all(connected->get(), as_bytes(bytes));
  if (!written.has_value()) co_return written.error().to_string();
  (*connected)->shutdown_write();
  std::string received;
  std::array<uint8_t, 4'096> piece;
  for (;;) {
    const auto count = co_await (*connected)->read_some(piece);
    if (!count.has_value() || *count == 0) co_return received;
    received += as_text(ByteView(piece).first(*count));
  }
}

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};

/// A FakeCluster whose gateway speaks HTTP.
class HttpGateway {
 public:
  explicit HttpGateway(void (*configure)(GatewayConfig&) = nullptr) : cluster(1, 2) {
    cluster.config.http_listen = kHttpAddress;
    if (configure != nullptr) configure(cluster.config);
    cluster.add_collection(FakeCluster::route("c", 4, {{0}, {1}}));
    cluster.client();
  }

  std::string raw(std::string bytes) {
    return cluster.run(exchange_bytes(&cluster.env(), std::move(bytes)));
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = "",
             const std::string& headers = "") {
    const std::string received =
        raw(method + " " + target + " HTTP/1.1\r\n" +
            (headers.find("Host:") == std::string::npos ? "Host: localhost:8080\r\n" : "") +
            (body.empty() || headers.find("Content-Type:") != std::string::npos
                 ? ""
                 : "Content-Type: application/json\r\n") +
            headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    Answer answer;
    if (!received.starts_with("HTTP/1.1 ")) {
      ADD_FAILURE() << received;
      return answer;
    }
    answer.status = std::stoi(received.substr(9, 3));
    const size_t end = received.find("\r\n\r\n");
    answer.head = received.substr(0, end);
    answer.body = received.substr(end + 4);
    return answer;
  }

  FakeCluster cluster;
};

TEST(HttpApi, ListsWorkersWithTheirStates) {
  HttpGateway gateway;
  const Answer listed = gateway.ask("GET", "/v1/admin/workers");
  EXPECT_EQ(listed.status, 200) << listed.body;
  EXPECT_THAT(listed.body, HasSubstr(R"("node_id":7)"));
  EXPECT_THAT(listed.body, HasSubstr(R"("state":"down")"));
  EXPECT_THAT(listed.body, HasSubstr(R"("points":12)"));
}

TEST(HttpApi, StoresReturnsFindsAndRemovesPoints) {
  HttpGateway gateway;
  const Answer created = gateway.ask("POST", "/v1/collections",
                                     R"({"name":"d","dimension":2,"distance":"euclidean"})");
  EXPECT_EQ(created.status, 200) << created.body;
  EXPECT_THAT(created.body, HasSubstr(R"("name":"d")"));
  EXPECT_EQ(gateway.cluster.placement[0]->created.distance, wire::Distance::euclidean);

  const Answer stored = gateway.ask(
      "POST", "/v1/collections/c/points",
      R"({"points":[{"id":1,"vector":[0.1,0]},{"id":18446744073709551615,"vector":[5,1e-7],)"
      R"("payload":{"name":"far","n":2,"x":2.0}}]})");
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_THAT(stored.body, HasSubstr(R"({"results":[{"code":"ok","message":"","field":"")"));

  const Answer read = gateway.ask("GET", "/v1/collections/c/points/18446744073709551615");
  EXPECT_EQ(read.status, 200) << read.body;
  EXPECT_THAT(read.body, HasSubstr(R"({"point":{"id":18446744073709551615,"vector":[5,1e-07],)"
                                   R"("payload":{"n":2,"name":"far","x":2.0}},"version":)"));

  const Answer found =
      gateway.ask("POST", "/v1/collections/c/points/search", R"({"vector":[0,0],"top_k":1})");
  EXPECT_EQ(found.status, 200) << found.body;
  EXPECT_THAT(found.body, HasSubstr(R"({"hits":[{"id":1,"score":0.1,)"));
  EXPECT_THAT(found.body, HasSubstr(R"("missing_shards":[])"));

  const Answer removed = gateway.ask("DELETE", "/v1/collections/c/points/1");
  EXPECT_EQ(removed.status, 200);
  EXPECT_THAT(removed.body, HasSubstr(R"({"existed":true)"));
  const Answer gone = gateway.ask("GET", "/v1/collections/c/points/1");
  EXPECT_EQ(gone.status, 404);
  EXPECT_THAT(gone.body, HasSubstr(R"({"error":{"code":"not_found","message":)"));
  EXPECT_THAT(gone.body, HasSubstr(R"("field":"id","token":{"shard_id":)"));
  EXPECT_TRUE(gone.body.ends_with("}}}\n")) << gone.body;

  const Answer listed = gateway.ask("GET", "/v1/collections");
  EXPECT_EQ(listed.status, 200);
  EXPECT_THAT(listed.body, HasSubstr(R"({"collections":[{"name":"c",)"));
}

TEST(HttpApi, NamesPointsWhoseIdsAreTexts) {
  HttpGateway gateway;
  const Answer read = gateway.ask("GET", "/v1/collections/c/points/a%2Fb");
  EXPECT_THAT(read.body, HasSubstr(R"(no point \"a/b\")"));
  EXPECT_THAT(gateway.ask("GET", "/v1/collections/c/points/7?id_type=text").body,
              HasSubstr(R"(no point \"7\")"));
  EXPECT_THAT(gateway.ask("GET", "/v1/collections/c/points/7").body, HasSubstr("no point 7\""));
  EXPECT_EQ(gateway.ask("GET", "/v1/collections/c/points/007").status, 400);
}

TEST(HttpApi, SaysWhatIsWrongWithARequest) {
  HttpGateway gateway;
  const Answer wrong =
      gateway.ask("POST", "/v1/collections/c/points", R"({"points":[{"id":1,"vector":[1,"2"]}]})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.body,
            R"({"error":{"code":"invalid_argument",)"
            R"("message":"must be a number, not a text","field":"points[0].vector[1]"}})"
            "\n");
  const Answer short_vector =
      gateway.ask("POST", "/v1/collections/c/points", R"({"points":[{"id":1,"vector":[1]}]})");
  EXPECT_EQ(short_vector.status, 400);
  EXPECT_THAT(short_vector.body, HasSubstr(R"("field":"points[0].vector")"));
  EXPECT_EQ(gateway.ask("POST", "/v1/collections/none/points/search", R"({"vector":[1,2]})").status,
            404);
  EXPECT_EQ(gateway.ask("GET", "/v1/collections", "{}").status, 400);
  EXPECT_THAT(gateway.ask("POST", "/v1/collections/c/points/search?top_k=1", "{}").body,
              HasSubstr(R"("field":"top_k")"));
  EXPECT_EQ(gateway.ask("PUT", "/v1/collections").status, 405);
  EXPECT_EQ(gateway.ask("GET", "/v2").status, 404);
}

TEST(HttpApi, IgnoresNoOptionInSilence) {
  HttpGateway gateway;
  const auto refused = [&](const std::string& target, const std::string& headers) {
    const Answer answer = gateway.ask("GET", target, "", headers);
    EXPECT_EQ(answer.status, 400) << target << headers << answer.body;
    return answer.body;
  };
  const std::string header = "X-Request-Timeout-Ms: 200\r\n";
  const std::string point = "/v1/collections/c/points/1";
  EXPECT_THAT(refused(point, header + header), HasSubstr("x-request-timeout-ms"));
  EXPECT_THAT(refused(point, "X-Request-Timeout-Ms: soon\r\n"), HasSubstr("x-request-timeout-ms"));
  EXPECT_THAT(refused(point + "?timeout_ms=200", header), HasSubstr("timeout_ms"));
  EXPECT_THAT(refused(point + "?timeout_ms=0", ""), HasSubstr("timeout_ms"));
  EXPECT_THAT(refused("/v1/collections?id_type=text", ""), HasSubstr("id_type"));
}

TEST(HttpApi, NamesWhatThePathOrTheBodyCallsIt) {
  HttpGateway gateway;
  for (const char* method : {"GET", "DELETE"}) {
    const Answer absent = gateway.ask(method, "/v1/collections/zz");
    EXPECT_EQ(absent.status, 404);
    EXPECT_THAT(absent.body, HasSubstr(R"("field":"name")")) << method;
  }
  EXPECT_THAT(gateway.ask("GET", "/v1/collections/zz/points/1").body,
              HasSubstr(R"("field":"collection")"));
  const Answer created =
      gateway.ask("POST", "/v1/collections",
                  R"({"name":"d","dimension":2,"index":{"ef_search_default":100000}})");
  EXPECT_THAT(created.body, HasSubstr(R"("message":"index.ef_search_default must be between)"));
  EXPECT_THAT(created.body, HasSubstr(R"("field":"index.ef_search_default")"));
}

TEST(HttpApi, RefusesVectorsWhoseScoresCouldOverflow) {
  HttpGateway gateway;
  const Answer stored = gateway.ask("POST", "/v1/collections/c/points",
                                    R"({"points":[{"id":1,"vector":[3e38,-3e38]}]})");
  EXPECT_EQ(stored.status, 400) << stored.body;
  EXPECT_THAT(stored.body, HasSubstr(R"("field":"points[0].vector")"));
  EXPECT_THAT(stored.body, HasSubstr("above 1e+18"));
  const Answer found =
      gateway.ask("POST", "/v1/collections/c/points/search", R"({"vector":[3e38,3e38]})");
  EXPECT_EQ(found.status, 400) << found.body;
  EXPECT_THAT(found.body, HasSubstr(R"("field":"vector")"));
}

std::string upsert_of(size_t points) {
  std::string body = R"({"points":[)";
  for (size_t id = 1; id <= points; ++id) {
    body += (id == 1 ? "" : ",") + std::string(R"({"id":)") + std::to_string(id) +
            R"(,"vector":[1,2]})";
  }
  return body + "]}";
}

TEST(HttpApi, ReadsLargeBodiesOnTheCpuPool) {
  HttpGateway gateway([](GatewayConfig& config) { config.http_inline_body_bytes_max = 100; });
  const std::string path = "/v1/collections/c/points";
  const Instant begin = gateway.cluster.env().clock().monotonic();
  EXPECT_EQ(gateway.ask("POST", path, upsert_of(2)).status, 200);
  EXPECT_EQ(gateway.cluster.env().clock().monotonic(), begin);  // Too small for it.
  const Answer stored = gateway.ask("POST", path, upsert_of(1'000));
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_THAT(stored.body, HasSubstr(R"("failed":0)"));
  EXPECT_GT(gateway.cluster.env().clock().monotonic(), begin + 100us);
  EXPECT_EQ(gateway.ask("GET", path + "/1000").status, 200);
  // The same errors as of a small body.
  std::string twice = upsert_of(1'000);
  twice.pop_back();
  EXPECT_THAT(
      gateway.ask("POST", path, twice + R"(,"collection":"c"})").body,
      HasSubstr(R"(given by the path and may not stand in the body too","field":"collecti)"));
  EXPECT_THAT(gateway.ask("POST", path, twice).body, HasSubstr("it ends too early"));
}

TEST(HttpApi, GivesUpABodyAtTheDeadlineBeforeAnythingHappened) {
  HttpGateway gateway([](GatewayConfig& config) { config.http_inline_body_bytes_max = 100; });
  const std::string body = upsert_of(9'000);
  const Answer late = gateway.ask("POST", "/v1/collections/c/points?timeout_ms=1", body);
  EXPECT_EQ(late.status, 504);
  EXPECT_THAT(late.body, HasSubstr(R"("code":"deadline_exceeded")"));
  gateway.cluster.env().run_for(1s);
  for (const auto& worker : gateway.cluster.workers) EXPECT_EQ(worker->script.calls, 0U);
}

TEST(HttpApi, ForgetsABodyWhoseClientIsGone) {
  HttpGateway gateway([](GatewayConfig& config) { config.http_inline_body_bytes_max = 100; });
  const auto ask_and_go = [](Env* env, std::string body) -> Task<void> {
    auto connection = co_await env->network().connect(kHttpAddress);
    const std::string bytes =
        "POST /v1/collections/c/points HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    const auto written = co_await write_all(connection->get(), as_bytes(bytes));
    EXPECT_TRUE(written.has_value());
    co_await env->clock().sleep_for(1us);
    (*connection)->close();
  };
  TaskGroup tasks(gateway.cluster.env().scheduler());
  tasks.spawn(ask_and_go(&gateway.cluster.env(), upsert_of(9'000)));
  gateway.cluster.env().run_for(1s);
  EXPECT_EQ(gateway.ask("GET", "/livez").status, 200);
  for (const auto& worker : gateway.cluster.workers) EXPECT_EQ(worker->script.calls, 0U);
}

TEST(HttpApi, EndsRequestsAtTheirDeadline) {
  HttpGateway gateway;
  gateway.ask("GET", "/v1/collections/c/points/1");
  for (auto& worker : gateway.cluster.workers) worker->script.silent = true;
  const Instant begin = gateway.cluster.env().clock().monotonic();
  const Answer read = gateway.ask("GET", "/v1/collections/c/points/1?timeout_ms=300");
  EXPECT_GE(read.status, 500) << read.body;
  EXPECT_LE(gateway.cluster.env().clock().monotonic() - begin, 300ms);
  const Answer written =
      gateway.ask("DELETE", "/v1/collections/c/points/1", "", "X-Request-Timeout-Ms: 200\r\n");
  EXPECT_EQ(written.status, 504);
  EXPECT_THAT(written.body, HasSubstr(R"("code":"unknown_outcome")"));
}

TEST(HttpApi, LeavesAWriteInDoubtWhoseAnswerIsTooLarge) {
  HttpGateway gateway([](GatewayConfig& config) {
    config.frame_bytes_max = 64 << 10;
    config.write_bytes_max = 16 << 10;
  });
  std::string points;
  for (int id = 1; id <= 1'500; ++id) {
    points += (id == 1 ? "" : ",") + std::string(R"({"id":)") + std::to_string(id) +
              R"(,"vector":[1,2]})";
  }
  const Answer written =
      gateway.ask("POST", "/v1/collections/c/points", R"({"points":[)" + points + "]}");
  EXPECT_EQ(written.status, 504) << written.body;
  EXPECT_THAT(written.body, HasSubstr(R"("code":"unknown_outcome")"));
  EXPECT_THAT(written.body, HasSubstr("larger than"));
}

// A payload that holds each list twice, `levels` deep.
Bytes doubling_payload(int levels) {
  flexbuffers::Builder builder;
  const size_t all = builder.StartVector();
  builder.EndVector(builder.StartVector(), false, false);
  for (int i = 0; i < levels; ++i) {
    const flexbuffers::Builder::Value before = builder.LastValue();
    const size_t list = builder.StartVector();
    builder.ReuseValue(before);
    builder.ReuseValue(before);
    builder.EndVector(list, false, false);
  }
  builder.EndVector(all, false, false);
  builder.Finish();
  return builder.GetBuffer();
}

Result<api::GetReply> store_and_get(FakeCluster* cluster, Bytes payload) {
  api::VectronClient client = cluster->client();
  api::UpsertRequest upsert;
  upsert.collection = "c";
  upsert.points.emplace_back();
  upsert.points[0].id.number = 7;
  upsert.points[0].vector = {1, 2};
  upsert.points[0].payload = std::move(payload);
  const auto stored = cluster->run(client.upsert({}, std::move(upsert)));
  if (!stored.has_value()) return fail(stored.error());
  api::GetRequest get;
  get.collection = "c";
  get.id.number = 7;
  return cluster->run(client.get({}, std::move(get)));
}

// Over RPC it is told as the bytes that it is; as JSON it would be 2^30 lists in a few hundred of
// them, which nobody begins to write beyond the bound of an answer.
TEST(HttpApi, RefusesWhatSharedPartsOfAPayloadWouldUnfoldTo) {
  HttpGateway gateway;
  const Bytes payload = doubling_payload(30);
  ASSERT_LT(payload.size(), 1'000U);
  const Result<api::GetReply> told = store_and_get(&gateway.cluster, payload);
  ASSERT_TRUE(told.has_value()) << told.error().to_string();
  EXPECT_EQ(told->point.payload, payload);
  const Answer answer = gateway.ask("GET", "/v1/collections/c/points/7");
  EXPECT_EQ(answer.status, 400) << answer.body.substr(0, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"out_of_range")"));
  EXPECT_THAT(answer.body, HasSubstr("larger than 67108864 bytes"));
  EXPECT_LE(gateway.cluster.env().cpu().longest_turn(), 5ms);
}

TEST(HttpApi, RoutesEveryMethodOfTheSchema) {
  HttpGateway gateway;
  simdjson::dom::parser parser;
  const simdjson::dom::element document = parser.parse(api::openapi_json());
  size_t operations = 0;
  for (const rpc::MethodInfo* method : api::vectron_service_methods()) {
    if (method->http.empty()) continue;
    ++operations;
    const size_t space = method->http.find(' ');
    std::string verb(method->http.substr(0, space));
    std::string path(method->http.substr(space + 1));
    std::string concrete = path;
    for (size_t at = concrete.find('{'); at != std::string::npos; at = concrete.find('{')) {
      concrete.replace(at, concrete.find('}') - at + 1, "1");
    }
    const Answer answer = gateway.ask(verb, concrete, verb == "POST" ? "[]" : "");
    EXPECT_NE(answer.status, 405) << method->http;
    EXPECT_THAT(answer.body, Not(HasSubstr("nothing at this path"))) << method->http;
    std::ranges::transform(verb, verb.begin(), [](char c) { return std::tolower(c); });
    const std::string_view id = document["paths"][path][verb]["operationId"];
    EXPECT_EQ(id, method->name);
  }
  size_t described = 0;
  for (const auto& [path, verbs] : simdjson::dom::object(document["paths"])) {
    described += simdjson::dom::object(verbs).size();
  }
  for (const char* probe : {"/", "/healthz", "/livez", "/readyz", "/metrics", "/openapi.json"}) {
    EXPECT_EQ(gateway.ask("GET", probe).status, 200) << probe;
    EXPECT_EQ(document["paths"][probe]["get"].error(), simdjson::SUCCESS) << probe;
    ++operations;
  }
  EXPECT_EQ(described, operations);
}

// Every $ref of the OpenAPI document leads to a schema that is there.
void check_references(const simdjson::dom::element& root, const simdjson::dom::element& at) {
  if (at.is_array()) {
    for (const auto& item : simdjson::dom::array(at)) check_references(root, item);
  } else if (at.is_object()) {
    for (const auto& [key, value] : simdjson::dom::object(at)) {
      if (key == "$ref") {
        const std::string_view target = value;
        EXPECT_EQ(root.at_pointer(target.substr(1)).error(), simdjson::SUCCESS) << target;
      } else {
        check_references(root, value);
      }
    }
  }
}

TEST(HttpApi, DescribesItself) {
  HttpGateway gateway;
  const Answer answer = gateway.ask("GET", "/openapi.json");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, std::string(api::openapi_json()) + "\n");
  simdjson::dom::parser parser;
  const simdjson::dom::element document = parser.parse(answer.body);
  EXPECT_EQ(std::string_view(document["openapi"]), "3.1.0");
  check_references(document, document);
  const auto body = document["paths"]["/v1/collections/{collection}/points"]["post"]["requestBody"]
                            ["content"]["application/json"]["schema"]["properties"];
  EXPECT_EQ(body["points"].error(), simdjson::SUCCESS);
  EXPECT_EQ(body["collection"].error(), simdjson::NO_SUCH_FIELD);  // It is in the path.
}

// The members of `object` but one, with `value` in its place; without it where that is empty.
std::string with_member(const simdjson::dom::object& object, std::string_view name,
                        const std::string& value) {
  std::string out;
  for (const auto& [key, member] : object) {
    if (key == name) continue;
    out += "\"" + std::string(key) + "\":" + simdjson::to_string(member) + ",";
  }
  if (!value.empty()) return "{" + out + "\"" + std::string(name) + "\":" + value + "}";
  return "{" + out.substr(0, out.empty() ? 0 : out.size() - 1) + "}";
}

// What the document demands of a body is what the gateway demands.
TEST(HttpApi, RefusesWhatItsDescriptionDoesNotAllow) {
  struct Case {
    const char* path;
    const char* target;
    std::string good;
  };
  HttpGateway gateway;
  simdjson::dom::parser documents;
  const simdjson::dom::element document = documents.parse(api::openapi_json());
  size_t refused = 0;
  for (const Case& each :
       {Case{"/v1/collections", "/v1/collections", R"({"name":"new","dimension":2})"},
        Case{"/v1/collections/{collection}/points", "/v1/collections/c/points",
             R"({"points":[{"id":1,"vector":[1,2]}]})"},
        Case{"/v1/collections/{collection}/points/search", "/v1/collections/c/points/search",
             R"({"vector":[1,2]})"}}) {
    const auto schema = document["paths"][each.path]["post"]["requestBody"]["content"]
                                ["application/json"]["schema"];
    simdjson::dom::parser bodies;
    const simdjson::dom::object good = bodies.parse(each.good);
    const auto expect_refusal = [&](std::string_view name, const std::string& value) {
      const Answer answer = gateway.ask("POST", each.target, with_member(good, name, value));
      EXPECT_EQ(answer.status, 400) << name << " " << value << answer.body;
      EXPECT_THAT(answer.body, HasSubstr("\"field\":\"" + std::string(name))) << value;
      ++refused;
    };
    for (const std::string_view name : simdjson::dom::array(schema["required"])) {
      expect_refusal(name, "");
    }
    for (const auto& [name, property] : simdjson::dom::object(schema["properties"])) {
      uint64_t bound = 0;
      const bool high = property["maximum"].get(bound) == simdjson::SUCCESS;
      if (high) expect_refusal(name, std::to_string(bound + 1));
      const bool low = property["minimum"].get(bound) == simdjson::SUCCESS;
      if (low) expect_refusal(name, std::to_string(static_cast<int64_t>(bound) - 1));
      const bool text = property["maxLength"].get(bound) == simdjson::SUCCESS;
      if (text) expect_refusal(name, "\"" + std::string(bound + 1, 'a') + "\"");
    }
    EXPECT_NE(gateway.ask("POST", each.target, each.good).status, 400) << each.good;
  }
  EXPECT_GE(refused, 15U);
}

// What a web page makes a browser send must not reach a handler.
TEST(HttpApi, RefusesWhatAWebPageMayHaveSent) {
  HttpGateway gateway;
  const std::string body = R"({"points":[{"id":1,"vector":[1,2]}]})";
  const std::string path = "/v1/collections/c/points";
  const auto writes = [&] {
    return gateway.cluster.workers[0]->script.calls + gateway.cluster.workers[1]->script.calls;
  };
  const Answer rebound = gateway.ask("POST", path, body, "Host: evil.example\r\n");
  EXPECT_EQ(rebound.status, 421);
  EXPECT_THAT(rebound.body, HasSubstr("http_hosts"));
  const Answer foreign = gateway.ask("POST", path, body, "Origin: http://evil.example\r\n");
  EXPECT_EQ(foreign.status, 403);
  EXPECT_THAT(foreign.body, HasSubstr("http_origins"));
  EXPECT_EQ(gateway.ask("DELETE", path + "/1", "", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(gateway.ask("DELETE", path + "/1", "", "Origin: null\r\n").status, 403);
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "application/jsonp"}) {
    const Answer simple =
        gateway.ask("POST", path, body, std::string("Content-Type: ") + type + "\r\n");
    EXPECT_EQ(simple.status, 415) << type;
    EXPECT_THAT(simple.body, HasSubstr(type));
  }
  EXPECT_EQ(
      gateway.raw("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
          .substr(9, 3),
      "415");
  EXPECT_EQ(writes(), 0U);
  EXPECT_EQ(gateway.ask("POST", path, body).status, 200);
  EXPECT_EQ(gateway.ask("POST", path, body, "Host: gateway:80\r\n").status, 421);
  EXPECT_EQ(gateway.ask("POST", path, body, "Host: @gateway:80\r\n").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/livez", "", "Host: evil.example\r\n").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/readyz", "", "Host: evil.example\r\n").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/metrics", "", "Host: evil.example\r\n").status, 421);
}

TEST(HttpApi, JudgesARequestBeforeItAsksForTheBody) {
  HttpGateway gateway;
  const std::string head =
      "POST /v1/collections/c/points HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  EXPECT_THAT(gateway.raw(head + json + "Host: evil.example\r\n\r\n"),
              testing::StartsWith("HTTP/1.1 421"));
  EXPECT_THAT(gateway.raw(head + json + "Host: localhost\r\nOrigin: http://evil.example\r\n\r\n"),
              testing::StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(gateway.raw(head + "Content-Type: text/plain\r\nHost: localhost\r\n\r\n"),
              testing::StartsWith("HTTP/1.1 415"));
  EXPECT_THAT(gateway.raw(head + json + "Host: localhost\r\n\r\n"),
              testing::StartsWith("HTTP/1.1 100"));
}

TEST(HttpApi, LetsThePagesOfConfiguredOriginsAsk) {
  HttpGateway gateway([](GatewayConfig& config) {
    config.http_origins = {"https://app.example"};
    config.http_hosts = {"db.example"};
  });
  const std::string path = "/v1/collections/c/points/search";
  const Answer asked = gateway.ask("OPTIONS", path, "",
                                   "Host: DB.example:1\r\nOrigin: https://app.example\r\n"
                                   "Access-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: content-type\r\n");
  EXPECT_EQ(asked.status, 204);
  EXPECT_THAT(asked.head, HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
  EXPECT_THAT(asked.head, HasSubstr("Access-Control-Allow-Headers: Content-Type"));
  EXPECT_THAT(asked.head, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST, DELETE"));
  const Answer found =
      gateway.ask("POST", path, R"({"vector":[1,2]})", "Origin: https://app.example\r\n");
  EXPECT_EQ(found.status, 200) << found.body;
  EXPECT_THAT(found.head, HasSubstr("Access-Control-Allow-Origin: https://app.example"));
  EXPECT_THAT(found.head, HasSubstr("Vary: Origin"));
  // Errors too: the page is to see why.
  EXPECT_THAT(gateway.ask("GET", "/nothing", "", "Origin: https://app.example\r\n").head,
              HasSubstr("Access-Control-Allow-Origin"));
  // Also of what the server refuses by itself.
  EXPECT_THAT(gateway.raw("POST " + path +
                          " HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
                          "Content-Length: 999999999999\r\n\r\n"),
              testing::AllOf(testing::StartsWith("HTTP/1.1 413"),
                             HasSubstr("Access-Control-Allow-Origin: https://app.example")));
  const Answer foreign = gateway.ask("OPTIONS", path, "",
                                     "Origin: https://evil.example\r\n"
                                     "Access-Control-Request-Method: POST\r\n");
  EXPECT_EQ(foreign.status, 403);
  EXPECT_THAT(foreign.head, Not(HasSubstr("Access-Control")));
}

TEST(HttpApi, SaysWhatItIs) {
  HttpGateway gateway([](GatewayConfig& config) { config.version = "9.8.7"; });
  const Answer about = gateway.ask("GET", "/");
  EXPECT_EQ(about.status, 200);
  EXPECT_THAT(about.body, HasSubstr("9.8.7"));
  EXPECT_THAT(about.body, HasSubstr("/openapi.json"));
  EXPECT_THAT(about.body, HasSubstr("docs/api.md"));
}

TEST(HttpApi, EndsJsonWithANewline) {
  HttpGateway gateway;
  for (const char* target : {"/", "/openapi.json", "/v1/collections", "/v1/collections/missing",
                             "/v1/collections/c/points/77", "/nothing"}) {
    const Answer answer = gateway.ask("GET", target);
    EXPECT_TRUE(answer.body.ends_with("}\n")) << target << answer.body;
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(answer.body).error(), simdjson::SUCCESS) << target;
  }
}

// One place counts what comes over RPC and over HTTP.
TEST(HttpApi, CountsRequestsByOperationAndOutcome) {
  HttpGateway gateway;
  gateway.ask("GET", "/v1/collections");
  gateway.ask("GET", "/v1/collections");
  const Answer refused =
      gateway.ask("POST", "/v1/collections/c/points/search", "{}", "X-Request-Id: mine-1\r\n");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.head, HasSubstr("X-Request-Id: mine-1"));
  api::ListCollectionsRequest list;
  api::VectronClient client = gateway.cluster.client();
  ASSERT_TRUE(gateway.cluster.run(client.list_collections({}, list)).has_value());
  const std::string metrics = gateway.ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("vectron_requests_total{operation=\"ListCollections\","
                                 "protocol=\"http\",code=\"ok\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("vectron_requests_total{operation=\"ListCollections\","
                                 "protocol=\"rpc\",code=\"ok\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("vectron_requests_total{operation=\"Search\",protocol=\"http\","
                                 "code=\"invalid_argument\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("vectron_request_duration_seconds_bucket{operation=\"Search\","
                                 "protocol=\"http\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("vectron_request_bytes_total{operation=\"Search\","
                                 "protocol=\"http\"} 2\n"));
  // Errors have bodies, too.
  EXPECT_THAT(metrics,
              HasSubstr("vectron_reply_bytes_total{operation=\"Search\",protocol=\"http\"} " +
                        std::to_string(refused.body.size()) + "\n"));
}

TEST(HttpApi, CountsWhatNoOperationSaw) {
  HttpGateway gateway;
  gateway.ask("GET", "/nothing");
  gateway.ask("DELETE", "/v1/collections");
  gateway.ask("POST", "/v1/collections/c/points/search", "{}", "Host: evil.example\r\n");
  gateway.raw("nonsense\r\n\r\n");
  const std::string metrics = gateway.ask("GET", "/metrics").body;
  for (const char* line : {"operation=\"none\",protocol=\"http\",code=\"not_found\"} 1",
                           "operation=\"none\",protocol=\"http\",code=\"unimplemented\"} 1",
                           "operation=\"none\",protocol=\"http\",code=\"invalid_argument\"} 1",
                           "operation=\"Search\",protocol=\"http\",code=\"invalid_argument\"} 1"}) {
    EXPECT_THAT(metrics, HasSubstr(std::string("vectron_requests_total{") + line));
  }
}

TEST(HttpApi, AnswersProbes) {
  HttpGateway gateway;
  EXPECT_EQ(gateway.ask("GET", "/healthz").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/livez").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/readyz").status, 200);
  const Answer metrics = gateway.ask("GET", "/metrics");
  EXPECT_THAT(metrics.head, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("# TYPE vectron_gateway_requests_total counter\n"
                                      "vectron_gateway_requests_total "));
  EXPECT_THAT(metrics.body, HasSubstr("\nvectron_wal_bytes_total 0\n"));
  for (auto& node : gateway.cluster.placement) node->script.silent = true;
  EXPECT_EQ(gateway.ask("GET", "/readyz").status, 503);
  EXPECT_EQ(gateway.ask("GET", "/livez").status, 200);
}

TEST(HttpApi, AddsTheMetricsOfTheNodesBesideIt) {
  static Metrics beside[2];
  beside[0].add(Metric::wal_bytes, 30);
  beside[1].add(Metric::wal_bytes, 12);
  beside[1].set(Metric::worker_memory_vectors, 5);
  HttpGateway gateway(
      [](GatewayConfig& config) { config.metrics_beside = {&beside[0], &beside[1]}; });
  const Answer metrics = gateway.ask("GET", "/metrics");
  EXPECT_THAT(metrics.body, HasSubstr("\nvectron_wal_bytes_total 42\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nvectron_worker_memory_vectors_bytes 5\n"));
  EXPECT_EQ(beside[0].value(Metric::wal_bytes), 30U);
}

TEST(HttpApi, StopsWithTheGateway) {
  HttpGateway gateway;
  gateway.ask("GET", "/livez");
  for (auto& worker : gateway.cluster.workers) worker->script.silent = true;
  TaskGroup tasks(gateway.cluster.env().scheduler());
  std::string received;
  const auto ask = [](Env* env, std::string* out) -> Task<void> {
    *out = co_await exchange_bytes(
        env, "GET /v1/collections/c/points/1?timeout_ms=500 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  };
  tasks.spawn(ask(&gateway.cluster.env(), &received));
  gateway.cluster.env().run_for(100ms);
  gateway.cluster.stop();
  gateway.cluster.env().run_for(100ms);
  EXPECT_FALSE(gateway.cluster.outcome().has_value());  // It waits for the request.
  const Answer ready = gateway.ask("GET", "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("stopping"));
  EXPECT_EQ(gateway.ask("GET", "/livez").status, 200);
  EXPECT_EQ(gateway.ask("GET", "/v1/collections").status, 503);
  gateway.cluster.env().run_for(2s);
  EXPECT_TRUE(gateway.cluster.outcome().has_value());
  EXPECT_THAT(received, HasSubstr("Connection: close"));
}

TEST(HttpApi, SaysThatAWriteMayHaveBeenDoneWhenItsTimeToStopIsOver) {
  HttpGateway gateway([](GatewayConfig& config) { config.drain_timeout = 200ms; });
  gateway.ask("GET", "/livez");
  for (auto& worker : gateway.cluster.workers) worker->script.silent = true;
  TaskGroup tasks(gateway.cluster.env().scheduler());
  std::string received;
  const auto ask = [](Env* env, std::string* out) -> Task<void> {
    *out = co_await exchange_bytes(
        env, "DELETE /v1/collections/c/points/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  };
  tasks.spawn(ask(&gateway.cluster.env(), &received));
  gateway.cluster.env().run_for(100ms);
  gateway.cluster.stop();
  gateway.cluster.env().run_for(500ms);
  EXPECT_TRUE(gateway.cluster.outcome().has_value());
  EXPECT_THAT(received, HasSubstr("504"));
  EXPECT_THAT(received, HasSubstr("unknown_outcome"));
}

/// A client that has begun a body, takes no answer and stays.
Task<void> begin_and_stay(Env* env, std::unique_ptr<Connection>* held) {
  auto connected = co_await env->network().connect(kHttpAddress);
  if (!connected.has_value()) co_return;
  *held = *std::move(connected);
  const std::string beginning =
      "POST /v1/collections/c/points HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
  co_await write_all(held->get(), as_bytes(beginning));
}

TEST(HttpApi, StopsInItsTimeWhateverSlowClientsDo) {
  HttpGateway gateway([](GatewayConfig& config) { config.drain_timeout = 400ms; });
  gateway.ask("GET", "/livez");
  TaskGroup tasks(gateway.cluster.env().scheduler());
  std::unique_ptr<Connection> held;
  tasks.spawn(begin_and_stay(&gateway.cluster.env(), &held));
  gateway.cluster.env().run_for(100ms);
  ASSERT_NE(held, nullptr);
  gateway.cluster.stop();
  gateway.cluster.env().run_for(300ms);
  EXPECT_FALSE(gateway.cluster.outcome().has_value()) << "the client may still take its refusal";
  gateway.cluster.env().run_for(150ms);
  EXPECT_TRUE(gateway.cluster.outcome().has_value());
}

// Counts what is given to the pool, by asking how much virtual time an answer takes there.
TEST(HttpApi, WritesALargeAnswerOnThePoolAndASmallOneAtOnce) {
  HttpGateway gateway;
  std::string points;
  for (int id = 0; id < 2'000; ++id) {
    points +=
        (id > 0 ? "," : "") + std::string("{\"id\":") + std::to_string(id) + ",\"vector\":[1,2]}";
  }
  ASSERT_EQ(gateway.ask("POST", "/v1/collections/c/points", "{\"points\":[" + points + "]}").status,
            200);
  const auto time_of = [&](const std::string& body) {
    const Instant begin = gateway.cluster.env().clock().monotonic();
    const Answer answer = gateway.ask("POST", "/v1/collections/c/points/search", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return gateway.cluster.env().clock().monotonic() - begin;
  };
  EXPECT_EQ(time_of(R"({"vector":[0,0],"top_k":3})"), 0ns);
  EXPECT_GT(time_of(R"({"vector":[0,0],"top_k":1000})"), 500us);
  EXPECT_LE(gateway.cluster.env().cpu().longest_turn(), 5ms);
}

// What the shards found becomes one answer there, too.
TEST(HttpApi, MergesLargeAnswersOnThePool) {
  HttpGateway gateway;
  api::VectronClient client = gateway.cluster.client();
  api::UpsertRequest upsert;
  upsert.collection = "c";
  upsert.points.resize(10'000);
  for (size_t i = 0; i < upsert.points.size(); ++i) {
    upsert.points[i].id.number = i;
    upsert.points[i].vector = {1, static_cast<float>(i)};
  }
  const auto stored = gateway.cluster.run(client.upsert({}, std::move(upsert)));
  ASSERT_TRUE(stored.has_value()) << stored.error().to_string();
  ASSERT_EQ(stored->failed, 0U);
  api::SearchRequest search;
  search.collection = "c";
  search.vector = {0, 0};
  search.top_k = 10'000;
  const auto found = gateway.cluster.run(client.search({}, std::move(search)));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->hits.size(), 10'000U);
  for (size_t i = 0; i < found->hits.size(); ++i) ASSERT_EQ(found->hits[i].id.number, i);
  EXPECT_LT(gateway.cluster.env().cpu().longest_turn(), 1ms);
}

// A payload of 1 MB, as large as there may be: neither its JSON nor its bytes hold the loop.
TEST(HttpApi, HoldsTheLoopForNoLargePoint) {
  HttpGateway gateway;
  const std::string text(900'000, 'x');
  const std::string body = R"({"points":[{"id":1,"vector":[1,2],"payload":")" + text + R"("}]})";
  ASSERT_EQ(gateway.ask("POST", "/v1/collections/c/points", body).status, 200);
  const Answer got = gateway.ask("GET", "/v1/collections/c/points/1");
  EXPECT_EQ(got.status, 200);
  EXPECT_THAT(got.body, HasSubstr(text));
  EXPECT_GT(gateway.cluster.env().cpu().longest_turn(), 0ns);
  EXPECT_LE(gateway.cluster.env().cpu().longest_turn(), 5ms);
}

}  // namespace
}  // namespace vectron::gateway
