#include "services/client/client.h"

#include <gtest/gtest.h>

#include <deque>

#include "core/async/combine.h"
#include "core/async/task_group.h"
#include "core/rpc/server.h"
#include "net/in_process_network.h"
#include "schemas/vectron_rpc.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

/// Answers what the test tells it.
class FakeGateway final : public api::VectronHandler {
 public:
  explicit FakeGateway(Env& env) : env_(env) {}

  /// One for each of the next calls.
  std::deque<Status> refusals;
  bool silent = false;
  uint64_t calls = 0;
  std::vector<api::UpsertRequest> stored;
  /// Of the first points of an upsert.
  std::vector<api::PointResult> results;

  Task<Result<api::CreateCollectionReply>> create_collection(
      RequestContext, api::CreateCollectionRequest request) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    api::CreateCollectionReply reply;
    reply.collection.name = request.name;
    co_return reply;
  }
  Task<Result<api::ListCollectionsReply>> list_collections(RequestContext,
                                                           api::ListCollectionsRequest) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    co_return api::ListCollectionsReply();
  }
  Task<Result<api::ListWorkersReply>> list_workers(RequestContext,
                                                   api::ListWorkersRequest) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    co_return api::ListWorkersReply();
  }
  Task<Result<api::GetCollectionStatusReply>> get_collection_status(
      RequestContext, api::GetCollectionStatusRequest request) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    api::GetCollectionStatusReply reply;
    reply.collection.name = request.name;
    reply.collection.id = 31;
    co_return reply;
  }
  Task<Result<api::DeleteCollectionReply>> delete_collection(
      RequestContext, api::DeleteCollectionRequest request) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    api::DeleteCollectionReply reply;
    reply.collection_id = request.collection_id;
    co_return reply;
  }
  Task<Result<api::UpsertReply>> upsert(RequestContext, api::UpsertRequest request) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    api::UpsertReply reply;
    reply.results = results;
    reply.results.resize(request.points.size());
    stored.push_back(std::move(request));
    co_return reply;
  }
  Task<Result<api::GetReply>> get(RequestContext, api::GetRequest request) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    api::GetReply reply;
    reply.point.id = request.id;
    co_return reply;
  }
  Task<Result<api::DeleteReply>> delete_(RequestContext, api::DeleteRequest) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    co_return api::DeleteReply();
  }
  Task<Result<api::SearchReply>> search(RequestContext, api::SearchRequest) override {
    const Status refusal = co_await play();
    if (!refusal.ok()) co_return fail(refusal);
    co_return api::SearchReply();
  }

 private:
  Task<Status> play() {
    ++calls;
    if (silent) {
      Event never(env_.scheduler());
      co_await never.wait();
    }
    if (refusals.empty()) co_return Status();
    Status refusal = std::move(refusals.front());
    refusals.pop_front();
    co_return refusal;
  }

  Env& env_;
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() : network_(env_.scheduler(), nullptr) { env_.links = &network_; }

  FakeGateway& add_gateway() {
    const Address address{"@gateway-" + std::to_string(gateways_.size()) + ":1"};
    gateways_.push_back(std::make_unique<FakeGateway>(env_));
    servers_.push_back(std::make_unique<rpc::Server>(env_, rpc::ServerConfig()));
    api::serve(*servers_.back(), *gateways_.back());
    EXPECT_TRUE(servers_.back()->start(address).has_value());
    config_.gateways.push_back(address);
    return *gateways_.back();
  }
  Client& client() {
    if (!client_) client_.emplace(env_, config_);
    return *client_;
  }
  template <typename T>
  T run(Task<T> task) {
    return env_.run(std::move(task));
  }
  uint64_t calls() const {
    uint64_t sum = 0;
    for (const auto& gateway : gateways_) sum += gateway->calls;
    return sum;
  }
  static api::UpsertRequest one_point() {
    api::UpsertRequest request;
    request.collection = "c";
    request.points.emplace_back().vector = {1, 2};
    return request;
  }

  MemoryEnv env_;
  InProcessNetwork network_;
  ClientConfig config_;
  std::vector<std::unique_ptr<FakeGateway>> gateways_;
  std::vector<std::unique_ptr<rpc::Server>> servers_;
  std::optional<Client> client_;
};

