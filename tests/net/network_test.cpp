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

TEST_F(NetworkTest, ANameThatDoesNotExistIsUnavailable) {
  EXPECT_EQ(status_of(connect(tcp, "no-such-host.invalid:80")).code(), Code::unavailable);
}

TEST_F(NetworkTest, AnAddressOfAnotherMachineCannotBeListenedAt) {
  EXPECT_EQ(status_of(tcp.listen(Address{"192.0.2.1:0"})).code(), Code::invalid_argument);
}

TEST_F(NetworkTest, RefusalSaysWhereAndWhy) {
  const auto connection = connect(tcp, "127.0.0.1:1");
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().message(), "cannot connect to 127.0.0.1:1: Connection refused");
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
