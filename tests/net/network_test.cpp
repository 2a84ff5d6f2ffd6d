// What the conformance suite cannot ask of every world.
#include <gmock/gmock.h>

#include "net/endpoint.h"
#include "net/in_process_network.h"
#include "net/tcp_network.h"
#include "tests/net/production_world.h"
#include "tests/net/run_task.h"

namespace vectron {
namespace {

using Connected = Result<std::unique_ptr<Connection>>;

struct NetworkTest : testing::Test {
  EventLoop loop;
  ThreadPool pool{"resolver", 1};
  TcpNetwork tcp{loop, pool};
  InProcessNetwork inside{loop.scheduler(), &tcp};

  Connected connect(Network& network, const std::string& address) {
    return run(network.connect(Address{address}));
  }
  template <typename T>
  T run(Task<T> task) {
    return run_task(loop, std::move(task));
  }
};

std::string port_of(const Address& address) {
  return address.text.substr(address.text.rfind(':') + 1);
}

TEST_F(NetworkTest, ANameIsResolvedOffTheLoop) {
  const auto listener = tcp.listen(Address{"127.0.0.1:0"}).value();
  const auto connection = connect(tcp, "localhost:" + port_of(listener->address()));
  EXPECT_TRUE(connection.has_value()) << status_of(connection).to_string();
}

// A client that takes the other of two families must not find nobody.
TEST_F(NetworkTest, LocalhostAndEveryAddressAreBothFamilies) {
  for (const char* host : {"localhost", "*"}) {
    const auto listener = tcp.listen(Address{std::string(host) + ":0"}).value();
    const std::string port = port_of(listener->address());
    ASSERT_EQ(listener->addresses().size(), 2U) << host;
    const bool everywhere = std::string(host) == "*";
    EXPECT_EQ(listener->addresses()[0].text, (everywhere ? "0.0.0.0:" : "127.0.0.1:") + port);
    EXPECT_EQ(listener->addresses()[1].text, (everywhere ? "[::]:" : "[::1]:") + port);
    for (const char* peer : {"127.0.0.1:", "[::1]:", "127.0.0.1:"}) {
      const auto connection = connect(tcp, peer + port);
      ASSERT_TRUE(connection.has_value()) << host << ": " << status_of(connection).to_string();
      EXPECT_TRUE(run(listener->accept()).has_value());
    }
  }
}

TEST_F(NetworkTest, TwoConnectionsOfDifferentFamiliesWaitTogether) {
  const auto listener = tcp.listen(Address{"localhost:0"}).value();
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 6; ++i) {
    const std::string host = i % 2 == 0 ? "127.0.0.1:" : "[::1]:";
    connections.push_back(connect(tcp, host + port_of(listener->address())).value());
  }
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(run(listener->accept()).has_value());
}

TEST_F(NetworkTest, EveryAddressIsNowhereToConnectTo) {
  EXPECT_EQ(status_of(connect(tcp, "*:80")).code(), Code::invalid_argument);
}

TEST_F(NetworkTest, AnIpv6HostWithoutBracketsIsToldToUseThem) {
  const Status status = status_of(tcp.listen(Address{"::1:8080"}));
  EXPECT_EQ(status.code(), Code::invalid_argument);
  EXPECT_NE(status.message().find("brackets"), std::string::npos) << status.message();
}

TEST_F(NetworkTest, ANameThatDoesNotExistIsUnavailable) {
  EXPECT_EQ(status_of(connect(tcp, "no-such-host.invalid:80")).code(), Code::unavailable);
}

TEST_F(NetworkTest, AnAddressOfAnotherMachineCannotBeListenedAt) {
  EXPECT_EQ(status_of(tcp.listen(Address{"192.0.2.1:0"})).code(), Code::invalid_argument);
}

TEST_F(NetworkTest, RefusalSaysWhereAndWhy) {
  const auto connection = connect(tcp, "127.0.0.1:1");
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().message(),
            "cannot connect to 127.0.0.1:1: Connection refused: nobody listens there");
}

TEST_F(NetworkTest, ASocketNeverConnectsToItself) {
  // Linux gives callers the ports of this range in turn, so many tries at one of them meet it
  // sooner or later.
  auto listener = tcp.listen(Address{"127.0.0.1:0"}).value();
  const std::string address = listener->address().text;
  listener.reset();
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(status_of(connect(tcp, address)).code(), Code::unavailable);
  }
}

TEST_F(NetworkTest, AddressesWithTheMarkStayInsideAndOthersGoOutside) {
  const auto in = inside.listen(Address{"@a:0"}).value();
  const auto out = inside.listen(Address{"127.0.0.1:0"}).value();
  EXPECT_THAT(in->address().text, testing::StartsWith("@a:"));
  EXPECT_TRUE(connect(inside, in->address().text).has_value());
  EXPECT_TRUE(connect(inside, out->address().text).has_value());
  EXPECT_TRUE(connect(tcp, out->address().text).has_value());
  EXPECT_EQ(status_of(connect(inside, "@b:1")).code(), Code::unavailable);
}