TEST_F(ClientTest, OffersEveryOperation) {
  FakeGateway& gateway = add_gateway();
  api::CreateCollectionRequest create;
  create.name = "c";
  EXPECT_EQ(run(client().create_collection(create))->collection.name, "c");
  EXPECT_TRUE(run(client().list_collections()).has_value());
  EXPECT_EQ(run(client().collection_status("c"))->collection.name, "c");
  EXPECT_EQ(run(client().upsert(one_point()))->results.size(), 1U);
  EXPECT_EQ(gateway.stored[0], one_point());
  api::GetRequest get;
  get.id.number = 7;
  EXPECT_EQ(run(client().get(get))->point.id.number, 7U);
  EXPECT_TRUE(run(client().remove({})).has_value());
  EXPECT_TRUE(run(client().search({})).has_value());
}

TEST_F(ClientTest, SpreadsCallsOverItsGateways) {
  for (int i = 0; i < 3; ++i) add_gateway();
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(run(client().search({})).has_value());
  for (const auto& gateway : gateways_) EXPECT_EQ(gateway->calls, 10U);
}

TEST_F(ClientTest, GoesToAnotherGatewayWhenOneIsGone) {
  add_gateway();
  config_.gateways.push_back(Address{"@nobody:1"});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(run(client().upsert(one_point())).has_value());
}

// It may be a refusal that this library is too old to know.
TEST_F(ClientTest, DoesNotAskOnAfterACodeThatItDoesNotKnow) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = {Status(Code::unknown, "something new")};
  EXPECT_FALSE(run(client().search({})).has_value());
  EXPECT_EQ(gateway.calls, 1U);
}

TEST_F(ClientTest, SendsAWriteAgainThatCertainlyWasNotDone) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = {Status(Code::unavailable, "no"), Status(Code::aborted, "no")};
  EXPECT_TRUE(run(client().upsert(one_point())).has_value());
  EXPECT_EQ(gateway.calls, 3U);
}

TEST_F(ClientTest, NeverSendsAWriteAgainWhoseOutcomeIsUnknown) {
  for (uint8_t number = 1; number < kCodeCount; ++number) {
    const Code code = static_cast<Code>(number);
    if (certainly_not_done(code)) continue;
    FakeGateway& gateway = add_gateway();
    FakeGateway& other = add_gateway();
    gateway.refusals = {Status(code, "who knows")};
    other.refusals = {Status(code, "who knows")};
    const uint64_t before = calls();
    client_.emplace(env_, config_);
    // A code that says nothing is told as what it means for a write.
    const bool says_nothing = code == Code::cancelled || code == Code::unknown;
    EXPECT_EQ(status_of(run(client().remove({}))).code(),
              says_nothing ? Code::unknown_outcome : code)
        << code_name(code);
    EXPECT_EQ(calls(), before + 1) << code_name(code);
    client_.reset();
    gateway.refusals.clear();
    other.refusals.clear();
    config_.gateways.clear();
  }
}

TEST_F(ClientTest, SendsAWriteAgainThatCarriesARequestId) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = {Status(Code::unknown_outcome, "who knows"),
                      Status(Code::unavailable, "not now")};
  api::UpsertRequest request = one_point();
  request.request_id = 7;
  EXPECT_TRUE(run(client().upsert(request)).has_value());
  EXPECT_EQ(gateway.calls, 3U);
  // When it can no more be sent again, the first attempt still may have done it.
  gateway.refusals = {Status(Code::unknown_outcome, "who knows"),
                      Status(Code::invalid_argument, "not so")};
  EXPECT_EQ(status_of(run(client().upsert(request))).code(), Code::unknown_outcome);
}

TEST_F(ClientTest, LeavesPointsInDoubtThatAnEarlierAttemptMayHaveWritten) {
  FakeGateway& gateway = add_gateway();
  const auto result = [](Code code, std::string field) {
    api::PointResult out;
    out.code = static_cast<uint8_t>(code);
    out.field = std::move(field);
    return out;
  };
  gateway.results = {result(Code::unavailable, ""), result(Code::aborted, ""),
                     result(Code::invalid_argument, "points[2].vector"),
                     result(Code::invalid_argument, "request_id")};
  api::UpsertRequest request = one_point();
  request.points.resize(5);
  request.request_id = 7;
  const auto codes = [&] {
    std::vector<Code> out;
    const auto reply = run(client().upsert(request));
    EXPECT_TRUE(reply.has_value());
    for (const auto& each : reply->results) out.push_back(static_cast<Code>(each.code));
    return out;
  };
  EXPECT_EQ(codes(), (std::vector<Code>{Code::unavailable, Code::aborted, Code::invalid_argument,
                                        Code::invalid_argument, Code::ok}));
  gateway.refusals = {Status(Code::unknown_outcome, "who knows")};
  EXPECT_EQ(codes(), (std::vector<Code>{Code::unknown_outcome, Code::unknown_outcome,
                                        Code::invalid_argument, Code::unknown_outcome, Code::ok}));
}