TEST_F(NetworkTest, WithoutAnOutsideOtherAddressesAreRefused) {
  InProcessNetwork alone(loop.scheduler(), nullptr);
  EXPECT_EQ(status_of(connect(alone, "127.0.0.1:80")).code(), Code::invalid_argument);
  EXPECT_EQ(status_of(alone.listen(Address{"127.0.0.1:0"})).code(), Code::invalid_argument);
}

TEST_F(NetworkTest, AFullBacklogMakesFurtherConnectsWait) {
  const auto listener = inside.listen(Address{"@a:7"}).value();
  std::vector<Connected> connected;
  for (size_t i = 0; i < InProcessNetwork::kBacklogConnectionsMax; ++i) {
    connected.push_back(connect(inside, "@a:7"));
    ASSERT_TRUE(connected.back().has_value());
  }
  std::optional<Connected> waiting;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(keep_result(inside.connect(Address{"@a:7"}), &waiting));
  EXPECT_FALSE(run_loop(loop, [&] { return waiting.has_value(); }, 2ms));
  EXPECT_TRUE(run(listener->accept()).has_value());
  EXPECT_TRUE(run_loop(loop, [&] { return waiting.has_value(); }, 60s));
}

Task<void> count_bytes(Connection* from, size_t at_a_time, size_t* count) {
  Bytes piece(at_a_time);
  while (true) {
    const Result<size_t> got = co_await from->read_some(piece);
    if (got.value_or(0) == 0) co_return;
    *count += *got;
  }
}

Task<void> note_at_first_byte(Connection* from, const size_t* count, std::optional<size_t>* noted) {
  Bytes piece(16);
  const auto got = co_await from->read_some(piece);
  if (got.has_value()) noted->emplace(*count);
}

TEST_F(NetworkTest, AReaderWhoseBytesAreAllThereLetsTheOthersHaveTheirTurn) {
  const Bytes piece(4 << 20);
  for (const size_t at_a_time : {size_t{1'024}, size_t{256} << 10}) {
    const auto listener = tcp.listen(Address{"127.0.0.1:0"}).value();
    const auto busy = connect(tcp, listener->address().text).value();
    const auto busy_end = run(listener->accept()).value();
    const auto quiet = connect(tcp, listener->address().text).value();
    const auto quiet_end = run(listener->accept()).value();
    size_t count = 0;
    std::optional<size_t> count_then;
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(note_at_first_byte(quiet_end.get(), &count, &count_then));
    run_loop(loop, [] { return false; }, 1ms);  // It waits.
    const auto taken = busy->try_write_some(piece);
    ASSERT_TRUE(taken.has_value() && taken->has_value());
    const size_t sent = **taken;
    ASSERT_GT(sent, size_t{300} << 10);
    ASSERT_TRUE(quiet->try_write_some(ByteView(piece).first(1)).has_value());
    tasks.spawn(count_bytes(busy_end.get(), at_a_time, &count));
    loop.run_until([&] { return count_then.has_value(); });
    EXPECT_LT(*count_then, sent) << at_a_time << " at a time";
  }
}

TEST_F(NetworkTest, APipeTakesExactlyItsBound) {
  const auto listener = inside.listen(Address{"@a:7"}).value();
  const auto connection = connect(inside, "@a:7").value();
  const Bytes bytes(InProcessNetwork::kPipeBytesMax + 1);
  EXPECT_EQ(run(connection->write_some(bytes)).value(), InProcessNetwork::kPipeBytesMax);
}

TEST(Endpoint, TakesAddressesApart) {
  EXPECT_EQ(parse_host_port(Address{"[::1]:80"}).value().host, "::1");
  EXPECT_EQ(parse_host_port(Address{"a.b:65535"}).value().port, 65535);
  EXPECT_FALSE(parse_host_port(Address{"::1:80"}).has_value());
  EXPECT_FALSE(parse_host_port(Address{"[]:80"}).has_value());
  EXPECT_FALSE(parse_host_port(Address{"a:-1"}).has_value());
  EXPECT_FALSE(parse_host_port(Address{"a:+1"}).has_value());
}

TEST(Endpoint, PrintsWhatItParses) {
  for (const std::string text : {"127.0.0.1:80", "[::1]:65535", "[2001:db8::7]:1"}) {
    const HostPort where = parse_host_port(Address{text}).value();
    EXPECT_EQ(numeric_endpoints(where).at(0).address().text, text);
  }
}

}  // namespace
}  // namespace vectron