TEST_F(ClientTest, RemovesACollectionByTheIdThatItLooksUp) {
  FakeGateway& gateway = add_gateway();
  api::DeleteCollectionRequest request;
  request.name = "c";
  gateway.refusals = {Status(), Status(Code::unknown_outcome, "who knows")};
  const auto removed = run(client().delete_collection(request));
  ASSERT_TRUE(removed.has_value()) << removed.error().to_string();
  EXPECT_EQ(removed->collection_id, 31U);
  EXPECT_EQ(gateway.calls, 3U);
}

TEST_F(ClientTest, SaysUnknownOutcomeWhenAWriteIsNotAnswered) {
  add_gateway().silent = true;
  EXPECT_EQ(status_of(run(client().upsert(one_point()))).code(), Code::unknown_outcome);
  EXPECT_EQ(env_.clock().monotonic().time_since_epoch(), config_.request_timeout);
  EXPECT_EQ(calls(), 1U);
}

TEST_F(ClientTest, AsksAnotherGatewayWhenAReadTakesTooLong) {
  add_gateway().silent = true;
  FakeGateway& lively = add_gateway();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(run(client().search({})).has_value());
  EXPECT_EQ(lively.calls, 2U);
}

TEST_F(ClientTest, GivesAWriteWithARequestIdHalfOfItsTimeAtOneGateway) {
  add_gateway().silent = true;
  add_gateway().silent = true;
  config_.request_timeout = 20s;
  api::UpsertRequest request = one_point();
  request.request_id = 7;
  // 10 s at one, 5 at the other, 3 at the first again, and what is left at the other.
  EXPECT_EQ(status_of(run(client().upsert(request))).code(), Code::unknown_outcome);
  EXPECT_EQ(calls(), 4U);
}

TEST_F(ClientTest, TellsWhatIsWrongWithARequestAtOnce) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = {Status(Code::invalid_argument, "too short", "vector")};
  const auto found = run(client().search({}));
  EXPECT_EQ(status_of(found).code(), Code::invalid_argument);
  EXPECT_EQ(status_of(found).field(), "vector");
  EXPECT_EQ(gateway.calls, 1U);
}

TEST_F(ClientTest, EndsItsAttemptsAtTheirBoundAndAtTheDeadline) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = std::deque<Status>(1'000, Status(Code::unavailable, "never"));
  config_.attempts_max = 4;
  EXPECT_EQ(status_of(run(client().remove({}))).code(), Code::unavailable);
  EXPECT_EQ(gateway.calls, 4U);
  config_.attempts_max = 1'000'000;
  client_.emplace(env_, config_);
  const Instant start = env_.clock().monotonic();
  EXPECT_EQ(status_of(run(client().remove({}))).code(), Code::unavailable);
  EXPECT_LE(env_.clock().monotonic() - start, config_.request_timeout);
}

TEST_F(ClientTest, SaysAtOnceThatNobodyListens) {
  config_.gateways = {Address{"@gateway-0:1"}, Address{"@gateway-1:1"}};
  const Instant start = env_.clock().monotonic();
  const Status refused = status_of(run(client().list_collections()));
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_NE(refused.message().find("nobody listens there"), std::string::npos)
      << refused.to_string();
  EXPECT_LT(env_.clock().monotonic() - start, 500ms);
}

TEST_F(ClientTest, WaitsForAGatewayThatIsThereWhileAnotherIsGone) {
  FakeGateway& gateway = add_gateway();
  gateway.refusals = std::deque<Status>(3, Status(Code::unavailable, "not now"));
  config_.gateways.push_back(Address{"@nobody:1"});
  EXPECT_TRUE(run(client().list_collections()).has_value());
}

TEST(ClientConfig, NamesTheFieldThatIsWrong) {
  ClientConfig config;
  EXPECT_EQ(config.validate().error().field(), "gateways");
  config.gateways = {Address{"@g:1"}};
  EXPECT_TRUE(config.validate().has_value());
  config.backoff_max = 1ms;
  EXPECT_EQ(config.validate().error().field(), "backoff_max");
}

}  // namespace
}  // namespace vectron
